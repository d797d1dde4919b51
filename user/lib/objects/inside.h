/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A pool of objects, for its own files: objects.c gets and puts, pool.c makes pools, depot.c holds
 * what no thread has at hand, thread.c knows the threads and survives fork. An object is known by
 * the word of its use, which uw.h explains.
 */
#ifndef UW_LIB_OBJECTS_INSIDE_H
#define UW_LIB_OBJECTS_INSIDE_H

#include <pthread.h>
#include <stdbool.h>

#include "user/lib/uw.h"

/* Rounds of a magazine, of which a thread has two (Bonwick and Adams, USENIX 2001). */
#define OBJECTS_MAGAZINE 64

/* What one thread has of one pool: two magazines, of which the newest object is apart. */
struct objects_cache {
	struct uw_objects_hand hand;
	struct objects_cache *next;
	struct uw_objects_hand **owner; /* the thread's hands; NULL: it ended in another process */
};

struct uw_objects {
	struct uw_objects_head head; /* the first member; entry: options.max, and one before them */
	struct uw_objects_options options;
	uint8_t *memory; /* of objects that no callback makes */
	uint64_t stride;
	uint32_t magazine; /* objects: less in a small pool; 0: no thread has any at hand */
	struct uw_objects *next;
	pthread_mutex_t lock; /* of all that follows */
	uint32_t made;        /* indices up to it were in use once */
	uint32_t depot_count;
	uint64_t *depot;
	struct objects_cache *caches;
};

/* ---- depot.c ---- */

/* A free object: from the depot, of which the hand, if not NULL, gets a magazine, or a new one.
 * -EAGAIN. */
int objects_refill(struct uw_objects *pool, struct uw_objects_hand *hand, uint64_t *ret_use);

/* Gives the older half of the hand to the depot; if all, everything. */
void objects_flush(struct uw_objects *pool, struct uw_objects_hand *hand, bool all);
void objects_give(struct uw_objects *pool, uint64_t use);

/* After a fork, when nobody has anything at hand: all that is free. */
void objects_recover(struct uw_objects *pool);

/* ---- thread.c ---- */

/* What this thread has of the pool, or NULL. */
struct uw_objects_hand *objects_hand_of(struct uw_objects *pool);
int objects_enter(struct uw_objects *pool);
void objects_leave(struct uw_objects *pool);

/* ---- uses ---- */

static inline uint32_t objects_index(uint64_t use)
{
	return use & (UW_OBJECTS_TURN - 1);
}

static inline bool objects_is_free(uint64_t use)
{
	return use & UW_OBJECTS_TURN;
}

static inline uint64_t objects_use(const struct uw_objects_entry *entry)
{
	return __atomic_load_n(&entry->use, __ATOMIC_RELAXED);
}

#endif
