/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is used of the CUDA driver (libcuda.so.1), which is looked for when it is first needed and
 * never linked. Names are those of its driver API, of which 11.1 is the first with read-only
 * registrations.
 */
#ifndef UW_LIB_POOL_CUDA_H
#define UW_LIB_POOL_CUDA_H

#include <stddef.h>

#define CUDA_PORTABLE  1U /* CU_MEMHOSTREGISTER_PORTABLE: for all contexts */
#define CUDA_READ_ONLY 8U /* CU_MEMHOSTREGISTER_READ_ONLY */

#define CUDA_OUT_OF_MEMORY 2   /* CUDA_ERROR_OUT_OF_MEMORY */
#define CUDA_NO_DEVICE     100 /* CUDA_ERROR_NO_DEVICE */

struct uw_pool;

struct cuda_driver {
	int (*init)(unsigned int flags);
	int (*get_current)(void **ret_context);
	int (*retain)(void **ret_context, int device);
	int (*push)(void *context);
	int (*pop)(void **ret_context);
	int (*registers)(void *memory, size_t bytes, unsigned int flags);
	int (*unregister)(void *memory);
};

/* The driver that is installed, or NULL; another one in its place, for tests. */
const struct cuda_driver *cuda_find(void);
void cuda_use(const struct cuda_driver *driver);

void cuda_unpin(struct uw_pool *pool);

#endif
