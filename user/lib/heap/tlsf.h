/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two-level segregated fit (Masmano, Ripoll, Crespo and Real, 2004) over a range of offsets: free
 * blocks hang in lists by size, 64 to each doubling, and bitmaps find the first that fits, so that
 * each call is a few dozen instructions whatever there is. What describes a block stands apart from
 * it, in private memory, and is known by an index that stays its own while it is in use.
 *
 * Knows nothing of pages and does not lock.
 */
#ifndef UW_LIB_HEAP_TLSF_H
#define UW_LIB_HEAP_TLSF_H

#include <stdbool.h>
#include <stdint.h>

#define TLSF_UNIT 64U /* blocks begin at, and are, multiples of it */
#define TLSF_NONE 0U  /* the index of no block */

/* A rest is split off from this size on; less stays with the block. */
#define TLSF_REST_BYTES 1024U

#define TLSF_SECOND      64U
#define TLSF_FIRST       30U /* up to 2^41 bytes */
#define TLSF_INDEX_COUNT (TLSF_FIRST * TLSF_SECOND)

enum tlsf_state {
	TLSF_UNUSED,
	TLSF_FREE,
	TLSF_TAKEN
};

struct tlsf_block {
	uint64_t offset, bytes;
	uint32_t before, after;    /* its neighbours */
	uint32_t previous, next;   /* in its list, while it is free */
	uint32_t generation, pins; /* of who has it; a generation outlives the block */
	uint32_t record;           /* of who has it */
	uint8_t state;             /* enum tlsf_state */
	uint8_t flags;             /* of who has it */
};

/* Whether a block that begins at offset is the better choice for so many bytes. */
typedef bool (*tlsf_prefers_fn)(const void *data, uint64_t offset, uint64_t bytes);

struct tlsf {
	struct tlsf_block *block;
	tlsf_prefers_fn prefers; /* NULL: all are alike */
	const void *prefers_data;
	uint32_t room, used, unused; /* of block; unused: the first of those that are free to use */
	uint32_t generation;         /* where new ones begin */
	uint64_t free_bytes;
	uint32_t first_map;
	uint64_t second_map[TLSF_FIRST];
	uint32_t list[TLSF_INDEX_COUNT];
};

/* One free block: [offset, offset + bytes), multiples of TLSF_UNIT. -ENOMEM. */
int tlsf_init(struct tlsf *tlsf, uint64_t offset, uint64_t bytes, uint32_t generation);
void tlsf_done(struct tlsf *tlsf);

/* A block of at least bytes at a multiple of align, a power of two from TLSF_UNIT on. TLSF_NONE
 * when there is none, or no memory to describe it. */
uint32_t tlsf_take(struct tlsf *tlsf, uint64_t bytes, uint64_t align);

/* Returns the free block that it is, or has become a part of. */
uint32_t tlsf_give(struct tlsf *tlsf, uint32_t index);

/* Of the largest free block, in bytes. Looks at its list alone. */
uint64_t tlsf_largest(const struct tlsf *tlsf);

/* Free blocks whose list begins at no less than bytes: the first one, and the one after index. */
uint32_t tlsf_first_free(const struct tlsf *tlsf, uint64_t bytes);
uint32_t tlsf_next_free(const struct tlsf *tlsf, uint32_t index);

#endif
