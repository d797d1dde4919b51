// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Get and put, which mostly take one from, and put one on, what the thread has at hand. The one
 * store that others can race with is that of the generation in put: of two puts of an object one
 * alone succeeds, however they fall.
 */
#include <errno.h>

#include "user/lib/objects/inside.h"

/* One that was never made is made now; without success its index goes back. */
static int make_object(struct uw_objects *pool, struct objects_entry *entry, uint32_t index)
{
	if (pool->memory)
		entry->object = pool->memory + index * pool->stride;
	else
		entry->object = pool->options.create(pool->options.data);
	if (entry->object)
		return 0;
	objects_give(pool, index);
	return -ENOMEM;
}

/* A free index, from what is at hand. */
static inline int take_index(struct uw_objects *pool, uint32_t *ret_index)
{
	struct objects_cache *cache = objects_cache_of(pool);
	uint32_t count = cache ? atomic_load_explicit(&cache->count, memory_order_relaxed) : 0;

	if (__builtin_expect(!count, 0))
		return objects_refill(pool, cache, ret_index);
	*ret_index = cache->index[count - 1];
	atomic_store_explicit(&cache->count, count - 1, memory_order_relaxed);
	/* Before its generation: a fork in between finds it free. */
	atomic_signal_fence(memory_order_seq_cst);
	return 0;
}

int uw_objects_get(struct uw_objects *pool, struct uw_object *ret_object)
{
	struct objects_entry *entry;
	uint32_t index, generation;
	int rc;

	do {
		rc = take_index(pool, &index);
		if (rc)
			return rc;
		entry = &pool->entry[index];
		if (__builtin_expect(!entry->object, 0))
			rc = make_object(pool, entry, index);
		if (rc)
			return rc;
		generation = atomic_load_explicit(&entry->generation, memory_order_relaxed) + 1;
		/* In use: only where create has forked, and the child found it free before. */
	} while (__builtin_expect(!(generation & 1), 0));
	atomic_store_explicit(&entry->generation, generation, memory_order_relaxed);
	*ret_object = (struct uw_object){entry->object, index, generation};
	return 0;
}

int uw_objects_put(struct uw_objects *pool, const struct uw_object *object)
{
	uint32_t index = object->index, generation = object->generation, count;
	struct objects_entry *entry;
	struct objects_cache *cache;

	if (index >= pool->options.max || !(generation & 1))
		return -EINVAL;
	entry = &pool->entry[index];
	if (entry->object != object->bytes || !object->bytes)
		return -EINVAL;
	if (!atomic_compare_exchange_strong_explicit(&entry->generation, &generation,
						     generation + 1, memory_order_acq_rel,
						     memory_order_relaxed))
		return UW_STALE;
	if (pool->options.reset)
		pool->options.reset(pool->options.data, object->bytes);
	cache = objects_cache_of(pool);
	if (__builtin_expect(!cache || !cache->limit, 0)) {
		objects_give(pool, index);
		return 0;
	}
	count = atomic_load_explicit(&cache->count, memory_order_relaxed);
	if (__builtin_expect(count >= cache->limit, 0)) {
		objects_flush(pool, cache, false);
		count = atomic_load_explicit(&cache->count, memory_order_relaxed);
	}
	cache->index[count] = index;
	atomic_store_explicit(&cache->count, count + 1, memory_order_relaxed);
	return 0;
}
