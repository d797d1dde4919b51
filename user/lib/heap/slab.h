/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Slabs of 64 KiB, each of allocations of one class, cut from chunks of 1 MiB (less where a pool is
 * small or full) that are blocks of the TLSF. An allocation is known by its unit: its offset in the
 * segment over 16. Pages of a slab are committed as its allocations are first handed out.
 *
 * All but slab_find is called with the heap's lock held.
 */
#ifndef UW_LIB_HEAP_SLAB_H
#define UW_LIB_HEAP_SLAB_H

#include <stdbool.h>

#include "user/lib/heap/classes.h"
#include "user/lib/heap/marks.h"
#include "user/lib/heap/pages.h"
#include "user/lib/heap/tlsf.h"

#define SLAB_BYTES  65536U
#define SLAB_UNITS  (SLAB_BYTES / CLASS_UNIT)
#define SLAB_SHIFT  12U /* of a unit: its slab */
#define CHUNK_SLABS 16U
#define SLAB_NONE   UINT32_MAX

/* A unit in its slab over the units of its class, by multiplication: 2^24 over those, rounded up,
 * is exact for less than 2^12 over at most 2^9. */
#define SLAB_INVERSE_SHIFT 24U

struct slab {
	uint64_t marks_at;
	uint32_t next, previous; /* in the list of its class with room, or of empty ones */
	uint32_t chunk;          /* the TLSF's block */
	uint32_t generation;     /* that its marks began with, or that the next ones will */
	uint32_t *record;        /* of evictable allocations, by place; NULL: has had none */
	uint16_t first, unused;  /* places that were given back: one of them, and how many */
	uint16_t fresh, taken;   /* how many places were ever handed out, and are now */
	uint8_t class;
	bool busy; /* has a class */
};

struct slab_class {
	uint32_t inverse;
	uint16_t units, count; /* of an allocation; of allocations in a slab */
};

struct slabs {
	struct slab_class class[CLASS_COUNT];
	struct tlsf *tlsf;
	struct heap_pages *pages;
	struct marks marks;
	struct slab *slab;       /* by offset over 64 KiB */
	_Atomic uint64_t *place; /* the same for slab_find: 0, or PLACE_BUSY, marks_at, class */
	uint64_t count;
	uint32_t generation;
	uint32_t room[CLASS_COUNT];  /* slabs of the class with room */
	uint64_t taken[CLASS_COUNT]; /* of the class, handed out now */
	uint32_t empty;              /* slabs without a class */
	uint32_t spare;              /* a chunk of nothing but those, TLSF_NONE: none is kept */
};

#define PLACE_BUSY       (1ULL << 63)
#define PLACE_MARK_SHIFT 8U

/* bytes is that of the segment. -ENOMEM. */
int slabs_init(struct slabs *slabs, struct tlsf *tlsf, struct heap_pages *pages, uint64_t bytes,
	       uint32_t generation);
void slabs_done(struct slabs *slabs);

/*
 * Up to count units of the class. Returns how many; with none *ret_error is UW_FULL, when there is
 * no block for another chunk, or a negative errno.
 */
uint32_t slabs_take(struct slabs *slabs, uint32_t class, uint32_t count, uint64_t *ret_unit,
		    int *ret_error);

/* One that was taken; its generation is even again. */
void slabs_give(struct slabs *slabs, uint64_t unit);

/* Gives chunks that are empty to the TLSF; slabs that were kept for their class alone, too. */
void slabs_release(struct slabs *slabs);

/* The pages of empty slabs; bytes. */
uint64_t slabs_punch(struct slabs *slabs);

/* Where the number of the record of an evictable allocation stands. NULL: no memory. */
uint32_t *slabs_record(struct slabs *slabs, uint64_t unit);

/* ---- without the lock ---- */

struct slab_place {
	mark_word *mark;
	uint32_t class;
};

/* The mark of a unit that is known to be of the class. */
static inline mark_word *slab_mark(const struct slabs *slabs, uint64_t unit, uint32_t class)
{
	uint64_t place =
		atomic_load_explicit(&slabs->place[unit >> SLAB_SHIFT], memory_order_relaxed);
	uint64_t index =
		(unit & (SLAB_UNITS - 1)) * slabs->class[class].inverse >> SLAB_INVERSE_SHIFT;

	return &slabs->marks.word[(place & ~PLACE_BUSY) >> PLACE_MARK_SHIFT] + index;
}

/* False when no allocation begins there. */
static inline bool slab_find(const struct slabs *slabs, uint64_t unit, struct slab_place *ret_place)
{
	uint64_t slab = unit >> SLAB_SHIFT, place, at = unit & (SLAB_UNITS - 1), index;
	const struct slab_class *class;

	if (slab >= slabs->count)
		return false;
	place = atomic_load_explicit(&slabs->place[slab], memory_order_acquire);
	if (!place)
		return false;
	class = &slabs->class[place & 0xff];
	index = at * class->inverse >> SLAB_INVERSE_SHIFT;
	if (index * class->units != at || index >= class->count)
		return false;
	ret_place->class = place & 0xff;
	ret_place->mark = &slabs->marks.word[(place & ~PLACE_BUSY) >> PLACE_MARK_SHIFT] + index;
	return true;
}

#endif
