// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Makes room. First what costs nobody anything, which is what threads keep at hand and slabs that
 * are empty; then allocations that may go, the least recently used first, each after its owner was
 * told. The owner is told without the lock, when the id is stale already and the place not yet
 * free.
 */
#include "user/lib/heap/inside.h"

void evict_nothing(struct heap *heap, struct heap_cache *cache)
{
	heap->flushes++;
	cache_flush(cache);
	slabs_release(&heap->slabs);
}

static uint64_t at_hand(const struct heap *heap, uint32_t class)
{
	uint64_t count = 0;

	for (const struct heap_cache *cache = heap->caches; cache; cache = cache->next)
		count += magazine_count(&cache->magazine[class]);
	return count;
}

/* What slabs gave out and no thread has at hand. What one thread allocates and another one frees
 * while they are asked one after the other may be found with both of them. */
uint64_t evict_used_bytes(const struct heap *heap)
{
	uint64_t bytes = heap->block_bytes;

	for (uint32_t i = 0; i < CLASS_COUNT; i++) {
		uint64_t taken = heap->slabs.taken[i], kept = at_hand(heap, i);

		bytes += class_bytes(i) * (kept < taken ? taken - kept : 0);
	}
	return bytes;
}

bool evict_oldest(struct heap *heap, struct heap_cache *cache)
{
	uint32_t record = heap->lru.oldest;
	struct heap_span span = {0};
	uint64_t id, tag;
	bool block;

	if (!record || cache->evicts)
		return false;
	id = heap->lru.record[record].id;
	tag = heap->lru.record[record].tag;
	block = id & ID_BLOCK;
	lru_leave(&heap->lru, record);
	lru_free(&heap->lru, record);
	(block ? large_begin_evict : small_begin_evict)(heap, id, &span);
	heap->evicted++;
	heap->freed++;
	if (heap->evict) {
		cache->evicts = true;
		pthread_mutex_unlock(&heap->lock);
		heap->evict(heap->evict_data, id, tag, &span);
		pthread_mutex_lock(&heap->lock);
		cache->evicts = false;
	}
	(block ? large_end_evict : small_end_evict)(heap, id);
	return true;
}

void heap_evict(struct heap *heap, uint64_t used_bytes)
{
	struct heap_cache *cache = heap->forked ? NULL : cache_of(heap);

	if (!cache)
		return;
	pthread_mutex_lock(&heap->lock);
	while (evict_used_bytes(heap) > used_bytes && evict_oldest(heap, cache))
		;
	pthread_mutex_unlock(&heap->lock);
}

/* The lock is held. */
static uint64_t punch_free(struct heap *heap)
{
	uint64_t bytes = slabs_punch(&heap->slabs);

	for (uint32_t i = tlsf_first_free(&heap->tlsf, RUN_BYTES); i;
	     i = tlsf_next_free(&heap->tlsf, i))
		bytes += pages_punch(&heap->pages, heap->tlsf.block[i].offset,
				     heap->tlsf.block[i].bytes, UINT64_MAX);
	return bytes;
}

uint64_t heap_trim(struct heap *heap)
{
	struct heap_cache *cache = heap->forked ? NULL : cache_of(heap);
	uint64_t bytes;

	if (!cache)
		return 0;
	pthread_mutex_lock(&heap->lock);
	evict_nothing(heap, cache);
	bytes = heap->keeps ? 0 : punch_free(heap);
	heap->trimmed_bytes += bytes;
	pthread_mutex_unlock(&heap->lock);
	return bytes;
}
