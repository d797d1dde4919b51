/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pools of objects within a process. A part of uw.h, which includes it.
 */
#ifndef UW_OBJECTS_H
#define UW_OBJECTS_H

#ifndef UW_H
#error "include uw.h, which has this"
#endif

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A pool of objects of one kind, within a process: those that were put are got again, the last one
 * first. Each thread keeps up to 128 at hand, so that most calls take no lock; what a thread has at
 * hand others do not get, until it ends. Of less than 512 it is a quarter; of a 16th pool nothing.
 */
struct uw_objects;

struct uw_objects_options {
	uint32_t size;
	uint32_t max;                              /* objects at a time, up to 2^30 */
	uint64_t object_bytes;                     /* of memory that is zero at first, or 0 and: */
	void *(*create)(void *data);               /* NULL when it cannot */
	void (*destroy)(void *data, void *object); /* in uw_objects_free; NULL: nothing to do */
	void (*reset)(void *data, void *object);   /* in uw_objects_put; NULL: nothing to do */
	void *data;
};

/* Callbacks run in the thread of the call, without a lock. -EINVAL; -ENOMEM. */
int uw_objects_new(const struct uw_objects_options *options, struct uw_objects **ret_pool);

struct uw_object {
	void *bytes;                /* the object; aligned to 16, from 64 bytes on to 64 */
	uint32_t index, generation; /* libuw's own: of this object, and of this use of it */
};

/* -EAGAIN: all are in use, or at hand in other threads; -ENOMEM: create could not. */
int uw_objects_get(struct uw_objects *pool, struct uw_object *ret_object);

/* Any thread may. UW_STALE: it was put before, even if it has been got again since; -EINVAL: it is
 * not of this pool. Of two threads that put the same use of one within the same few nanoseconds
 * both may succeed; get then passes the second one over, unless two gets meet within as few. */
int uw_objects_put(struct uw_objects *pool, const struct uw_object *object);

struct uw_objects_stats {
	uint32_t size, max;
	uint32_t made;    /* so far; never less */
	uint32_t in_use;  /* while others get and put, about */
	uint32_t at_hand; /* in threads */
	uint32_t free;    /* for any of them */
};

/* Written as far as its size says. Looks at each object that was made. */
int uw_objects_stats(struct uw_objects *pool, struct uw_objects_stats *ret_stats);

/* Destroys all objects, whether they were put or not. No other call may run. NULL is fine. After
 * fork(2) a child has a pool of its own, with the objects as they were. */
void uw_objects_free(struct uw_objects *pool);

/* ---- inline ---- */

#ifdef __SANITIZE_THREAD__ /* has no word for volatile; atomics cost a fifth of a get and put */
#define UW_READ(at)      __atomic_load_n(at, __ATOMIC_RELAXED)
#define UW_WRITE(at, to) __atomic_store_n(at, to, __ATOMIC_RELAXED)
#else
#define UW_READ(at)      (*(const volatile uint64_t *)(at))
#define UW_WRITE(at, to) (*(volatile uint64_t *)(at) = (to))
#endif

/* A use of an object is a word: the index, from 1 on, in the lowest 31 bits; above it a bit that is
 * set while the object is free; then how often it was got. So get and put both add that bit, and
 * the index and generation of a struct uw_object are the word of its use. */
#define UW_OBJECTS_TURN (1ULL << 31)
/* One of the pool's objects. The word is written by who has the object, or has it at hand. */
struct uw_objects_entry {
	void *object; /* NULL: to be made */
	uint64_t use; /* as it is now; 0: it was not made yet */
};

/* What one thread, and no other, has at hand of one pool: the object that was put last, and others,
 * the last one first, by their uses: where that has gone on it is in here twice. */
struct uw_objects_hand {
	struct uw_objects_entry *last;
	uint64_t last_use; /* 0: there is none */
	uint32_t count, limit;
	uint64_t use[127];
};

#define UW_OBJECTS_HANDS 16
/* Of this thread. A hand of one object in use is that of pools for which the thread has none. */
extern __thread struct uw_objects_hand *uw_objects_hands[UW_OBJECTS_HANDS]
	__attribute__((tls_model("initial-exec")));

/* How a pool begins. */
struct uw_objects_head {
	struct uw_objects_entry *entry;
	uint32_t plain; /* indices below it are put without a callback */
	uint32_t hand;  /* which one is the pool's in each thread, as long as there is the pool */
};

/* From what is at hand; false: the library has to. */
UW_INLINE int uw_objects_take(struct uw_objects *pool, struct uw_object *ret_object)
{
	const struct uw_objects_head *head = (const struct uw_objects_head *)pool;
	struct uw_objects_hand *hand = uw_objects_hands[head->hand];
	struct uw_objects_entry *entry = hand->last;
	uint64_t use = hand->last_use;

	if (use) {
		if (UW_SELDOM(UW_READ(&entry->use) != use))
			return 0;
		hand->last_use = 0;
	} else {
		if (UW_SELDOM(!hand->count))
			return 0;
		use = hand->use[hand->count - 1];
		entry = &head->entry[use & (UW_OBJECTS_TURN - 1)];
		if (UW_SELDOM(UW_READ(&entry->use) != use))
			return 0;
		hand->count--;
	}
	use += UW_OBJECTS_TURN;
	UW_WRITE(&entry->use, use);
	ret_object->bytes = entry->object;
	ret_object->index = (uint32_t)use;
	ret_object->generation = (uint32_t)(use >> 32);
	return 1;
}

/* To what is at hand. */
UW_INLINE int uw_objects_keep(struct uw_objects *pool, const struct uw_object *object)
{
	const struct uw_objects_head *head = (const struct uw_objects_head *)pool;
	struct uw_objects_hand *hand = uw_objects_hands[head->hand];
	uint64_t use = (uint64_t)object->generation << 32 | object->index;
	struct uw_objects_entry *entry = &head->entry[(uint32_t)use];

	if (UW_SELDOM((uint32_t)use >= head->plain || entry->object != object->bytes ||
		      UW_READ(&entry->use) != use))
		return 0;
	if (hand->last_use) {
		if (UW_SELDOM(hand->count >= hand->limit))
			return 0;
		hand->use[hand->count++] = hand->last_use;
	}
	use += UW_OBJECTS_TURN;
	UW_WRITE(&entry->use, use);
	hand->last = entry;
	hand->last_use = use;
	return 1;
}

#if defined(__OPTIMIZE__) && !defined(UW_NO_INLINE)

int uw_objects_get_called(struct uw_objects *pool,
			  struct uw_object *ret_object) __asm__(UW_OTHER "uw_objects_get");
int uw_objects_put_called(struct uw_objects *pool,
			  const struct uw_object *object) __asm__(UW_OTHER "uw_objects_put");

UW_INLINE int uw_objects_get(struct uw_objects *pool, struct uw_object *ret_object)
{
	return uw_objects_take(pool, ret_object) ? 0 : uw_objects_get_called(pool, ret_object);
}

UW_INLINE int uw_objects_put(struct uw_objects *pool, const struct uw_object *object)
{
	return uw_objects_keep(pool, object) ? 0 : uw_objects_put_called(pool, object);
}

#endif

#ifdef __cplusplus
}
#endif

#endif
