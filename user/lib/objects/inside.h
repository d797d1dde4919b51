/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A pool of objects, for its own files: objects.c gets and puts, pool.c makes pools, depot.c holds
 * what no thread has at hand, thread.c knows the threads and survives fork. Each object has an
 * index that never changes and a generation, odd while it is in use; free ones are known by their
 * index.
 */
#ifndef UW_LIB_OBJECTS_INSIDE_H
#define UW_LIB_OBJECTS_INSIDE_H

#include <pthread.h>
#include <stdbool.h>

#include "user/lib/uw.h"

/* Rounds of a magazine, of which a thread has two (Bonwick and Adams, USENIX 2001). */
#define OBJECTS_MAGAZINE 64

/* What one thread has of one pool: two magazines in one array, the upper one used first. */
struct objects_cache {
	struct uw_objects_hand hand; /* the first member */
	struct objects_cache *next;
	const void *owner; /* of the thread; NULL: it ended in another process */
};

struct uw_objects {
	struct uw_objects_head head; /* the first member; entry: options.max of them */
	struct uw_objects_options options;
	uint8_t *memory; /* of objects that no callback makes */
	uint64_t stride;
	uint32_t magazine; /* rounds: less in a small pool */
	struct uw_objects *next;
	pthread_mutex_t lock; /* of all that follows */
	uint32_t made;        /* indices below it were in use once */
	uint32_t depot_count;
	uint32_t sweeps; /* of the depot, up to now */
	struct uw_objects_round *depot;
	struct objects_cache *caches;
};

/* ---- depot.c ---- */

/* A free object: from the depot, of which the cache gets a magazine, or a new one. -EAGAIN. */
int objects_refill(struct uw_objects *pool, struct objects_cache *cache,
		   struct uw_objects_round *ret_round);

/* Gives the older half of the cache to the depot; if all, everything. */
void objects_flush(struct uw_objects *pool, struct objects_cache *cache, bool all);
void objects_give(struct uw_objects *pool, struct uw_objects_round round);

/* After a fork, when nobody has anything at hand: all that is free. */
void objects_recover(struct uw_objects *pool);

/* ---- thread.c ---- */

/* What this thread has of the pool, or NULL. */
struct objects_cache *objects_cache_slow(struct uw_objects *pool);
int objects_enter(struct uw_objects *pool);
void objects_leave(struct uw_objects *pool);

static inline struct objects_cache *objects_cache_of(struct uw_objects *pool)
{
	const struct uw_objects_here *here = &uw_objects_here[pool->head.id % UW_OBJECTS_HERE];

	if (__builtin_expect(here->pool == pool->head.id, 1))
		return (struct objects_cache *)here->hand;
	return objects_cache_slow(pool);
}

static inline uint32_t objects_generation(const struct uw_objects_entry *entry)
{
	return __atomic_load_n(&entry->generation, __ATOMIC_RELAXED);
}

#endif
