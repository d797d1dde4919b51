// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Small allocations, by their marks. What is not evictable changes by one compare-and-swap of its
 * mark, without the lock, so of two threads that free the same id one is told so; in a process of
 * one thread that is a plain store. What is evictable changes under the lock, as the list of them
 * does.
 */
#include <errno.h>
#include <sys/single_threaded.h>

#include "user/lib/heap/inside.h"
#include "user/lib/uw.h"

struct small {
	struct slab_place at;
	uint64_t unit;
	uint32_t generation;
};

static uint32_t read_mark(const struct small *small)
{
	return atomic_load_explicit(small->at.mark, memory_order_acquire);
}

/* Of the one who may: who allocates it, or holds the lock and sees that it is evictable. */
static void write_mark(const struct small *small, uint32_t word)
{
	atomic_store_explicit(small->at.mark, word, memory_order_release);
}

static bool swap_mark(const struct small *small, uint32_t from, uint32_t to)
{
	if (__libc_single_threaded) {
		atomic_store_explicit(small->at.mark, to, memory_order_relaxed);
		return true;
	}
	return atomic_compare_exchange_weak_explicit(small->at.mark, &from, to,
						     memory_order_acq_rel, memory_order_relaxed);
}

static inline bool find(const struct heap *heap, uint64_t id, struct small *ret_small)
{
	ret_small->unit = small_unit(id);
	ret_small->generation = (uint32_t)(id >> ID_UNIT_BITS);
	return ret_small->generation & 1 &&
	       slab_find(&heap->slabs, ret_small->unit, &ret_small->at);
}

static bool is_it(const struct small *small, uint32_t word)
{
	return word >> MARK_GENERATION_SHIFT == small->generation;
}

static bool is_live(const struct small *small, uint32_t word)
{
	return is_it(small, word) && !(word & MARK_ZOMBIE);
}

static uint32_t freed_mark(const struct small *small)
{
	return (small->generation + 1) << MARK_GENERATION_SHIFT;
}

static struct heap_span span(const struct heap *heap, const struct small *small)
{
	return span_of(heap, small->unit * CLASS_UNIT, class_bytes(small->at.class));
}

/* ---- to and from the magazine ---- */

int small_alloc(struct heap *heap, struct heap_cache *cache, uint32_t class, uint64_t *ret_id,
		struct heap_span *ret_span)
{
	struct magazine *magazine = &cache->magazine[class];
	int rc = magazine_count(magazine) ? 0 : cache_refill(cache, class);

	if (rc)
		return rc;
	*ret_id = small_take(heap, magazine, magazine_word(magazine), class);
	*ret_span = span_of(heap, small_unit(*ret_id) * CLASS_UNIT, class_bytes(class));
	return 0;
}

/* held is the magazine's word. */
static inline void put_into(struct magazine *magazine, uint64_t held, uint64_t unit)
{
	magazine->unit[held & MAGAZINE_COUNT] = unit;
	magazine_set(magazine, held + 1);
}

static void put_back(struct heap *heap, const struct small *small)
{
	struct heap_cache *cache = cache_of(heap);
	struct magazine *magazine;

	if (!cache) {
		pthread_mutex_lock(&heap->lock);
		slabs_give(&heap->slabs, small->unit);
		heap->freed++;
		pthread_mutex_unlock(&heap->lock);
		return;
	}
	magazine = &cache->magazine[small->at.class];
	if (magazine_count(magazine) == magazine->room)
		cache_drain(cache, small->at.class);
	put_into(magazine, magazine_word(magazine), small->unit);
}

/* ---- evictable ones: with the lock ---- */

static void unlist(struct heap *heap, const struct small *small)
{
	lru_leave(&heap->lru, *slabs_record(&heap->slabs, small->unit));
	heap->evictable_bytes -= class_bytes(small->at.class);
}

static void list(struct heap *heap, const struct small *small)
{
	lru_enter(&heap->lru, *slabs_record(&heap->slabs, small->unit));
	heap->evictable_bytes += class_bytes(small->at.class);
}

int small_make_evictable(struct heap *heap, uint64_t id)
{
	struct small small;
	uint32_t *record;

	if (!find(heap, id, &small))
		return UW_STALE;
	record = slabs_record(&heap->slabs, small.unit);
	if (!record)
		return -ENOMEM;
	*record = lru_new(&heap->lru, id);
	if (*record == LRU_NONE)
		return -ENOMEM;
	write_mark(&small, (read_mark(&small) | MARK_EVICTABLE) + 1);
	return 0;
}

uint32_t small_record(struct heap *heap, uint64_t id)
{
	struct small small;

	if (!find(heap, id, &small) || !is_live(&small, read_mark(&small)) ||
	    !(read_mark(&small) & MARK_EVICTABLE))
		return LRU_NONE;
	return *slabs_record(&heap->slabs, small.unit);
}

/* Nobody evicts it any more. */
static void make_plain(struct heap *heap, const struct small *small, uint32_t word)
{
	if (!(word & MARK_PINS))
		unlist(heap, small);
	lru_free(&heap->lru, *slabs_record(&heap->slabs, small->unit));
	write_mark(small, word & ~MARK_EVICTABLE);
}

/* By how much the pins of an evictable one change. False: it is not one any more. */
static bool pin_listed(struct heap *heap, const struct small *small, int change, int *ret_rc)
{
	uint32_t word = read_mark(small);

	if (!is_it(small, word) || !(word & MARK_EVICTABLE))
		return false;
	*ret_rc = 0;
	if (change > 0 && (word & MARK_PINS) == MARK_PINS)
		*ret_rc = -EOVERFLOW;
	else if (change < 0 && !(word & MARK_PINS))
		*ret_rc = UW_STALE;
	if (*ret_rc)
		return true;
	if (change > 0 && !(word & MARK_PINS))
		unlist(heap, small);
	write_mark(small, word + (uint32_t)change);
	if (change < 0 && (word & MARK_PINS) == 1)
		list(heap, small);
	return true;
}

static bool pin_evictable(struct heap *heap, const struct small *small, int change, int *ret_rc)
{
	bool done;

	pthread_mutex_lock(&heap->lock);
	done = pin_listed(heap, small, change, ret_rc);
	pthread_mutex_unlock(&heap->lock);
	return done;
}

static int touch(struct heap *heap, const struct small *small)
{
	uint32_t word;

	pthread_mutex_lock(&heap->lock);
	word = read_mark(small);
	if (is_it(small, word) && (word & MARK_EVICTABLE) && !(word & MARK_PINS)) {
		uint32_t record = *slabs_record(&heap->slabs, small->unit);

		lru_leave(&heap->lru, record);
		lru_enter(&heap->lru, record);
	}
	pthread_mutex_unlock(&heap->lock);
	return is_live(small, word) ? 0 : UW_STALE;
}

void small_begin_evict(struct heap *heap, uint64_t id, struct heap_span *ret_span)
{
	struct small small;

	if (!find(heap, id, &small))
		return;
	heap->evictable_bytes -= class_bytes(small.at.class);
	write_mark(&small, freed_mark(&small));
	*ret_span = span(heap, &small);
}

void small_end_evict(struct heap *heap, uint64_t id)
{
	struct small small;

	if (!find(heap, id, &small))
		return;
	slabs_give(&heap->slabs, small.unit);
}

/* ---- calls ---- */

int small_get(struct heap *heap, uint64_t id, struct heap_span *ret_span)
{
	struct small small;
	uint32_t word;

	if (!find(heap, id, &small))
		return UW_STALE;
	word = read_mark(&small);
	if (!is_live(&small, word) || (word & MARK_EVICTABLE && touch(heap, &small)))
		return UW_STALE;
	*ret_span = span(heap, &small);
	return 0;
}

int small_pin(struct heap *heap, uint64_t id, struct heap_span *ret_span)
{
	struct small small;
	uint32_t word;
	int rc;

	if (!find(heap, id, &small))
		return UW_STALE;
	do {
		word = read_mark(&small);
		if (!is_live(&small, word))
			return UW_STALE;
		if (word & MARK_EVICTABLE) {
			if (!pin_evictable(heap, &small, 1, &rc))
				continue;
			*ret_span = span(heap, &small);
			return rc;
		}
		if ((word & MARK_PINS) == MARK_PINS)
			return -EOVERFLOW;
	} while (word & MARK_EVICTABLE || !swap_mark(&small, word, word + 1));
	*ret_span = span(heap, &small);
	return 0;
}

static void end_zombie(struct heap *heap, const struct small *small)
{
	atomic_fetch_sub_explicit(&heap->zombie_bytes, class_bytes(small->at.class),
				  memory_order_relaxed);
	put_back(heap, small);
}

int small_unpin(struct heap *heap, uint64_t id)
{
	struct small small;
	uint32_t word;
	bool ends;
	int rc;

	if (!find(heap, id, &small))
		return UW_STALE;
	do {
		word = read_mark(&small);
		if (!is_it(&small, word) || !(word & MARK_PINS))
			return UW_STALE;
		if (word & MARK_EVICTABLE && pin_evictable(heap, &small, -1, &rc))
			return rc;
		ends = word & MARK_ZOMBIE && (word & MARK_PINS) == 1;
	} while (word & MARK_EVICTABLE ||
		 !swap_mark(&small, word, ends ? freed_mark(&small) : word - 1));
	if (ends)
		end_zombie(heap, &small);
	return 0;
}

static void free_evictable(struct heap *heap, const struct small *small)
{
	uint32_t word;

	pthread_mutex_lock(&heap->lock);
	word = read_mark(small);
	if (is_it(small, word) && (word & MARK_EVICTABLE))
		make_plain(heap, small, word);
	pthread_mutex_unlock(&heap->lock);
}

static __attribute__((noinline)) int free_slowly(struct heap *heap, uint64_t id)
{
	struct small small;
	uint32_t word;

	if (!find(heap, id, &small))
		return UW_STALE;
	do {
		word = read_mark(&small);
		if (!is_live(&small, word))
			return UW_STALE;
		if (word & MARK_EVICTABLE)
			free_evictable(heap, &small);
	} while (word & MARK_EVICTABLE ||
		 !swap_mark(&small, word,
			    word & MARK_PINS ? word | MARK_ZOMBIE : freed_mark(&small)));
	if (word & MARK_PINS)
		atomic_fetch_add_explicit(&heap->zombie_bytes, class_bytes(small.at.class),
					  memory_order_relaxed);
	else
		put_back(heap, &small);
	return 0;
}

/* One that is neither pinned nor evictable, where the thread has room for it. */
static inline bool free_at_once(struct heap *heap, uint64_t id)
{
	struct magazine *magazine;
	struct small small;
	uint64_t held;
	uint32_t word;

	if (cache_latest.serial != heap->serial || !find(heap, id, &small))
		return false;
	word = small.generation << MARK_GENERATION_SHIFT;
	if (read_mark(&small) != word)
		return false;
	magazine = &cache_latest.cache->magazine[small.at.class];
	held = magazine_word(magazine);
	if ((held & MAGAZINE_COUNT) == magazine->room ||
	    !swap_mark(&small, word, freed_mark(&small)))
		return false;
	put_into(magazine, held, small.unit);
	return true;
}

int small_free(struct heap *heap, uint64_t id)
{
	return free_at_once(heap, id) ? 0 : free_slowly(heap, id);
}
