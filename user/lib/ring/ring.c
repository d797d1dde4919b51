// SPDX-License-Identifier: LGPL-2.1-or-later
/* What programs call: to the ring of one writer and one reader, or to that of many. A child of fork
 * has no ring at all. */
#include <errno.h>
#include <string.h>

#include "user/lib/ring/inside.h"

#define BATCH_MAX 65536 /* what a call takes at most, so that its count is an int */

static uint32_t at_most(uint32_t count)
{
	return count < BATCH_MAX ? count : BATCH_MAX;
}

/* No calls for this ring. */
static int refuse(const struct uw_ring *ring)
{
	return ring->kind == RING_FORKED ? -ECHILD : -EINVAL;
}

int uw_ring_reserve(struct uw_ring *ring, struct uw_record *records, uint32_t count)
{
	if (ring->kind == RING_ONE)
		return ring_one_reserve(ring, records, at_most(count));
	return ring->kind == RING_MANY ? ring_many_reserve(ring, records, at_most(count))
				       : refuse(ring);
}

int uw_ring_commit(struct uw_ring *ring, const struct uw_record *records, uint32_t count)
{
	if (ring->kind == RING_ONE)
		return ring_one_commit(ring, records, count);
	return ring->kind == RING_MANY ? ring_many_commit(ring, records, count) : refuse(ring);
}

int uw_ring_peek(struct uw_ring *ring, struct uw_record *records, uint32_t count)
{
	if (ring->kind == RING_ONE)
		return ring_one_peek(ring, records, at_most(count));
	return ring->kind == RING_MANY ? ring_many_peek(ring, records, at_most(count))
				       : refuse(ring);
}

int uw_ring_release(struct uw_ring *ring, const struct uw_record *records, uint32_t count)
{
	if (ring->kind == RING_ONE)
		return ring_one_release(ring, records, count);
	return ring->kind == RING_MANY ? ring_many_release(ring, records, count) : refuse(ring);
}

int uw_ring_wait(struct uw_ring *ring, uint32_t what, uint64_t timeout_us)
{
	if (ring->kind == RING_FORKED)
		return -ECHILD;
	if (what != UW_RING_READ && what != UW_RING_WRITE)
		return -EINVAL;
	if (!ring->writable && what == UW_RING_WRITE)
		return -EACCES;
	return ring_wait(ring, what == UW_RING_READ ? RING_READER : RING_WRITER, timeout_us);
}

/* Between the two loads others go on, so that there may seem to be more than a ring in it, as there
 * is where writers of many have left the readers' position behind. */
static uint64_t used_bytes(const struct uw_ring *ring)
{
	const struct ring_control *control = ring->control;
	uint64_t head = atomic_load(ring->kind == RING_ONE && ring->drops ? &control->oldest
									  : &control->head);
	uint64_t used = atomic_load(&control->tail) - head;
	uint64_t all = ring->kind == RING_ONE ? ring->data_bytes : ring->slot_count;

	if ((int64_t)used < 0)
		return 0;
	if (used > all)
		used = all;
	return ring->kind == RING_ONE ? used : used * ring->stride;
}

int uw_ring_stats(const struct uw_ring *ring, struct uw_ring_stats *ret_stats)
{
	struct uw_ring_stats stats = {.size = ret_stats->size};

	if (ring->kind == RING_FORKED)
		return -ECHILD;
	if (stats.size < sizeof(stats.size) || stats.size > sizeof(stats))
		return -EINVAL;
	stats.bytes = ring->data_bytes;
	stats.used_bytes = used_bytes(ring);
	stats.record_bytes = ring->record_bytes;
	stats.lost =
		ring->kind == RING_ONE ? ring->reader.lost : atomic_load(&ring->control->dropped);
	stats.abandoned = atomic_load(&ring->control->abandoned);
	stats.torn = atomic_load(&ring->torn);
	memcpy(ret_stats, &stats, stats.size);
	return 0;
}

int uw_ring_fd(const struct uw_ring *ring)
{
	return ring->kind == RING_FORKED ? -ECHILD : segment_fd(ring->segment);
}
