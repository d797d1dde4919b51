// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Sizes below 64 units have a list each; above, a list holds sizes that differ by a sixty-fourth at
 * most. A request looks at a few blocks of the list of its own size, some of which may fit, and
 * then of the first list whose blocks all do, and takes the smallest: what is left over is what is
 * hard to use again. Descriptions of blocks are kept in one array, so the call that splits sees to
 * room first and cannot fail half-way.
 */
#include "user/lib/heap/tlsf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_LOG 6U
#define LINEAR     (TLSF_UNIT * TLSF_SECOND) /* below, a list for each size */
#define LINEAR_LOG 12U
#define FIRST_ROOM 64U
#define FIT_TRIES  8U

/* ---- lists ---- */

static uint32_t log_of(uint64_t bytes)
{
	return 63U - (uint32_t)__builtin_clzll(bytes);
}

/* The list that a free block of this size is in. */
static uint32_t list_of(uint64_t bytes)
{
	uint32_t log;

	if (bytes < LINEAR)
		return (uint32_t)(bytes / TLSF_UNIT);
	log = log_of(bytes);
	return (log - LINEAR_LOG + 1) * TLSF_SECOND +
	       ((uint32_t)(bytes >> (log - SECOND_LOG)) & (TLSF_SECOND - 1));
}

/* The first list of which every block has bytes. */
static uint32_t list_from(uint64_t bytes)
{
	if (bytes >= LINEAR)
		bytes += (1ULL << (log_of(bytes) - SECOND_LOG)) - 1;
	return list_of(bytes);
}

static void enter(struct tlsf *tlsf, uint32_t index)
{
	struct tlsf_block *block = &tlsf->block[index];
	uint32_t at = list_of(block->bytes), next = tlsf->list[at];

	block->state = TLSF_FREE;
	block->previous = TLSF_NONE;
	block->next = next;
	if (next)
		tlsf->block[next].previous = index;
	tlsf->list[at] = index;
	tlsf->first_map |= 1U << at / TLSF_SECOND;
	tlsf->second_map[at / TLSF_SECOND] |= 1ULL << at % TLSF_SECOND;
	tlsf->free_bytes += block->bytes;
}

static void leave(struct tlsf *tlsf, uint32_t index)
{
	struct tlsf_block *block = &tlsf->block[index];
	uint32_t at = list_of(block->bytes);

	if (block->next)
		tlsf->block[block->next].previous = block->previous;
	if (block->previous) {
		tlsf->block[block->previous].next = block->next;
	} else {
		tlsf->list[at] = block->next;
		if (!block->next)
			tlsf->second_map[at / TLSF_SECOND] &= ~(1ULL << at % TLSF_SECOND);
		if (!tlsf->second_map[at / TLSF_SECOND])
			tlsf->first_map &= ~(1U << at / TLSF_SECOND);
	}
	tlsf->free_bytes -= block->bytes;
}

/* The first block of the lists from `at` on. */
static uint32_t find_from(const struct tlsf *tlsf, uint32_t at)
{
	uint32_t first = at / TLSF_SECOND, firsts;
	uint64_t second;

	if (at >= TLSF_INDEX_COUNT)
		return TLSF_NONE;
	second = tlsf->second_map[first] & ~0ULL << at % TLSF_SECOND;
	if (!second) {
		firsts = tlsf->first_map & (uint32_t)(~0ULL << (first + 1));
		if (!firsts)
			return TLSF_NONE;
		first = (uint32_t)__builtin_ctz(firsts);
		second = tlsf->second_map[first];
	}
	return tlsf->list[first * TLSF_SECOND + (uint32_t)__builtin_ctzll(second)];
}

/* Of the first few blocks from index on in its list the smallest that has bytes. */
static uint32_t smallest(const struct tlsf *tlsf, uint32_t index, uint64_t bytes)
{
	uint64_t least = UINT64_MAX;
	uint32_t found = TLSF_NONE;

	for (uint32_t i = 0; i < FIT_TRIES && index && least > bytes; i++) {
		const struct tlsf_block *block = &tlsf->block[index];

		if (block->bytes >= bytes && block->bytes < least) {
			found = index;
			least = block->bytes;
		}
		index = block->next;
	}
	return found;
}

static bool is_preferred(const struct tlsf *tlsf, uint32_t index, uint64_t bytes)
{
	return tlsf->prefers(tlsf->prefers_data, tlsf->block[index].offset, bytes);
}

/* One that is preferred among the next larger ones; else the one that was found. */
static uint32_t find_preferred(const struct tlsf *tlsf, uint32_t found, uint64_t bytes)
{
	uint32_t index = find_from(tlsf, list_from(bytes));

	for (uint32_t i = 0; i < FIT_TRIES && index; i++) {
		if (is_preferred(tlsf, index, bytes))
			return index;
		index = tlsf_next_free(tlsf, index);
	}
	return found;
}

static uint32_t find(const struct tlsf *tlsf, uint64_t bytes)
{
	uint32_t found = smallest(tlsf, tlsf->list[list_of(bytes)], bytes);

	if (!found)
		found = smallest(tlsf, find_from(tlsf, list_from(bytes)), bytes);
	if (!found || !tlsf->prefers || is_preferred(tlsf, found, bytes))
		return found;
	return find_preferred(tlsf, found, bytes);
}

/* ---- descriptions ---- */

static bool grow(struct tlsf *tlsf)
{
	uint32_t room = tlsf->room ? tlsf->room * 2 : FIRST_ROOM;
	struct tlsf_block *block =
		room > tlsf->room ? realloc(tlsf->block, room * sizeof(*block)) : NULL;

	if (!block)
		return false;
	tlsf->block = block;
	tlsf->room = room;
	return true;
}

/* Room for two more than there are; index 0 is nobody's. */
static bool see_to_room(struct tlsf *tlsf)
{
	return (tlsf->unused && tlsf->block[tlsf->unused].next) || tlsf->used + 2 <= tlsf->room ||
	       grow(tlsf);
}

static uint32_t describe(struct tlsf *tlsf, uint64_t offset, uint64_t bytes)
{
	uint32_t index = tlsf->unused;

	if (index) {
		tlsf->unused = tlsf->block[index].next;
	} else {
		index = tlsf->used++;
		tlsf->block[index].generation = tlsf->generation;
	}
	tlsf->block[index] = (struct tlsf_block){
		.offset = offset,
		.bytes = bytes,
		.generation = tlsf->block[index].generation,
	};
	return index;
}

static void forget(struct tlsf *tlsf, uint32_t index)
{
	tlsf->block[index].state = TLSF_UNUSED;
	tlsf->block[index].next = tlsf->unused;
	tlsf->unused = index;
}

/* ---- blocks ---- */

/* The block keeps its first bytes; what is behind becomes one of its own. Room was seen to. */
static uint32_t split(struct tlsf *tlsf, uint32_t index, uint64_t bytes)
{
	struct tlsf_block *block = &tlsf->block[index], *rest;
	uint32_t other = describe(tlsf, block->offset + bytes, block->bytes - bytes);

	rest = &tlsf->block[other];
	block->bytes = bytes;
	rest->before = index;
	rest->after = block->after;
	if (rest->after)
		tlsf->block[rest->after].before = other;
	block->after = other;
	return other;
}

/* Takes the block after index, which is free and in no list any more, into it. */
static void swallow(struct tlsf *tlsf, uint32_t index)
{
	struct tlsf_block *block = &tlsf->block[index];
	uint32_t other = block->after;

	block->bytes += tlsf->block[other].bytes;
	block->after = tlsf->block[other].after;
	if (block->after)
		tlsf->block[block->after].before = index;
	forget(tlsf, other);
}

uint32_t tlsf_take(struct tlsf *tlsf, uint64_t bytes, uint64_t align)
{
	uint32_t index;
	uint64_t skip;

	bytes = (bytes + TLSF_UNIT - 1) / TLSF_UNIT * TLSF_UNIT;
	index = see_to_room(tlsf) ? find(tlsf, bytes + align - TLSF_UNIT) : TLSF_NONE;
	if (!index)
		return TLSF_NONE;
	leave(tlsf, index);
	skip = -tlsf->block[index].offset & (align - 1);
	if (skip) {
		uint32_t front = index;

		index = split(tlsf, front, skip);
		enter(tlsf, front);
	}
	if (tlsf->block[index].bytes - bytes >= TLSF_REST_BYTES)
		enter(tlsf, split(tlsf, index, bytes));
	tlsf->block[index].state = TLSF_TAKEN;
	return index;
}

uint32_t tlsf_give(struct tlsf *tlsf, uint32_t index)
{
	uint32_t before = tlsf->block[index].before, after = tlsf->block[index].after;

	if (after && tlsf->block[after].state == TLSF_FREE) {
		leave(tlsf, after);
		swallow(tlsf, index);
	}
	if (before && tlsf->block[before].state == TLSF_FREE) {
		leave(tlsf, before);
		swallow(tlsf, before);
		index = before;
	}
	enter(tlsf, index);
	return index;
}

/* ---- all of it ---- */

int tlsf_init(struct tlsf *tlsf, uint64_t offset, uint64_t bytes, uint32_t generation)
{
	memset(tlsf, 0, sizeof(*tlsf));
	tlsf->generation = generation;
	if (!grow(tlsf))
		return -ENOMEM;
	tlsf->used = 1;
	enter(tlsf, describe(tlsf, offset, bytes));
	return 0;
}

void tlsf_done(struct tlsf *tlsf)
{
	free(tlsf->block);
	tlsf->block = NULL;
}

uint64_t tlsf_largest(const struct tlsf *tlsf)
{
	uint32_t first, second;
	uint64_t largest = 0;

	if (!tlsf->first_map)
		return 0;
	first = 31U - (uint32_t)__builtin_clz(tlsf->first_map);
	second = 63U - (uint32_t)__builtin_clzll(tlsf->second_map[first]);
	for (uint32_t i = tlsf->list[first * TLSF_SECOND + second]; i; i = tlsf->block[i].next)
		if (tlsf->block[i].bytes > largest)
			largest = tlsf->block[i].bytes;
	return largest;
}

uint32_t tlsf_first_free(const struct tlsf *tlsf, uint64_t bytes)
{
	return find_from(tlsf, list_from(bytes));
}

uint32_t tlsf_next_free(const struct tlsf *tlsf, uint32_t index)
{
	const struct tlsf_block *block = &tlsf->block[index];

	return block->next ? block->next : find_from(tlsf, list_of(block->bytes) + 1);
}
