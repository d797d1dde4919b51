// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * All heaps of the process, so that a child of fork learns that none of them is its own, and so
 * that a thread that ends knows which ones are still there. All locks are held across a fork: what
 * the child frees is whole then.
 */
#include "user/lib/heap/inside.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct heap *heaps;
static uint64_t last_serial;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void before_fork(void)
{
	pthread_mutex_lock(&lock);
	for (struct heap *heap = heaps; heap; heap = heap->next)
		pthread_mutex_lock(&heap->lock);
}

static void after_fork(void)
{
	for (struct heap *heap = heaps; heap; heap = heap->next)
		pthread_mutex_unlock(&heap->lock);
	pthread_mutex_unlock(&lock);
}

static void in_child(void)
{
	for (struct heap *heap = heaps; heap; heap = heap->next) {
		heap->forked = true;
		pthread_mutex_init(&heap->lock, NULL);
	}
	pthread_mutex_init(&lock, NULL);
}

static void watch_forks(void)
{
	pthread_atfork(before_fork, after_fork, in_child);
}

void registry_lock(void)
{
	pthread_mutex_lock(&lock);
}

void registry_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

void registry_enter(struct heap *heap)
{
	pthread_once(&once, watch_forks);
	registry_lock();
	heap->serial = ++last_serial;
	heap->next = heaps;
	heaps = heap;
	registry_unlock();
}

void registry_leave(struct heap *heap)
{
	registry_lock();
	for (struct heap **at = &heaps; *at; at = &(*at)->next)
		if (*at == heap) {
			*at = heap->next;
			break;
		}
	registry_unlock();
}

struct heap *registry_find(uint64_t serial)
{
	struct heap *heap = heaps;

	while (heap && heap->serial != serial)
		heap = heap->next;
	return heap;
}
