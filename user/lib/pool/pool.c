// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Pools as programs see them: a segment, in which a directory of tensors comes first and the heap's
 * memory after it. Ids of tensors say so, and go by the table of them; all others are the heap's.
 * A pool that was attached to has no heap.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "user/lib/pool/cuda.h"
#include "user/lib/pool/inside.h"

#define TENSORS_DEFAULT 4096U
#define BYTES_MIN       65536U
#define NAME_MAX_BYTES  249U

#define OPTIONS_SIZE_MIN (offsetof(struct uw_pool_options, bytes) + sizeof(uint64_t))

/* ---- lifetime ---- */

static void end_pool(struct uw_pool *pool)
{
	heap_free_all(pool->heap);
	segment_close(pool->segment);
	tensors_done(pool);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

void pool_hold(struct uw_pool *pool)
{
	atomic_fetch_add(&pool->holders, 1);
}

void pool_drop(struct uw_pool *pool)
{
	if (atomic_fetch_sub(&pool->holders, 1) == 1)
		end_pool(pool);
}

static struct uw_pool *new_pool(void)
{
	struct uw_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->holders = 1;
	pthread_mutex_init(&pool->lock, NULL);
	return pool;
}

static void on_evict(void *data, uint64_t id, uint64_t tag, const struct heap_span *span)
{
	struct uw_pool *pool = data;

	if (tag)
		tensor_evicted(pool, tag);
	if (pool->evict)
		pool->evict(pool->evict_data, tag ? tag : id, span->memory, span->bytes);
}

static int create_parts(struct uw_pool *pool, struct uw *uw, const struct uw_pool_options *options)
{
	uint64_t head = pool_directory_bytes(pool->tensor_room);
	int rc = segment_create(uw, options->component, options->name, head + options->bytes,
				&pool->segment);

	if (!rc)
		rc = tensors_init(pool);
	if (!rc)
		rc = heap_new(pool->segment, head, &pool->heap);
	if (!rc)
		heap_on_evict(pool->heap, on_evict, pool);
	return rc;
}

static bool are_valid(const struct uw_pool_options *options)
{
	return options && options->size >= OPTIONS_SIZE_MIN &&
	       (!options->name || strlen(options->name) <= NAME_MAX_BYTES) &&
	       options->bytes >= BYTES_MIN && options->bytes <= UW_POOL_BYTES_MAX &&
	       options->tensors <= DIRECTORY_ROOM_MAX;
}

int uw_pool_create(struct uw *uw, const struct uw_pool_options *options, struct uw_pool **ret_pool)
{
	struct uw_pool *pool;
	int rc;

	if (!are_valid(options) || (uw && !options->component) || !ret_pool)
		return -EINVAL;
	pool = new_pool();
	if (!pool)
		return -ENOMEM;
	pool->tensor_room = options->tensors ? options->tensors : TENSORS_DEFAULT;
	rc = create_parts(pool, uw, options);
	if (rc) {
		end_pool(pool);
		return rc;
	}
	*ret_pool = pool;
	return 0;
}

/* nothing: what is said of a file that nobody has written to. */
static int attach_parts(struct uw_pool *pool, int rc, int nothing, struct uw_pool **ret_pool)
{
	if (!rc)
		rc = pool_directory_open(&pool->directory, pool->segment,
					 segment_base(pool->segment), segment_bytes(pool->segment));
	if (rc) {
		end_pool(pool);
		return rc == -ENODATA ? nothing : rc;
	}
	*ret_pool = pool;
	return 0;
}

int uw_pool_attach_fd(int fd, uint32_t access, struct uw_pool **ret_pool)
{
	struct uw_pool *pool;
	int rc;

	if (access > UW_READ_WRITE || !ret_pool)
		return -EINVAL;
	pool = new_pool();
	if (!pool)
		return -ENOMEM;
	rc = segment_attach(fd, access == UW_READ_WRITE, &pool->segment);
	return attach_parts(pool, rc, -EINVAL, ret_pool);
}

int uw_pool_attach(struct uw *uw, const char *name, uint32_t access, struct uw_pool **ret_pool)
{
	struct uw_pool *pool;
	int rc;

	if (!uw || !name || access > UW_READ_WRITE || !ret_pool)
		return -EINVAL;
	pool = new_pool();
	if (!pool)
		return -ENOMEM;
	rc = segment_attach_named(uw, name, access == UW_READ_WRITE, &pool->segment);
	return attach_parts(pool, rc, -EAGAIN, ret_pool); /* its owner is about to */
}

int uw_pool_share(struct uw_pool *pool, uint32_t uid, uint32_t gid, uint32_t mode)
{
	return segment_share(pool->segment, uid, gid, mode);
}

int uw_pool_is_orphan(const struct uw_pool *pool)
{
	return segment_is_orphan(pool->segment);
}

const char *uw_pool_name(const struct uw_pool *pool)
{
	return segment_name(pool->segment);
}

/* Exports keep the memory, and nothing of the handle. */
void uw_pool_close(struct uw_pool *pool)
{
	if (!pool)
		return;
	cuda_unpin(pool);
	segment_leave(pool->segment);
	pool_drop(pool);
}

int uw_pool_fd(const struct uw_pool *pool)
{
	int fd = segment_fd(pool->segment);

	return fd < 0 ? -ECHILD : fd;
}

/* ---- allocations ---- */

_Static_assert((int)UW_EVICTABLE == (int)HEAP_EVICTABLE, "passed on as they are");

/* Why the caller may do nothing with it but read tensors; 0 when it may. Not inline, as what is
 * called most seldom comes here and needs no frame without it. */
static __attribute__((noinline)) int refusal(const struct uw_pool *pool)
{
	if (pool_is_forked(pool))
		return -ECHILD;
	return pool->heap ? 0 : -EPERM;
}

int uw_pool_alloc(struct uw_pool *pool, uint64_t bytes, uint32_t flags, uint64_t *ret_id,
		  void **ret_memory)
{
	if (!pool->heap)
		return refusal(pool);
	if (flags & ~UW_EVICTABLE || !ret_id)
		return -EINVAL;
	return heap_alloc_memory(pool->heap, bytes, flags, ret_id, ret_memory);
}

static bool is_tensor(uint64_t id)
{
	return id >> 62 == 1;
}

int uw_pool_get(struct uw_pool *pool, uint64_t id, void **ret_memory, uint64_t *ret_bytes)
{
	struct heap_span span;
	int rc = refusal(pool);

	if (rc)
		return rc;
	rc = is_tensor(id) ? tensor_span(pool, id, &span) : heap_get(pool->heap, id, &span);
	if (!rc && ret_memory)
		*ret_memory = span.memory;
	if (!rc && ret_bytes)
		*ret_bytes = span.bytes;
	return rc;
}

int uw_pool_pin(struct uw_pool *pool, uint64_t id, void **ret_memory)
{
	struct heap_span span;
	int rc = refusal(pool);

	if (rc)
		return rc;
	rc = is_tensor(id) ? tensor_pin(pool, id, &span) : heap_pin(pool->heap, id, &span);
	if (!rc && ret_memory)
		*ret_memory = span.memory;
	return rc;
}

int uw_pool_unpin(struct uw_pool *pool, uint64_t id)
{
	int rc = refusal(pool);

	if (rc)
		return rc;
	return is_tensor(id) ? tensor_unpin(pool, id) : heap_unpin(pool->heap, id);
}

static __attribute__((noinline)) int free_tensor(struct uw_pool *pool, uint64_t id)
{
	int rc = refusal(pool);

	return rc ? rc : tensor_free(pool, id);
}

int uw_pool_free(struct uw_pool *pool, uint64_t id)
{
	return pool->heap && !is_tensor(id) ? heap_free(pool->heap, id) : free_tensor(pool, id);
}

/* ---- the pool as a whole ---- */

int uw_pool_trim(struct uw_pool *pool, uint64_t keep_bytes, uint64_t *ret_bytes)
{
	int rc = refusal(pool);
	uint64_t bytes;

	if (rc)
		return rc;
	if (keep_bytes != UINT64_MAX)
		heap_evict(pool->heap, keep_bytes);
	bytes = heap_trim(pool->heap);
	if (ret_bytes)
		*ret_bytes = bytes;
	return 0;
}

int uw_pool_on_evict(struct uw_pool *pool, uw_evict_fn fn, void *data)
{
	int rc = refusal(pool);

	if (rc)
		return rc;
	pool->evict_data = data;
	pool->evict = fn;
	return 0;
}

static uint32_t fragmentation(const struct heap_stats *stats)
{
	if (!stats->free_bytes)
		return 0;
	return 10000 - (uint32_t)(stats->largest_bytes * 10000 / stats->free_bytes);
}

int uw_pool_stats(struct uw_pool *pool, struct uw_pool_stats *ret_stats)
{
	struct uw_pool_stats stats = {.size = ret_stats->size};
	struct heap_stats heap;
	int rc = refusal(pool);

	if (rc)
		return rc;
	heap_get_stats(pool->heap, &heap);
	stats.fragmentation_permyriad = fragmentation(&heap);
	stats.bytes = heap.bytes;
	stats.used_bytes = heap.used_bytes;
	stats.zombie_bytes = heap.zombie_bytes;
	stats.evictable_bytes = heap.evictable_bytes;
	stats.committed_bytes = heap.committed_bytes;
	stats.free_bytes = heap.free_bytes;
	stats.largest_bytes = heap.largest_bytes;
	stats.allocations = heap.allocations;
	stats.frees = heap.frees;
	stats.evictions = heap.evictions;
	stats.trimmed_bytes = heap.trimmed_bytes;
	pthread_mutex_lock(&pool->lock);
	stats.committed_bytes += pool->directory_there;
	stats.tensors = pool->tensors;
	pthread_mutex_unlock(&pool->lock);
	memcpy(ret_stats, &stats, stats.size < sizeof(stats) ? stats.size : sizeof(stats));
	return 0;
}
