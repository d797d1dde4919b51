// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Get and put, which mostly take one from, and put one on, what the thread has at hand, without an
 * instruction that locks. Two threads that put the same object within the same nanoseconds may both
 * succeed, and it is there twice; each time of the generation that it had. So get finds the second
 * one out, when the first has been got since, and passes over it.
 */
#include <errno.h>

#include "user/lib/objects/inside.h"

/* One that was never made is made now; without success it goes back. */
static int make_object(struct uw_objects *pool, struct objects_entry *entry,
		       struct objects_round round)
{
	if (pool->memory)
		entry->object = pool->memory + round.index * pool->stride;
	else
		entry->object = pool->options.create(pool->options.data);
	if (entry->object)
		return 0;
	objects_give(pool, round);
	return -ENOMEM;
}

static inline uint32_t load(const _Atomic uint32_t *from)
{
	return atomic_load_explicit(from, memory_order_relaxed);
}

static inline void store(_Atomic uint32_t *to, uint32_t value)
{
	atomic_store_explicit(to, value, memory_order_relaxed);
}

/* What comes of a free object: false when it is in use, having been here twice. */
static inline bool hand_out(struct objects_entry *entry, struct objects_round round,
			    struct uw_object *ret_object)
{
	/* After it was taken, before its generation: a fork in between finds it free. */
	atomic_signal_fence(memory_order_seq_cst);
	if (__builtin_expect(load(&entry->generation) != round.generation, 0))
		return false;
	store(&entry->generation, round.generation + 1);
	ret_object->bytes = entry->object;
	ret_object->index = round.index;
	ret_object->generation = round.generation + 1;
	return true;
}

/* From the depot, or new. */
__attribute__((noinline)) static int get_slow(struct uw_objects *pool, struct uw_object *ret_object)
{
	struct objects_entry *entry;
	struct objects_round round;

	do {
		int rc = objects_refill(pool, objects_cache_of(pool), &round);

		if (rc)
			return rc;
		entry = &pool->entry[round.index];
		if (!entry->object)
			rc = make_object(pool, entry, round);
		if (rc)
			return rc;
	} while (!hand_out(entry, round, ret_object));
	return 0;
}

int uw_objects_get(struct uw_objects *pool, struct uw_object *ret_object)
{
	struct objects_cache *cache = objects_cache_of(pool);
	uint32_t count = cache ? load(&cache->count) : 0;

	while (__builtin_expect(count != 0, 1)) {
		struct objects_round round = cache->round[--count];
		struct objects_entry *entry = &pool->entry[round.index];

		store(&cache->count, count);
		if (__builtin_expect(hand_out(entry, round, ret_object), 1))
			return 0;
	}
	return get_slow(pool, ret_object);
}

__attribute__((noinline)) static int keep_slow(struct uw_objects *pool, struct objects_cache *cache,
					       struct objects_round round)
{
	uint32_t count;

	if (!cache || !cache->limit) {
		objects_give(pool, round);
		return 0;
	}
	objects_flush(pool, cache, false);
	count = load(&cache->count);
	cache->round[count] = round;
	store(&cache->count, count + 1);
	return 0;
}

static inline int keep(struct uw_objects *pool, struct objects_round round)
{
	struct objects_cache *cache = objects_cache_of(pool);
	uint32_t count = cache ? load(&cache->count) : 0;

	if (__builtin_expect(!cache || count >= cache->limit, 0))
		return keep_slow(pool, cache, round);
	cache->round[count] = round;
	store(&cache->count, count + 1);
	return 0;
}

int uw_objects_put(struct uw_objects *pool, const struct uw_object *object)
{
	struct objects_round round = {object->index, object->generation + 1};
	struct objects_entry *entry;

	if (round.index >= pool->options.max || round.generation & 1)
		return -EINVAL;
	entry = &pool->entry[round.index];
	if (entry->object != object->bytes || !object->bytes)
		return -EINVAL;
	if (load(&entry->generation) != object->generation)
		return UW_STALE;
	store(&entry->generation, round.generation);
	if (pool->options.reset)
		pool->options.reset(pool->options.data, object->bytes);
	return keep(pool, round);
}
