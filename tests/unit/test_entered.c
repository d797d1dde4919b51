// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What becomes of a leaf that root has entered when its job has ended: in a pool of plain files, in
 * which a leaf that somebody is in is one that something is mounted on.
 */
#include <sched.h>
#include <sys/mount.h>

#include "tests/unit/hang_guard.h"
#include "tests/unit/tmp_pool.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/daemon/entered.h"
#include "user/daemon/mover.h"

struct entered_test {
	struct daemon daemon;
	struct tmp_pool pool;
};

static int setup(void **state)
{
	struct entered_test *test = calloc(1, sizeof(*test));
	struct daemon *daemon = &test->daemon;

	tmp_pool_init(&test->pool);
	log_set_level(LOG_LEVEL_ERR);
	daemon->pool.dir = test->pool.dirfd;
	pthread_mutex_init(&daemon->pool_lock, NULL);
	assert_int_equal(mkdirat(test->pool.dirfd, "batch", 0755), 0);
	assert_int_equal(mkdirat(test->pool.dirfd, "debug", 0755), 0);
	*state = test;
	return mover_open(daemon);
}

static int teardown(void **state)
{
	struct entered_test *test = *state;

	mover_close(&test->daemon);
	pthread_mutex_destroy(&test->daemon.pool_lock);
	tmp_pool_done(&test->pool);
	free(test->daemon.entered);
	free(test);
	return 0;
}

static struct entered *list(struct entered_test *test, const char *component, const char *leaf,
			    bool by_root)
{
	struct entered place = {.cgid = 5, .bytes = 1000, .key = "fold", .by_root = by_root};
	char path[80];

	strcpy(place.component, component);
	strcpy(place.leaf, leaf);
	snprintf(path, sizeof(path), "%s/%s", component, leaf);
	assert_int_equal(mkdirat(test->pool.dirfd, path, 0755), 0);
	return entered_add(&test->daemon, &place);
}

static bool is_there(const struct entered_test *test, const char *path)
{
	return !faccessat(test->pool.dirfd, path, F_OK, 0);
}

static void test_a_job_that_has_left_leaves_nothing_in_any_component(void **state)
{
	struct entered_test *test = *state;

	list(test, "batch", "slurm-7", true);
	list(test, "batch", "slurm-70", true);
	list(test, "debug", "slurm-7", true);
	assert_int_equal(entered_vacate(&test->daemon, "slurm-7", mover_clean), 0);
	assert_null(entered_find(&test->daemon, "batch", "slurm-7"));
	assert_null(entered_find(&test->daemon, "debug", "slurm-7"));
	assert_non_null(entered_find(&test->daemon, "batch", "slurm-70"));
	assert_false(is_there(test, "batch/slurm-7"));
	assert_false(is_there(test, "debug/slurm-7"));
	assert_true(is_there(test, "batch/slurm-70"));
}

static void test_what_is_a_users_own_or_on_its_way_is_left_alone(void **state)
{
	struct entered_test *test = *state;
	struct entered *comes = list(test, "debug", "work", true);

	comes->coming = 1;
	list(test, "batch", "work", false);
	assert_int_equal(entered_vacate(&test->daemon, "work", mover_clean), 1);
	assert_int_equal(entered_find(&test->daemon, "debug", "work")->bytes, 1000);
	assert_true(is_there(test, "batch/work"));
	assert_true(is_there(test, "debug/work"));
}

/* Who was put into the background outlives the job, and what was reserved for it does not. */
static void test_who_is_left_of_a_job_is_killed(void **state)
{
	struct entered_test *test = *state;
	const struct entered *entered = list(test, "batch", "slurm-7", true);
	char leaf[160];

	snprintf(leaf, sizeof(leaf), "%s/pool/batch/slurm-7", test->pool.path);
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", leaf, "tmpfs", 0, NULL))
		skip();
	tmp_pool_write(&test->pool, "batch/slurm-7", "cgroup.events", "populated 1\n");
	tmp_pool_write(&test->pool, "batch/slurm-7", "cgroup.kill", "0");
	assert_int_equal(entered_vacate(&test->daemon, "slurm-7", mover_clean), 1);
	assert_int_equal(entered->bytes, 0);
	assert_string_equal(entered->key, "");
	UNTIL(tmp_pool_read(&test->pool, "batch/slurm-7", "cgroup.kill") == 1);
	/* No files hold up the removal of a cgroup. */
	assert_int_equal(unlinkat(test->pool.dirfd, "batch/slurm-7/cgroup.kill", 0), 0);
	assert_int_equal(unlinkat(test->pool.dirfd, "batch/slurm-7/cgroup.events", 0), 0);
	assert_int_equal(umount2(leaf, MNT_DETACH), 0);
	UNTIL(!entered_vacate(&test->daemon, "slurm-7", mover_clean));
	assert_false(is_there(test, "batch/slurm-7"));
	assert_null(entered_find(&test->daemon, "batch", "slurm-7"));
}

/* What was said of the others is gone from the frame by itself: see tell_leases() of tick.c. */
static void test_what_is_said_of_a_leaf_stands_in_the_frame_and_is_found_again(void **state)
{
	struct entered_test *test = *state;
	struct entered *entered = list(test, "batch", "slurm-7", true);
	struct frame *frame = &test->daemon.frame;
	AUTO_CLOSE int dir = openat(test->pool.dirfd, "batch/slurm-7", O_RDONLY | O_DIRECTORY);
	struct stat st;

	frame->leaf_count = 2;
	frame->leaf[0] = (struct leaf_sample){.cgid = 4};
	frame->leaf[1] = (struct leaf_sample){.cgid = 5};
	entered->said = (struct cg_said){.priority = 2, .freezable = true};
	entered_tell_leaves(&test->daemon);
	assert_int_equal(frame->leaf[0].priority, 0);
	assert_int_equal(frame->leaf[1].priority, 2);
	assert_true(frame->leaf[1].freezable);
	/* By a uwd that is started anew. */
	if (cg_leaf_note_entered(dir, 4711) || cg_leaf_note_said(dir, &entered->said))
		skip(); /* a tmpfs before Linux 6.6 */
	entered_forget(&test->daemon, entered);
	test->daemon.config.component_count = 1;
	strcpy(test->daemon.config.component[0].name, "batch");
	entered_find_again(&test->daemon);
	assert_int_equal(fstat(dir, &st), 0);
	entered = entered_find(&test->daemon, "batch", "slurm-7");
	assert_non_null(entered);
	assert_int_equal(entered->cgid, st.st_ino);
	assert_int_equal(entered->said.priority, 2);
	assert_true(entered->said.freezable);
}

/* Whom somebody waits for is gone before that is said. */
static void test_how_the_last_one_ended_is_waited_for(void **state)
{
	struct entered_test *test = *state;
	uint64_t now_us = 1000 * US_PER_SEC;

	list(test, "batch", "slurm-7", true)->unheard = 2;
	entered_keep_house(&test->daemon, now_us);
	entered_find(&test->daemon, "batch", "slurm-7")->unheard--;
	entered_keep_house(&test->daemon, now_us + US_PER_SEC);
	assert_true(is_there(test, "batch/slurm-7"));
	entered_find(&test->daemon, "batch", "slurm-7")->unheard--;
	entered_keep_house(&test->daemon, now_us + US_PER_SEC);
	assert_false(is_there(test, "batch/slurm-7"));
	assert_null(entered_find(&test->daemon, "batch", "slurm-7"));
}

static void test_a_word_that_does_not_come_is_not_waited_for_for_long(void **state)
{
	struct entered_test *test = *state;
	struct frame *frame = &test->daemon.frame;
	uint64_t now_us = 1000 * US_PER_SEC;

	list(test, "batch", "slurm-7", true)->unheard = 1;
	entered_keep_house(&test->daemon, now_us);
	/* The next step of the job. */
	frame->leaf_count = 1;
	frame->leaf[0] = (struct leaf_sample){.cgid = 5, .populated = true};
	entered_keep_house(&test->daemon, now_us += 60 * US_PER_SEC);
	frame->leaf[0].populated = false;
	entered_keep_house(&test->daemon, now_us += US_PER_SEC);
	entered_keep_house(&test->daemon, now_us + 4 * US_PER_SEC);
	assert_true(is_there(test, "batch/slurm-7"));
	entered_keep_house(&test->daemon, now_us + 5 * US_PER_SEC);
	assert_false(is_there(test, "batch/slurm-7"));
}

static void test_who_is_not_learned_of_is_not_waited_for(void **state)
{
	struct entered_test *test = *state;
	struct entered *entered = list(test, "batch", "work", false);

	entered->unheard = 1;
	*entered->key = '\0';
	entered_keep_house(&test->daemon, US_PER_SEC);
	assert_false(is_there(test, "batch/work"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_job_that_has_left_leaves_nothing_in_any_component),
		TEST(test_what_is_a_users_own_or_on_its_way_is_left_alone),
		TEST(test_who_is_left_of_a_job_is_killed),
		TEST(test_what_is_said_of_a_leaf_stands_in_the_frame_and_is_found_again),
		TEST(test_how_the_last_one_ended_is_waited_for),
		TEST(test_a_word_that_does_not_come_is_not_waited_for_for_long),
		TEST(test_who_is_not_learned_of_is_not_waited_for),
	};

	return cmocka_run_group_tests_name("entered", tests, NULL, NULL);
}
