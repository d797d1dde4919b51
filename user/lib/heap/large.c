// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Allocations that are blocks of the TLSF: over 8 KiB, and small ones where there is no room for a
 * slab. All is done under the lock.
 */
#include <errno.h>

#include "user/lib/heap/inside.h"
#include "user/lib/uw.h"

#define LARGE_EVICTABLE 1U
#define LARGE_ZOMBIE    2U

static struct tlsf_block *block_of(struct heap *heap, uint64_t id)
{
	uint32_t index = (uint32_t)id, generation = (uint32_t)(id >> ID_INDEX_BITS);
	struct tlsf_block *block = &heap->tlsf.block[index];

	generation &= ID_BLOCK_GENERATIONS;
	if (!index || index >= heap->tlsf.used || block->state != TLSF_TAKEN || !(generation & 1) ||
	    (block->generation & ID_BLOCK_GENERATIONS) != generation)
		return NULL;
	return block;
}

static struct tlsf_block *live_block_of(struct heap *heap, uint64_t id)
{
	struct tlsf_block *block = block_of(heap, id);

	return block && !(block->flags & LARGE_ZOMBIE) ? block : NULL;
}

static struct heap_span span(const struct heap *heap, const struct tlsf_block *block)
{
	return span_of(heap, block->offset, block->bytes);
}

static void list(struct heap *heap, const struct tlsf_block *block)
{
	lru_enter(&heap->lru, block->record);
	heap->evictable_bytes += block->bytes;
}

static void unlist(struct heap *heap, const struct tlsf_block *block)
{
	lru_leave(&heap->lru, block->record);
	heap->evictable_bytes -= block->bytes;
}

static bool is_listed(const struct tlsf_block *block)
{
	return block->flags & LARGE_EVICTABLE && !block->pins;
}

static void release(struct heap *heap, uint64_t id)
{
	struct tlsf_block *block = &heap->tlsf.block[(uint32_t)id];

	heap->block_bytes -= block->bytes;
	purge_after_free(heap, tlsf_give(&heap->tlsf, (uint32_t)id));
}

/* ---- with the lock ---- */

static int alloc(struct heap *heap, uint64_t bytes, uint64_t *ret_id, struct heap_span *ret_span)
{
	uint32_t index = tlsf_take(&heap->tlsf, bytes, TLSF_UNIT);
	struct tlsf_block *block = &heap->tlsf.block[index];
	int rc;

	if (!index)
		return UW_FULL;
	rc = pages_commit(&heap->pages, block->offset, block->bytes);
	if (rc) {
		tlsf_give(&heap->tlsf, index);
		return rc;
	}
	block->generation++;
	block->pins = 0;
	block->flags = 0;
	heap->block_bytes += block->bytes;
	heap->allocated++;
	*ret_id = ID_BLOCK | (uint64_t)(block->generation & ID_BLOCK_GENERATIONS) << ID_INDEX_BITS |
		  index;
	*ret_span = span(heap, block);
	return 0;
}

static int get(struct heap *heap, uint64_t id, struct heap_span *ret_span)
{
	const struct tlsf_block *block = live_block_of(heap, id);

	if (!block)
		return UW_STALE;
	if (is_listed(block)) {
		lru_leave(&heap->lru, block->record);
		lru_enter(&heap->lru, block->record);
	}
	*ret_span = span(heap, block);
	return 0;
}

static int pin(struct heap *heap, uint64_t id, struct heap_span *ret_span)
{
	struct tlsf_block *block = live_block_of(heap, id);

	if (!block)
		return UW_STALE;
	if (block->pins == UINT32_MAX)
		return -EOVERFLOW;
	if (is_listed(block))
		unlist(heap, block);
	block->pins++;
	*ret_span = span(heap, block);
	return 0;
}

static int unpin(struct heap *heap, uint64_t id)
{
	struct tlsf_block *block = block_of(heap, id);

	if (!block || !block->pins)
		return UW_STALE;
	block->pins--;
	if (is_listed(block))
		list(heap, block);
	if (!block->pins && block->flags & LARGE_ZOMBIE) {
		heap->zombie_bytes -= block->bytes;
		block->generation++;
		heap->freed++;
		release(heap, id);
	}
	return 0;
}

static int free_block(struct heap *heap, uint64_t id)
{
	struct tlsf_block *block = live_block_of(heap, id);

	if (!block)
		return UW_STALE;
	if (is_listed(block))
		unlist(heap, block);
	if (block->flags & LARGE_EVICTABLE)
		lru_free(&heap->lru, block->record);
	block->flags = 0;
	if (block->pins) {
		block->flags = LARGE_ZOMBIE;
		heap->zombie_bytes += block->bytes;
		return 0;
	}
	block->generation++;
	heap->freed++;
	release(heap, id);
	return 0;
}

int large_make_evictable(struct heap *heap, uint64_t id)
{
	struct tlsf_block *block = live_block_of(heap, id);

	if (!block)
		return UW_STALE;
	block->record = lru_new(&heap->lru, id);
	if (block->record == LRU_NONE)
		return -ENOMEM;
	block->flags = LARGE_EVICTABLE;
	block->pins = 1;
	return 0;
}

uint32_t large_record(struct heap *heap, uint64_t id)
{
	const struct tlsf_block *block = live_block_of(heap, id);

	return block && block->flags & LARGE_EVICTABLE ? block->record : LRU_NONE;
}

void large_begin_evict(struct heap *heap, uint64_t id, struct heap_span *ret_span)
{
	struct tlsf_block *block = &heap->tlsf.block[(uint32_t)id];

	heap->evictable_bytes -= block->bytes;
	block->generation++;
	block->flags = 0;
	*ret_span = span(heap, block);
}

void large_end_evict(struct heap *heap, uint64_t id)
{
	release(heap, id);
}

/* ---- calls ---- */

int large_alloc(struct heap *heap, uint64_t bytes, uint64_t *ret_id, struct heap_span *ret_span)
{
	int rc;

	pthread_mutex_lock(&heap->lock);
	rc = alloc(heap, bytes, ret_id, ret_span);
	pthread_mutex_unlock(&heap->lock);
	return rc;
}

int large_get(struct heap *heap, uint64_t id, struct heap_span *ret_span)
{
	int rc;

	pthread_mutex_lock(&heap->lock);
	rc = get(heap, id, ret_span);
	pthread_mutex_unlock(&heap->lock);
	return rc;
}

int large_pin(struct heap *heap, uint64_t id, struct heap_span *ret_span)
{
	int rc;

	pthread_mutex_lock(&heap->lock);
	rc = pin(heap, id, ret_span);
	pthread_mutex_unlock(&heap->lock);
	return rc;
}

int large_unpin(struct heap *heap, uint64_t id)
{
	int rc;

	pthread_mutex_lock(&heap->lock);
	rc = unpin(heap, id);
	pthread_mutex_unlock(&heap->lock);
	return rc;
}

int large_free(struct heap *heap, uint64_t id)
{
	int rc;

	pthread_mutex_lock(&heap->lock);
	rc = free_block(heap, id);
	pthread_mutex_unlock(&heap->lock);
	return rc;
}
