// SPDX-License-Identifier: GPL-2.0-or-later
/* Queued jobs whose slot cannot be read, whose row is gone, or whose component is. */
#include <sqlite3.h>
#include <sys/pidfd.h>

#include "tests/unit/jobs_fixture.h"

/* ---- slots ---- */

/* Of one whose command runs; 0: it does not yet. */
static uint32_t slot_of(const struct jobs_fixture *f, uint64_t id, struct slot_record *slot)
{
	int fd = slots_reopen(f->dir);
	uint32_t found = 0;

	for (uint32_t i = 1; i <= SLOTS_COUNT && !found; i++)
		if (!slot_read(fd, i, slot) && slot->job == id && slot->phase == SLOT_RUN &&
		    slot->child_pid > 0)
			found = i;
	close(fd);
	return found;
}

static uint32_t run_and_tear(struct jobs_fixture *f, const char *text, uint64_t *ret_id,
			     struct slot_record *ret_slot)
{
	uint64_t id = submit_sh(f, text);
	uint32_t index;
	int fd;

	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING && slot_of(f, id, ret_slot));
	index = slot_of(f, id, ret_slot);
	jobs_close(f->jobs);
	f->jobs = NULL;
	fd = slots_reopen(f->dir);
	assert_int_equal(pwrite(fd, "torn", 4, (off_t)index * SLOT_SIZE + 40), 4);
	close(fd);
	*ret_id = id;
	return index;
}

static void test_jobs_behind_a_torn_slot_are_not_started_again(void **state)
{
	struct jobs_fixture *f = *state;
	struct slot_record slot;
	uint64_t id;
	uint32_t index = run_and_tear(f, AT_GATE, &id, &slot);
	int fd, rc = 1;

	assert_int_equal(jobs_fixture_open(f), 0);
	jobs_fixture_go_on(f);
	assert_int_equal(state_of(f, id), JOB_STARTING);
	assert_int_equal(row_of(f, id).job.attempts, 1);
	fd = slots_reopen(f->dir);
	assert_int_equal(slot_write(fd, index, &slot, false), 0);
	close(fd);
	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING);
	assert_int_equal(jobs_cancel(f->jobs, id, 0, 0, NULL, &rc), 0);
	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(row_of(f, id).job.state, JOB_CANCELLED);
	assert_int_equal(row_of(f, id).job.attempts, 1);
}

static void test_jobs_whose_slot_stays_torn_may_have_run(void **state)
{
	struct jobs_fixture *f = *state;
	struct slot_record slot;
	uint64_t id;
	uint32_t index = run_and_tear(f, AT_GATE, &id, &slot);
	int fd = slots_reopen(f->dir);

	kill(slot.shim_pid, SIGKILL);
	kill(-slot.child_pid, SIGKILL);
	UNTIL(!slot_is_locked(fd, index));
	close(fd);
	assert_int_equal(jobs_fixture_open(f), 0);
	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(row_of(f, id).job.state, JOB_LOST);
	assert_int_equal(row_of(f, id).job.reason, JOB_BECAUSE_SHIM_LOST);
}

/* As when a child of uwd's still has the lock's description for a moment. */
static void test_jobs_do_not_end_while_their_slot_is_locked(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t id = submit_sh(f, AT_GATE);
	uint32_t index;
	struct slot_record slot;
	int fd = -1, shim;

	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING && slot_of(f, id, &slot));
	index = slot_of(f, id, &slot);
	fd = slots_reopen(f->dir);
	shim = pidfd_open(slot.shim_pid, 0);
	assert_true(shim >= 0);
	kill(slot.shim_pid, SIGKILL);
	UNTIL(!slot_lock(fd, index));
	await_readable(shim);
	close(shim);
	jobs_fixture_go_on(f);
	assert_int_equal(f->ended, 0);
	close(fd);
	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(row_of(f, id).job.state, JOB_LOST);
	kill(-slot.child_pid, SIGKILL);
}

/* ---- rows ---- */

static sqlite3 *forget_all(const struct jobs_fixture *f)
{
	char path[160];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/%s", f->dir, STORE_FILE);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE; DELETE FROM jobs", NULL, NULL, NULL),
			 SQLITE_OK);
	return db;
}

static void commit(sqlite3 *db)
{
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void expect_queue_goes_on(struct jobs_fixture *f)
{
	uint32_t before = f->ended;
	struct jobs_stats stats;

	submit_sh(f, "exit 0");
	JOBS_UNTIL(f, f->ended == before + 1);
	assert_int_equal(f->result.state, JOB_DONE);
	jobs_stats(f->jobs, &stats);
	assert_int_equal(stats.slots_used, 0);
	assert_false(stats.disk_stuck);
	assert_int_equal(jobs_count(f->jobs), 0);
}

static void changed(void *data, int rc)
{
	*(int *)data = rc;
}

static void test_jobs_forgotten_while_requeued_do_not_run(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t id = submit_sh(f, "exit 4");
	sqlite3 *db;
	int rc = 1;

	JOBS_UNTIL(f, f->ended == 1);
	db = forget_all(f);
	assert_int_equal(jobs_requeue(f->jobs, id, 0, changed, &rc), 0);
	jobs_fixture_go_on(f);
	assert_int_equal(state_of(f, id), JOB_QUEUED); /* not started: not on disk */
	commit(db);
	JOBS_UNTIL(f, rc != 1);
	assert_int_equal(rc, -ENOENT);
	assert_null(jobs_find(f->jobs, id));
	expect_queue_goes_on(f);
}

static void test_jobs_without_a_row_end_and_are_cleaned(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t id = submit_sh(f, AT_GATE);

	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING);
	commit(forget_all(f));
	open_gate(f, 1);
	JOBS_UNTIL(f, f->ended == 1);
	assert_string_equal(f->cleaned, "ml_models");
	expect_queue_goes_on(f);
}

static void test_jobs_without_a_row_do_not_start(void **state)
{
	struct jobs_fixture *f = *state;
	char buf[256];
	struct jobs_item item = sh_item(AT_GATE, buf, sizeof(buf));
	uint64_t first;

	item.spec.memory_bytes = JOBS_BUDGET / 10 * 7;
	submit(f, &item, 1);
	first = f->first_id;
	submit(f, &item, 1);
	JOBS_UNTIL(f, state_of(f, first) == JOB_RUNNING);
	assert_int_equal(state_of(f, f->first_id), JOB_QUEUED);
	commit(forget_all(f));
	open_gate(f, 1);
	JOBS_UNTIL(f, !jobs_count(f->jobs));
	assert_int_equal(f->ended, 1);
	expect_queue_goes_on(f);
}

/* ---- components ---- */

static int see_totals(void *data, const struct store_total *total)
{
	assert_string_equal(total->component, "ml_models");
	++*(uint32_t *)data;
	return 0;
}

static void test_jobs_are_cleaned_where_they_ran(void **state)
{
	struct jobs_fixture *f = *state;
	struct admit_config admit = {.component_count = 1};
	struct uw_err err = {0};
	uint64_t id = submit_sh(f, AT_GATE);
	uint32_t totals = 0;
	int rc = 1;

	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING);
	strcpy(f->config.component[0].name, "cache");
	f->config.component_count = 1;
	assert_int_equal(jobs_configure(f->jobs, &admit, &err), 0);
	assert_int_equal(jobs_cancel(f->jobs, id, 0, 0, changed, &rc), 0);
	JOBS_UNTIL(f, f->ended == 1);
	assert_string_equal(f->cleaned, "ml_models");
	assert_int_equal(store_each_total(jobs_reader(f->jobs), see_totals, &totals), 0);
	assert_int_equal(totals, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, jobs_setup, jobs_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_jobs_behind_a_torn_slot_are_not_started_again),
		TEST(test_jobs_whose_slot_stays_torn_may_have_run),
		TEST(test_jobs_do_not_end_while_their_slot_is_locked),
		TEST(test_jobs_forgotten_while_requeued_do_not_run),
		TEST(test_jobs_without_a_row_end_and_are_cleaned),
		TEST(test_jobs_without_a_row_do_not_start),
		TEST(test_jobs_are_cleaned_where_they_ran),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
