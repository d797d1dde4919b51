/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An allocator over a segment. All it knows of the memory stands outside of it, in the memory of
 * the one process that owns it, so that whoever else maps the segment can spoil contents and
 * nothing more. Small allocations, to 8 KiB, come out of slabs by way of a magazine per thread and
 * class; larger ones are blocks of a TLSF. Each call is O(1), but for what is evicted to make room
 * and the pages that the kernel commits. A small one seldom takes the
 * lock.
 *
 * An id names an allocation: where it is, and which generation of what was there. One that was
 * freed is answered with UW_STALE: surely for a small one until 2^19 later ones had its very place,
 * for a large one 2^30. Calls come from any thread; the callback runs without a lock.
 */
#ifndef UW_LIB_HEAP_H
#define UW_LIB_HEAP_H

#include <stdbool.h>
#include <stdint.h>

struct heap;
struct segment;

struct heap_span {
	void *memory;
	uint64_t offset; /* in the segment */
	uint64_t bytes;  /* that may be used: what was asked for, rounded up */
};

/* All that may be said of an allocation. */
enum heap_flag {
	HEAP_EVICTABLE = 1, /* goes when there is no room, the least recently used first, and is
			     * made with one pin, so that it cannot go before it is filled */
	HEAP_ALIGN_64 = 2,  /* a multiple of 64 bytes, else of 16 */
};

/* The allocation is gone but for its contents, which are there until this returns. It may call
 * anything but heap_close; what it allocates evicts nothing. */
typedef void (*heap_evict_fn)(void *data, uint64_t id, uint64_t tag, const struct heap_span *span);

/* While other threads allocate and free: used_bytes may be off by what they have at hand, but is
 * possible, and frees are no more than allocations. */
struct heap_stats {
	uint64_t bytes;           /* of the heap */
	uint64_t used_bytes;      /* of allocations, rounded up */
	uint64_t zombie_bytes;    /* of used_bytes: freed, and pinned still */
	uint64_t evictable_bytes; /* of used_bytes: could go at once */
	uint64_t committed_bytes; /* pages that are there */
	uint64_t free_bytes;      /* of the TLSF: in free blocks */
	uint64_t largest_bytes;   /* the largest of them */
	uint64_t allocations, frees, evictions, trimmed_bytes; /* since it was made */
};

/* The heap has the segment from the offset on, a multiple of 64 KiB, and at least as much. The
 * segment stays the caller's, and outlives it. -EINVAL; -ENOMEM. */
int heap_new(struct segment *segment, uint64_t from, struct heap **ret_heap);

/* NULL is fine. No other call runs. */
void heap_free_all(struct heap *heap);

/* Before any allocation is evictable. */
void heap_on_evict(struct heap *heap, heap_evict_fn fn, void *data);

/*
 * bytes from 1 on, not cleared. UW_FULL: no free block is large enough, and there is nothing to
 * evict; -ENOMEM: the pages cannot be had, or no memory to describe them; -EINVAL; -ECHILD.
 */
int heap_alloc(struct heap *heap, uint64_t bytes, uint32_t flags, uint64_t *ret_id,
	       struct heap_span *ret_span);

/* The same, told only where it is, which may be NULL. */
int heap_alloc_memory(struct heap *heap, uint64_t bytes, uint32_t flags, uint64_t *ret_id,
		      void **ret_memory);

/* A number that the callback is told of an evictable allocation, 0 until then. Called while it has
 * the pin that it was made with. */
void heap_set_tag(struct heap *heap, uint64_t id, uint64_t tag);

/* Where it is; and it was used just now. UW_STALE. */
int heap_get(struct heap *heap, uint64_t id, struct heap_span *ret_span);

/* Keeps it from being evicted, and its memory from being used for others after heap_free, until
 * unpinned as often. UW_STALE; -EOVERFLOW: 1023 times (small ones) or 2^32-1. */
int heap_pin(struct heap *heap, uint64_t id, struct heap_span *ret_span);

/* Of one that was freed, too. UW_STALE also when it is not pinned. */
int heap_unpin(struct heap *heap, uint64_t id);
int heap_free(struct heap *heap, uint64_t id);

/* Evicts until no more than used_bytes are in use, or nothing is left to evict. */
void heap_evict(struct heap *heap, uint64_t used_bytes);

/* Gives back pages of free runs of 64 KiB and more. What threads other than the caller's keep at
 * hand follows when they next run out of it. Returns bytes. */
uint64_t heap_trim(struct heap *heap);

/* Has all pages there, and none given back any more; or that again. -ENOMEM. */
int heap_keep_all(struct heap *heap);
void heap_keep_less(struct heap *heap);

void heap_get_stats(struct heap *heap, struct heap_stats *ret_stats);

/* True in a child of fork: every call answers -ECHILD then, but for heap_free_all. */
bool heap_is_forked(const struct heap *heap);

#endif
