// SPDX-License-Identifier: GPL-2.0-or-later
/* Pools as programs use them: allocations, tensors, and who attaches from elsewhere. */
#include "tests/unit/pool_fixture.h"

#include <sys/socket.h>
#include <sys/wait.h>

/* ---- allocations ---- */

static void test_wrong_options_are_refused(void **data)
{
	static const struct uw_pool_options wrong[] = {
		{.size = 8, .name = "a", .bytes = MIB},
		{.size = sizeof(wrong[0]), .name = "a", .bytes = 65535},
		{.size = sizeof(wrong[0]), .name = "a", .bytes = UW_POOL_BYTES_MAX + 1},
		{.size = sizeof(wrong[0]), .name = "a", .bytes = MIB, .tensors = 65537},
	};
	struct uw_pool *pool = NULL;

	(void)data;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(uw_pool_create(NULL, &wrong[i], &pool), -EINVAL);
	assert_int_equal(uw_pool_create(NULL, NULL, &pool), -EINVAL);
	assert_null(pool);
	uw_pool_close(NULL);
}

static void test_allocation_lives_until_it_is_freed(void **data)
{
	struct uw_pool *pool = make(4 * MIB, 0);
	void *memory = NULL, *again = NULL;
	uint64_t id, bytes;

	(void)data;
	assert_int_equal(uw_pool_alloc(pool, 1000, 0, &id, &memory), 0);
	memset(memory, 7, 1000);
	assert_int_equal(uw_pool_get(pool, id, &again, &bytes), 0);
	assert_ptr_equal(again, memory);
	assert_in_range(bytes, 1000, 1024);
	assert_int_equal(uw_pool_get(pool, id, NULL, NULL), 0);
	assert_int_equal(uw_pool_pin(pool, id, &again), 0);
	assert_int_equal(uw_pool_free(pool, id), 0);
	assert_int_equal(stats_of(pool).zombie_bytes, bytes);
	assert_int_equal(uw_pool_unpin(pool, id), 0);
	assert_int_equal(uw_pool_free(pool, id), UW_STALE);
	assert_int_equal(uw_pool_get(pool, id, &again, NULL), UW_STALE);
	assert_int_equal(uw_pool_alloc(pool, 0, 0, &id, NULL), -EINVAL);
	assert_int_equal(uw_pool_alloc(pool, 1, 2, &id, NULL), -EINVAL);
	assert_int_equal(uw_pool_alloc(pool, 1, 0, NULL, NULL), -EINVAL);
	assert_int_equal(uw_pool_alloc(pool, 5 * MIB, 0, &id, NULL), UW_FULL);
	uw_pool_close(pool);
}

static void test_figures_and_trim(void **data)
{
	struct uw_pool *pool = make(16 * MIB, 0);
	struct uw_pool_stats stats = {.size = offsetof(struct uw_pool_stats, used_bytes),
				      .used_bytes = 77};
	uint64_t id[4], bytes = 0;
	struct stat st;

	(void)data;
	for (int i = 0; i < 4; i++)
		assert_int_equal(uw_pool_alloc(pool, 4 * MIB, 0, &id[i], NULL), 0);
	assert_int_equal(uw_pool_free(pool, id[0]), 0);
	assert_int_equal(uw_pool_free(pool, id[2]), 0);
	assert_int_equal(stats_of(pool).free_bytes, 8 * MIB);
	assert_int_equal(stats_of(pool).largest_bytes, 4 * MIB);
	assert_int_equal(stats_of(pool).fragmentation_permyriad, 5000);
	assert_int_equal(uw_pool_trim(pool, UINT64_MAX, &bytes), 0);
	assert_true(bytes > 0); /* some went before */
	assert_int_equal(stats_of(pool).trimmed_bytes, 8 * MIB);
	assert_int_equal(fstat(uw_pool_fd(pool), &st), 0);
	assert_int_equal(stats_of(pool).committed_bytes, (uint64_t)st.st_blocks * 512);
	assert_int_equal(uw_pool_stats(pool, &stats), 0);
	assert_int_equal(stats.bytes, 16 * MIB);
	assert_int_equal(stats.used_bytes, 77);
	uw_pool_close(pool);
}

static uint64_t evicted[64];
static uint32_t evicted_count;

static void on_evict(void *data, uint64_t id, void *memory, uint64_t bytes)
{
	struct uw_tensor tensor = {.size = sizeof(tensor)};

	assert_true(bytes >= 1000);
	assert_int_equal(*(uint64_t *)memory, id);
	assert_int_equal(uw_pool_get(data, id, NULL, NULL), UW_STALE);
	assert_int_equal(uw_tensor_get(data, id, &tensor), UW_STALE);
	evicted[evicted_count++ % 64] = id;
}

static void test_trim_to_less_evicts_allocations_and_tensors(void **data)
{
	struct uw_pool *pool = make(4 * MIB, 0);
	struct uw_tensor tensor = matrix(100, 100);
	uint64_t id[2];
	void *memory;

	(void)data;
	evicted_count = 0;
	assert_int_equal(uw_pool_on_evict(pool, on_evict, pool), 0);
	assert_int_equal(uw_tensor_alloc(pool, &tensor, UW_EVICTABLE, &id[0], &memory), 0);
	memcpy(memory, &id[0], 8);
	assert_int_equal(uw_pool_alloc(pool, 1000, UW_EVICTABLE, &id[1], &memory), 0);
	memcpy(memory, &id[1], 8);
	assert_int_equal(uw_pool_trim(pool, 0, NULL), 0);
	assert_int_equal(evicted_count, 0);
	assert_int_equal(uw_pool_unpin(pool, id[1]), 0);
	assert_int_equal(uw_pool_unpin(pool, id[0]), 0);
	assert_int_equal(uw_pool_trim(pool, 0, NULL), 0);
	assert_int_equal(evicted_count, 2);
	assert_int_equal(evicted[0], id[1]);
	assert_int_equal(evicted[1], id[0]);
	assert_int_equal(stats_of(pool).tensors, 0);
	assert_int_equal(stats_of(pool).used_bytes, 0);
	uw_pool_close(pool);
}

/* ---- tensors ---- */

static void test_tensor_is_found_by_its_id(void **data)
{
	struct uw_pool *pool = make(4 * MIB, 0);
	struct uw_tensor tensor = {.size = sizeof(tensor)};
	void *memory = NULL, *other = NULL;
	uint64_t id = put(pool, 10, 30, &memory), next;

	(void)data;
	assert_int_equal((uintptr_t)memory % 64, 0);
	assert_int_equal(uw_tensor_get(pool, id, &tensor), 0);
	assert_int_equal(tensor.bytes, 1200);
	assert_int_equal(tensor.dimensions, 2);
	assert_int_equal(tensor.shape[1], 30);
	assert_ptr_equal(tensor.memory, memory);
	assert_int_equal(uw_pool_get(pool, id, &other, NULL), 0);
	assert_ptr_equal(other, memory);
	assert_int_equal(stats_of(pool).tensors, 1);
	assert_int_equal(uw_pool_free(pool, id), 0);
	assert_int_equal(uw_pool_free(pool, id), UW_STALE);
	next = put(pool, 10, 30, NULL);
	assert_int_not_equal(next, id);
	assert_int_equal(uw_tensor_get(pool, id, &tensor), UW_STALE);
	assert_int_equal(uw_tensor_get(pool, 12345, &tensor), UW_STALE);
	uw_pool_close(pool);
}

static void test_shapes_that_cannot_be_are_refused(void **data)
{
	struct uw_pool *pool = make(MIB, 0);
	struct uw_tensor wrong[8];
	uint64_t id;

	(void)data;
	for (int i = 0; i < 8; i++)
		wrong[i] = matrix(2, 2);
	wrong[0].shape[0] = -1;
	wrong[1].shape[0] = INT64_MAX;
	wrong[2].dimensions = 9;
	wrong[3].bits = 12;
	wrong[4].type = 3;
	wrong[5].type = 99;
	wrong[6].size = 16;
	wrong[7].type = UW_BOOL;
	for (int i = 0; i < 8; i++)
		assert_int_equal(uw_tensor_alloc(pool, &wrong[i], 0, &id, NULL), -EINVAL);
	wrong[0] = matrix(0, 5);
	assert_int_equal(uw_tensor_alloc(pool, &wrong[0], 0, &id, NULL), 0);
	wrong[0].dimensions = 0;
	assert_int_equal(uw_tensor_alloc(pool, &wrong[0], 0, &id, NULL), 0);
	uw_pool_close(pool);
}

static void test_as_many_tensors_as_were_asked_for(void **data)
{
	struct uw_pool *pool = make(4 * MIB, 300);
	struct uw_tensor tensor = matrix(1, 1);
	uint64_t id[300], other;

	(void)data;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 300; i++)
			id[i] = put(pool, i + 1, 1, NULL);
		assert_int_equal(uw_tensor_alloc(pool, &tensor, 0, &other, NULL), UW_FULL);
		for (int i = 0; i < 300; i++) {
			assert_int_equal(uw_tensor_get(pool, id[i], &tensor), 0);
			assert_int_equal(tensor.shape[0], i + 1);
			assert_int_equal(uw_pool_free(pool, id[i]), 0);
		}
	}
	uw_pool_close(pool);
}

/* ---- others ---- */

static void test_attached_reads_tensors_and_does_nothing_else(void **data)
{
	struct uw_pool *pool = make(8 * MIB, 0), *other = NULL;
	struct uw_tensor tensor = {.size = sizeof(tensor)};
	int fd = reopen(pool);
	struct dl_new *new = NULL;
	void *memory;
	uint64_t id = put(pool, 100, 7, &memory), generation;

	(void)data;
	strcpy(memory, "seen");
	assert_int_equal(uw_pool_attach_fd(fd, UW_READ_WRITE, &other), -EACCES);
	assert_int_equal(uw_pool_attach_fd(fd, UW_READ_ONLY, &other), 0);
	assert_int_equal(uw_tensor_get(other, id, &tensor), 0);
	assert_string_equal(tensor.memory, "seen");
	assert_int_equal(tensor.shape[0], 100);
	generation = tensor.generation;
	assert_int_equal(uw_tensor_dlpack(other, id, 0, (void **)&new), -EACCES);
	assert_int_equal(uw_tensor_dlpack(other, id, UW_DLPACK_VERSIONED, (void **)&new), 0);
	assert_int_equal(new->flags, 1);
	new->deleter(new);
	assert_int_equal(uw_pool_alloc(other, 1, 0, &id, NULL), -EPERM);
	assert_int_equal(uw_pool_free(other, id), -EPERM);
	assert_int_equal(uw_pool_trim(other, 0, NULL), -EPERM);
	assert_int_equal(uw_pool_free(pool, id), 0);
	assert_int_equal(uw_tensor_get(other, id, &tensor), UW_STALE);
	id = put(pool, 100, 7, &memory);
	assert_int_equal(uw_tensor_get(other, id, &tensor), 0);
	assert_int_not_equal(tensor.generation, generation);
	close(fd);
	uw_pool_close(other);
	uw_pool_close(pool);
}

static void test_what_is_no_pool_cannot_be_attached(void **data)
{
	struct uw_pool *pool = make(MIB, 0), *other = NULL;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)data;
	assert_int_equal(uw_pool_attach_fd(null, UW_READ_ONLY, &other), -EINVAL);
	assert_int_equal(uw_pool_attach_fd(uw_pool_fd(pool), 7, &other), -EINVAL);
	assert_null(other);
	close(null);
	uw_pool_close(pool);
}

/* ---- over a socket ---- */

static void send_fd(int socket, int fd, uint64_t id)
{
	struct iovec body = {&id, sizeof(id)};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct msghdr message = {.msg_iov = &body,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};

	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	assert_int_equal(sendmsg(socket, &message, 0), sizeof(id));
}

static int receive_fd(int socket, uint64_t *ret_id)
{
	struct iovec body = {ret_id, sizeof(*ret_id)};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = {.msg_iov = &body,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	int fd = -1;

	if (recvmsg(socket, &message, 0) == sizeof(*ret_id))
		memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	return fd;
}

/* Writes what it reads, once more. */
static void be_reader(int socket)
{
	struct uw_tensor tensor = {.size = sizeof(tensor)};
	struct uw_pool *pool = NULL;
	uint64_t id = 0;
	int fd = receive_fd(socket, &id);

	if (uw_pool_attach_fd(fd, UW_READ_WRITE, &pool) || uw_tensor_get(pool, id, &tensor) ||
	    strcmp(tensor.memory, "asked"))
		_exit(1);
	strcpy(tensor.memory, "answered");
	uw_pool_close(pool);
	_exit(0);
}

static void test_another_process_attaches_over_a_socket(void **data)
{
	int sockets[2], status = -1;
	struct uw_pool *pool;
	pid_t child;
	void *memory;
	uint64_t id;

	(void)data;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets), 0);
	child = fork();
	if (!child)
		be_reader(sockets[1]);
	pool = make(4 * MIB, 0);
	id = put(pool, 64, 64, &memory);
	strcpy(memory, "asked");
	send_fd(sockets[0], uw_pool_fd(pool), id);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_string_equal(memory, "answered");
	close(sockets[0]);
	close(sockets[1]);
	uw_pool_close(pool);
}

static void in_child(struct uw_pool *pool, struct uw_pool *other, uint64_t id, struct dl_old *old)
{
	struct uw_tensor tensor = {.size = sizeof(tensor)};
	struct uw_pool_stats stats = {.size = sizeof(stats)};
	void *managed;

	if (uw_pool_alloc(pool, 1, 0, &id, NULL) != -ECHILD || uw_pool_free(pool, id) != -ECHILD ||
	    uw_tensor_get(pool, id, &tensor) != -ECHILD ||
	    uw_tensor_dlpack(pool, id, 0, &managed) != -ECHILD ||
	    uw_pool_stats(pool, &stats) != -ECHILD || uw_tensor_get(other, id, &tensor) != -ECHILD)
		_exit(1);
	old->deleter(old);
	uw_pool_close(other);
	uw_pool_close(pool);
	_exit(0);
}

static void test_child_of_fork_is_refused(void **data)
{
	struct uw_pool *pool = make(MIB, 0), *other = NULL;
	struct dl_old *old = NULL;
	uint64_t id = put(pool, 2, 2, NULL);
	int status = -1;
	pid_t child;

	(void)data;
	assert_int_equal(uw_tensor_dlpack(pool, id, 0, (void **)&old), 0);
	assert_int_equal(uw_pool_attach_fd(uw_pool_fd(pool), UW_READ_WRITE, &other), 0);
	child = fork();
	if (!child)
		in_child(pool, other, id, old);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	old->deleter(old);
	uw_pool_close(other);
	assert_int_equal(uw_pool_free(pool, id), 0);
	uw_pool_close(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong_options_are_refused),
		cmocka_unit_test(test_allocation_lives_until_it_is_freed),
		cmocka_unit_test(test_figures_and_trim),
		cmocka_unit_test(test_trim_to_less_evicts_allocations_and_tensors),
		cmocka_unit_test(test_tensor_is_found_by_its_id),
		cmocka_unit_test(test_shapes_that_cannot_be_are_refused),
		cmocka_unit_test(test_as_many_tensors_as_were_asked_for),
		cmocka_unit_test(test_attached_reads_tensors_and_does_nothing_else),
		cmocka_unit_test(test_what_is_no_pool_cannot_be_attached),
		cmocka_unit_test(test_another_process_attaches_over_a_socket),
		cmocka_unit_test(test_child_of_fork_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
