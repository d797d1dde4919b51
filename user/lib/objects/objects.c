// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Get and put, which mostly take one from, and put one on, what the thread has at hand, without an
 * instruction that locks. Two threads that put the same object within the same nanoseconds may both
 * succeed, and it is there twice; each time with the use that it had. So get finds the second one
 * out, when the first has been got since, and passes over it.
 */
#define UW_NO_INLINE /* they are here */
#include <errno.h>

#include "user/lib/objects/inside.h"

/* One that was never made is made now; without success it goes back. */
static int make_object(struct uw_objects *pool, struct uw_objects_entry *entry, uint64_t use)
{
	entry->object = pool->options.create(pool->options.data);
	if (entry->object)
		return 0;
	objects_give(pool, use);
	return -ENOMEM;
}

/* What comes of a free object: false when it is in use, having been here twice. */
static bool hand_out(struct uw_objects_entry *entry, uint64_t use, struct uw_object *ret_object)
{
	if (objects_use(entry) != use)
		return false;
	use += UW_OBJECTS_TURN;
	__atomic_store_n(&entry->use, use, __ATOMIC_RELAXED);
	*ret_object = (struct uw_object){entry->object, (uint32_t)use, (uint32_t)(use >> 32)};
	return true;
}

/* From the depot, or new. */
static int get_from_depot(struct uw_objects *pool, struct uw_object *ret_object)
{
	struct uw_objects_entry *entry;
	uint64_t use;

	do {
		int rc = objects_refill(pool, objects_hand_of(pool), &use);

		if (rc)
			return rc;
		entry = &pool->head.entry[objects_index(use)];
		if (!entry->object)
			rc = make_object(pool, entry, use);
		if (rc)
			return rc;
	} while (!hand_out(entry, use, ret_object));
	return 0;
}

/* What is at hand and in use already, having been there twice, is passed over. */
static void pass_over(struct uw_objects *pool, struct uw_objects_hand *hand)
{
	if (hand->last_use && objects_use(hand->last) != hand->last_use)
		hand->last_use = 0;
	while (!hand->last_use && hand->count) {
		uint64_t use = hand->use[hand->count - 1];

		if (objects_use(&pool->head.entry[objects_index(use)]) == use)
			return;
		hand->count--;
	}
}

int uw_objects_get(struct uw_objects *pool, struct uw_object *ret_object)
{
	struct uw_objects_hand *hand;

	if (uw_objects_take(pool, ret_object))
		return 0;
	hand = objects_hand_of(pool);
	if (hand)
		pass_over(pool, hand);
	return uw_objects_take(pool, ret_object) ? 0 : get_from_depot(pool, ret_object);
}

static void keep(struct uw_objects *pool, struct uw_objects_entry *entry, uint64_t use)
{
	struct uw_objects_hand *hand = objects_hand_of(pool);

	if (!hand) {
		objects_give(pool, use);
		return;
	}
	if (hand->last_use && hand->count == hand->limit)
		objects_flush(pool, hand, false);
	if (hand->last_use)
		hand->use[hand->count++] = hand->last_use;
	hand->last = entry;
	hand->last_use = use;
}

int uw_objects_put(struct uw_objects *pool, const struct uw_object *object)
{
	uint64_t use = (uint64_t)object->generation << 32 | object->index, now;
	struct uw_objects_entry *entry;

	if (uw_objects_keep(pool, object))
		return 0;
	if (!object->bytes || object->index > pool->options.max)
		return -EINVAL;
	entry = &pool->head.entry[object->index];
	now = objects_use(entry);
	if (entry->object != object->bytes || (int64_t)(now - use) < 0)
		return -EINVAL;
	if (now != use)
		return UW_STALE;
	use += UW_OBJECTS_TURN;
	__atomic_store_n(&entry->use, use, __ATOMIC_RELAXED);
	if (pool->options.reset)
		pool->options.reset(pool->options.data, object->bytes);
	keep(pool, entry, use);
	return 0;
}
