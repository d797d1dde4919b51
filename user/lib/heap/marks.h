/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A word of 32 bits for each small allocation: its generation, which is odd while it is allocated,
 * and how often it is pinned. Of a free one that lies in its slab the low bits say which one is
 * next.
 *
 *	31         12 | 11        | 10     | 9  0
 *	generation    | evictable | zombie | pins        allocated
 *	generation    | next                             free
 *
 * A stale id may lead here while a slab is being made into another: so words stay words, in a range
 * that is given back only with the heap.
 */
#ifndef UW_LIB_HEAP_MARKS_H
#define UW_LIB_HEAP_MARKS_H

#include <stdatomic.h>
#include <stdint.h>

#include "user/lib/heap/classes.h"

#define MARK_GENERATION_SHIFT 12U
#define MARK_GENERATION_MASK  0xfffffU
#define MARK_EVICTABLE        (1U << 11)
#define MARK_ZOMBIE           (1U << 10)
#define MARK_PINS             0x3ffU
#define MARK_LOW              0xfffU

typedef _Atomic uint32_t mark_word;

struct marks_spare {
	uint64_t *at; /* where the words of a slab began that is no more */
	uint32_t count, room;
};

struct marks {
	mark_word *word;                 /* a range without access, opened from its beginning on */
	uint64_t reserved, opened, used; /* words */
	struct marks_spare spare[CLASS_COUNT];
};

/* So many at most. -ENOMEM. */
int marks_init(struct marks *marks, uint64_t words);
void marks_done(struct marks *marks);

/* count words for a slab of the class, always the same for one class, all of an even generation.
 * Returns where they begin, or UINT64_MAX when there is no memory. */
uint64_t marks_take(struct marks *marks, uint32_t class, uint32_t count, uint32_t generation);

/* Returns an even generation that none of them has had since they were taken with generation. */
uint32_t marks_give(struct marks *marks, uint32_t class, uint32_t count, uint64_t at,
		    uint32_t generation);

#endif
