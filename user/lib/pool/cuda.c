// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Registers a pool's memory with the CUDA driver. The driver takes every page into its hands, holes
 * too, at the expense of who asks: so all is committed first, and nothing is punched afterwards. A
 * thread without a context borrows the first device's primary one for the call.
 */
#include "user/lib/pool/cuda.h"

#include <dlfcn.h>
#include <errno.h>

#include "user/lib/pool/inside.h"

static struct cuda_driver found;
static const struct cuda_driver *driver;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* ---- the driver ---- */

static void look(void)
{
	static const struct {
		const char *name;
		void **at;
	} calls[] = {
		{"cuInit", (void **)&found.init},
		{"cuCtxGetCurrent", (void **)&found.get_current},
		{"cuDevicePrimaryCtxRetain", (void **)&found.retain},
		{"cuCtxPushCurrent_v2", (void **)&found.push},
		{"cuCtxPopCurrent_v2", (void **)&found.pop},
		{"cuMemHostRegister_v2", (void **)&found.registers},
		{"cuMemHostUnregister", (void **)&found.unregister},
	};
	void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		*calls[i].at = dlsym(library, calls[i].name);
		if (!*calls[i].at) {
			dlclose(library);
			return;
		}
	}
	driver = &found;
}

const struct cuda_driver *cuda_find(void)
{
	pthread_once(&once, look);
	return driver;
}

void cuda_use(const struct cuda_driver *other)
{
	pthread_once(&once, look);
	driver = other;
}

static int error_of(int code)
{
	if (!code)
		return 0;
	if (code == CUDA_OUT_OF_MEMORY)
		return -ENOMEM;
	return code == CUDA_NO_DEVICE ? -ENODEV : -EIO;
}

/* True when a context was pushed, to be popped. */
static int enter_context(const struct cuda_driver *cuda, bool *ret_pushed)
{
	void *context = NULL;
	int code = cuda->init(0);

	*ret_pushed = false;
	if (!code)
		code = cuda->get_current(&context);
	if (code || context)
		return code;
	code = cuda->retain(&context, 0);
	if (!code)
		code = cuda->push(context);
	*ret_pushed = !code;
	return code;
}

/* ---- pools ---- */

static int register_all(struct uw_pool *pool, const struct cuda_driver *cuda)
{
	unsigned int flags = CUDA_PORTABLE;
	void *context;
	bool pushed;
	int code = enter_context(cuda, &pushed);

	if (!segment_is_writable(pool->segment))
		flags |= CUDA_READ_ONLY;
	if (!code)
		code = cuda->registers(segment_base(pool->segment), segment_bytes(pool->segment),
				       flags);
	if (pushed)
		cuda->pop(&context);
	return error_of(code);
}

/* All of it there, and to stay. */
static int make_ready(struct uw_pool *pool)
{
	uint64_t bytes = segment_bytes(pool->segment);
	int rc;

	if (!pool->heap)
		return segment_show(pool->segment, 0, bytes);
	rc = tensors_commit_directory(pool);
	return rc ? rc : heap_keep_all(pool->heap);
}

int uw_pool_pin_cuda(struct uw_pool *pool)
{
	const struct cuda_driver *cuda = cuda_find();
	int rc;

	if (pool_is_forked(pool))
		return -ECHILD;
	if (!cuda)
		return -ENOTSUP;
	if (atomic_exchange(&pool->cuda, true))
		return -EALREADY;
	rc = make_ready(pool);
	if (!rc)
		rc = register_all(pool, cuda);
	if (rc && pool->heap)
		heap_keep_less(pool->heap);
	if (rc)
		pool->cuda = false;
	return rc;
}

/* Who never pinned has no driver loaded by its end. */
void cuda_unpin(struct uw_pool *pool)
{
	const struct cuda_driver *cuda = pool->cuda ? cuda_find() : NULL;
	void *context;
	bool pushed;

	if (!cuda || pool_is_forked(pool))
		return;
	if (!enter_context(cuda, &pushed)) {
		cuda->unregister(segment_base(pool->segment));
		if (pushed)
			cuda->pop(&context);
	}
	pool->cuda = false;
}
