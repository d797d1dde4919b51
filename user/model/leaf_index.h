/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds leaves by their 64-bit ids, where looking at each of them for each of them would take too
 * long. The ids lie in an array of whoever has the leaves; the index holds places in it and nothing
 * else, so that it can be made anew with each frame. Of its own places it touches as many as the
 * leaves there are need. Pure, nothing is allocated.
 */
#ifndef UW_MODEL_LEAF_INDEX_H
#define UW_MODEL_LEAF_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/model/frame.h"

#define LEAF_INDEX_PLACES (2 * FRAME_LEAVES_MAX) /* at the most half of them are taken */
#define LEAF_NONE         UINT32_MAX

/* Where the ids are: the first of them, and how many bytes it is from one to the next. 0 is no id.
 */
struct leaf_ids {
	const void *first;
	size_t stride;
};

#define LEAF_IDS(array, id)         \
	((struct leaf_ids){         \
		&(array)[0].id,     \
		sizeof((array)[0]), \
	})

/* All zero is one in which nothing is found, and that has no room. */
struct leaf_index {
	uint32_t mask, taken;
	uint16_t place[LEAF_INDEX_PLACES]; /* in the array, and 1; 0: free */
};

/* Of the first count elements, with room for as many in all, at most FRAME_LEAVES_MAX. O(room). */
void leaf_index_build(struct leaf_index *index, struct leaf_ids ids, uint32_t count, uint32_t room);

/* One that came since. False when there is no room for it: then it is to be built anew. Who has
 * lost its id since, or has another one, is not found by the old one, but has its room still. */
bool leaf_index_add(struct leaf_index *index, struct leaf_ids ids, uint32_t at);

/* The place in the array; of several the one that was added first. LEAF_NONE. */
uint32_t leaf_index_find(const struct leaf_index *index, struct leaf_ids ids, uint64_t id);

#endif
