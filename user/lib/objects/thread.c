// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What threads have at hand. Each thread finds that of the pools it used last by their id, and that
 * of others in the pool's list. A thread that ends gives all of it back. After fork the other
 * threads are gone, perhaps in the middle of a get: what they had is not looked at, but found again
 * by the generations, when the child first comes to the depot.
 */
#include <errno.h>
#include <stdlib.h>

#include "user/lib/objects/inside.h"

__thread struct uw_objects_here uw_objects_here[UW_OBJECTS_HERE]
	__attribute__((tls_model("initial-exec")));

static pthread_mutex_t pools_lock = PTHREAD_MUTEX_INITIALIZER; /* before that of any pool */
static struct uw_objects *pools;
static uint64_t last_id;
static pthread_once_t prepare_once = PTHREAD_ONCE_INIT;
static pthread_key_t end_key;
static int end_key_error;

/* ---- one thread's ---- */

static struct objects_cache *find_cache(struct uw_objects *pool, const void *owner)
{
	struct objects_cache *cache = pool->caches;

	while (cache && cache->owner != owner)
		cache = cache->next;
	return cache;
}

/* NULL is as good: the depot does without. */
static struct objects_cache *new_cache(const struct uw_objects *pool, const void *owner)
{
	struct objects_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return NULL;
	cache->hand.limit = 2 * pool->magazine;
	cache->owner = owner;
	if (pthread_setspecific(end_key, owner)) {
		free(cache);
		return NULL;
	}
	return cache;
}

struct objects_cache *objects_cache_slow(struct uw_objects *pool)
{
	struct uw_objects_here *here = &uw_objects_here[pool->head.id % UW_OBJECTS_HERE];
	struct objects_cache *cache;

	pthread_mutex_lock(&pool->lock);
	cache = find_cache(pool, uw_objects_here);
	if (!cache) {
		cache = new_cache(pool, uw_objects_here);
		if (cache) {
			cache->next = pool->caches;
			pool->caches = cache;
		}
	}
	pthread_mutex_unlock(&pool->lock);
	if (cache)
		*here = (struct uw_objects_here){pool->head.id, &cache->hand};
	return cache;
}

static void drop_cache(struct uw_objects *pool, const void *owner)
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
		objects_flush(pool, cache, true);
	free(cache);
}

/* A thread ends. Whatever of its destructors comes later starts with nothing at hand, and has this
 * called again. */
static void end_thread(void *owner)
{
	pthread_mutex_lock(&pools_lock);
	for (struct uw_objects *pool = pools; pool; pool = pool->next)
		drop_cache(pool, owner);
	pthread_mutex_unlock(&pools_lock);
	for (int i = 0; i < UW_OBJECTS_HERE; i++)
		uw_objects_here[i] = (struct uw_objects_here){0};
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
		if (cache->owner != uw_objects_here)
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

int objects_enter(struct uw_objects *pool)
{
	pthread_once(&prepare_once, prepare);
	if (end_key_error)
		return -end_key_error;
	pthread_mutex_lock(&pools_lock);
	pool->head.id = ++last_id;
	pool->next = pools;
	pools = pool;
	pthread_mutex_unlock(&pools_lock);
	return 0;
}

void objects_leave(struct uw_objects *pool)
{
	pthread_mutex_lock(&pools_lock);
	for (struct uw_objects **at = &pools; *at; at = &(*at)->next)
		if (*at == pool) {
			*at = pool->next;
			break;
		}
	pthread_mutex_unlock(&pools_lock);
}
