/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pools in the test's own memory, tensors in them, and what an export of one looks like. */
#ifndef TESTS_UNIT_POOL_FIXTURE_H
#define TESTS_UNIT_POOL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/lib/uw.h"

#define MIB (1024ULL * 1024)

/* dlpack.h, as far as it is used */
struct dl_view {
	void *data;
	int32_t device[2], dimensions;
	uint8_t type, bits;
	uint16_t lanes;
	int64_t *shape, *strides;
	uint64_t byte_offset;
};

struct dl_old {
	struct dl_view view;
	void *context;
	void (*deleter)(struct dl_old *old);
};

struct dl_new {
	uint32_t major, minor;
	void *context;
	void (*deleter)(struct dl_new *new);
	uint64_t flags;
	struct dl_view view;
};

static inline struct uw_pool *make(uint64_t bytes, uint32_t tensors)
{
	struct uw_pool_options options = {
		.size = sizeof(options), .name = "test", .bytes = bytes, .tensors = tensors};
	struct uw_pool *pool = NULL;

	assert_int_equal(uw_pool_create(NULL, &options, &pool), 0);
	return pool;
}

static inline struct uw_tensor matrix(int64_t rows, int64_t columns)
{
	return (struct uw_tensor){
		.size = sizeof(struct uw_tensor),
		.type = UW_FLOAT,
		.bits = 32,
		.dimensions = 2,
		.shape = {rows, columns},
	};
}

static inline uint64_t put(struct uw_pool *pool, int64_t rows, int64_t columns, void **ret_memory)
{
	struct uw_tensor tensor = matrix(rows, columns);
	uint64_t id = 0;

	assert_int_equal(uw_tensor_alloc(pool, &tensor, 0, &id, ret_memory), 0);
	return id;
}

static inline struct uw_pool_stats stats_of(struct uw_pool *pool)
{
	struct uw_pool_stats stats = {.size = sizeof(stats)};

	assert_int_equal(uw_pool_stats(pool, &stats), 0);
	return stats;
}

static inline int reopen(const struct uw_pool *pool)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", uw_pool_fd(pool));
	return open(path, O_RDONLY | O_CLOEXEC);
}

#endif
