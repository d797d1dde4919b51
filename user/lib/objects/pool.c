// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Makes pools, ends them and says how they are. Memory for all objects is set aside at once and
 * comes into being as it is touched.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "user/lib/objects/inside.h"

#define OBJECTS_MAX  (1U << 30)
#define OBJECT_BYTES (1ULL << 30)

static void *set_aside(uint64_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static void give_back(void *memory, uint64_t bytes)
{
	if (memory)
		munmap(memory, bytes);
}

static int check_options(const struct uw_objects_options *options)
{
	bool calls = options->create;

	if (options->size != sizeof(*options) || !options->max || options->max > OBJECTS_MAX)
		return -EINVAL;
	if (calls == (options->object_bytes != 0) || options->object_bytes > OBJECT_BYTES)
		return -EINVAL;
	return !calls && options->destroy ? -EINVAL : 0;
}

/* Small ones at multiples of 16, as malloc has them; others on lines of their own. */
static uint64_t stride_of(uint64_t bytes)
{
	uint64_t unit = bytes < 64 ? 16 : 64;

	return (bytes + unit - 1) / unit * unit;
}

static int make_parts(struct uw_objects *pool)
{
	uint64_t max = pool->options.max;

	pool->head.entry = set_aside((max + 1) * sizeof(*pool->head.entry));
	pool->depot = set_aside(max * sizeof(*pool->depot));
	if (!pool->options.create)
		pool->memory = set_aside(max * pool->stride);
	if (!pool->head.entry || !pool->depot || (!pool->options.create && !pool->memory))
		return -ENOMEM;
	pool->head.entry[0].use = UW_OBJECTS_TURN; /* nobody's: as if it were free */
	return objects_enter(pool);
}

static void free_parts(struct uw_objects *pool)
{
	uint64_t max = pool->options.max;

	while (pool->caches) {
		struct objects_cache *cache = pool->caches;

		pool->caches = cache->next;
		free(cache);
	}
	give_back(pool->head.entry, (max + 1) * sizeof(*pool->head.entry));
	give_back(pool->depot, max * sizeof(*pool->depot));
	give_back(pool->memory, max * pool->stride);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

int uw_objects_new(const struct uw_objects_options *options, struct uw_objects **ret_pool)
{
	int rc = check_options(options);
	struct uw_objects *pool;

	if (rc)
		return rc;
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	pool->options = *options;
	pool->head.plain = options->reset ? 0 : options->max + 1;
	pool->stride = stride_of(options->object_bytes);
	pool->magazine = options->max / 8 < OBJECTS_MAGAZINE ? options->max / 8 : OBJECTS_MAGAZINE;
	pthread_mutex_init(&pool->lock, NULL);
	rc = make_parts(pool);
	if (rc) {
		free_parts(pool);
		return rc;
	}
	*ret_pool = pool;
	return 0;
}

void uw_objects_free(struct uw_objects *pool)
{
	if (!pool)
		return;
	objects_leave(pool);
	for (uint32_t i = 1; i <= pool->made && pool->options.destroy; i++)
		if (pool->head.entry[i].object)
			pool->options.destroy(pool->options.data, pool->head.entry[i].object);
	free_parts(pool);
}

static uint32_t count_in_use(const struct uw_objects *pool)
{
	uint32_t count = 0;

	for (uint32_t i = 1; i <= pool->made; i++)
		count += !objects_is_free(objects_use(&pool->head.entry[i]));
	return count;
}

int uw_objects_stats(struct uw_objects *pool, struct uw_objects_stats *ret_stats)
{
	struct uw_objects_stats stats = {.size = ret_stats->size, .max = pool->options.max};
	uint32_t known;

	if (stats.size < sizeof(stats.size) || stats.size > sizeof(stats))
		return -EINVAL;
	pthread_mutex_lock(&pool->lock);
	stats.made = pool->made;
	stats.in_use = count_in_use(pool);
	stats.free = pool->depot_count;
	pthread_mutex_unlock(&pool->lock);
	known = stats.in_use + stats.free;
	stats.at_hand = stats.made < known ? 0 : stats.made - known;
	memcpy(ret_stats, &stats, stats.size);
	return 0;
}
