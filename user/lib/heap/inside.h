/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A heap, for its own files: heap.c allocates and frees, small.c and large.c do so for the two
 * kinds, evict.c makes room, cache.c keeps magazines, registry.c knows of all heaps. The lock
 * guards all fields but those that say otherwise.
 */
#ifndef UW_LIB_HEAP_INSIDE_H
#define UW_LIB_HEAP_INSIDE_H

#include <pthread.h>

#include "user/lib/heap/heap.h"
#include "user/lib/heap/lru.h"
#include "user/lib/heap/pages.h"
#include "user/lib/heap/slab.h"
#include "user/lib/heap/tlsf.h"

/* An id: of a small allocation its unit and 20 bits of generation, of a block, which ID_BLOCK says,
 * its index and 31 bits. A generation that is allocated is odd. */
#define ID_BLOCK             (1ULL << 63)
#define ID_UNIT_BITS         40U
#define ID_INDEX_BITS        32U
#define ID_BLOCK_GENERATIONS 0x7fffffffU

/* What a thread keeps at hand of a class: no more than this many, or than this many bytes but for
 * the first few. */
#define MAGAZINE_ROOM  64U
#define MAGAZINE_LEAST 8U
#define MAGAZINE_BYTES 32768U

#define RUN_BYTES 65536U /* free runs from here on are worth a system call */

struct magazine {
	/* Allocations that came out of it << 8 | how many it has: of one instant for whoever reads.
	 * Written by the thread alone. */
	_Atomic uint64_t word;
	uint64_t *unit;
	uint64_t moved; /* out of slabs, less what went back there; with the lock */
	uint32_t room;
};

#define MAGAZINE_COUNT     0xffU
#define MAGAZINE_ALLOCATED 0x100U

static inline uint64_t magazine_word(const struct magazine *magazine)
{
	return atomic_load_explicit(&magazine->word, memory_order_acquire);
}

/* By the thread itself. Who sees what was freed sees that it was allocated. */
static inline void magazine_set(struct magazine *magazine, uint64_t word)
{
	atomic_store_explicit(&magazine->word, word, memory_order_release);
}

static inline uint32_t magazine_count(const struct magazine *magazine)
{
	return magazine_word(magazine) & MAGAZINE_COUNT;
}

static inline uint64_t magazine_allocated(const struct magazine *magazine)
{
	return magazine_word(magazine) / MAGAZINE_ALLOCATED;
}

/* With the lock. */
static inline uint64_t magazine_freed(const struct magazine *magazine)
{
	uint64_t word = magazine_word(magazine);

	return word / MAGAZINE_ALLOCATED + (word & MAGAZINE_COUNT) - magazine->moved;
}

/* Of one thread and heap. Only the thread changes it, but for a heap that is closed. */
struct heap_cache {
	struct heap *heap;
	uint64_t serial;         /* of the heap: never used again */
	struct heap_cache *next; /* of the heap's, guarded by its lock */
	uint64_t flushed;        /* the heap's flushes that it has followed */
	bool evicts;             /* it runs the callback */
	struct magazine magazine[CLASS_COUNT];
	uint64_t units[];
};

/* What may be given back unasked: grows with time. */
struct purge {
	uint64_t bytes, at_us;
};

struct heap {
	/* Of registry.c, under its lock. */
	struct heap *next;
	bool forked; /* read by all: set in a child before any other code runs */
	uint64_t serial;

	pthread_mutex_t lock;
	struct segment *segment;
	uint8_t *base;
	uint64_t from, end; /* offsets in the segment */
	struct heap_pages pages;
	struct tlsf tlsf;
	struct slabs slabs; /* slab_find needs no lock */
	struct lru lru;
	struct heap_cache *caches;
	uint64_t flushes; /* when it rises threads give back what they keep */
	bool keeps;       /* nothing is punched */
	struct purge purge;
	heap_evict_fn evict;
	void *evict_data;
	uint64_t block_bytes;      /* of blocks that are allocations */
	uint64_t allocated, freed; /* of blocks, and by threads that are gone */
	uint64_t evictable_bytes, evicted, trimmed_bytes;
	_Atomic uint64_t zombie_bytes;
};

/* ---- registry.c ---- */

void registry_enter(struct heap *heap);
void registry_leave(struct heap *heap);

/* The heap of this serial, or NULL; while the registry is locked it stays. */
void registry_lock(void);
void registry_unlock(void);
struct heap *registry_find(uint64_t serial);

/* ---- cache.c ---- */

/* What the thread has of the heap, made when it is not there yet. NULL: no memory. */
struct heap_cache *cache_slow(struct heap *heap);

struct cache_latest {
	uint64_t serial;
	struct heap_cache *cache;
};

/* In a library static TLS costs no call; it is two words. */
extern _Thread_local struct cache_latest cache_latest __attribute__((tls_model("initial-exec")));

static inline struct heap_cache *cache_of(struct heap *heap)
{
	return cache_latest.serial == heap->serial ? cache_latest.cache : cache_slow(heap);
}

/* Gives back all that the thread keeps; the heap's lock is held. */
void cache_flush(struct heap_cache *cache);

/* A magazine gets half of what it has room for, or gives back the older half. The lock is not held.
 * UW_FULL; -ENOMEM. */
int cache_refill(struct heap_cache *cache, uint32_t class);
void cache_drain(struct heap_cache *cache, uint32_t class);

/* ---- small.c ---- */

/* One of a magazine, of which held, with some in it, is the word; its id. */
static inline uint64_t small_take(const struct heap *heap, struct magazine *magazine, uint64_t held,
				  uint32_t class)
{
	uint64_t unit = magazine->unit[(held & MAGAZINE_COUNT) - 1];
	mark_word *mark = slab_mark(&heap->slabs, unit, class);
	uint32_t word = atomic_load_explicit(mark, memory_order_relaxed);

	magazine_set(magazine, held + MAGAZINE_ALLOCATED - 1);
	word = ((word >> MARK_GENERATION_SHIFT) + 1) << MARK_GENERATION_SHIFT;
	atomic_store_explicit(mark, word, memory_order_release);
	return (uint64_t)word << (ID_UNIT_BITS - MARK_GENERATION_SHIFT) | unit;
}

static inline uint64_t small_unit(uint64_t id)
{
	return id & ((1ULL << ID_UNIT_BITS) - 1);
}

/* The lock is not held. UW_FULL; -ENOMEM. */
int small_alloc(struct heap *heap, struct heap_cache *cache, uint32_t class, uint64_t *ret_id,
		struct heap_span *ret_span);
int small_get(struct heap *heap, uint64_t id, struct heap_span *ret_span);
int small_pin(struct heap *heap, uint64_t id, struct heap_span *ret_span);
int small_unpin(struct heap *heap, uint64_t id);
int small_free(struct heap *heap, uint64_t id);

/* With the lock. It is pinned once then. */
int small_make_evictable(struct heap *heap, uint64_t id);
uint32_t small_record(struct heap *heap, uint64_t id);
void small_begin_evict(struct heap *heap, uint64_t id, struct heap_span *ret_span);
void small_end_evict(struct heap *heap, uint64_t id);

/* ---- large.c: the same for blocks ---- */

int large_alloc(struct heap *heap, uint64_t bytes, uint64_t *ret_id, struct heap_span *ret_span);
int large_get(struct heap *heap, uint64_t id, struct heap_span *ret_span);
int large_pin(struct heap *heap, uint64_t id, struct heap_span *ret_span);
int large_unpin(struct heap *heap, uint64_t id);
int large_free(struct heap *heap, uint64_t id);
int large_make_evictable(struct heap *heap, uint64_t id);
uint32_t large_record(struct heap *heap, uint64_t id);
void large_begin_evict(struct heap *heap, uint64_t id, struct heap_span *ret_span);
void large_end_evict(struct heap *heap, uint64_t id);

/* ---- evict.c ---- */

/* What can be had back without evicting: what this thread keeps, now, and others, soon. */
void evict_nothing(struct heap *heap, struct heap_cache *cache);

/* The lock is held. Exact when no other thread allocates or frees meanwhile; else off by no more
 * than they have at hand, and neither less than nothing nor more than there is. */
uint64_t evict_used_bytes(const struct heap *heap);

/* The lock is held, and given up while the callback runs. False: there is nothing to evict, or this
 * is called from the callback. */
bool evict_oldest(struct heap *heap, struct heap_cache *cache);

/* ---- purge.c: with the lock ---- */

/* Allocations then like to be where pages are, which is what giving them back relies upon. */
void purge_init(struct heap *heap);

/* The free block with this index has grown. */
void purge_after_free(struct heap *heap, uint32_t index);

/* Small allocations went back: costs a few ns where nothing is to go, and a look at all free blocks
 * once in 20 ms where what is there cannot. */
void purge_in_calm(struct heap *heap);

static inline struct heap_span span_of(const struct heap *heap, uint64_t offset, uint64_t bytes)
{
	return (struct heap_span){heap->base + offset, offset, bytes};
}

#endif
