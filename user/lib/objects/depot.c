// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What no thread has at hand. Free objects come and go a magazine at a time, so that its lock is
 * taken once in so many gets or puts. It has room for each object once.
 */
#include <errno.h>
#include <string.h>

#include "user/lib/objects/inside.h"

void objects_recover(struct uw_objects *pool)
{
	pool->depot_count = 0;
	for (uint32_t i = 0; i < pool->made; i++) {
		uint32_t generation =
			atomic_load_explicit(&pool->entry[i].generation, memory_order_relaxed);

		if (!(generation & 1))
			pool->depot[pool->depot_count++] = (struct objects_round){i, generation};
	}
}

/* What could not be made stays in the depot: at hand is what can be used. */
static void fill_cache(struct uw_objects *pool, struct objects_cache *cache)
{
	uint32_t count = 0;

	while (count < pool->magazine && pool->depot_count) {
		struct objects_round round = pool->depot[pool->depot_count - 1];

		if (!pool->entry[round.index].object)
			break;
		cache->round[count++] = round;
		pool->depot_count--;
	}
	atomic_store_explicit(&cache->count, count, memory_order_relaxed);
}

int objects_refill(struct uw_objects *pool, struct objects_cache *cache,
		   struct objects_round *ret_round)
{
	int rc = 0;

	pthread_mutex_lock(&pool->lock);
	if (pool->depot_count)
		*ret_round = pool->depot[--pool->depot_count];
	else if (pool->made < pool->options.max)
		*ret_round = (struct objects_round){pool->made++, 0};
	else
		rc = -EAGAIN;
	if (!rc && cache && pool->magazine)
		fill_cache(pool, cache);
	pthread_mutex_unlock(&pool->lock);
	return rc;
}

/* There is room for each object once: what is in here twice, and has been used since, may go. */
static void put_down(struct uw_objects *pool, const struct objects_round *round, uint32_t count)
{
	for (uint32_t i = 0; i < count && pool->depot_count < pool->options.max; i++)
		pool->depot[pool->depot_count++] = round[i];
}

void objects_flush(struct uw_objects *pool, struct objects_cache *cache, bool all)
{
	uint32_t have, count;

	pthread_mutex_lock(&pool->lock);
	have = atomic_load_explicit(&cache->count, memory_order_relaxed);
	count = all ? have : have / 2;
	put_down(pool, cache->round, count);
	memmove(cache->round, cache->round + count, (have - count) * sizeof(*cache->round));
	atomic_store_explicit(&cache->count, have - count, memory_order_relaxed);
	pthread_mutex_unlock(&pool->lock);
}

void objects_give(struct uw_objects *pool, struct objects_round round)
{
	pthread_mutex_lock(&pool->lock);
	put_down(pool, &round, 1);
	pthread_mutex_unlock(&pool->lock);
}
