// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What threads have at hand. A pool has a number, which no other pool has while it is there, and
 * each thread the hands of the pools by their numbers: so get and put find theirs by one load, and
 * need not ask whose it is. Who ends a pool takes its hands from all threads. Pools that get no
 * number, because so many have one, do without: their depot serves each call.
 *
 * A thread that ends gives all of it back, and has nothing at hand from then on. After fork the
 * other threads are gone, perhaps in the middle of a get: what they had is not looked at, but found
 * again by the uses, when the child first comes to the depot.
 */
#include <errno.h>
#include <stdlib.h>

#include "user/lib/objects/inside.h"

/* The number of pools without one: no thread has a hand there. */
#define NO_HAND (UW_OBJECTS_HANDS - 1)

/* From this nothing is taken, as its only object is in use, and it is full. Nobody writes here. */
static struct uw_objects_entry nothing;
static struct uw_objects_hand nobody = {.last = &nothing, .last_use = 1};

__thread struct uw_objects_hand *uw_objects_hands[UW_OBJECTS_HANDS]
	__attribute__((tls_model("initial-exec"))) = {[0 ... UW_OBJECTS_HANDS - 1] = &nobody};
static __thread bool has_ended __attribute__((tls_model("initial-exec")));

static pthread_mutex_t pools_lock = PTHREAD_MUTEX_INITIALIZER; /* before that of any pool */
static struct uw_objects *pools;
static uint32_t numbers; /* a bit for each that a pool has; with the lock */
static pthread_once_t prepare_once = PTHREAD_ONCE_INIT;
static pthread_key_t end_key;
static int end_key_error;

/* ---- one thread's ---- */

/* NULL is as good: the depot does without. */
static struct objects_cache *new_cache(const struct uw_objects *pool)
{
	struct objects_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return NULL;
	cache->hand.limit = 2 * pool->magazine - 1;
	cache->owner = uw_objects_hands;
	if (pthread_setspecific(end_key, uw_objects_hands)) {
		free(cache);
		return NULL;
	}
	return cache;
}

struct uw_objects_hand *objects_hand_of(struct uw_objects *pool)
{
	struct uw_objects_hand **hand = &uw_objects_hands[pool->head.hand];
	struct objects_cache *cache;

	if (*hand != &nobody)
		return *hand;
	if (pool->head.hand == NO_HAND || has_ended)
		return NULL;
	cache = new_cache(pool);
	if (!cache)
		return NULL;
	pthread_mutex_lock(&pool->lock);
	cache->next = pool->caches;
	pool->caches = cache;
	pthread_mutex_unlock(&pool->lock);
	*hand = &cache->hand;
	return *hand;
}

static void drop_cache(struct uw_objects *pool, struct uw_objects_hand **owner)
{
	struct objects_cache **at, *cache;

	pthread_mutex_lock(&pool->lock);
	for (at = &pool->caches; *at && (*at)->owner != owner; at = &(*at)->next)
		continue;
	cache = *at;
	if (cache)
		*at = cache->next;
	pthread_mutex_unlock(&pool->lock);
	if (cache)
		objects_flush(pool, &cache->hand, true);
	free(cache);
}

/* A thread ends. Whatever of its destructors comes later has nothing at hand, so that nobody finds
 * a hand in memory of a thread that is gone. */
static void end_thread(void *owner)
{
	has_ended = true;
	pthread_mutex_lock(&pools_lock);
	for (struct uw_objects *pool = pools; pool; pool = pool->next)
		drop_cache(pool, owner);
	for (int i = 0; i < UW_OBJECTS_HANDS; i++)
		uw_objects_hands[i] = &nobody;
	pthread_mutex_unlock(&pools_lock);
}

/* ---- fork ---- */

static void before_fork(void)
{
	pthread_mutex_lock(&pools_lock);
	for (struct uw_objects *pool = pools; pool; pool = pool->next)
		pthread_mutex_lock(&pool->lock);
}

static void after_fork(void)
{
	for (struct uw_objects *pool = pools; pool; pool = pool->next)
		pthread_mutex_unlock(&pool->lock);
	pthread_mutex_unlock(&pools_lock);
}

static void forget_caches(struct uw_objects *pool)
{
	for (struct objects_cache *cache = pool->caches; cache; cache = cache->next) {
		cache->hand.count = 0;
		cache->hand.last_use = 0;
		if (cache->owner != uw_objects_hands)
			cache->owner = NULL;
	}
}

static void in_child(void)
{
	for (struct uw_objects *pool = pools; pool; pool = pool->next) {
		pthread_mutex_init(&pool->lock, NULL);
		forget_caches(pool);
		objects_recover(pool);
	}
	pthread_mutex_init(&pools_lock, NULL);
}

/* ---- pools ---- */

static void prepare(void)
{
	end_key_error = pthread_key_create(&end_key, end_thread);
	pthread_atfork(before_fork, after_fork, in_child);
}

/* One that no pool has; small ones need none. */
static uint32_t take_number(const struct uw_objects *pool)
{
	uint32_t number = pool->magazine ? (uint32_t)__builtin_ctz(~numbers) : NO_HAND;

	if (number >= NO_HAND)
		return NO_HAND;
	numbers |= 1U << number;
	return number;
}

int objects_enter(struct uw_objects *pool)
{
	pthread_once(&prepare_once, prepare);
	if (end_key_error)
		return -end_key_error;
	pthread_mutex_lock(&pools_lock);
	pool->head.hand = take_number(pool);
	pool->next = pools;
	pools = pool;
	pthread_mutex_unlock(&pools_lock);
	return 0;
}

/* Threads that have a hand of it are there: they take it out of the list before they go. */
void objects_leave(struct uw_objects *pool)
{
	pthread_mutex_lock(&pools_lock);
	for (struct objects_cache *cache = pool->caches; cache; cache = cache->next)
		if (cache->owner)
			cache->owner[pool->head.hand] = &nobody;
	if (pool->head.hand != NO_HAND)
		numbers &= ~(1U << pool->head.hand);
	for (struct uw_objects **at = &pools; *at; at = &(*at)->next)
		if (*at == pool) {
			*at = pool->next;
			break;
		}
	pthread_mutex_unlock(&pools_lock);
}
