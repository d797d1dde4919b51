// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Exports of tensors as DLPack describes them (dlpack.h 0.8 and 1.0, github.com/dmlc/dlpack). An
 * export holds the pool and a pin until its deleter is called, which is plain C, takes no lock that
 * a caller could hold, and may run in any thread and at exit. In a child of fork it does nothing,
 * as neither the memory nor the pin is the child's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/lib/pool/inside.h"

#define DL_CPU       1
#define DL_MAJOR     1U
#define DL_MINOR     0U
#define DL_READ_ONLY 1U

struct dl_tensor {
	void *data;
	int32_t device_type, device_id;
	int32_t dimensions;
	uint8_t type, bits;
	uint16_t lanes;
	int64_t *shape, *strides;
	uint64_t byte_offset;
};

struct dl_managed {
	struct dl_tensor tensor;
	void *context;
	void (*deleter)(struct dl_managed *managed);
};

struct dl_versioned {
	uint32_t major, minor;
	void *context;
	void (*deleter)(struct dl_versioned *managed);
	uint64_t flags;
	struct dl_tensor tensor;
};

struct dl_export {
	union {
		struct dl_managed managed;
		struct dl_versioned versioned;
	};
	struct uw_pool *pool;
	uint64_t id;
	int64_t shape[UW_TENSOR_DIMENSIONS], strides[UW_TENSOR_DIMENSIONS];
};

static void end_export(struct dl_export *export)
{
	if (!export || pool_is_forked(export->pool))
		return;
	if (export->pool->heap)
		tensor_unpin(export->pool, export->id);
	pool_drop(export->pool);
	free(export);
}

static void end_managed(struct dl_managed *managed)
{
	end_export((struct dl_export *)managed);
}

static void end_versioned(struct dl_versioned *managed)
{
	end_export((struct dl_export *)managed);
}

static void fill_tensor(struct dl_export *export, struct dl_tensor *to,
			const struct uw_tensor *tensor)
{
	int64_t stride = 1;

	*to = (struct dl_tensor){
		.data = tensor->memory,
		.device_type = DL_CPU,
		.dimensions = (int32_t)tensor->dimensions,
		.type = (uint8_t)tensor->type,
		.bits = (uint8_t)tensor->bits,
		.lanes = 1,
		.shape = export->shape,
		.strides = export->strides,
	};
	memcpy(export->shape, tensor->shape, sizeof(export->shape));
	for (uint32_t i = tensor->dimensions; i--;) {
		export->strides[i] = stride;
		stride *= tensor->shape[i] ? tensor->shape[i] : 1;
	}
}

static void *fill(struct dl_export *export, const struct uw_tensor *tensor, uint32_t flags)
{
	if (!(flags & UW_DLPACK_VERSIONED)) {
		export->managed.context = export;
		export->managed.deleter = end_managed;
		fill_tensor(export, &export->managed.tensor, tensor);
		return &export->managed;
	}
	export->versioned.major = DL_MAJOR;
	export->versioned.minor = DL_MINOR;
	export->versioned.context = export;
	export->versioned.deleter = end_versioned;
	export->versioned.flags = segment_is_writable(export->pool->segment) ? 0U : DL_READ_ONLY;
	fill_tensor(export, &export->versioned.tensor, tensor);
	return &export->versioned;
}

static int pin_and_get(struct uw_pool *pool, uint64_t id, struct uw_tensor *ret_tensor)
{
	struct heap_span span;
	int rc = pool->heap ? tensor_pin(pool, id, &span) : 0;

	if (rc)
		return rc;
	rc = uw_tensor_get(pool, id, ret_tensor);
	if (rc && pool->heap)
		tensor_unpin(pool, id);
	return rc;
}

int uw_tensor_dlpack(struct uw_pool *pool, uint64_t id, uint32_t flags, void **ret_managed)
{
	struct uw_tensor tensor = {.size = sizeof(tensor)};
	struct dl_export *export;
	int rc;

	if (pool_is_forked(pool))
		return -ECHILD;
	if (flags & ~UW_DLPACK_VERSIONED || !ret_managed)
		return -EINVAL;
	if (!flags && !segment_is_writable(pool->segment))
		return -EACCES;
	export = calloc(1, sizeof(*export));
	rc = export ? pin_and_get(pool, id, &tensor) : -ENOMEM;
	if (rc) {
		free(export);
		return rc;
	}
	pool_hold(pool);
	export->pool = pool;
	export->id = id;
	*ret_managed = fill(export, &tensor, flags);
	return 0;
}
