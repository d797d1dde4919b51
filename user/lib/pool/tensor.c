// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Tensors: an allocation each, and a slot that says what it is, in a private table and, for others,
 * in the directory. A slot that was freed while it was pinned is kept until the last unpin. The
 * table's lock is never held while something is allocated, as that may evict, which takes it.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "user/lib/pool/inside.h"

#define DIRECTORY_STEP 16384U /* bytes of it that are committed at a time */
#define TENSOR_IN_SIZE offsetof(struct uw_tensor, memory)

/* ---- the table ---- */

int tensors_init(struct uw_pool *pool)
{
	int rc;

	pool->tensor = calloc(pool->tensor_room, sizeof(*pool->tensor));
	if (!pool->tensor)
		return -ENOMEM;
	rc = segment_commit(pool->segment, 0, DIRECTORY_STEP);
	if (rc)
		return rc;
	pool->directory_there = DIRECTORY_STEP;
	pool_directory_start(segment_base(pool->segment), segment_bytes(pool->segment),
			     pool->tensor_room);
	return 0;
}

/* All that there can ever be of it. */
int tensors_commit_directory(struct uw_pool *pool)
{
	uint64_t bytes = pool_directory_bytes(pool->tensor_room), left;
	int rc = 0;

	pthread_mutex_lock(&pool->lock);
	left = bytes - pool->directory_there;
	if (left)
		rc = segment_commit(pool->segment, pool->directory_there, left);
	if (!rc)
		pool->directory_there = bytes;
	pthread_mutex_unlock(&pool->lock);
	return rc;
}

void tensors_done(struct uw_pool *pool)
{
	free(pool->tensor);
}

static uint64_t id_of(const struct uw_pool *pool, const struct pool_tensor *tensor)
{
	return DIRECTORY_ID | (tensor->generation & DIRECTORY_GENERATION_MASK) << 32 |
	       (uint64_t)(tensor - pool->tensor);
}

/* One that may be freed already. */
static struct pool_tensor *find(struct uw_pool *pool, uint64_t id)
{
	struct pool_tensor *tensor;

	if ((uint32_t)id >= pool->tensor_used)
		return NULL;
	tensor = &pool->tensor[(uint32_t)id];
	return tensor->generation & 1 && id_of(pool, tensor) == id ? tensor : NULL;
}

static struct pool_tensor *find_live(struct uw_pool *pool, uint64_t id)
{
	struct pool_tensor *tensor = find(pool, id);

	return tensor && tensor->heap_id && !tensor->freed ? tensor : NULL;
}

static void put(struct uw_pool *pool, const struct pool_tensor *tensor, bool there)
{
	pool_directory_put(segment_base(pool->segment), (uint32_t)(tensor - pool->tensor),
			   id_of(pool, tensor), tensor->offset, there ? &tensor->tensor : NULL);
}

static int see_to_directory(struct uw_pool *pool, uint32_t slot)
{
	int rc;

	if (pool_directory_end(slot) <= pool->directory_there)
		return 0;
	rc = segment_commit(pool->segment, pool->directory_there, DIRECTORY_STEP);
	if (!rc)
		pool->directory_there += DIRECTORY_STEP;
	return rc;
}

/* A slot that nobody finds yet. */
static int take_slot(struct uw_pool *pool, struct pool_tensor **ret_tensor)
{
	struct pool_tensor *tensor;
	int rc;

	if (pool->tensor_unused) {
		tensor = &pool->tensor[pool->tensor_unused - 1];
		pool->tensor_unused = tensor->next;
	} else {
		if (pool->tensor_used == pool->tensor_room)
			return UW_FULL;
		rc = see_to_directory(pool, pool->tensor_used);
		if (rc)
			return rc;
		tensor = &pool->tensor[pool->tensor_used++];
	}
	*tensor = (struct pool_tensor){.generation = tensor->generation + 1};
	*ret_tensor = tensor;
	return 0;
}

static void give_slot(struct uw_pool *pool, struct pool_tensor *tensor)
{
	tensor->generation++;
	tensor->heap_id = 0;
	tensor->next = pool->tensor_unused;
	pool->tensor_unused = (uint32_t)(tensor - pool->tensor) + 1;
}

/* ---- alloc ---- */

static void fill_slot(struct uw_pool *pool, struct pool_tensor *slot, uint64_t heap_id,
		      const struct uw_tensor *tensor, const struct heap_span *span)
{
	slot->heap_id = heap_id;
	slot->offset = span->offset;
	slot->tensor = *tensor;
	slot->tensor.memory = span->memory;
	slot->tensor.generation = slot->generation;
	put(pool, slot, true);
	pool->tensors++;
}

static int alloc_into(struct uw_pool *pool, struct pool_tensor *slot,
		      const struct uw_tensor *tensor, uint32_t flags, void **ret_memory)
{
	bool evictable = flags & UW_EVICTABLE;
	uint64_t heap_id;
	struct heap_span span;
	int rc = heap_alloc(pool->heap, tensor->bytes ? tensor->bytes : 1,
			    HEAP_ALIGN_64 | (evictable ? HEAP_EVICTABLE : 0), &heap_id, &span);

	if (rc)
		return rc;
	if (evictable)
		heap_set_tag(pool->heap, heap_id, id_of(pool, slot));
	pthread_mutex_lock(&pool->lock);
	slot->pins = evictable;
	fill_slot(pool, slot, heap_id, tensor, &span);
	pthread_mutex_unlock(&pool->lock);
	if (ret_memory)
		*ret_memory = span.memory;
	return 0;
}

int uw_tensor_alloc(struct uw_pool *pool, const struct uw_tensor *tensor, uint32_t flags,
		    uint64_t *ret_id, void **ret_memory)
{
	struct uw_tensor copy = {.size = sizeof(copy)};
	struct pool_tensor *slot;
	int rc;

	if (pool_is_forked(pool))
		return -ECHILD;
	if (!pool->heap)
		return -EPERM;
	if (!tensor || tensor->size < TENSOR_IN_SIZE || flags & ~UW_EVICTABLE || !ret_id)
		return -EINVAL;
	memcpy(&copy, tensor, TENSOR_IN_SIZE);
	if (!pool_tensor_bytes(&copy, &copy.bytes))
		return -EINVAL;
	pthread_mutex_lock(&pool->lock);
	rc = take_slot(pool, &slot);
	pthread_mutex_unlock(&pool->lock);
	if (rc)
		return rc;
	rc = alloc_into(pool, slot, &copy, flags, ret_memory);
	if (rc) {
		pthread_mutex_lock(&pool->lock);
		give_slot(pool, slot);
		pthread_mutex_unlock(&pool->lock);
		return rc;
	}
	*ret_id = id_of(pool, slot);
	return 0;
}

/* ---- with the lock ---- */

static int get(struct uw_pool *pool, uint64_t id, struct uw_tensor *ret_tensor,
	       struct heap_span *ret_span)
{
	const struct pool_tensor *slot = find_live(pool, id);
	int rc = slot ? heap_get(pool->heap, slot->heap_id, ret_span) : UW_STALE;

	if (!rc && ret_tensor)
		*ret_tensor = slot->tensor;
	return rc;
}

static int pin(struct uw_pool *pool, uint64_t id, struct heap_span *ret_span)
{
	struct pool_tensor *slot = find_live(pool, id);
	int rc = slot ? heap_pin(pool->heap, slot->heap_id, ret_span) : UW_STALE;

	if (!rc)
		slot->pins++;
	return rc;
}

static int unpin(struct uw_pool *pool, uint64_t id)
{
	struct pool_tensor *slot = find(pool, id);
	int rc = slot && slot->pins ? heap_unpin(pool->heap, slot->heap_id) : UW_STALE;

	if (!rc && !--slot->pins && slot->freed)
		give_slot(pool, slot);
	return rc;
}

/* It is taken out of the directory before its memory can be another's. One that is just being
 * evicted is let be. */
static int free_slot(struct uw_pool *pool, uint64_t id)
{
	struct pool_tensor *slot = find_live(pool, id);
	int rc;

	if (!slot)
		return UW_STALE;
	put(pool, slot, false);
	rc = heap_free(pool->heap, slot->heap_id);
	if (rc)
		return rc;
	pool->tensors--;
	slot->freed = true;
	if (!slot->pins)
		give_slot(pool, slot);
	return 0;
}

/* ---- calls ---- */

void tensor_evicted(struct uw_pool *pool, uint64_t id)
{
	struct pool_tensor *slot;

	pthread_mutex_lock(&pool->lock);
	slot = find_live(pool, id);
	if (slot) {
		put(pool, slot, false);
		pool->tensors--;
		give_slot(pool, slot);
	}
	pthread_mutex_unlock(&pool->lock);
}

int tensor_span(struct uw_pool *pool, uint64_t id, struct heap_span *ret_span)
{
	int rc;

	pthread_mutex_lock(&pool->lock);
	rc = get(pool, id, NULL, ret_span);
	pthread_mutex_unlock(&pool->lock);
	return rc;
}

int tensor_pin(struct uw_pool *pool, uint64_t id, struct heap_span *ret_span)
{
	int rc;

	pthread_mutex_lock(&pool->lock);
	rc = pin(pool, id, ret_span);
	pthread_mutex_unlock(&pool->lock);
	return rc;
}

int tensor_unpin(struct uw_pool *pool, uint64_t id)
{
	int rc;

	pthread_mutex_lock(&pool->lock);
	rc = unpin(pool, id);
	pthread_mutex_unlock(&pool->lock);
	return rc;
}

int tensor_free(struct uw_pool *pool, uint64_t id)
{
	int rc;

	pthread_mutex_lock(&pool->lock);
	rc = free_slot(pool, id);
	pthread_mutex_unlock(&pool->lock);
	return rc;
}

int uw_tensor_get(struct uw_pool *pool, uint64_t id, struct uw_tensor *ret_tensor)
{
	uint32_t size = ret_tensor->size;
	struct uw_tensor tensor;
	struct heap_span span;
	int rc;

	if (pool_is_forked(pool))
		return -ECHILD;
	if (pool->heap) {
		pthread_mutex_lock(&pool->lock);
		rc = get(pool, id, &tensor, &span);
		pthread_mutex_unlock(&pool->lock);
	} else {
		rc = pool_directory_find(&pool->directory, id, &tensor);
	}
	if (rc)
		return rc;
	tensor.size = size;
	memcpy(ret_tensor, &tensor, size < sizeof(tensor) ? size : sizeof(tensor));
	return 0;
}
