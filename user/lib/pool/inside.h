/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A pool, for its own files: pool.c makes and ends it and passes calls on to the heap, tensor.c
 * keeps the table of tensors, dlpack.c exports them, cuda.c pins. The heap guards itself; the lock
 * guards the table and the directory.
 */
#ifndef UW_LIB_POOL_INSIDE_H
#define UW_LIB_POOL_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "user/lib/heap/heap.h"
#include "user/lib/pool/directory.h"
#include "user/lib/segment/segment.h"
#include "user/lib/uw.h"

/* What the owner knows of a slot of the directory, which it does not read. */
struct pool_tensor {
	uint64_t heap_id;    /* 0: none */
	uint64_t generation; /* odd while there is one */
	uint64_t offset;
	struct uw_tensor tensor;
	uint32_t next; /* of those without one: +1, 0: none */
	uint32_t pins;
	bool freed; /* while it was pinned */
};

struct uw_pool {
	_Atomic uint32_t holders; /* its owner's handle, and exports */
	struct segment *segment;
	struct heap *heap; /* NULL: attached */
	struct pool_directory directory;
	pthread_mutex_t lock;
	struct pool_tensor *tensor;
	uint32_t tensor_room, tensor_used, tensor_unused, tensors;
	uint64_t directory_there; /* bytes of it that are committed */
	uw_evict_fn evict;
	void *evict_data;
	_Atomic bool cuda; /* pinned for it */
};

/* ---- pool.c ---- */

/* The last one ends it. */
void pool_hold(struct uw_pool *pool);
void pool_drop(struct uw_pool *pool);

static inline bool pool_is_forked(const struct uw_pool *pool)
{
	return segment_is_forked(pool->segment);
}

/* ---- tensor.c ---- */

/* The directory begins. A negative errno. */
int tensors_init(struct uw_pool *pool);
int tensors_commit_directory(struct uw_pool *pool);
void tensors_done(struct uw_pool *pool);

/* The heap evicts it; its contents are there yet. */
void tensor_evicted(struct uw_pool *pool, uint64_t id);
int tensor_free(struct uw_pool *pool, uint64_t id);
int tensor_pin(struct uw_pool *pool, uint64_t id, struct heap_span *ret_span);
int tensor_unpin(struct uw_pool *pool, uint64_t id);
int tensor_span(struct uw_pool *pool, uint64_t id, struct heap_span *ret_span);

#endif
