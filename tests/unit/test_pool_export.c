// SPDX-License-Identifier: GPL-2.0-or-later
/* Memory of pools in the hands of others: exports of tensors, and the driver of a device. */
#include "tests/unit/pool_fixture.h"

#include "user/lib/pool/cuda.h"

/* ---- DLPack ---- */

static void test_export_keeps_memory_beyond_free_and_close(void **data)
{
	struct uw_pool *pool = make(4 * MIB, 0);
	struct dl_old *old = NULL;
	struct dl_new *new = NULL;
	void *memory, *other;
	uint64_t id = put(pool, 3, 5, &memory), next;

	(void)data;
	assert_int_equal(uw_tensor_dlpack(pool, id, 0, (void **)&old), 0);
	assert_int_equal(uw_tensor_dlpack(pool, id, UW_DLPACK_VERSIONED, (void **)&new), 0);
	assert_ptr_equal(old->view.data, memory);
	assert_int_equal(old->view.device[0], 1);
	assert_int_equal(old->view.dimensions, 2);
	assert_int_equal(old->view.type, 2);
	assert_int_equal(old->view.bits, 32);
	assert_int_equal(old->view.lanes, 1);
	assert_int_equal(old->view.shape[1], 5);
	assert_int_equal(old->view.strides[0], 5);
	assert_int_equal(old->view.strides[1], 1);
	assert_int_equal(new->major, 1);
	assert_int_equal(new->flags, 0);
	assert_ptr_equal(new->view.data, memory);
	assert_int_equal(uw_pool_free(pool, id), 0);
	assert_int_equal(uw_tensor_dlpack(pool, id, 0, (void **)&old), UW_STALE);
	next = put(pool, 3, 5, &other);
	assert_ptr_not_equal(other, memory);
	assert_int_equal(uw_pool_free(pool, next), 0);
	assert_true(stats_of(pool).zombie_bytes > 0);
	new->deleter(new);
	assert_true(stats_of(pool).zombie_bytes > 0);
	uw_pool_close(pool);
	*(uint8_t *)memory = 1;
	old->deleter(old);
}

static void *delete_it(void *data)
{
	struct dl_old *old = data;

	old->deleter(old);
	return NULL;
}

static void test_export_ends_in_any_thread_and_frees_the_tensor(void **data)
{
	struct uw_pool *pool = make(4 * MIB, 0);
	uint64_t id = put(pool, 300, 300, NULL);
	struct dl_old *old = NULL;
	pthread_t thread;

	(void)data;
	assert_int_equal(uw_tensor_dlpack(pool, id, 0, (void **)&old), 0);
	assert_int_equal(uw_pool_free(pool, id), 0);
	assert_int_equal(pthread_create(&thread, NULL, delete_it, old), 0);
	pthread_join(thread, NULL);
	assert_int_equal(stats_of(pool).zombie_bytes, 0);
	assert_int_equal(stats_of(pool).used_bytes, 0);
	uw_pool_close(pool);
}

/* ---- CUDA ---- */

static struct {
	int result, pushed, flags;
	void *memory;
	size_t bytes;
} device;

static int init(unsigned int flags)
{
	return (int)flags;
}

static int no_context(void **ret_context)
{
	*ret_context = NULL;
	return 0;
}

static int retain(void **ret_context, int number)
{
	*ret_context = &device;
	return number;
}

static int push(void *context)
{
	assert_ptr_equal(context, &device);
	device.pushed++;
	return 0;
}

static int pop(void **ret_context)
{
	*ret_context = &device;
	device.pushed--;
	return 0;
}

static int registers(void *memory, size_t bytes, unsigned int flags)
{
	device.memory = memory;
	device.bytes = bytes;
	device.flags = (int)flags;
	assert_int_equal(device.pushed, 1);
	return device.result;
}

static int unregister(void *memory)
{
	assert_ptr_equal(memory, device.memory);
	device.memory = NULL;
	return 0;
}

static void test_pool_pinned_for_cuda_is_all_there_and_stays(void **data)
{
	static const struct cuda_driver driver = {init, no_context, retain,    push,
						  pop,  registers,  unregister};
	struct uw_pool *pool = make(4 * MIB, 0), *other = NULL;
	int fd = reopen(pool);
	uint64_t bytes = 1;
	struct stat st;

	(void)data;
	cuda_use(NULL);
	assert_int_equal(uw_pool_pin_cuda(pool), -ENOTSUP);
	cuda_use(&driver);
	device.result = CUDA_OUT_OF_MEMORY;
	assert_int_equal(uw_pool_pin_cuda(pool), -ENOMEM);
	assert_int_equal(uw_pool_trim(pool, UINT64_MAX, &bytes), 0);
	assert_int_equal(bytes, 4 * MIB);
	assert_int_equal(uw_pool_attach_fd(fd, UW_READ_ONLY, &other), 0);
	assert_int_equal(uw_pool_pin_cuda(other), -ENODATA);
	device.result = 0;
	assert_int_equal(uw_pool_pin_cuda(pool), 0);
	assert_int_equal(uw_pool_pin_cuda(pool), -EALREADY);
	assert_int_equal(device.flags, CUDA_PORTABLE);
	assert_int_equal(device.pushed, 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_blocks * 512, device.bytes);
	assert_int_equal(uw_pool_trim(pool, UINT64_MAX, &bytes), 0);
	assert_int_equal(bytes, 0);
	uw_pool_close(pool);
	assert_null(device.memory);
	assert_int_equal(uw_pool_pin_cuda(other), 0);
	assert_int_equal(device.flags, CUDA_PORTABLE | CUDA_READ_ONLY);
	uw_pool_close(other);
	assert_null(device.memory);
	cuda_use(NULL);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_export_keeps_memory_beyond_free_and_close),
		cmocka_unit_test(test_export_ends_in_any_thread_and_frees_the_tensor),
		cmocka_unit_test(test_pool_pinned_for_cuda_is_all_there_and_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
