// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What threads keep at hand. Each has a list of its caches, one a heap, and the one used last in
 * two words of TLS, where almost every call finds it. Caches are known by the heap's serial, as the
 * heap may be closed by another thread, which frees them.
 */
#include <stdlib.h>
#include <string.h>

#include "user/lib/heap/inside.h"

/* Of a thread; entries whose heap is gone are used again. */
struct cache_list {
	uint32_t count, room;
	struct cache_latest entry[];
};

_Thread_local struct cache_latest cache_latest;

static pthread_key_t list_key;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static int key_error;

/* ---- magazines ---- */

static uint32_t magazine_room(uint32_t class)
{
	uint32_t room = MAGAZINE_BYTES / class_bytes(class);

	if (room > MAGAZINE_ROOM)
		return MAGAZINE_ROOM;
	return room < MAGAZINE_LEAST ? MAGAZINE_LEAST : room;
}

/* count of them come, or go if it is less than 0. */
static void move(struct magazine *magazine, int64_t count)
{
	magazine->moved += (uint64_t)count;
	magazine_set(magazine, magazine_word(magazine) + (uint64_t)count);
}

static void give(struct heap_cache *cache, struct magazine *magazine, uint32_t count)
{
	uint32_t left = magazine_count(magazine) - count;

	for (uint32_t i = 0; i < count; i++)
		slabs_give(&cache->heap->slabs, magazine->unit[i]);
	move(magazine, -(int64_t)count);
	memmove(magazine->unit, magazine->unit + count, left * sizeof(*magazine->unit));
}

void cache_flush(struct heap_cache *cache)
{
	for (uint32_t i = 0; i < CLASS_COUNT; i++)
		give(cache, &cache->magazine[i], magazine_count(&cache->magazine[i]));
	cache->flushed = cache->heap->flushes;
}

static void follow(struct heap_cache *cache)
{
	if (cache->flushed != cache->heap->flushes)
		cache_flush(cache);
}

int cache_refill(struct heap_cache *cache, uint32_t class)
{
	struct magazine *magazine = &cache->magazine[class];
	struct heap *heap = cache->heap;
	uint32_t count;
	int rc;

	pthread_mutex_lock(&heap->lock);
	follow(cache);
	count = slabs_take(&heap->slabs, class, magazine->room / 2, magazine->unit, &rc);
	move(magazine, count);
	pthread_mutex_unlock(&heap->lock);
	return count ? 0 : rc;
}

void cache_drain(struct heap_cache *cache, uint32_t class)
{
	struct magazine *magazine = &cache->magazine[class];

	pthread_mutex_lock(&cache->heap->lock);
	follow(cache);
	give(cache, magazine, (magazine_count(magazine) + 1) / 2);
	purge_in_calm(cache->heap);
	pthread_mutex_unlock(&cache->heap->lock);
}

/* ---- threads ---- */

/* Counts outlive the thread. The heap's lock is held. */
static void leave_heap(struct heap_cache *cache)
{
	struct heap *heap = cache->heap;

	cache_flush(cache);
	for (uint32_t i = 0; i < CLASS_COUNT; i++) {
		const struct magazine *magazine = &cache->magazine[i];

		heap->allocated += magazine_allocated(magazine);
		heap->freed += magazine_freed(magazine);
	}
	for (struct heap_cache **at = &heap->caches; *at; at = &(*at)->next)
		if (*at == cache) {
			*at = cache->next;
			break;
		}
}

static void end_thread(void *data)
{
	struct cache_list *list = data;

	registry_lock();
	for (uint32_t i = 0; i < list->count; i++) {
		struct heap *heap = registry_find(list->entry[i].serial);

		if (!heap || heap->forked)
			continue;
		pthread_mutex_lock(&heap->lock);
		leave_heap(list->entry[i].cache);
		pthread_mutex_unlock(&heap->lock);
		free(list->entry[i].cache);
	}
	registry_unlock();
	cache_latest.serial = 0;
	free(list);
}

static void make_key(void)
{
	key_error = pthread_key_create(&list_key, end_thread);
}

/* A place in the thread's list: that of a heap that is gone, or a new one. */
static struct cache_latest *make_entry(void)
{
	struct cache_list *list = pthread_getspecific(list_key), *grown;
	uint32_t room = list ? list->room * 2 : 4;

	for (uint32_t i = 0; list && i < list->count; i++)
		if (!registry_find(list->entry[i].serial))
			return &list->entry[i];
	if (list && list->count < list->room)
		return &list->entry[list->count++];
	grown = malloc(sizeof(*grown) + room * sizeof(grown->entry[0]));
	if (!grown)
		return NULL;
	*grown = (struct cache_list){.count = list ? list->count : 0, .room = room};
	if (list)
		memcpy(grown->entry, list->entry, list->count * sizeof(list->entry[0]));
	if (pthread_setspecific(list_key, grown)) {
		free(grown);
		return NULL;
	}
	free(list);
	return &grown->entry[grown->count++];
}

static struct heap_cache *make_cache(struct heap *heap)
{
	struct heap_cache *cache;
	uint64_t units = 0;

	for (uint32_t i = 0; i < CLASS_COUNT; i++)
		units += magazine_room(i);
	cache = calloc(1, sizeof(*cache) + units * sizeof(cache->units[0]));
	if (!cache)
		return NULL;
	cache->heap = heap;
	cache->serial = heap->serial;
	units = 0;
	for (uint32_t i = 0; i < CLASS_COUNT; i++) {
		cache->magazine[i].room = magazine_room(i);
		cache->magazine[i].unit = cache->units + units;
		units += magazine_room(i);
	}
	return cache;
}

static struct heap_cache *find_cache(uint64_t serial)
{
	const struct cache_list *list = pthread_getspecific(list_key);

	for (uint32_t i = 0; list && i < list->count; i++)
		if (list->entry[i].serial == serial)
			return list->entry[i].cache;
	return NULL;
}

static struct heap_cache *enter_heap(struct heap *heap)
{
	struct heap_cache *cache = make_cache(heap);
	struct cache_latest *entry = NULL;

	registry_lock();
	if (cache)
		entry = make_entry();
	if (entry)
		*entry = (struct cache_latest){heap->serial, cache};
	registry_unlock();
	if (!entry) {
		free(cache);
		return NULL;
	}
	pthread_mutex_lock(&heap->lock);
	cache->flushed = heap->flushes;
	cache->next = heap->caches;
	heap->caches = cache;
	pthread_mutex_unlock(&heap->lock);
	return cache;
}

struct heap_cache *cache_slow(struct heap *heap)
{
	struct heap_cache *cache;

	pthread_once(&key_once, make_key);
	if (key_error)
		return NULL;
	cache = find_cache(heap->serial);
	if (!cache)
		cache = enter_heap(heap);
	if (cache)
		cache_latest = (struct cache_latest){heap->serial, cache};
	return cache;
}
