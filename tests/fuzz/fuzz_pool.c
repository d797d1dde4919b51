// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes over the head and the entries of a pool's directory. Whatever is found there lies
 * within the pool, behind the directory, and has the size that its type and shape say.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/lib/pool/directory.h"
#include "user/lib/uw.h"

#define POOL_BYTES 69632U
#define ROOM       64U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static _Alignas(64) uint8_t pool[POOL_BYTES];
static volatile uint8_t last; /* byte of what was found */

static void require(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzz_pool: %s\n", what);
	abort();
}

static void check(const struct pool_directory *directory, const uint8_t *base,
		  const struct uw_tensor *tensor)
{
	uint64_t bytes = tensor->bits / 8U, at = (uint64_t)((uint8_t *)tensor->memory - base);

	require(at >= directory->from && at % 64 == 0, "it begins where none may");
	require(at <= POOL_BYTES && tensor->bytes <= POOL_BYTES - at, "it ends outside");
	require(tensor->dimensions <= UW_TENSOR_DIMENSIONS, "too many dimensions");
	for (uint32_t i = 0; i < tensor->dimensions; i++)
		bytes *= (uint64_t)tensor->shape[i];
	require(bytes == tensor->bytes, "its size is not that of its elements");
	if (bytes)
		last = ((const uint8_t *)tensor->memory)[bytes - 1];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pool_directory directory;
	struct uw_tensor tensor;

	memset(pool, 0, pool_directory_end(ROOM));
	pool_directory_start(pool, POOL_BYTES, ROOM);
	for (size_t i = 0; i < size && i < pool_directory_end(ROOM); i++)
		pool[i] ^= data[i]; /* so that nothing but zeros is a head as it should be */
	if (!pool_directory_open(&directory, NULL, pool, POOL_BYTES))
		for (uint32_t slot = 0; slot < 2 * ROOM; slot++) {
			uint64_t id;

			memcpy(&id, pool + pool_directory_end(slot) - 120, sizeof(id));
			if (!pool_directory_find(&directory, id, &tensor))
				check(&directory, pool, &tensor);
		}
	return 0;
}
