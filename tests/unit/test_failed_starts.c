// SPDX-License-Identifier: GPL-2.0-or-later
/* Jobs whose shim never comes to run: they are tried again, fail, and hold up nobody. */
#include "tests/unit/jobs_fixture.h"

#define TRIES_BESIDE_OTHERS 5U

/* Each try of who waits comes at once; who starts meanwhile shows that starts work. */
static void expect_failed(struct jobs_fixture *f, uint64_t id)
{
	JOBS_UNTIL(f, (jobs_fixture_retry(f), state_of(f, id) == JOB_STATE__COUNT));
	JOBS_UNTIL(f, row_of(f, id).job.state == JOB_FAILED);
	assert_int_equal(row_of(f, id).result.why.reason, JOB_BECAUSE_START_FAILED);
	assert_int_equal(row_of(f, id).result.why.observed, EMFILE);
	assert_int_equal(row_of(f, id).job.attempts, 0);
}

static void test_failed_start_is_told_while_its_job_waits(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t id;

	f->no_shim = EMFILE;
	id = submit_sh(f, "exit 0");
	JOBS_UNTIL(f, f->failed_launches == 1 && state_of(f, id) == JOB_QUEUED);
	jobs_fixture_go_on(f);
	assert_int_equal(f->failed_launches, 1);
	assert_int_equal(jobs_find(f->jobs, id)->reason, JOB_BECAUSE_START_FAILED);
	assert_int_equal(jobs_find(f->jobs, id)->observed, EMFILE);
}

/* The first of the queue, so that it would be tried before all others. */
static void test_failed_start_holds_up_no_others(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t id, other;

	f->no_shim = EMFILE;
	f->no_shim_id = 1;
	id = submit_sh(f, "exit 0");
	assert_int_equal(id, 1);
	JOBS_UNTIL(f, f->failed_launches == 1 && state_of(f, id) == JOB_QUEUED);
	other = submit_sh(f, "exit 0");
	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(row_of(f, other).job.state, JOB_DONE);
	assert_int_equal(f->failed_launches, 1);
}

static void test_failed_starts_end_a_job_beside_others_that_start(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t id;

	f->no_shim = EMFILE;
	f->no_shim_id = 1;
	id = submit_sh(f, "exit 0");
	for (uint32_t i = 1; i < TRIES_BESIDE_OTHERS; i++) {
		JOBS_UNTIL(f, f->failed_launches == i && state_of(f, id) == JOB_QUEUED);
		submit_sh(f, "exit 0");
		JOBS_UNTIL(f, f->ended == i);
		jobs_fixture_retry(f);
	}
	JOBS_UNTIL(f, f->ended == TRIES_BESIDE_OTHERS);
	assert_int_equal(f->failed_launches, TRIES_BESIDE_OTHERS);
	expect_failed(f, id);
}

static void test_failed_starts_end_a_job_that_is_alone(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t id;

	f->no_shim = EMFILE;
	id = submit_sh(f, "exit 0");
	expect_failed(f, id);
	assert_true(f->failed_launches > TRIES_BESIDE_OTHERS);
}

/* Others are let go at once by the first that runs, and have their tries anew. */
static void test_failed_starts_of_all_hold_back_until_one_runs(void **state)
{
	struct jobs_fixture *f = *state;

	f->no_shim = EMFILE;
	for (int i = 0; i < 4; i++)
		submit_sh(f, "exit 0");
	JOBS_UNTIL(f, f->failed_launches >= 3);
	JOBS_UNTIL(f, f->jobs->held_back_until_us > clock_now_us());
	f->no_shim = 0;
	JOBS_UNTIL(f, (jobs_fixture_retry(f), f->ended == 4));
	assert_int_equal(f->result.state, JOB_DONE);
}

/* All that one user has may be at fault, and not the machine. */
static void test_failed_starts_of_one_user_hold_back_no_other(void **state)
{
	struct jobs_fixture *f = *state;
	char buf[256];
	struct jobs_item other = sh_item("exit 0", buf, sizeof(buf));

	other.spec.held = true;
	other.spec.uid = getuid() + 1;
	submit(f, &other, 1);
	f->no_shim = EMFILE;
	for (int i = 0; i < 4; i++)
		submit_sh(f, "exit 0");
	JOBS_UNTIL(f, f->failed_launches == 4 && f->jobs->failed_starts.count == 4);
	assert_int_equal(f->jobs->held_back_until_us, 0);
}

/* Whom somebody has held meanwhile stays so. */
static void test_failed_start_waits_no_more_where_it_was_held(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t id;
	int rc = 1;

	f->no_shim = EMFILE;
	id = submit_sh(f, "exit 0");
	JOBS_UNTIL(f, f->jobs->failed_starts.count == 1);
	assert_int_equal(jobs_hold(f->jobs, id, 0, NULL, &rc), 0);
	jobs_fixture_retry(f);
	jobs_fixture_go_on(f);
	assert_int_equal(state_of(f, id), JOB_HELD);
	assert_int_equal(f->failed_launches, 1);
	f->no_shim = 0;
	assert_int_equal(jobs_release(f->jobs, id, 0, NULL, &rc), 0);
	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(row_of(f, id).job.state, JOB_DONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, jobs_setup, jobs_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_failed_start_is_told_while_its_job_waits),
		TEST(test_failed_start_holds_up_no_others),
		TEST(test_failed_starts_end_a_job_beside_others_that_start),
		TEST(test_failed_starts_end_a_job_that_is_alone),
		TEST(test_failed_starts_of_all_hold_back_until_one_runs),
		TEST(test_failed_starts_of_one_user_hold_back_no_other),
		TEST(test_failed_start_waits_no_more_where_it_was_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
