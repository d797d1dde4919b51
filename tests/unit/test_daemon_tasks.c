// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What tasks of programs teach and are told, between the server of leases and the queue. Their
 * leaves are directories of plain files.
 */
#include "tests/unit/jobs_fixture.h"
#include "user/base/units.h"
#include "user/daemon/mover.h"
#include "user/daemon/tasks.h"

#define USER 4711

struct fixture {
	struct jobs_fixture jobs;
	struct daemon daemon;
	struct lease_server_conf ask; /* as the server asks */
	uint32_t ended;
};

static int setup(void **state)
{
	static struct fixture f;
	int rc;

	memset(&f, 0, sizeof(f));
	jobs_fixture_init(&f.jobs);
	rc = jobs_fixture_begin(&f.jobs);
	f.daemon.jobs = f.jobs.jobs;
	f.daemon.config = f.jobs.config;
	f.daemon.pool.dir = f.jobs.pool.dirfd;
	pthread_mutex_init(&f.daemon.pool_lock, NULL);
	assert_int_equal(mover_open(&f.daemon), 0);
	assert_int_equal(mkdirat(f.daemon.pool.dir, "ml_models", 0755), 0);
	tasks_serve(&f.ask);
	*state = &f;
	return rc;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	mover_close(&f->daemon);
	pthread_mutex_destroy(&f->daemon.pool_lock);
	jobs_fixture_done(&f->jobs);
	return 0;
}

static void put(const struct fixture *f, const char *leaf, const char *file, const char *text)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "ml_models/%s/%s", leaf, file);
	fd = openat(f->daemon.pool.dir, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* How a child ended. */
struct ran {
	uint64_t input_mib, had_mib, peak_mib;
	uint64_t run_s; /* 0: ten */
	bool by_itself, was_held;
};

static void run_as(struct fixture *f, const char *key, const struct ran *ran)
{
	char leaf[LEASE_LEAF_LEN], path[96], text[32];
	struct lease_leaf_end end = {
		.component = "ml_models",
		.leaf = leaf,
		.key = key,
		.uid = USER,
		.bytes = ran->had_mib * MIB,
		.run_us = (ran->run_s ?: 10) * US_PER_SEC,
		.input_bytes = ran->input_mib * MIB,
		.by_itself = ran->by_itself,
	};

	snprintf(leaf, sizeof(leaf), LEASE_LEAF_PREFIX "%u-%x", f->ended, 0x10000000U);
	f->ended++;
	snprintf(path, sizeof(path), "ml_models/%s", leaf);
	assert_int_equal(mkdirat(f->daemon.pool.dir, path, 0755), 0);
	snprintf(text, sizeof(text), "%llu\n", (unsigned long long)(ran->peak_mib * MIB));
	put(f, leaf, "memory.peak", text);
	snprintf(text, sizeof(text), "low 0\nhigh %d\nmax 0\n", ran->was_held ? 7 : 0);
	put(f, leaf, "memory.events", text);
	f->ask.end(&f->daemon, &end);
}

/* Of 10 MiB and three times its input, with more than enough; in 5 s and 2 a MiB. */
static void run_one(struct fixture *f, const char *key, uint64_t input_mib)
{
	const struct ran ran = {input_mib, 400, 10 + 3 * input_mib, 5 + 2 * input_mib,
				.by_itself = true};

	run_as(f, key, &ran);
}

/* So many that the first ones, without a line, are no part of what the queue judges by. */
static void run_all(struct fixture *f, const char *key)
{
	for (uint64_t i = 0; i < 48; i++)
		run_one(f, key, 1 + i * 7 % 16);
}

static uint64_t learned(struct fixture *f, const char *key, uint64_t input_mib)
{
	return f->ask.learned(&f->daemon, 0, USER, key, input_mib * MIB).bytes;
}

static uint64_t learned_run_s(struct fixture *f, const char *key, uint64_t input_mib)
{
	return f->ask.learned(&f->daemon, 0, USER, key, input_mib * MIB).run_us / US_PER_SEC;
}

/* What a job of the same key would have reserved. */
static uint64_t footprint(struct fixture *f, const char *key, uint64_t input_mib)
{
	struct job_spec spec = {
		.component = "ml_models",
		.uid = USER,
		.memory_bytes = 400 * MIB,
		.input_bytes = input_mib * MIB,
		.priority = 5,
		.flags = JOB_RERUN,
	};
	struct admit_view view;

	text_copy(spec.key, sizeof(spec.key), key);
	assert_int_equal(jobs_preview(f->jobs.jobs, &spec, &view), 0);
	return view.footprint_bytes;
}

/* 10 and 3 a MiB, and a margin of 1 %. */
static uint64_t told_by_input(uint64_t input_mib)
{
	return (10 + 3 * input_mib) * MIB * 101 / 100;
}

static void test_tasks_of_one_key_are_told_by_the_size_of_their_input(void **state)
{
	struct fixture *f = *state;

	run_all(f, "train");
	/* With up to 2 MiB on top, as for all that is small. */
	assert_in_range(learned(f, "train", 4), told_by_input(4) - MIB, told_by_input(4) + 2 * MIB);
	assert_in_range(learned(f, "train", 16), told_by_input(16) - MIB,
			told_by_input(16) + 2 * MIB);
	assert_int_equal(learned(f, "train", 4), footprint(f, "train", 4));
	assert_int_equal(learned(f, "train", 16), footprint(f, "train", 16));
	/* Without one as ever: as much as nearly all had, which has no use for the line. */
	assert_true(learned(f, "train", 0) > told_by_input(15));
	assert_int_equal(learned(f, "other", 4), 0);
}

static void test_tasks_without_an_input_teach_their_key_alone(void **state)
{
	struct fixture *f = *state;

	for (uint64_t i = 0; i < 16; i++)
		run_one(f, "train", 0);
	assert_int_equal(learned(f, "train", 4), learned(f, "train", 16));
	assert_in_range(learned(f, "train", 0), 10 * MIB, 12 * MIB);
}

static void test_time_of_tasks_is_told_by_the_size_of_their_input(void **state)
{
	struct fixture *f = *state;

	run_all(f, "train");
	assert_in_range(learned_run_s(f, "train", 4), 12, 14);
	assert_in_range(learned_run_s(f, "train", 16), 36, 38);
	assert_int_equal(learned_run_s(f, "other", 4), 0);
	for (uint64_t i = 0; i < 16; i++)
		run_one(f, "alike", 0);
	assert_int_equal(learned_run_s(f, "alike", 4), 5);
}

static void test_task_that_was_held_to_too_little_has_more_next_time(void **state)
{
	const struct ran held = {4, 22, 30, 10, .by_itself = true, .was_held = true};
	const struct ran well = {4, 30, 30, 10, .by_itself = true};
	struct fixture *f = *state;

	run_all(f, "train");
	run_as(f, "train", &held);
	assert_int_equal(learned(f, "train", 4), 30 * MIB);
	assert_true(learned(f, "train", 16) >= told_by_input(16) - MIB);
	run_as(f, "train", &well);
	run_one(f, "train", 16);
	assert_true(learned(f, "train", 4) >= 30 * MIB);
}

/* Its peak is a lower bound, and less than others came to. */
static void test_task_that_was_cancelled_teaches_nothing_that_is_known(void **state)
{
	const struct ran cancelled = {16, 400, 57, 10, .by_itself = false};
	struct fixture *f = *state;
	uint64_t before;

	run_all(f, "train");
	before = learned(f, "train", 4);
	run_as(f, "train", &cancelled);
	assert_int_equal(learned(f, "train", 4), before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_tasks_of_one_key_are_told_by_the_size_of_their_input),
		TEST(test_tasks_without_an_input_teach_their_key_alone),
		TEST(test_time_of_tasks_is_told_by_the_size_of_their_input),
		TEST(test_task_that_was_held_to_too_little_has_more_next_time),
		TEST(test_task_that_was_cancelled_teaches_nothing_that_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
