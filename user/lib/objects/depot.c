// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What no thread has at hand. Free objects come and go a magazine at a time, so that its lock is
 * taken once in so many gets or puts. It has room for each object once; when it is full it is rid
 * of those that two puts at once have brought twice.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/lib/objects/inside.h"

void objects_recover(struct uw_objects *pool)
{
	pool->depot_count = 0;
	for (uint32_t i = 1; i <= pool->made; i++) {
		uint64_t use = objects_use(&pool->head.entry[i]);

		if (objects_is_free(use))
			pool->depot[pool->depot_count++] = use;
	}
}

/* What could not be made stays in the depot: at hand is what can be used. */
static uint32_t count_made(const struct uw_objects *pool, uint32_t most)
{
	uint32_t count = 0;

	while (count < most) {
		uint64_t use = pool->depot[pool->depot_count - count - 1];

		if (!pool->head.entry[objects_index(use)].object)
			break;
		count++;
	}
	return count;
}

/* No object is looked at where that can be helped: each is a line of memory. */
static void fill_hand(struct uw_objects *pool, struct uw_objects_hand *hand)
{
	uint32_t count = pool->magazine < pool->depot_count ? pool->magazine : pool->depot_count;

	if (!pool->memory)
		count = count_made(pool, count);
	pool->depot_count -= count;
	memcpy(hand->use, pool->depot + pool->depot_count, count * sizeof(*hand->use));
	hand->count = count;
}

/* One in memory of the pool is there from now on; what a callback makes is made without the lock.
 */
static uint64_t new_one(struct uw_objects *pool)
{
	uint64_t use = ++pool->made | UW_OBJECTS_TURN;
	struct uw_objects_entry *entry = &pool->head.entry[pool->made];

	if (pool->memory)
		entry->object = pool->memory + (pool->made - 1) * pool->stride;
	__atomic_store_n(&entry->use, use, __ATOMIC_RELAXED);
	return use;
}

/* What is at hand already, as after a first look that found an object in use, stays there. */
int objects_refill(struct uw_objects *pool, struct uw_objects_hand *hand, uint64_t *ret_use)
{
	int rc = 0;

	pthread_mutex_lock(&pool->lock);
	if (pool->depot_count)
		*ret_use = pool->depot[--pool->depot_count];
	else if (pool->made < pool->options.max)
		*ret_use = new_one(pool);
	else
		rc = -EAGAIN;
	if (!rc && hand && !hand->count)
		fill_hand(pool, hand);
	pthread_mutex_unlock(&pool->lock);
	return rc;
}

static int by_value(const void *a, const void *b)
{
	uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

	return (one > other) - (one < other);
}

/* What has been used since goes, and of what is in here twice one. */
static void sweep(struct uw_objects *pool)
{
	uint32_t count = 0;

	qsort(pool->depot, pool->depot_count, sizeof(*pool->depot), by_value);
	for (uint32_t i = 0; i < pool->depot_count; i++) {
		uint64_t use = pool->depot[i];

		if (objects_use(&pool->head.entry[objects_index(use)]) == use &&
		    (!count || pool->depot[count - 1] != use))
			pool->depot[count++] = use;
	}
	pool->depot_count = count;
}

/* A depot that is full of what is free and there once has all that there is: the rest is twins. */
static void put_down_one(struct uw_objects *pool, uint64_t use)
{
	if (pool->depot_count == pool->options.max)
		sweep(pool);
	if (pool->depot_count < pool->options.max)
		pool->depot[pool->depot_count++] = use;
}

static void put_down(struct uw_objects *pool, const uint64_t *use, uint32_t count)
{
	if (count <= pool->options.max - pool->depot_count) {
		memcpy(pool->depot + pool->depot_count, use, count * sizeof(*use));
		pool->depot_count += count;
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		put_down_one(pool, use[i]);
}

void objects_flush(struct uw_objects *pool, struct uw_objects_hand *hand, bool all)
{
	uint32_t count = all ? hand->count : (hand->count + 1) / 2;

	pthread_mutex_lock(&pool->lock);
	put_down(pool, hand->use, count);
	if (all && hand->last_use)
		put_down(pool, &hand->last_use, 1);
	pthread_mutex_unlock(&pool->lock);
	if (all)
		hand->last_use = 0;
	hand->count -= count;
	memmove(hand->use, hand->use + count, hand->count * sizeof(*hand->use));
}

void objects_give(struct uw_objects *pool, uint64_t use)
{
	pthread_mutex_lock(&pool->lock);
	put_down(pool, &use, 1);
	pthread_mutex_unlock(&pool->lock);
}
