// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Get and put, which mostly take one from, and put one on, what the thread has at hand, without an
 * instruction that locks. Two threads that put the same object within the same nanoseconds may both
 * succeed, and it is there twice; each time of the generation that it had. So get finds the second
 * one out, when the first has been got since, and passes over it.
 */
#define UW_NO_INLINE /* they are here */
#include <errno.h>

#include "user/lib/objects/inside.h"

/* One that was never made is made now; without success it goes back. */
static int make_object(struct uw_objects *pool, struct uw_objects_entry *entry,
		       struct uw_objects_round round)
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

/* What comes of a free object: false when it is in use, having been here twice. */
static bool hand_out(struct uw_objects_entry *entry, struct uw_objects_round round,
		     struct uw_object *ret_object)
{
	if (objects_generation(entry) != round.generation)
		return false;
	__atomic_store_n(&entry->generation, round.generation + 1, __ATOMIC_RELAXED);
	ret_object->bytes = entry->object;
	ret_object->index = round.index;
	ret_object->generation = round.generation + 1;
	return true;
}

/* From the depot, or new. */
static int get_from_depot(struct uw_objects *pool, struct uw_object *ret_object)
{
	struct uw_objects_entry *entry;
	struct uw_objects_round round;

	do {
		int rc = objects_refill(pool, objects_cache_of(pool), &round);

		if (rc)
			return rc;
		entry = &pool->head.entry[round.index];
		if (!entry->object)
			rc = make_object(pool, entry, round);
		if (rc)
			return rc;
	} while (!hand_out(entry, round, ret_object));
	return 0;
}

/* What is at hand and in use already, having been there twice, is passed over. */
static void pass_over(struct uw_objects *pool, struct uw_objects_hand *hand)
{
	while (hand->count) {
		struct uw_objects_round round = hand->round[hand->count - 1];

		if (objects_generation(&pool->head.entry[round.index]) == round.generation)
			return;
		hand->count--;
	}
}

int uw_objects_get(struct uw_objects *pool, struct uw_object *ret_object)
{
	struct objects_cache *cache = objects_cache_of(pool);

	if (uw_objects_take(pool, ret_object))
		return 0;
	if (cache)
		pass_over(pool, &cache->hand);
	return uw_objects_take(pool, ret_object) ? 0 : get_from_depot(pool, ret_object);
}

static int keep(struct uw_objects *pool, struct uw_objects_round round)
{
	struct objects_cache *cache = objects_cache_of(pool);
	struct uw_objects_hand *hand = cache ? &cache->hand : NULL;

	if (!hand || !hand->limit) {
		objects_give(pool, round);
		return 0;
	}
	if (hand->count == hand->limit)
		objects_flush(pool, cache, false);
	hand->round[hand->count++] = round;
	return 0;
}

int uw_objects_put(struct uw_objects *pool, const struct uw_object *object)
{
	struct uw_objects_round round = {object->index, object->generation + 1};
	struct uw_objects_entry *entry;

	if (uw_objects_keep(pool, object))
		return 0;
	if (round.index >= pool->options.max || round.generation & 1)
		return -EINVAL;
	entry = &pool->head.entry[round.index];
	if (entry->object != object->bytes || !object->bytes)
		return -EINVAL;
	if (objects_generation(entry) != object->generation)
		return UW_STALE;
	__atomic_store_n(&entry->generation, round.generation, __ATOMIC_RELAXED);
	if (pool->options.reset)
		pool->options.reset(pool->options.data, object->bytes);
	return keep(pool, round);
}
