// SPDX-License-Identifier: GPL-2.0-or-later
/* Pools by libuw, against a server in a process of its own that is killed and started again. */
#include "tests/unit/uw_fixture.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "user/lib/pools.h"

static uint64_t memory_of(const struct lib_pool *pool)
{
	struct stat st;

	assert_int_equal(fstat(pool->fd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static struct lib_pool *create(struct uw *uw, const char *name)
{
	struct lib_pool *pool = NULL;

	assert_int_equal(lib_pool_create(uw, "trading_data", name, 8 * MIB, &pool, NULL), 0);
	return pool;
}

static void test_pool_is_created_committed_and_closed(void **state)
{
	struct uw_fixture *fixture = *state;
	struct uw_denial denial = {.size = sizeof(denial)};
	struct uw *uw = uw_fixture_open(fixture);
	struct lib_pool *pool = create(uw, "prices"), *other;

	assert_int_equal(pool->bytes, 8 * MIB);
	assert_int_equal(memory_of(pool), 0);
	assert_int_equal(lib_pool_commit(pool, 0, 4 * MIB), 0);
	assert_int_equal(memory_of(pool), 4 * MIB);
	assert_int_equal(lib_pool_commit(pool, 4 * MIB, 5 * MIB), -ERANGE);
	assert_int_equal(lib_pool_create(uw, "trading_data", "prices", MIB, &other, NULL), -EEXIST);
	assert_int_equal(lib_pool_create(uw, "trading_data", "no name", MIB, &other, NULL),
			 -EINVAL);
	assert_int_equal(lib_pool_create(uw, "nowhere", "x", MIB, &other, NULL), -ENOENT);
	assert_int_equal(lib_pool_create(uw, "trading_data", "large", 393 * MIB, &other, &denial),
			 UW_DENIED);
	assert_string_equal(denial.reason, "budget");
	assert_int_equal(denial.available, 392 * MIB);
	assert_int_equal(uw_fixture_leases(fixture), 1);
	lib_pool_close(pool);
	assert_int_equal(uw_fixture_leases(fixture), 0);
	uw_close(uw);
}

static void test_pool_is_attached_by_another_handle(void **state)
{
	struct uw_fixture *fixture = *state;
	struct uw *uw = uw_fixture_open(fixture), *other = uw_fixture_open(fixture);
	struct lib_pool *pool = create(uw, "prices"), *reader = NULL;
	struct pollfd ready = {.fd = uw_fd(other), .events = POLLIN};
	char name[32];

	assert_int_equal(lib_pool_share(pool, UINT32_MAX, UINT32_MAX, 0444), 0);
	assert_int_equal(lib_pool_share(pool, UINT32_MAX, UINT32_MAX, 0777), -EINVAL);
	assert_int_equal(lib_pool_attach(other, "orders", false, &reader), -ENOENT);
	assert_int_equal(lib_pool_attach(other, "x/prices", false, &reader), -EINVAL);
	snprintf(name, sizeof(name), "%u/prices", geteuid());
	assert_int_equal(lib_pool_attach(other, name, false, &reader), 0);
	assert_int_equal(fcntl(reader->fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(lib_pool_commit(reader, 0, MIB), UW_STALE);
	assert_int_equal(lib_pool_share(reader, UINT32_MAX, UINT32_MAX, 0666), UW_STALE);
	assert_int_equal(pwrite(pool->fd, "here", 4, 0), 4);
	assert_int_equal(pread(reader->fd, name, 4, 0), 4);
	assert_memory_equal(name, "here", 4);
	assert_false(reader->gone);
	lib_pool_close(pool);
	for (int i = 0; i < 100 && !reader->gone; i++) {
		poll(&ready, 1, 100);
		uw_dispatch(other);
	}
	assert_true(reader->gone);
	lib_pool_close(reader);
	assert_int_equal(uw_fixture_leases(fixture), 0);
	uw_close(other);
	uw_close(uw);
}

static void test_pool_outlives_the_server(void **state)
{
	struct uw_fixture *fixture = *state;
	struct uw *uw = uw_fixture_open(fixture);
	struct lib_pool *pool = create(uw, "prices");

	assert_int_equal(lib_pool_commit(pool, 0, MIB), 0);
	uw_fixture_kill(fixture); /* and its keepers with it: the file is ours to bring */
	uw_fixture_start(fixture);
	assert_int_equal(lib_pool_commit(pool, MIB, MIB), 0);
	assert_int_equal(memory_of(pool), 2 * MIB);
	assert_false(pool->gone);
	assert_int_equal(uw_fixture_leases(fixture), 1);
	lib_pool_close(pool);
	uw_close(uw);
}

static void test_reader_that_comes_back_hears_that_its_owner_is_gone(void **state)
{
	struct uw_fixture *fixture = *state;
	struct uw *uw = uw_fixture_open(fixture), *other = uw_fixture_open(fixture);
	struct lib_pool *pool = create(uw, "prices"), *reader = NULL;

	assert_int_equal(lib_pool_attach(other, "prices", false, &reader), 0);
	uw_fixture_kill(fixture);
	uw_fixture_start(fixture);
	lib_pool_close(pool);
	uw_fixture_await(fixture, 1); /* the reader's, which nobody has asked anything yet */
	for (int i = 0; i < 20 && !reader->gone; i++) {
		assert_true(uw_dispatch(other) >= 0);
		usleep(10000);
	}
	assert_true(reader->gone);
	lib_pool_close(reader);
	uw_close(other);
	uw_close(uw);
}

static void test_child_of_fork_has_no_pool(void **state)
{
	struct uw_fixture *fixture = *state;
	struct uw *uw = uw_fixture_open(fixture);
	struct lib_pool *pool = create(uw, "prices");
	pid_t child = fork();
	int status;

	if (!child) {
		bool good = pool->fd == -1 && lib_pool_commit(pool, 0, MIB) == -ECHILD;

		lib_pool_close(pool);
		_exit(good ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(lib_pool_commit(pool, 0, MIB), 0);
	assert_int_equal(uw_fixture_leases(fixture), 1);
	lib_pool_close(pool);
	uw_close(uw);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(test_##name, uw_fixture_setup, uw_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pool_is_created_committed_and_closed),
		TEST(pool_is_attached_by_another_handle),
		TEST(pool_outlives_the_server),
		TEST(reader_that_comes_back_hears_that_its_owner_is_gone),
		TEST(child_of_fork_has_no_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
