// SPDX-License-Identifier: GPL-2.0-or-later
/* What becomes of a job by the end of an attempt: how far it came, what it allows, which boot. */
#include "tests/unit/jobs_fixture.h"
#include "user/jobs/end.h"

enum allows {
	NOTHING,
	RERUN,
	RETRY,
	BOTH,
	ALLOWS__COUNT
};

static const struct {
	uint16_t flags;
	uint8_t retries;
} allowed[ALLOWS__COUNT] = {
	[RERUN] = {JOB_RERUN, 0},
	[RETRY] = {0, 2},
	[BOTH] = {JOB_RERUN, 2},
};

static struct verdict judge(struct job *job, const struct slot_record *slot, uint64_t oom_kills)
{
	static struct jobs jobs = {.boot = "this"};
	struct jobs_usage usage = {.oom_kills = oom_kills};

	return end_judge(&jobs, job, slot, true, &usage, 0);
}

static struct job job_that(enum allows allows, uint16_t flags)
{
	return (struct job){
		.id = 1,
		.attempts = 1,
		.flags = (uint16_t)(allowed[allows].flags | flags),
		.retries = allowed[allows].retries,
	};
}

/* state and the retries that are left, for a job that allows each of enum allows. */
struct row {
	enum slot_phase phase;
	int status;
	uint16_t flags;
	uint64_t oom_kills;
	struct {
		enum job_state state;
		uint8_t retries;
	} want[ALLOWS__COUNT];
};

#define NEVER_RAN                                                  \
	{                                                          \
		{JOB_QUEUED, 0}, {JOB_QUEUED, 0}, {JOB_QUEUED, 2}, \
		{                                                  \
			JOB_QUEUED, 2                              \
		}                                                  \
	}

static const struct row rows[] = {
	{SLOT_EMPTY, -1, 0, 0, NEVER_RAN},
	{SLOT_TAKEN, -1, 0, 0, NEVER_RAN},
	{SLOT_SHIM, -1, 0, 0, NEVER_RAN},
	{SLOT_RUN, -1, 0, 0, {{JOB_LOST, 0}, {JOB_QUEUED, 0}, {JOB_QUEUED, 1}, {JOB_QUEUED, 2}}},
	{SLOT_RUN,
	 -1,
	 JOB_CANCELLING,
	 0,
	 {{JOB_CANCELLED, 0}, {JOB_CANCELLED, 0}, {JOB_CANCELLED, 2}, {JOB_CANCELLED, 2}}},
	{SLOT_RUN,
	 -1,
	 JOB_REQUEUING,
	 0,
	 {{JOB_QUEUED, 0}, {JOB_QUEUED, 0}, {JOB_QUEUED, 2}, {JOB_QUEUED, 2}}},
	{SLOT_RUN,
	 -1,
	 JOB_ENLARGING,
	 0,
	 {{JOB_LOST, 0}, {JOB_QUEUED, 0}, {JOB_QUEUED, 1}, {JOB_QUEUED, 2}}},
	{SLOT_NOT_RUN,
	 -1,
	 0,
	 0,
	 {{JOB_FAILED, 0}, {JOB_FAILED, 0}, {JOB_FAILED, 2}, {JOB_FAILED, 2}}},
	{SLOT_ENDED, 0, 0, 0, {{JOB_DONE, 0}, {JOB_DONE, 0}, {JOB_DONE, 2}, {JOB_DONE, 2}}},
	{SLOT_ENDED, 3, 0, 0, {{JOB_FAILED, 0}, {JOB_FAILED, 0}, {JOB_QUEUED, 1}, {JOB_QUEUED, 1}}},
	{SLOT_ENDED,
	 137,
	 0,
	 1,
	 {{JOB_FAILED, 0}, {JOB_QUEUED, 0}, {JOB_QUEUED, 1}, {JOB_QUEUED, 1}}},
	{SLOT_ENDED,
	 137,
	 JOB_ENLARGING,
	 0,
	 {{JOB_QUEUED, 0}, {JOB_QUEUED, 0}, {JOB_QUEUED, 1}, {JOB_QUEUED, 2}}},
	{SLOT_ENDED,
	 143,
	 JOB_OUTGROWN,
	 0,
	 {{JOB_FAILED, 0}, {JOB_QUEUED, 0}, {JOB_QUEUED, 1}, {JOB_QUEUED, 1}}},
	{SLOT_ENDED,
	 143,
	 JOB_TIMED_OUT,
	 0,
	 {{JOB_FAILED, 0}, {JOB_FAILED, 0}, {JOB_FAILED, 2}, {JOB_FAILED, 2}}},
};

static void check(const struct row *row, enum allows allows, bool same_boot)
{
	struct job job = job_that(allows, row->flags);
	struct slot_record slot = {.phase = row->phase, .status = row->status};
	struct verdict verdict;

	strcpy(slot.boot, same_boot ? "this" : "that");
	verdict = judge(&job, &slot, row->oom_kills);
	if (verdict.state != row->want[allows].state || job.retries != row->want[allows].retries)
		fail_msg("row %td allows %d same boot %d: %s, %u retries", row - rows, (int)allows,
			 same_boot, job_state_name(verdict.state), job.retries);
	assert_int_equal(job.attempts, row->phase <= SLOT_SHIM ? 0 : 1);
	if (row->phase == SLOT_RUN)
		assert_int_equal(verdict.why.reason,
				 same_boot ? JOB_BECAUSE_SHIM_LOST : JOB_BECAUSE_REBOOT);
}

static void test_jobs_end_by_phase_by_what_they_allow_by_boot(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int allows = 0; allows < ALLOWS__COUNT; allows++)
			for (int same = 0; same < 2; same++)
				check(&rows[i], (enum allows)allows, same);
}

/* ---- with a queue ---- */

static uint8_t flags_in_core(const struct jobs_fixture *f, uint64_t id)
{
	struct admit_view view;

	assert_int_equal(admit_view(f->jobs->admit, id, jobs_now_us(f->jobs), &view), 0);
	return view.task.flags;
}

/* With the last retry gone the core may not end it for its memory any more. */
static void test_jobs_last_attempt_is_not_restarted_for_memory(void **state)
{
	struct jobs_fixture *f = *state;
	char buf[256];
	struct jobs_item item =
		sh_item("test $UW_JOB_ATTEMPT = 2 || exit 1; " AT_GATE, buf, sizeof(buf));
	const struct job *job;
	uint64_t id;

	item.spec.retries = 1;
	submit(f, &item, 1);
	id = f->first_id;
	assert_true(flags_in_core(f, id) & ADMIT_RESTARTABLE);
	JOBS_UNTIL(f, (job = jobs_find(f->jobs, id)) && job->state == JOB_RUNNING &&
			      job->attempts == 2);
	assert_false(flags_in_core(f, id) & ADMIT_RESTARTABLE);
	assert_int_equal(job->reserved_bytes, 64 << 20);
	assert_int_equal(jobs_cancel(f->jobs, id, getuid(), 0, NULL, NULL), 0);
	JOBS_UNTIL(f, f->ended == 1);
}

/* ---- told to end ---- */

static void expect_end(struct jobs_fixture *f, uint64_t id, int32_t status, int32_t signal)
{
	struct store_row row;

	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(store_find(jobs_reader(f->jobs), id, &row), 0);
	assert_int_equal(row.job.state, JOB_CANCELLED);
	assert_int_equal(row.result.status, status);
	assert_int_equal(row.result.signal, signal);
}

/* Told to end, it says so and takes until the gate opens; it first says that it will. */
#define SLOW_END                                                        \
	"trap 'echo >$ASKED; " AT_GATE "; exit 9' TERM; echo >$READY; " \
	"tail -f /dev/null & wait"

static struct jobs_item slow_end(const struct jobs_fixture *f, char *buf, size_t size)
{
	char text[512];

	snprintf(text, sizeof(text), "ASKED=%s.asked READY=%s; " SLOW_END, f->ran, f->ran);
	return sh_item(text, buf, size);
}

static bool was_asked(const struct jobs_fixture *f)
{
	char path[128];

	snprintf(path, sizeof(path), "%s.asked", f->ran);
	return !access(path, F_OK);
}

static uint64_t freeze_one(struct jobs_fixture *f)
{
	char buf[512];
	struct jobs_item item = slow_end(f, buf, sizeof(buf));
	uint64_t id;

	submit(f, &item, 1);
	id = f->first_id;
	f->config.policy.freeze_max_us = 60 * US_PER_SEC;
	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING && !access(f->ran, F_OK));
	f->frozen = id;
	JOBS_UNTIL(f, state_of(f, id) == JOB_FROZEN);
	return id;
}

static void test_jobs_frozen_go_on_to_end_well(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t id = freeze_one(f);

	assert_int_equal(jobs_cancel(f->jobs, id, 0, 3600 * US_PER_SEC, NULL, NULL), 0);
	JOBS_UNTIL(f, was_asked(f));
	let_pass(f, id, 1800 * US_PER_SEC); /* much more than kill-grace */
	jobs_fixture_go_on(f);
	open_gate(f, 1);
	expect_end(f, id, 9, 0);
	assert_int_equal(f->frozen, 0);
}

static void test_jobs_frozen_are_killed_where_memory_is_short(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t id = freeze_one(f);

	f->jobs->supply.level = LEVEL_HIGH;
	assert_int_equal(jobs_cancel(f->jobs, id, 0, 3600 * US_PER_SEC, NULL, NULL), 0);
	f->no_ticks = true; /* no tick: it would say that all is well */
	expect_end(f, id, -1, SIGKILL);
	assert_int_equal(f->frozen, id);
}

/* Cancelled between its start's way to the disk and its shim. */
static void test_jobs_that_start_get_the_grace_of_their_cancel(void **state)
{
	struct jobs_fixture *f = *state;
	char buf[512];
	struct jobs_item item = slow_end(f, buf, sizeof(buf));
	struct pollfd turn = {.fd = jobs_fd(f->jobs), .events = POLLIN};
	const struct run *run;
	uint64_t id;

	f->config.admission.kill_grace_us = 1;
	item.spec.held = true;
	submit(f, &item, 1);
	id = f->first_id;
	assert_int_equal(jobs_release(f->jobs, id, 0, NULL, NULL), 0);
	assert_int_equal(state_of(f, id), JOB_QUEUED); /* decided in the turn that it asks for */
	assert_int_equal(poll(&turn, 1, 0), 1);
	jobs_dispatch(f->jobs);
	assert_int_equal(state_of(f, id), JOB_STARTING);
	assert_int_equal(jobs_cancel(f->jobs, id, 0, 3600 * US_PER_SEC, NULL, NULL), 0);
	run = f->jobs->run[jobs_find(f->jobs, id)->slot];
	JOBS_UNTIL(f, f->ended == 1 || run->stop.kill_us);
	if (!f->ended)
		assert_true(run->stop.kill_us > clock_now_us() + 1800 * US_PER_SEC);
	open_gate(f, 1);
	JOBS_UNTIL(f, f->ended == 1);
}

/* Whoever gave it a long grace does not keep others from ending it now. */
static void test_jobs_cancelled_again_end_sooner(void **state)
{
	struct jobs_fixture *f = *state;
	char buf[512];
	struct jobs_item item = slow_end(f, buf, sizeof(buf));
	const struct run *run;
	uint64_t id;

	submit(f, &item, 1);
	id = f->first_id;
	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING && !access(f->ran, F_OK));
	assert_int_equal(jobs_cancel(f->jobs, id, getuid(), INT64_MAX, NULL, NULL), 0);
	assert_int_equal(jobs_cancel(f->jobs, id, 0, INT64_MAX, NULL, NULL), -EALREADY);
	JOBS_UNTIL(f, was_asked(f));
	run = f->jobs->run[jobs_find(f->jobs, id)->slot];
	assert_int_equal(jobs_cancel(f->jobs, id, 0, 3600 * US_PER_SEC, NULL, NULL), 0);
	JOBS_UNTIL(f, run->stop.kill_us < clock_now_us() + 3601 * US_PER_SEC);
	assert_int_equal(jobs_cancel(f->jobs, id, 0, 7200 * US_PER_SEC, NULL, NULL), -EALREADY);
	assert_int_equal(jobs_cancel(f->jobs, id, 0, 0, NULL, NULL), 0);
	expect_end(f, id, -1, SIGKILL);
}

/* As root it may go elsewhere, where a kill of its leaf does not reach it. */
static void test_jobs_that_left_their_leaf_are_ended_all_the_same(void **state)
{
	struct jobs_fixture *f = *state;
	char text[256];
	uint64_t id;

	f->has_left = true;
	snprintf(text, sizeof(text), "trap '' TERM; touch %s; " AT_GATE, f->ran);
	id = submit_sh(f, text);
	JOBS_UNTIL(f, !access(f->ran, F_OK));
	assert_int_equal(jobs_cancel(f->jobs, id, getuid(), 0, NULL, NULL), 0);
	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(f->result.state, JOB_CANCELLED);
	assert_int_equal(f->result.signal, SIGKILL);
}

static void test_jobs_that_left_their_leaf_say_so(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t id = submit_sh(f, AT_GATE);

	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING);
	f->has_left = true;
	JOBS_UNTIL(f, run_of(f, id)->empty_us);
	assert_int_not_equal(jobs_find(f->jobs, id)->reason, JOB_BECAUSE_LEFT_LEAF);
	run_of(f, id)->empty_us -= 10 * US_PER_SEC;
	JOBS_UNTIL(f, jobs_find(f->jobs, id)->reason == JOB_BECAUSE_LEFT_LEAF);
	f->has_left = false;
	jobs_fixture_tick(f);
	assert_int_equal(jobs_find(f->jobs, id)->reason, JOB_BECAUSE_NONE);
	open_gate(f, 1);
	JOBS_UNTIL(f, f->ended == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_jobs_end_by_phase_by_what_they_allow_by_boot),
		cmocka_unit_test_setup_teardown(test_jobs_last_attempt_is_not_restarted_for_memory,
						jobs_setup, jobs_teardown),
		cmocka_unit_test_setup_teardown(test_jobs_frozen_go_on_to_end_well, jobs_setup,
						jobs_teardown),
		cmocka_unit_test_setup_teardown(test_jobs_frozen_are_killed_where_memory_is_short,
						jobs_setup, jobs_teardown),
		cmocka_unit_test_setup_teardown(test_jobs_cancelled_again_end_sooner, jobs_setup,
						jobs_teardown),
		cmocka_unit_test_setup_teardown(
			test_jobs_that_left_their_leaf_are_ended_all_the_same, jobs_setup,
			jobs_teardown),
		cmocka_unit_test_setup_teardown(test_jobs_that_left_their_leaf_say_so, jobs_setup,
						jobs_teardown),
		cmocka_unit_test_setup_teardown(test_jobs_that_start_get_the_grace_of_their_cancel,
						jobs_setup, jobs_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
