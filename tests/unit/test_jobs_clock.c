// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The wall clock is set while jobs run, wait and are remembered. A clock that was set back or ahead
 * between two uwd is one by which all times on disk are later or earlier than they were.
 */
#include <sqlite3.h>

#include "tests/unit/jobs_fixture.h"

#define HOUR_US (3600 * US_PER_SEC)
#define DAY_US  (24 * HOUR_US)

static void change_database(const struct jobs_fixture *f, const char *sql)
{
	char path[160];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/%s", f->dir, STORE_FILE);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void change_slot(const struct jobs_fixture *f, uint32_t index, int64_t wall_us,
			int64_t began_us)
{
	int fd = slots_reopen(f->dir);
	struct slot_record slot;

	do /* until the shim has nothing more to write before the end */
		assert_int_equal(slot_read(fd, index, &slot), 0);
	while (slot.phase != SLOT_RUN || !slot.child_pid);
	slot.start_us += (uint64_t)wall_us;
	slot.began_us += (uint64_t)began_us;
	assert_int_equal(slot_write(fd, index, &slot, false), 0);
	close(fd);
}

/* The next uwd, by whose clock all that is on disk was so much later. */
static void restart_by_clock(struct jobs_fixture *f, int64_t later_us)
{
	char sql[400];
	uint32_t slots[SLOTS_COUNT], count = 0;

	for (uint32_t slot = 1; slot <= SLOTS_COUNT; slot++)
		if (f->jobs->run[slot])
			slots[count++] = slot;
	jobs_close(f->jobs);
	f->jobs = NULL;
	snprintf(sql, sizeof(sql),
		 "UPDATE jobs SET submit = submit + %lld, queued = queued + %lld,"
		 " start = iif(start, start + %lld, 0), end = iif(end, end + %lld, 0);"
		 "UPDATE events SET at = at + %lld; UPDATE runs SET end = end + %lld",
		 (long long)later_us, (long long)later_us, (long long)later_us, (long long)later_us,
		 (long long)later_us, (long long)later_us);
	change_database(f, sql);
	while (count)
		change_slot(f, slots[--count], later_us, 0);
	assert_int_equal(jobs_fixture_begin(f), 0);
}

static uint64_t submit_large(struct jobs_fixture *f, uint64_t bytes, uint64_t limit_us)
{
	char buf[256];
	struct jobs_item item = sh_item(AT_GATE, buf, sizeof(buf));

	item.spec.memory_bytes = bytes;
	item.spec.time_limit_us = limit_us;
	submit(f, &item, 1);
	return f->first_id;
}

static void end_by_gate(struct jobs_fixture *f, uint32_t count)
{
	uint32_t before = f->ended;

	open_gate(f, count);
	JOBS_UNTIL(f, f->ended == before + count);
}

/* What runs holds its memory, what waits waits for it, and what was submitted later comes later. */
static void test_jobs_of_a_clock_set_back_keep_their_memory_and_their_turn(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t running = submit_large(f, JOBS_BUDGET / 4 * 3, 0);
	uint64_t waiting = submit_large(f, JOBS_BUDGET / 2, 0), later;
	struct admit_view view;

	JOBS_UNTIL(f, state_of(f, running) == JOB_RUNNING);
	restart_by_clock(f, (int64_t)HOUR_US);
	JOBS_UNTIL(f, state_of(f, running) == JOB_RUNNING);
	assert_int_equal(admit_view(f->jobs->admit, running, jobs_now_us(f->jobs), &view), 0);
	later = submit_large(f, JOBS_BUDGET / 2, 0);
	jobs_fixture_go_on(f);
	assert_int_equal(state_of(f, waiting), JOB_QUEUED);
	assert_int_equal(state_of(f, later), JOB_QUEUED);
	end_by_gate(f, 1);
	JOBS_UNTIL(f, state_of(f, waiting) == JOB_RUNNING && state_of(f, later) == JOB_RUNNING);
	assert_true(row_of(f, waiting).job.start_us <= row_of(f, later).job.start_us);
	end_by_gate(f, 2);
}

static void test_jobs_of_a_clock_set_ahead_are_not_over_their_time(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t id = submit_large(f, 1 << 20, 600 * US_PER_SEC);
	struct store_row row;

	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING);
	restart_by_clock(f, -(int64_t)(2 * HOUR_US));
	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING);
	jobs_fixture_go_on(f);
	assert_false(jobs_find(f->jobs, id)->flags & JOB_ENDING);
	end_by_gate(f, 1);
	row = row_of(f, id);
	assert_int_equal(row.job.state, JOB_DONE);
	assert_in_range(row.result.end_us - row.result.start_us, 1, 600 * US_PER_SEC);
	assert_true(row.result.queued_us <= row.result.start_us);
}

static void test_jobs_time_limits_go_on_when_adopted(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t id = submit_large(f, 1 << 20, 20 * US_PER_SEC);
	uint32_t slot;

	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING);
	slot = jobs_find(f->jobs, id)->slot;
	jobs_close(f->jobs);
	f->jobs = NULL;
	change_slot(f, slot, 0, -(int64_t)(20 * US_PER_SEC));
	assert_int_equal(jobs_fixture_open(f), 0);
	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING);
	assert_true(clock_now_us() - run_of(f, id)->started_us >= 20 * US_PER_SEC);
	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(row_of(f, id).job.reason, JOB_BECAUSE_TIME_LIMIT);
}

/* Also what policy or a person froze, which no record of the job tells of. */
static void test_jobs_pauses_are_known_when_adopted(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t id = submit_large(f, 1 << 20, HOUR_US), seen_us;

	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING);
	f->frozen = id;
	JOBS_UNTIL(f, run_of(f, id)->freeze.seen_us);
	let_pass(f, id, 2 * HOUR_US);
	jobs_fixture_tick(f);
	seen_us = run_of(f, id)->freeze.seen_us;
	restart_by_clock(f, -(int64_t)DAY_US); /* and it stands still on */
	JOBS_UNTIL(f, state_of(f, id) == JOB_FROZEN);
	assert_in_range(run_of(f, id)->freeze.sum_us, 2 * HOUR_US + 1, 3 * HOUR_US);
	assert_true(run_of(f, id)->freeze.seen_us > seen_us);
	f->frozen = 0;
	restart_by_clock(f, 0);
	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING);
	assert_in_range(run_of(f, id)->freeze.sum_us, 2 * HOUR_US, 3 * HOUR_US);
	end_by_gate(f, 1);
}

static void test_jobs_that_the_core_refuses_say_so(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t id = submit_large(f, 2 * JOBS_BUDGET, 0);
	char text[128];
	struct job_why why;

	jobs_close(f->jobs);
	f->jobs = NULL;
	change_database(f, "UPDATE jobs SET memory = 0");
	assert_int_equal(jobs_fixture_begin(f), 0);
	assert_int_equal(state_of(f, id), JOB_HELD);
	why = (struct job_why){(enum job_reason)jobs_find(f->jobs, id)->reason,
			       jobs_find(f->jobs, id)->observed, 0};
	assert_string_equal(job_why_text(&why, text, sizeof(text)),
			    "uwd cannot take it into its queue: error 22");
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

/* Twenty that ended a day after each other, and a clock that is 200 days ahead: the first two go.
 */
static void test_jobs_are_not_all_forgotten_by_a_clock_that_is_ahead(void **state)
{
	struct jobs_fixture *f = *state;
	char path[256];

	for (uint32_t i = 0; i < 20; i++)
		submit_sh(f, "exit 0");
	JOBS_UNTIL(f, f->ended == 20);
	change_database(f, "UPDATE jobs SET end = end + id * 86400000000;"
			   "UPDATE runs SET end = end + job * 86400000000");
	f->config.admission.history_age_us = 90 * DAY_US;
	restart_by_clock(f, -(int64_t)(200 * DAY_US));
	f->no_ticks = true;
	JOBS_UNTIL(f, ended_on_disk(f) < 20);
	for (int i = 0; i < 20; i++)
		jobs_fixture_turn(f);
	assert_in_range(ended_on_disk(f), 18, 19);
	jobs_log_path(f->jobs, f->first_id, false, path, sizeof(path));
	assert_int_equal(access(path, F_OK), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, jobs_setup, jobs_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_jobs_of_a_clock_set_back_keep_their_memory_and_their_turn),
		TEST(test_jobs_of_a_clock_set_ahead_are_not_over_their_time),
		TEST(test_jobs_time_limits_go_on_when_adopted),
		TEST(test_jobs_pauses_are_known_when_adopted),
		TEST(test_jobs_that_the_core_refuses_say_so),
		TEST(test_jobs_are_not_all_forgotten_by_a_clock_that_is_ahead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
