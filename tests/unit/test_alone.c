// SPDX-License-Identifier: GPL-2.0-or-later
/* What is held and may be removed: the pool's lock, the ledger, the queue's directory. */
#include <errno.h>
#include <fcntl.h>

#include "tests/unit/jobs_fixture.h"
#include "user/daemon/alone.h"
#include "user/ledger/ledger.h"

static int open_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* A directory stands in for a cgroup. */
static void test_alone_second_lock_on_a_pool_is_refused(void **state)
{
	struct jobs_fixture *f = *state;
	int dir = open_dir(f->pool.path), one = -1, two = -1, held;
	struct uw_err err = {0};
	char path[128];

	snprintf(path, sizeof(path), "%s/cgroup.procs", f->pool.path);
	assert_int_equal(alone_lock(dir, 0, &one, &err), -ENOENT);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(alone_lock(dir, 0, &one, &err), 0);
	held = one;
	assert_int_equal(alone_lock(dir, 0, &one, &err), 0); /* it is ours already */
	assert_int_equal(one, held);
	assert_int_equal(alone_lock(dir, 0, &two, &err), -EBUSY);
	assert_non_null(strstr(err.text, "another uwd runs on this pool"));
	assert_int_equal(two, -1);
	close(one);
	assert_int_equal(alone_lock(dir, 0, &two, &err), 0);
	close(two);
	close(dir);
}

/* A pool that was made anew is another one. */
static void test_alone_lock_follows_a_new_pool(void **state)
{
	struct jobs_fixture *f = *state;
	int dir = open_dir(f->pool.path), lock = -1, other = -1;
	struct uw_err err = {0};
	char path[128];

	snprintf(path, sizeof(path), "%s/cgroup.procs", f->pool.path);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(alone_lock(dir, 0, &lock, &err), 0);
	assert_int_equal(unlink(path), 0);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(alone_lock(dir, 0, &lock, &err), 0);
	assert_int_equal(alone_lock(dir, 0, &other, &err), -EBUSY);
	close(lock);
	close(dir);
}

static void test_alone_ledger_that_was_removed_is_missed(void **state)
{
	struct jobs_fixture *f = *state;
	struct ledger *ledger = NULL;
	struct uw_err err = {0};
	char path[128], aside[136];

	snprintf(path, sizeof(path), "%s/ledger", f->pool.path);
	snprintf(aside, sizeof(aside), "%s.aside", path);
	assert_int_equal(ledger_open(path, true, &ledger, &err), 0);
	assert_true(ledger_is_at(ledger, path));
	assert_int_equal(rename(path, aside), 0);
	assert_false(ledger_is_at(ledger, path));
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_false(ledger_is_at(ledger, path));
	ledger_close(ledger);
}

static void test_alone_queue_that_was_removed_is_missed(void **state)
{
	static const char *const names[] = {"", "/" STORE_FILE, "/" SLOTS_FILE};
	struct jobs_fixture *f = *state;

	assert_true(jobs_are_there(f->jobs));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[128], aside[136];

		snprintf(path, sizeof(path), "%s%s", f->dir, names[i]);
		snprintf(aside, sizeof(aside), "%s.aside", path);
		assert_int_equal(rename(path, aside), 0);
		assert_false(jobs_are_there(f->jobs));
		assert_int_equal(rename(aside, path), 0);
		assert_true(jobs_are_there(f->jobs));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, jobs_setup, jobs_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_alone_second_lock_on_a_pool_is_refused),
		TEST(test_alone_lock_follows_a_new_pool),
		TEST(test_alone_ledger_that_was_removed_is_missed),
		TEST(test_alone_queue_that_was_removed_is_missed),
	};

	return cmocka_run_group_tests_name("alone", tests, NULL, NULL);
}
