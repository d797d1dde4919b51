// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Makes a heap, and sends each call to the kind of allocation that its size or its id belongs to.
 * When there is no room, room is made, one allocation at a time, until there is or nothing is left
 * that may go.
 */
#include "user/lib/heap/heap.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "user/lib/heap/inside.h"
#include "user/lib/segment/segment.h"
#include "user/lib/uw.h"

/* So many allocations are evicted before what threads keep at hand is asked back again: that may
 * join what was evicted, and costs more than evicting. */
#define EVICTIONS 8U

/* ---- lifetime ---- */

/* Where generations begin, so that an id of another heap is most likely none of this one. */
static uint32_t first_generation(void)
{
	uint32_t generation = 0;

	if (getrandom(&generation, sizeof(generation), GRND_NONBLOCK) < 0)
		generation = (uint32_t)(uintptr_t)&generation;
	return generation & MARK_GENERATION_MASK & ~1U;
}

static int init_parts(struct heap *heap)
{
	uint32_t generation = first_generation();
	int rc = pages_init(&heap->pages, heap->segment);

	if (!rc)
		rc = tlsf_init(&heap->tlsf, heap->from, heap->end - heap->from, generation);
	if (!rc)
		rc = slabs_init(&heap->slabs, &heap->tlsf, &heap->pages, heap->end, generation);
	if (!rc)
		purge_init(heap);
	return rc;
}

static void free_parts(struct heap *heap)
{
	while (heap->caches) {
		struct heap_cache *cache = heap->caches;

		heap->caches = cache->next;
		free(cache);
	}
	lru_done(&heap->lru);
	slabs_done(&heap->slabs);
	tlsf_done(&heap->tlsf);
	pages_done(&heap->pages);
	pthread_mutex_destroy(&heap->lock);
	free(heap);
}

int heap_new(struct segment *segment, uint64_t from, struct heap **ret_heap)
{
	uint64_t end = segment_bytes(segment) / TLSF_UNIT * TLSF_UNIT;
	struct heap *heap;
	int rc;

	if (from % SLAB_BYTES || from >= end || end - from < SLAB_BYTES)
		return -EINVAL;
	heap = calloc(1, sizeof(*heap));
	if (!heap)
		return -ENOMEM;
	pthread_mutex_init(&heap->lock, NULL);
	heap->segment = segment;
	heap->base = segment_base(segment);
	heap->from = from;
	heap->end = end;
	rc = init_parts(heap);
	if (rc) {
		free_parts(heap);
		return rc;
	}
	registry_enter(heap);
	*ret_heap = heap;
	return 0;
}

void heap_free_all(struct heap *heap)
{
	if (!heap)
		return;
	registry_leave(heap);
	free_parts(heap);
}

void heap_on_evict(struct heap *heap, heap_evict_fn fn, void *data)
{
	pthread_mutex_lock(&heap->lock);
	heap->evict = fn;
	heap->evict_data = data;
	pthread_mutex_unlock(&heap->lock);
}

bool heap_is_forked(const struct heap *heap)
{
	return heap->forked;
}

/* ---- allocations ---- */

static int try_alloc(struct heap *heap, struct heap_cache *cache, uint64_t bytes, uint64_t *ret_id,
		     struct heap_span *ret_span)
{
	int rc = UW_FULL;

	if (bytes <= CLASS_BYTES_MAX)
		rc = small_alloc(heap, cache, class_of(bytes), ret_id, ret_span);
	return rc == UW_FULL ? large_alloc(heap, bytes, ret_id, ret_span) : rc;
}

static int alloc_evicting(struct heap *heap, struct heap_cache *cache, uint64_t bytes,
			  uint64_t *ret_id, struct heap_span *ret_span)
{
	for (uint32_t i = 1;; i++) {
		bool evicted;
		int rc;

		pthread_mutex_lock(&heap->lock);
		evicted = evict_oldest(heap, cache);
		if (!evicted || i % EVICTIONS == 0)
			evict_nothing(heap, cache);
		pthread_mutex_unlock(&heap->lock);
		rc = try_alloc(heap, cache, bytes, ret_id, ret_span);
		if (rc != UW_FULL || !evicted)
			return rc;
	}
}

static int make_evictable(struct heap *heap, uint64_t id)
{
	int rc;

	pthread_mutex_lock(&heap->lock);
	rc = (id & ID_BLOCK ? large_make_evictable : small_make_evictable)(heap, id);
	pthread_mutex_unlock(&heap->lock);
	if (rc)
		heap_free(heap, id);
	return rc;
}

static __attribute__((noinline)) int alloc_slowly(struct heap *heap, uint64_t bytes, uint32_t flags,
						  uint64_t *ret_id, struct heap_span *ret_span)
{
	struct heap_cache *cache;
	int rc;

	if (heap->forked)
		return -ECHILD;
	if (!bytes || flags & ~(uint32_t)(HEAP_EVICTABLE | HEAP_ALIGN_64))
		return -EINVAL;
	if (bytes > heap->end - heap->from)
		return UW_FULL;
	if (flags & HEAP_ALIGN_64)
		bytes = (bytes + 63) & ~63ULL;
	cache = cache_of(heap);
	if (!cache)
		return -ENOMEM;
	rc = try_alloc(heap, cache, bytes, ret_id, ret_span);
	if (rc == UW_FULL)
		rc = alloc_evicting(heap, cache, bytes, ret_id, ret_span);
	if (!rc && flags & HEAP_EVICTABLE)
		rc = make_evictable(heap, *ret_id);
	return rc;
}

/* Out of what the thread has at hand. */
static inline bool alloc_at_once(struct heap *heap, uint64_t bytes, uint32_t flags,
				 uint64_t *ret_id)
{
	struct magazine *magazine;
	uint32_t class;
	uint64_t held;

	if (cache_latest.serial != heap->serial || heap->forked || flags ||
	    bytes - 1 >= CLASS_BYTES_MAX)
		return false;
	class = class_of(bytes);
	magazine = &cache_latest.cache->magazine[class];
	held = magazine_word(magazine);
	if (!(held & MAGAZINE_COUNT))
		return false;
	*ret_id = small_take(heap, magazine, held, class);
	return true;
}

int heap_alloc(struct heap *heap, uint64_t bytes, uint32_t flags, uint64_t *ret_id,
	       struct heap_span *ret_span)
{
	if (!alloc_at_once(heap, bytes, flags, ret_id))
		return alloc_slowly(heap, bytes, flags, ret_id, ret_span);
	*ret_span = span_of(heap, small_unit(*ret_id) * CLASS_UNIT, class_bytes(class_of(bytes)));
	return 0;
}

static __attribute__((noinline)) int alloc_memory_slowly(struct heap *heap, uint64_t bytes,
							 uint32_t flags, uint64_t *ret_id,
							 void **ret_memory)
{
	struct heap_span span;
	int rc = alloc_slowly(heap, bytes, flags, ret_id, &span);

	if (!rc && ret_memory)
		*ret_memory = span.memory;
	return rc;
}

int heap_alloc_memory(struct heap *heap, uint64_t bytes, uint32_t flags, uint64_t *ret_id,
		      void **ret_memory)
{
	if (!alloc_at_once(heap, bytes, flags, ret_id))
		return alloc_memory_slowly(heap, bytes, flags, ret_id, ret_memory);
	if (ret_memory)
		*ret_memory = heap->base + small_unit(*ret_id) * CLASS_UNIT;
	return 0;
}

void heap_set_tag(struct heap *heap, uint64_t id, uint64_t tag)
{
	uint32_t record;

	pthread_mutex_lock(&heap->lock);
	record = (id & ID_BLOCK ? large_record : small_record)(heap, id);
	if (record)
		heap->lru.record[record].tag = tag;
	pthread_mutex_unlock(&heap->lock);
}

int heap_get(struct heap *heap, uint64_t id, struct heap_span *ret_span)
{
	if (heap->forked)
		return -ECHILD;
	return (id & ID_BLOCK ? large_get : small_get)(heap, id, ret_span);
}

int heap_pin(struct heap *heap, uint64_t id, struct heap_span *ret_span)
{
	if (heap->forked)
		return -ECHILD;
	return (id & ID_BLOCK ? large_pin : small_pin)(heap, id, ret_span);
}

int heap_unpin(struct heap *heap, uint64_t id)
{
	if (heap->forked)
		return -ECHILD;
	return id & ID_BLOCK ? large_unpin(heap, id) : small_unpin(heap, id);
}

int heap_free(struct heap *heap, uint64_t id)
{
	if (heap->forked)
		return -ECHILD;
	return id & ID_BLOCK ? large_free(heap, id) : small_free(heap, id);
}

int heap_keep_all(struct heap *heap)
{
	int rc;

	pthread_mutex_lock(&heap->lock);
	rc = pages_commit(&heap->pages, heap->from, heap->end - heap->from);
	heap->keeps = !rc;
	pthread_mutex_unlock(&heap->lock);
	return rc;
}

void heap_keep_less(struct heap *heap)
{
	pthread_mutex_lock(&heap->lock);
	heap->keeps = false;
	pthread_mutex_unlock(&heap->lock);
}

/* ---- figures ---- */

static uint64_t count_of_threads(const struct heap *heap,
				 uint64_t (*count_of)(const struct magazine *magazine))
{
	uint64_t count = 0;

	for (const struct heap_cache *cache = heap->caches; cache; cache = cache->next)
		for (uint32_t i = 0; i < CLASS_COUNT; i++)
			count += count_of(&cache->magazine[i]);
	return count;
}

static void fill_stats(const struct heap *heap, struct heap_stats *stats)
{
	int64_t zombies = (int64_t)heap->zombie_bytes;
	/* First what was freed: what of it was allocated meanwhile is counted then as well. */
	uint64_t freed = heap->freed + count_of_threads(heap, magazine_freed);

	*stats = (struct heap_stats){
		.bytes = heap->end - heap->from,
		.used_bytes = evict_used_bytes(heap),
		.zombie_bytes = zombies > 0 ? (uint64_t)zombies : 0,
		.evictable_bytes = heap->evictable_bytes,
		.committed_bytes = heap->pages.committed_bytes,
		.free_bytes = heap->tlsf.free_bytes,
		.largest_bytes = tlsf_largest(&heap->tlsf),
		.allocations = heap->allocated + count_of_threads(heap, magazine_allocated),
		.frees = freed,
		.evictions = heap->evicted,
		.trimmed_bytes = heap->trimmed_bytes,
	};
}

void heap_get_stats(struct heap *heap, struct heap_stats *ret_stats)
{
	pthread_mutex_lock(&heap->lock);
	fill_stats(heap, ret_stats);
	pthread_mutex_unlock(&heap->lock);
}
