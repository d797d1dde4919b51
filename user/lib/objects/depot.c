// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What no thread has at hand. Free objects come and go a magazine at a time, so that its lock is
 * taken once in so many gets or puts. It has room for each object once; when it is full it is rid
 * of those that two puts at once have brought twice.
 */
#include <errno.h>
#include <string.h>

#include "user/lib/objects/inside.h"

void objects_recover(struct uw_objects *pool)
{
	pool->depot_count = 0;
	for (uint32_t i = 0; i < pool->made; i++) {
		uint32_t generation = objects_generation(&pool->head.entry[i]);

		if (!(generation & 1))
			pool->depot[pool->depot_count++] = (struct uw_objects_round){i, generation};
	}
}

/* What could not be made stays in the depot: at hand is what can be used. What is at hand already,
 * as after a first look that found an object in use, stays there. */
static void fill_cache(struct uw_objects *pool, struct objects_cache *cache)
{
	uint32_t count = 0;

	while (count < pool->magazine && pool->depot_count) {
		struct uw_objects_round round = pool->depot[pool->depot_count - 1];

		if (!pool->head.entry[round.index].object)
			break;
		cache->hand.round[count++] = round;
		pool->depot_count--;
	}
	cache->hand.count = count;
}

int objects_refill(struct uw_objects *pool, struct objects_cache *cache,
		   struct uw_objects_round *ret_round)
{
	int rc = 0;

	pthread_mutex_lock(&pool->lock);
	if (pool->depot_count)
		*ret_round = pool->depot[--pool->depot_count];
	else if (pool->made < pool->options.max)
		*ret_round = (struct uw_objects_round){pool->made++, 0};
	else
		rc = -EAGAIN;
	if (!rc && cache && pool->magazine && !cache->hand.count)
		fill_cache(pool, cache);
	pthread_mutex_unlock(&pool->lock);
	return rc;
}

/* What has been used since goes, and of what is in here twice one. */
static void sweep(struct uw_objects *pool)
{
	uint32_t count = 0;

	pool->sweeps++;
	for (uint32_t i = 0; i < pool->depot_count; i++) {
		struct uw_objects_round round = pool->depot[i];
		struct uw_objects_entry *entry = &pool->head.entry[round.index];

		if (objects_generation(entry) != round.generation || entry->swept == pool->sweeps)
			continue;
		entry->swept = pool->sweeps;
		pool->depot[count++] = round;
	}
	pool->depot_count = count;
}

/* A depot that is full of what is free and there once has all that there is: the rest is twins. */
static void put_down(struct uw_objects *pool, const struct uw_objects_round *round, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (pool->depot_count == pool->options.max)
			sweep(pool);
		if (pool->depot_count == pool->options.max)
			return;
		pool->depot[pool->depot_count++] = round[i];
	}
}

void objects_flush(struct uw_objects *pool, struct objects_cache *cache, bool all)
{
	struct uw_objects_hand *hand = &cache->hand;
	uint32_t count = all ? hand->count : hand->count / 2;

	pthread_mutex_lock(&pool->lock);
	put_down(pool, hand->round, count);
	pthread_mutex_unlock(&pool->lock);
	hand->count -= count;
	memmove(hand->round, hand->round + count, hand->count * sizeof(*hand->round));
}

void objects_give(struct uw_objects *pool, struct uw_objects_round round)
{
	pthread_mutex_lock(&pool->lock);
	put_down(pool, &round, 1);
	pthread_mutex_unlock(&pool->lock);
}
