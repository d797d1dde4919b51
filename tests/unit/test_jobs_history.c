// SPDX-License-Identifier: GPL-2.0-or-later
/* What is remembered of jobs that have ended, and for how long. */
#include "tests/unit/jobs_fixture.h"
#include "user/base/cleanup.h"

/* A first attempt is no wait of the second: neither in its row nor in the sums. */
static int add_wait(void *data, const struct store_total *total)
{
	*(uint64_t *)data += total->wait_us;
	return 0;
}

static void test_jobs_wait_is_that_of_the_last_attempt(void **state)
{
	struct jobs_fixture *f = *state;
	char text[256], buf[320];
	struct jobs_item item;
	struct store_row row;
	uint64_t wait_us = 0, first_us;

	snprintf(text, sizeof(text), "test -e %s || { touch %s; " AT_GATE "; exit 1; }", f->ran,
		 f->ran);
	item = sh_item(text, buf, sizeof(buf));
	item.spec.retries = 1;
	submit(f, &item, 1);
	JOBS_UNTIL(f, !access(f->ran, F_OK));
	first_us = clock_wall_us();
	open_gate(f, 1);
	JOBS_UNTIL(f, f->ended == 1);
	row = row_of(f, f->first_id);
	assert_int_equal(row.job.attempts, 2);
	assert_true(row.job.queued_us >= first_us);
	assert_true(row.job.queued_us <= row.job.start_us);
	assert_int_equal(store_each_total(jobs_reader(f->jobs), add_wait, &wait_us), 0);
	assert_true(wait_us < row.job.start_us - row.job.submit_us);
}

static int count_ended(void *data, const struct store_row *row)
{
	(void)row;
	++*(uint32_t *)data;
	return 0;
}

static uint32_t ended_on_disk(const struct jobs_fixture *f)
{
	uint32_t count = 0;

	assert_int_equal(store_each_ended(jobs_reader(f->jobs), 0, NULL, count_ended, &count), 0);
	return count;
}

static void test_jobs_history_follows_a_reload(void **state)
{
	struct jobs_fixture *f = *state;
	struct admit_config admit = {.component_count = f->config.component_count};
	struct uw_err err = {0};

	for (uint32_t i = 0; i < 4; i++)
		submit_sh(f, "exit 0");
	JOBS_UNTIL(f, f->ended == 4);
	assert_int_equal(ended_on_disk(f), 4);
	f->config.admission.history_count = 1;
	assert_int_equal(jobs_configure(f->jobs, &admit, &err), 0);
	JOBS_UNTIL(f, ended_on_disk(f) == 1);
	f->config.admission.history_age_us = 1;
	assert_int_equal(jobs_configure(f->jobs, &admit, &err), 0);
	JOBS_UNTIL(f, ended_on_disk(f) == 0);
}

static int take_prediction(void *data, const struct store_prediction *prediction)
{
	struct store_prediction *to = data;

	assert_string_equal(prediction->component, "ml_models");
	to[prediction->what] = *prediction;
	return 0;
}

/* It starts with the 64 MiB that it asked for, peaks at 1 MiB, and says that it takes 100 s. */
static void test_jobs_predictions_are_held_against_what_came(void **state)
{
	struct jobs_fixture *f = *state;
	struct store_prediction near[STORE_PREDICTED__COUNT] = {0};
	char buf[256];
	struct jobs_item item = sh_item("exit 0", buf, sizeof(buf));

	item.spec.time_us = 100 * US_PER_SEC;
	submit(f, &item, 1);
	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(store_each_prediction(jobs_reader(f->jobs), take_prediction, near), 0);
	assert_int_equal(near[STORE_PREDICTED_MEMORY].count, 1);
	assert_int_equal(near[STORE_PREDICTED_MEMORY].bucket, STORE_BOUNDS);
	assert_int_equal(near[STORE_PREDICTED_MEMORY].sum_permyriad, 640000);
	assert_int_equal(near[STORE_PREDICTED_TIME].count, 1);
	assert_int_equal(near[STORE_PREDICTED_TIME].bucket, STORE_BOUNDS);
}

struct taught_runs {
	uint32_t count;
	struct store_run_row last;
};

static int take_run(void *data, const struct store_run_row *run)
{
	struct taught_runs *to = data;

	assert_string_equal(run->key, "fold");
	assert_string_equal(run->component, "ml_models");
	to->last = *run;
	to->count++;
	return 0;
}

static struct taught_runs runs_of(const struct jobs_fixture *f)
{
	struct taught_runs runs = {0};

	assert_int_equal(store_each_run(jobs_reader(f->jobs), NULL, NULL, NULL, take_run, &runs),
			 0);
	return runs;
}

static int count_total(void *data, const struct store_total *total)
{
	(void)total;
	++*(uint32_t *)data;
	return 0;
}

/* What Slurm has started stands beside the runs of jobs, but is none of the queue's. */
static void test_jobs_runs_of_others_stand_in_the_history_of_runs(void **state)
{
	struct jobs_fixture *f = *state;
	struct jobs_run run = {.asked_bytes = 200 << 20, .peak_bytes = 40 << 20};
	uint32_t totals = 0;

	assert_int_equal(jobs_learn(f->jobs, "ml_models", 7, "fold", &run), 0);
	run.ran_us = run.run_us = 3 * US_PER_SEC;
	assert_int_equal(jobs_learn(f->jobs, "ml_models", 7, "fold", &run), 0);
	JOBS_UNTIL(f, runs_of(f).count == 1);
	assert_int_equal(runs_of(f).last.uid, 7);
	assert_int_equal(runs_of(f).last.state, JOB_DONE);
	assert_int_equal(runs_of(f).last.peak_bytes, 40 << 20);
	assert_int_equal(runs_of(f).last.asked_bytes, 200 << 20);
	assert_int_equal(runs_of(f).last.run_us, 3 * US_PER_SEC);
	assert_false(runs_of(f).last.outgrew);
	run.was_held = true;
	assert_int_equal(jobs_learn(f->jobs, "ml_models", 7, "fold", &run), 0);
	JOBS_UNTIL(f, runs_of(f).count == 2);
	assert_true(runs_of(f).last.outgrew);
	assert_int_equal(store_each_total(jobs_reader(f->jobs), count_total, &totals), 0);
	assert_int_equal(totals, 0);
}

static bool has_output(const struct jobs_fixture *f, uint64_t id)
{
	char path[256];

	return !access(jobs_log_path(f->jobs, id, false, path, sizeof(path)), F_OK);
}

/* 3 x 64 KiB in two jobs that end and one that runs on; 100 KiB are kept of ended ones. */
static void test_jobs_output_that_is_too_much_goes_oldest_first(void **state)
{
	struct jobs_fixture *f = *state;
	struct admit_config admit = {.component_count = f->config.component_count};
	struct uw_err err = {0};
	char text[256];

	snprintf(text, sizeof(text), "head -c 65536 /dev/zero; touch %s; " AT_GATE, f->ran);
	submit_sh(f, text);
	JOBS_UNTIL(f, !access(f->ran, F_OK));
	submit_sh(f, "head -c 65536 /dev/zero");
	JOBS_UNTIL(f, f->ended == 1);
	submit_sh(f, "head -c 65536 /dev/zero");
	JOBS_UNTIL(f, f->ended == 2);
	assert_true(has_output(f, f->first_id - 1));
	f->config.admission.output_total_bytes = 100 << 10;
	assert_int_equal(jobs_configure(f->jobs, &admit, &err), 0);
	JOBS_UNTIL(f, !has_output(f, f->first_id - 1));
	assert_int_equal(ended_on_disk(f), 2);
	assert_true(has_output(f, f->first_id));
	assert_true(has_output(f, f->first_id - 2));
	assert_int_equal(jobs_cancel(f->jobs, f->first_id - 2, 0, 0, NULL, NULL), 0);
	JOBS_UNTIL(f, f->ended == 3);
	JOBS_UNTIL(f, !has_output(f, f->first_id));
	assert_true(has_output(f, f->first_id - 2));
}

/* A start that finds the database as the last uwd left it takes it as checked then. */
static void test_jobs_closed_well_leave_a_database_that_need_not_be_checked(void **state)
{
	struct jobs_fixture *f = *state;
	struct store_options options = {.dir = f->dir, .reserve_bytes = 64 << 10};
	struct store *store = NULL;
	struct uw_err err = {0};
	uint64_t closed_us;

	submit_sh(f, "exit 0");
	JOBS_UNTIL(f, f->ended == 1);
	jobs_close(TAKE(f->jobs));
	closed_us = clock_wall_us();
	assert_int_equal(store_open(&options, &store, &err), 0);
	assert_in_range(store_checked_us(store), 1, closed_us);
	store_close(store);
}

static void test_jobs_database_is_checked_when_it_is_time(void **state)
{
	struct jobs_fixture *f = *state;
	char mark[160];

	snprintf(mark, sizeof(mark), "%s/checked", f->dir);
	assert_int_equal(unlink(mark), 0);
	f->jobs->check_us = clock_now_us();
	JOBS_UNTIL(f, !access(mark, F_OK));
	assert_true(f->jobs->check_us > clock_now_us() + 3600 * US_PER_SEC);
}

static void submit_many_that_wait(struct jobs_fixture *f)
{
	struct jobs_range range = {1, 400};
	char buf[64];
	struct jobs_item item = sh_item("exit 0", buf, sizeof(buf));

	item.spec.memory_bytes = 2 * JOBS_BUDGET;
	item.range = &range;
	item.range_count = 1;
	submit(f, &item, 1);
}

/* Where it is damaged and was left as it is found, the file's time says nothing: reading the queue
 * back does, and the database is set aside in the same start. */
static void test_jobs_database_that_cannot_be_read_back_is_set_aside(void **state)
{
	struct jobs_fixture *f = *state;
	struct store_options options = {.dir = f->dir, .reserve_bytes = 64 << 10};
	struct store *store = NULL;
	char path[160], bytes[4096];
	struct uw_err err = {0};
	struct stat file = {0};
	int fd;

	submit_many_that_wait(f);
	jobs_close(TAKE(f->jobs));
	assert_int_equal(store_open(&options, &store, &err), 0);
	store_close(store); /* its log goes into it */
	snprintf(path, sizeof(path), "%s/%s", f->dir, STORE_FILE);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0 && !fstat(fd, &file));
	memset(bytes, 0xff, sizeof(bytes));
	for (off_t at = file.st_size / 8192 * 4096; at < file.st_size; at += 4096)
		assert_int_equal(pwrite(fd, bytes, sizeof(bytes), at), sizeof(bytes));
	assert_int_equal(futimens(fd, (struct timespec[]){file.st_atim, file.st_mtim}), 0);
	close(fd);
	assert_int_equal(jobs_fixture_open(f), JOBS_SET_ASIDE);
	assert_null(jobs_next(f->jobs, NULL));
	submit_sh(f, "exit 0");
}

/* Nobody can find one for another's, as each machine has a secret of its own; it outlives uwd. */
static void test_jobs_learned_keys_are_of_this_machine(void **state)
{
	struct jobs_fixture *f = *state, other;
	uint64_t key = jobs_learn_key(f->jobs, "ml_models", 1000, "train");

	restart(f);
	assert_int_equal(jobs_learn_key(f->jobs, "ml_models", 1000, "train"), key);
	jobs_fixture_init(&other);
	assert_int_equal(jobs_fixture_begin(&other), 0);
	assert_true(jobs_learn_key(other.jobs, "ml_models", 1000, "train") != key);
	assert_true(jobs_learn_key(f->jobs, "ml_models", 1001, "train") != key);
	assert_int_equal(jobs_learn_key(f->jobs, "ml_models", 1000, ""), 0);
	jobs_fixture_done(&other);
}

static void test_jobs_estimates_survive_a_restart(void **state)
{
	struct jobs_fixture *f = *state;
	char buf[256];
	struct jobs_item item = sh_item("exit 0", buf, sizeof(buf));
	uint64_t key = jobs_learn_key(f->jobs, "ml_models", getuid(), "train");
	struct admit_key before, after;

	strcpy(item.spec.key, "train");
	submit(f, &item, 1);
	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(admit_key_export(jobs_admit(f->jobs), key, &before), 0);
	restart(f);
	assert_int_equal(admit_key_export(jobs_admit(f->jobs), key, &after), 0);
	assert_int_equal(after.count, 1);
	assert_memory_equal(&before, &after, sizeof(before));
}

/* A power loss took the last writes: the database is damaged, and what stands beside it is as it
 * was at first. */
static void test_jobs_ids_do_not_come_again_after_a_power_loss(void **state)
{
	struct jobs_fixture *f = *state;
	char path[160];
	uint64_t last;
	int fd;

	for (uint32_t i = 0; i < 5; i++)
		submit_sh(f, "exit 0");
	JOBS_UNTIL(f, f->ended == 5);
	last = f->first_id;
	assert_true(f->jobs->synced_id >= last);
	assert_int_equal(slots_write_last_id(f->jobs->slots, 0), 0);
	jobs_close(TAKE(f->jobs));
	snprintf(path, sizeof(path), "%s/%s", f->dir, STORE_FILE);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_int_equal(write(fd, path, sizeof(path)), sizeof(path));
	close(fd);
	snprintf(path, sizeof(path), "%s/%s-wal", f->dir, STORE_FILE);
	unlink(path);
	assert_int_equal(jobs_fixture_open(f), JOBS_SET_ASIDE);
	submit_sh(f, "exit 0");
	assert_true(f->first_id > last);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, jobs_setup, jobs_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_jobs_wait_is_that_of_the_last_attempt),
		TEST(test_jobs_history_follows_a_reload),
		TEST(test_jobs_output_that_is_too_much_goes_oldest_first),
		TEST(test_jobs_closed_well_leave_a_database_that_need_not_be_checked),
		TEST(test_jobs_database_is_checked_when_it_is_time),
		TEST(test_jobs_database_that_cannot_be_read_back_is_set_aside),
		TEST(test_jobs_learned_keys_are_of_this_machine),
		TEST(test_jobs_estimates_survive_a_restart),
		TEST(test_jobs_ids_do_not_come_again_after_a_power_loss),
		TEST(test_jobs_predictions_are_held_against_what_came),
		TEST(test_jobs_runs_of_others_stand_in_the_history_of_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
