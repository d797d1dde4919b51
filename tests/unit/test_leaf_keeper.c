// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What may hold up its caller on a job's leaf, in a pool of plain files: a leaf that cannot be
 * removed is one that something is mounted on, and a memory.high that blocks is a pipe that nobody
 * reads from.
 */
#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/pidfd.h>

#include "tests/unit/hang_guard.h"
#include "tests/unit/tmp_pool.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/jobs/leaf_move.h"
#include "user/jobs/ops.h"

#define SOON_US US_PER_SEC /* what waited took two seconds, or had no end */

struct fixture {
	struct tmp_pool pool;
	struct jobs_machine machine;
	char leaf[128], high[160];
};

static int pool_dir(void *data)
{
	const struct fixture *f = data;

	return fcntl(f->pool.dirfd, F_DUPFD_CLOEXEC, 0);
}

static int setup(void **state)
{
	static struct fixture f;

	tmp_pool_init(&f.pool);
	log_set_level(LOG_LEVEL_ERR);
	snprintf(f.leaf, sizeof(f.leaf), "%s/pool/batch/job-7", f.pool.path);
	snprintf(f.high, sizeof(f.high), "%s/memory.high", f.leaf);
	assert_int_equal(mkdirat(f.pool.dirfd, "batch", 0755), 0);
	assert_int_equal(mkdir(f.leaf, 0755), 0);
	f.machine = (struct jobs_machine){.pool_dir = pool_dir, .data = &f};
	assert_int_equal(leaf_keeper_new(pool_dir, &f, &f.machine.keeper), 0);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	leaf_keeper_free(f->machine.keeper);
	tmp_pool_done(&f->pool);
	return 0;
}

static void test_a_leaf_that_cannot_be_removed_holds_nobody_up(void **state)
{
	struct fixture *f = *state;
	uint64_t began_us;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", f->leaf, "tmpfs", 0, NULL))
		skip();
	/* Its thread has to see the mount: in another namespace the leaf can be removed. */
	leaf_keeper_free(f->machine.keeper);
	assert_int_equal(leaf_keeper_new(pool_dir, f, &f->machine.keeper), 0);
	began_us = clock_now_us();
	jobs_ops_real.clean(&f->machine, "batch", "job-7");
	assert_true(clock_now_us() - began_us < SOON_US);
	assert_int_equal(access(f->leaf, F_OK), 0);
	assert_int_equal(umount(f->leaf), 0);
	UNTIL(access(f->leaf, F_OK));
}

static struct cg_group open_leaf(struct fixture *f)
{
	struct cg_group leaf;

	assert_int_equal(jobs_ops_real.open(&f->machine, "batch", "job-7", &leaf), 0);
	return leaf;
}

static uint64_t high_of(const struct fixture *f)
{
	char text[32] = "";

	text_read_at(AT_FDCWD, f->high, text, sizeof(text));
	return strtoull(text, NULL, 10);
}

static void make_high(const struct fixture *f)
{
	AUTO_CLOSE int fd = open(f->high, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
}

static void test_a_limit_that_cannot_be_lowered_holds_nobody_up(void **state)
{
	struct fixture *f = *state;
	struct cg_group leaf = open_leaf(f);
	uint64_t began_us = clock_now_us();

	assert_int_equal(mkfifo(f->high, 0600), 0);
	alarm(HANG_GUARD_MS / 1000);
	assert_int_equal(jobs_ops_real.limit(&f->machine, &leaf, 100000, false), 0);
	alarm(0);
	assert_true(clock_now_us() - began_us < SOON_US);
	assert_int_equal(unlink(f->high), 0);
	make_high(f);
	UNTIL(high_of(f) == 100000);
	cg_group_close(&leaf);
}

/* A lower value that is still to be written never undoes a raise. */
static void test_the_limit_asked_for_last_stands(void **state)
{
	struct fixture *f = *state;
	struct cg_group leaf = open_leaf(f);

	make_high(f);
	for (uint64_t i = 1; i <= 200; i++) {
		assert_int_equal(jobs_ops_real.limit(&f->machine, &leaf, 100000 + i, false), 0);
		assert_int_equal(jobs_ops_real.limit(&f->machine, &leaf, 200000 + i, true), 0);
	}
	assert_int_equal(jobs_ops_real.limit(&f->machine, &leaf, 150000, false), 0);
	UNTIL(high_of(f) == 150000);
	assert_int_equal(jobs_ops_real.limit(&f->machine, &leaf, 100000, false), 0);
	assert_int_equal(jobs_ops_real.limit(&f->machine, &leaf, 200000, true), 0);
	leaf_keeper_free(TAKE(f->machine.keeper));
	assert_int_equal(high_of(f), 200000);
	cg_group_close(&leaf);
}

/* Those who join take the leaf as it is, and only from who has entered it as the same user. */
static void test_a_process_joins_its_users_others_alone(void **state)
{
	struct fixture *f = *state;
	AUTO_CLOSE int self = pidfd_open(getpid(), 0);
	AUTO_CLOSE int dir = -1;
	struct leaf_move move = {.component = "batch",
				 .leaf = "slurm-7",
				 .pidfd = self,
				 .pid = getpid(),
				 .bytes = 1000,
				 .entered = true,
				 .uid = 4711};
	uint64_t cgid = 0, made = tmp_pool_group(&f->pool, "batch/slurm-7");

	tmp_pool_write(&f->pool, "batch/slurm-7", "cgroup.procs", "");
	dir = openat(f->pool.dirfd, "batch/slurm-7", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cg_leaf_note_entered(dir, 4712))
		skip(); /* a tmpfs before Linux 6.6 */
	assert_int_equal(leaf_move_in(f->pool.dirfd, &move, &cgid), -EEXIST);
	move.joins = true;
	assert_int_equal(leaf_move_in(f->pool.dirfd, &move, &cgid), -EEXIST);
	assert_int_equal(tmp_pool_read(&f->pool, "batch/slurm-7", "cgroup.procs"), 0);
	move.uid = 4712;
	assert_int_equal(leaf_move_in(f->pool.dirfd, &move, &cgid), 0);
	assert_int_equal(cgid, made);
	assert_int_equal(tmp_pool_read(&f->pool, "batch/slurm-7", "cgroup.procs"), getpid());
	assert_int_equal(tmp_pool_read(&f->pool, "batch/slurm-7", "memory.high"), UINT64_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_leaf_that_cannot_be_removed_holds_nobody_up),
		TEST(test_a_limit_that_cannot_be_lowered_holds_nobody_up),
		TEST(test_the_limit_asked_for_last_stands),
		TEST(test_a_process_joins_its_users_others_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
