// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Open addressing: an id hashes to a place, and is looked for from there to the next free one.
 * Nothing is ever taken out; what is not there any more is told by the array.
 */
#include "user/model/leaf_index.h"

#include <string.h>

#define PLACES_LEAST 64

_Static_assert((LEAF_INDEX_PLACES & (LEAF_INDEX_PLACES - 1)) == 0, "a power of two");
_Static_assert(FRAME_LEAVES_MAX < UINT16_MAX, "a place fits");

static uint64_t id_at(struct leaf_ids ids, uint32_t at)
{
	uint64_t id;

	memcpy(&id, (const char *)ids.first + at * ids.stride, sizeof(id));
	return id;
}

/* Fibonacci hashing: ids count up, and their high bits after it differ. */
static uint32_t first_place(const struct leaf_index *index, uint64_t id)
{
	return (uint32_t)(id * 0x9e3779b97f4a7c15ULL >> 32) & index->mask;
}

void leaf_index_build(struct leaf_index *index, struct leaf_ids ids, uint32_t count, uint32_t room)
{
	uint32_t places = PLACES_LEAST;

	while (places < 2 * room && places < LEAF_INDEX_PLACES)
		places *= 2;
	index->mask = places - 1;
	index->taken = 0;
	memset(index->place, 0, places * sizeof(index->place[0]));
	for (uint32_t i = 0; i < count; i++)
		leaf_index_add(index, ids, i);
}

bool leaf_index_add(struct leaf_index *index, struct leaf_ids ids, uint32_t at)
{
	uint64_t id = id_at(ids, at);
	uint32_t place = first_place(index, id);

	if (!id)
		return true;
	if (2 * (index->taken + 1) > index->mask + 1)
		return false;
	while (index->place[place])
		place = (place + 1) & index->mask;
	index->place[place] = (uint16_t)(at + 1);
	index->taken++;
	return true;
}

uint32_t leaf_index_find(const struct leaf_index *index, struct leaf_ids ids, uint64_t id)
{
	uint32_t place = first_place(index, id);

	for (; id && index->place[place]; place = (place + 1) & index->mask)
		if (id_at(ids, index->place[place] - 1U) == id)
			return index->place[place] - 1U;
	return LEAF_NONE;
}
