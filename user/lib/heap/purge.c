// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Gives pages of free blocks back unasked. No order of allocations keeps free blocks small in the
 * long run: with sizes from 64 B to 4 MB, the smallest block that fits, and the lowest of those,
 * they come to a third of what is in use and more. So beyond a tenth of it the block that was
 * just freed gives its pages back, which needs no search, and does about as well as the oldest or
 * the largest would.
 *
 * A page that is punched, committed and mapped again costs 1.6 to 2.7 us [measured], ten times what
 * it costs to allocate and free a block as it is. A program that does so in a tight loop would do
 * little else: so time buys how much may be given back. Where that has bought all that it can, as
 * frees are few, what the block does not need is for other free blocks: a pool that is calm comes
 * down to a tenth by and by. What is left stays until a trim.
 */
#include <time.h>

#include "user/lib/heap/inside.h"

/* Of what is in use: so much may be free and there. */
#define SPARE_PART      10U
#define SPARE_BYTES_MIN (1ULL << 20)

/* 7 % of a processor at most, at 2.7 us a page, and that only where frees are that many. */
#define PURGE_BYTES_PER_US 96U

/* At once. Not less than the clock's steps bring, of 4 ms at 250 Hz. */
#define PURGE_BYTES_MAX (2ULL << 20)

/* And after a pause that has earned it: the lock is held for 2 ms, at 0.8 us a page [measured]. */
#define PURGE_CALM_BYTES (8ULL << 20)

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now); /* a few ns, and steps of 1 to 10 ms */
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static bool likes_pages(const void *data, uint64_t offset, uint64_t bytes)
{
	return pages_are_there(data, offset, bytes);
}

void purge_init(struct heap *heap)
{
	heap->purge = (struct purge){PURGE_BYTES_MAX, now_us()};
	heap->tlsf.prefers = likes_pages;
	heap->tlsf.prefers_data = &heap->pages;
}

static uint64_t may_purge(struct purge *purge)
{
	uint64_t now = now_us(), passed = now - purge->at_us, earned, most;

	if (passed > PURGE_CALM_BYTES / PURGE_BYTES_PER_US)
		passed = PURGE_CALM_BYTES / PURGE_BYTES_PER_US;
	earned = passed * PURGE_BYTES_PER_US;
	most = earned > PURGE_BYTES_MAX ? earned : PURGE_BYTES_MAX;
	purge->at_us = now;
	purge->bytes = purge->bytes + earned < most ? purge->bytes + earned : most;
	return purge->bytes;
}

/* Pages that are there, and more than what is in use and may be spare. */
static uint64_t beyond_spare(const struct heap *heap)
{
	uint64_t used = heap->end - heap->from - heap->tlsf.free_bytes;
	uint64_t spare = used / SPARE_PART;

	used += spare > SPARE_BYTES_MIN ? spare : SPARE_BYTES_MIN;
	return heap->pages.committed_bytes > used ? heap->pages.committed_bytes - used : 0;
}

static uint64_t punch(struct heap *heap, uint32_t index, uint64_t most_bytes)
{
	const struct tlsf_block *block = &heap->tlsf.block[index];
	uint64_t bytes = pages_punch(&heap->pages, block->offset, block->bytes, most_bytes);

	heap->purge.bytes -= bytes;
	heap->trimmed_bytes += bytes;
	return bytes;
}

/* Of all free blocks, the large ones first: they are needed again last, and take the fewest calls.
 * Returns what they did not have. */
static uint64_t punch_largest(struct heap *heap, uint64_t most_bytes)
{
	uint64_t from = RUN_BYTES;

	while (from * 2 <= tlsf_largest(&heap->tlsf))
		from *= 2;
	for (; from >= RUN_BYTES; from /= 2) {
		uint32_t i = tlsf_first_free(&heap->tlsf, from);

		for (; i && heap->tlsf.block[i].bytes < 2 * from;
		     i = tlsf_next_free(&heap->tlsf, i)) {
			if (most_bytes < RUN_BYTES)
				return 0;
			most_bytes -= punch(heap, i, most_bytes);
		}
	}
	return most_bytes;
}

/* What is there may lie in blocks that are too small to give any: then each free would go through
 * all others for nothing, so that the way costs what it could have brought. */
static void punch_others(struct heap *heap, uint64_t most_bytes)
{
	if (most_bytes >= RUN_BYTES && punch_largest(heap, most_bytes) >= RUN_BYTES)
		heap->purge.bytes = 0;
}

void purge_in_calm(struct heap *heap)
{
	uint64_t beyond = beyond_spare(heap), may;

	if (beyond < RUN_BYTES || heap->keeps)
		return;
	may = may_purge(&heap->purge);
	if (may >= PURGE_BYTES_MAX)
		punch_others(heap, may < beyond ? may : beyond);
}

void purge_after_free(struct heap *heap, uint32_t index)
{
	uint64_t beyond = beyond_spare(heap), may;
	bool calm;

	if (beyond < RUN_BYTES || heap->keeps)
		return;
	may = may_purge(&heap->purge);
	calm = may >= PURGE_BYTES_MAX;
	if (may > beyond)
		may = beyond;
	if (may >= RUN_BYTES && heap->tlsf.block[index].bytes >= RUN_BYTES)
		may -= punch(heap, index, may);
	if (calm)
		punch_others(heap, may);
}
