// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The ring of one writer, one reader and records of one length, which stand back to back and are
 * given out in runs. Positions count records. Each side has its own in private memory, and with it
 * how far it may go; only when that is used up does it look at what the other one tells, and checks
 * that. Until then the calls are those of uw.h, inline, which the library takes as well.
 */
#define UW_NO_INLINE /* they are here */
#include <errno.h>

#include "user/lib/ring/inside.h"

#define STREAM 4  /* so many records in a row are a stream */
#define MOMENT 32 /* pauses, together 0.4 us */

/* ---- becoming one of the two ---- */

/* A side that has not begun, or may do nothing any more, has nothing to go on with. */
void ring_fixed_stop(struct uw_ring *ring)
{
	ring->head.writer.limit = ring->head.writer.at;
	ring->head.reader.limit = ring->head.reader.at;
}

static void lay_out(struct uw_ring *ring, struct uw_ring_span *span, _Atomic uint64_t *told,
		    enum ring_side other)
{
	static const uint32_t always = 1; /* each call looks, with a fence */

	*span = (struct uw_ring_span){
		.told = (uint64_t *)told,
		.sleeps = ring_fences ? &always
				      : (const uint32_t *)&ring->control->waits[other].sleeps,
		.data = ring->data,
		.mask = ring->data_bytes - 1,
		.stride = ring->stride,
	};
}

void ring_fixed_open(struct uw_ring *ring)
{
	lay_out(ring, &ring->head.writer, &ring->control->tail, RING_READER);
	lay_out(ring, &ring->head.reader, &ring->control->head, RING_WRITER);
}

/* Goes on where the one before it has stopped. */
static int begin(struct uw_ring *ring, struct uw_ring_span *span, enum ring_side side)
{
	int rc = ring->writable ? ring_take_role(ring, side) : -EACCES;

	if (rc)
		return rc;
	span->at = span->limit = __atomic_load_n(span->told, __ATOMIC_ACQUIRE);
	ring->begun[side] = true;
	return 0;
}

/* ---- the other side ---- */

static bool is_possible(const struct uw_ring *ring, uint64_t records)
{
	return records <= ring->slot_count;
}

static int look_for_room(struct uw_ring *ring)
{
	struct uw_ring_span *writer = &ring->head.writer;
	uint64_t head = atomic_load_explicit(&ring->control->head, memory_order_acquire);

	if (!is_possible(ring, writer->at - head))
		return -EBADMSG;
	writer->limit = head + ring->slot_count;
	return 0;
}

/* After something that no writer of ours tells: on from there, where its next record will be. */
static int look_for_records(struct uw_ring *ring)
{
	struct uw_ring_span *reader = &ring->head.reader;
	uint64_t tail = atomic_load_explicit(&ring->control->tail, memory_order_acquire);
	bool possible = is_possible(ring, tail - reader->at);

	reader->limit = tail;
	if (possible)
		return 0;
	atomic_fetch_add(&ring->torn, 1);
	reader->at = tail;
	atomic_store_explicit(&ring->control->head, tail, memory_order_release);
	return -EBADMSG;
}

static int look(struct uw_ring *ring, struct uw_ring_span *span, enum ring_side side)
{
	int rc = ring->begun[side] ? 0 : begin(ring, span, side);

	if (rc)
		return rc;
	return side == RING_WRITER ? look_for_room(ring) : look_for_records(ring);
}

bool ring_fixed_has_room(const struct uw_ring *ring)
{
	const struct ring_control *control = ring->control;
	uint64_t head = atomic_load_explicit(&control->head, memory_order_acquire);
	uint64_t at = ring->begun[RING_WRITER] ? ring->head.writer.at : atomic_load(&control->tail);

	return at - head != ring->slot_count;
}

bool ring_fixed_has_record(const struct uw_ring *ring)
{
	const struct ring_control *control = ring->control;
	uint64_t tail = atomic_load_explicit(&control->tail, memory_order_acquire);

	return tail !=
	       (ring->begun[RING_READER] ? ring->head.reader.at : atomic_load(&control->head));
}

/* ---- calls ---- */

static int refusal(const struct uw_ring *ring)
{
	if (ring->kind == RING_FORKED)
		return -ECHILD;
	return ring->kind == RING_FIXED ? 0 : -EINVAL;
}

/* Where records come one after the other, who has come to their end and looks again at once takes
 * the line that the other side writes to away from it, for each of them. So it is left alone for a
 * moment first; where they come one by one, or nothing does, nobody is held up. */
static int look_later(struct uw_ring *ring, struct uw_ring_span *span, enum ring_side side)
{
	uint64_t since = span->at - ring->ended[side];

	ring->ended[side] = span->at;
	if (since < STREAM)
		return 0;
	for (int i = 0; i < MOMENT; i++)
		ring_relax();
	return look(ring, span, side);
}

static int take(struct uw_ring *ring, enum ring_side side, uint32_t count, void **ret_bytes)
{
	struct uw_ring_span *span = side == RING_WRITER ? &ring->head.writer : &ring->head.reader;
	uint64_t there;
	int rc = refusal(ring);

	if (!rc && span->limit - span->at < count)
		rc = look(ring, span, side);
	if (!rc && span->limit == span->at)
		rc = look_later(ring, span, side);
	if (rc)
		return rc;
	there = span->limit - span->at;
	if (there < count)
		count = (uint32_t)there;
	return count ? uw_ring_span_take(span, count, ret_bytes) : -EAGAIN;
}

static int give(struct uw_ring *ring, enum ring_side side, uint32_t count)
{
	struct uw_ring_span *span = side == RING_WRITER ? &ring->head.writer : &ring->head.reader;
	int rc = refusal(ring);

	if (rc || (!count && !ring->begun[side]))
		return rc;
	if (span->limit - span->at < count)
		return -EINVAL;
	if (count)
		uw_ring_span_give(span, count);
	ring_wake(ring, side == RING_WRITER ? RING_READER : RING_WRITER, 1);
	return 0;
}

int uw_ring_reserve_span(struct uw_ring *ring, uint32_t count, void **ret_bytes)
{
	if (ring->kind == RING_RUNS)
		return ring_runs_take(ring, RING_WRITER, count, ret_bytes);
	return take(ring, RING_WRITER, count, ret_bytes);
}

int uw_ring_commit_span(struct uw_ring *ring, uint32_t count)
{
	if (ring->kind == RING_RUNS)
		return ring_runs_give(ring, RING_WRITER, count);
	return give(ring, RING_WRITER, count);
}

int uw_ring_peek_span(struct uw_ring *ring, uint32_t count, void **ret_bytes)
{
	if (ring->kind == RING_RUNS)
		return ring_runs_take(ring, RING_READER, count, ret_bytes);
	return take(ring, RING_READER, count, ret_bytes);
}

int uw_ring_release_span(struct uw_ring *ring, uint32_t count)
{
	if (ring->kind == RING_RUNS)
		return ring_runs_give(ring, RING_READER, count);
	return give(ring, RING_READER, count);
}
