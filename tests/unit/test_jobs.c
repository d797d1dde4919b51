// SPDX-License-Identifier: GPL-2.0-or-later
/* The life of queued jobs, with a real store and real shims. */
#include "tests/unit/jobs_fixture.h"

#include "user/base/cleanup.h"

/* ---- ends ---- */

static void test_jobs_exit_status_arrives(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t good = submit_sh(f, "exit 0"), bad = submit_sh(f, "exit 9");

	JOBS_UNTIL(f, f->ended == 2);
	assert_int_equal(row_of(f, good).job.state, JOB_DONE);
	assert_int_equal(row_of(f, bad).job.state, JOB_FAILED);
	assert_int_equal(row_of(f, bad).result.status, 9);
	assert_int_equal(row_of(f, bad).job.attempts, 1);
	assert_int_equal(jobs_count(f->jobs), 0);
}

static void test_jobs_retries_are_for_bad_ends(void **state)
{
	struct jobs_fixture *f = *state;
	char buf[256], text[192];
	struct jobs_item item;

	snprintf(text, sizeof(text), "echo x >>%s; test $UW_JOB_ATTEMPT = 3", f->ran);
	item = sh_item(text, buf, sizeof(buf));
	item.spec.retries = 5;
	submit(f, &item, 1);
	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(row_of(f, f->first_id).job.state, JOB_DONE);
	assert_int_equal(row_of(f, f->first_id).job.attempts, 3);
	assert_int_equal(row_of(f, f->first_id).job.retries, 3);
}

static void test_jobs_command_that_is_not_there_fails_once(void **state)
{
	struct jobs_fixture *f = *state;
	char buf[256];
	struct jobs_item item = sh_item("", buf, sizeof(buf));

	item.spec.argv = (struct job_block){"/nowhere", 9};
	item.spec.retries = 2;
	submit(f, &item, 1);
	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(row_of(f, f->first_id).job.state, JOB_FAILED);
	assert_int_equal(row_of(f, f->first_id).job.reason, JOB_BECAUSE_START_FAILED);
	assert_int_equal(row_of(f, f->first_id).job.observed, ENOENT);
	assert_int_equal(row_of(f, f->first_id).job.threshold, JOB_START_COMMAND);
	assert_int_equal(job_exit_code(&f->result), 127);
}

static void test_jobs_over_their_time_limit_are_ended(void **state)
{
	struct jobs_fixture *f = *state;
	char buf[256];
	struct jobs_item item = sh_item(AT_GATE, buf, sizeof(buf));

	item.spec.time_limit_us = 3600 * US_PER_SEC;
	submit(f, &item, 1);
	JOBS_UNTIL(f, state_of(f, f->first_id) == JOB_RUNNING);
	let_pass(f, f->first_id, 3600 * US_PER_SEC);
	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(row_of(f, f->first_id).job.state, JOB_FAILED);
	assert_int_equal(row_of(f, f->first_id).job.reason, JOB_BECAUSE_TIME_LIMIT);
}

/* ---- arrays and those that wait for others ---- */

static void test_jobs_array_has_its_indices(void **state)
{
	struct jobs_fixture *f = *state;
	struct jobs_range range[] = {{3, 5}, {9, 9}};
	char buf[256], text[192], ran[64];
	struct jobs_item item;

	snprintf(text, sizeof(text), "echo $UW_JOB_INDEX >>%s", f->ran);
	item = sh_item(text, buf, sizeof(buf));
	item.range = range;
	item.range_count = 2;
	submit(f, &item, 1);
	assert_int_equal(f->submitted, 4);
	JOBS_UNTIL(f, f->ended == 4);
	assert_int_equal(text_read_at(AT_FDCWD, f->ran, ran, sizeof(ran)), 8);
	for (const char *c = "3459"; *c; c++)
		assert_non_null(strchr(ran, *c));
	assert_int_equal(row_of(f, f->first_id + 3).job.index, 9);
	assert_int_equal(row_of(f, f->first_id + 3).job.array, f->first_id);
}

static void test_jobs_wait_for_the_good_end_of_others(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t first = submit_sh(f, AT_GATE), bad = submit_sh(f, AT_GATE "; exit 1");
	char buf[256];
	struct jobs_item item = sh_item("exit 0", buf, sizeof(buf));
	uint64_t good_after, bad_after, any_after;

	item.spec.after_count = 1;
	item.spec.after[0] = first;
	submit(f, &item, 1);
	good_after = f->first_id;
	item.spec.after[0] = bad;
	submit(f, &item, 1);
	bad_after = f->first_id;
	item.spec.flags = JOB_AFTER_ANY;
	submit(f, &item, 1);
	any_after = f->first_id;
	assert_int_equal(state_of(f, good_after), JOB_WAITING);
	restart(f); /* they still wait then */
	assert_int_equal(state_of(f, good_after), JOB_WAITING);
	open_gate(f, 2);
	JOBS_UNTIL(f, f->ended == 5);
	assert_int_equal(row_of(f, good_after).job.state, JOB_DONE);
	assert_int_equal(row_of(f, any_after).job.state, JOB_DONE);
	assert_int_equal(row_of(f, bad_after).job.state, JOB_CANCELLED);
	assert_int_equal(row_of(f, bad_after).job.reason, JOB_BECAUSE_AFTER_FAILED);
	assert_int_equal(row_of(f, bad_after).job.observed, bad);
}

static void test_jobs_wait_for_all_of_an_array(void **state)
{
	struct jobs_fixture *f = *state;
	struct jobs_range range = {0, 2};
	char first[256], then[256], text[192], ran[64];
	struct jobs_item item[2];

	snprintf(text, sizeof(text), AT_GATE "; echo x >>%s", f->ran);
	item[0] = sh_item(text, first, sizeof(first));
	item[0].range = &range;
	item[0].range_count = 1;
	snprintf(text, sizeof(text), "echo then >>%s", f->ran);
	item[1] = sh_item(text, then, sizeof(then));
	item[1].after_item_count = 1; /* the one before it in the call */
	submit(f, item, 2);
	for (uint32_t i = 1; i <= 3; i++) {
		assert_int_equal(state_of(f, f->first_id + 3), JOB_WAITING);
		open_gate(f, 1);
		JOBS_UNTIL(f, f->ended >= i);
	}
	JOBS_UNTIL(f, f->ended == 4);
	assert_true(text_read_at(AT_FDCWD, f->ran, ran, sizeof(ran)) > 0);
	assert_string_equal(ran, "x\nx\nx\nthen\n");
}

static void test_jobs_after_what_is_not_known_is_refused(void **state)
{
	struct jobs_fixture *f = *state;
	struct uw_err err = {0};
	char buf[256];
	struct jobs_item item = sh_item("exit 0", buf, sizeof(buf));

	item.spec.after_count = 1;
	item.spec.after[0] = 4711;
	assert_int_equal(jobs_submit(f->jobs, &item, 1, on_submitted, f, &err), -ESRCH);
	assert_non_null(strstr(err.text, "4711"));
}

/* ---- what owners ask for ---- */

static void changed(void *data, int rc)
{
	*(int *)data = rc;
}

static void test_jobs_held_until_released(void **state)
{
	struct jobs_fixture *f = *state;
	char buf[256];
	struct jobs_item item = sh_item("exit 0", buf, sizeof(buf));
	int rc = 1;

	item.spec.held = true;
	submit(f, &item, 1);
	assert_int_equal(state_of(f, f->first_id), JOB_HELD);
	restart(f);
	assert_int_equal(state_of(f, f->first_id), JOB_HELD);
	assert_int_equal(jobs_hold(f->jobs, f->first_id, 0, changed, &rc), -EALREADY);
	assert_int_equal(jobs_release(f->jobs, f->first_id, 0, changed, &rc), 0);
	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(rc, 0);
	assert_int_equal(row_of(f, f->first_id).job.state, JOB_DONE);
}

static void test_jobs_cancelled_while_running_ends_as_cancelled(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t id, soft;
	char text[192];
	int rc = 1;

	snprintf(text, sizeof(text), "trap '' TERM; echo >%s; " AT_GATE, f->ran);
	id = submit_sh(f, text);
	JOBS_UNTIL(f, !access(f->ran, F_OK));
	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING);
	assert_int_equal(jobs_cancel(f->jobs, id, 0, 3600 * US_PER_SEC, changed, &rc), 0);
	assert_int_equal(jobs_cancel(f->jobs, id, 0, 3600 * US_PER_SEC, changed, &rc), -EALREADY);
	JOBS_UNTIL(f, run_of(f, id)->stop.kill_us);
	let_pass(f, id, 3600 * US_PER_SEC);
	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(row_of(f, id).job.state, JOB_CANCELLED);
	assert_int_equal(row_of(f, id).result.signal, SIGKILL);

	soft = submit_sh(f, AT_GATE);
	JOBS_UNTIL(f, state_of(f, soft) == JOB_RUNNING);
	assert_int_equal(jobs_cancel(f->jobs, soft, 0, 3600 * US_PER_SEC, changed, &rc), 0);
	JOBS_UNTIL(f, f->ended == 2);
	assert_int_equal(row_of(f, soft).result.signal, SIGTERM);
}

static void test_jobs_cancelled_while_waiting_never_run(void **state)
{
	struct jobs_fixture *f = *state;
	char buf[256];
	struct jobs_item item = sh_item("exit 0", buf, sizeof(buf));
	int rc = 1;

	item.spec.held = true;
	submit(f, &item, 1);
	assert_int_equal(jobs_cancel(f->jobs, f->first_id, 0, 0, changed, &rc), 0);
	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(row_of(f, f->first_id).job.state, JOB_CANCELLED);
	assert_int_equal(row_of(f, f->first_id).job.attempts, 0);
	assert_int_equal(jobs_cancel(f->jobs, f->first_id, 0, 0, changed, &rc), -ESRCH);
}

static void test_jobs_requeued_run_again(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t id = submit_sh(f, "exit 4");
	int rc = 1;

	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(jobs_requeue(f->jobs, id, 0, changed, &rc), 0);
	JOBS_UNTIL(f, f->ended == 2);
	assert_int_equal(row_of(f, id).job.attempts, 2);
	assert_int_equal(row_of(f, id).job.state, JOB_FAILED);
}

/* A first that fails, and one that was cancelled for it: again they come in the same order. */
static void test_jobs_requeued_wait_for_others_again(void **state)
{
	struct jobs_fixture *f = *state;
	char buf[2][256];
	struct jobs_item first =
		sh_item("test $UW_JOB_ATTEMPT = 2 || exit 1; " AT_GATE, buf[0], sizeof(buf[0]));
	struct jobs_item second = sh_item("exit 0", buf[1], sizeof(buf[1]));
	uint64_t id[2];
	int rc[2] = {1, 1};

	submit(f, &first, 1);
	id[0] = f->first_id;
	second.spec.after_count = 1;
	second.spec.after[0] = id[0];
	submit(f, &second, 1);
	id[1] = f->first_id;
	JOBS_UNTIL(f, f->ended == 2);
	assert_int_equal(row_of(f, id[1]).job.state, JOB_CANCELLED);
	assert_int_equal(jobs_requeue(f->jobs, id[0], 0, changed, &rc[0]), 0);
	assert_int_equal(jobs_requeue(f->jobs, id[1], 0, changed, &rc[1]), 0);
	JOBS_UNTIL(f, state_of(f, id[0]) == JOB_RUNNING && !rc[1]);
	jobs_fixture_go_on(f);
	assert_int_equal(state_of(f, id[1]), JOB_WAITING);
	assert_int_equal(jobs_find(f->jobs, id[1])->reason, JOB_BECAUSE_AFTER);
	open_gate(f, 1);
	JOBS_UNTIL(f, f->ended == 4);
	assert_int_equal(row_of(f, id[1]).job.state, JOB_DONE);
	assert_true(row_of(f, id[1]).result.start_us >= row_of(f, id[0]).result.end_us);
}

/* ---- memory ---- */

static void test_jobs_start_only_when_their_memory_is_there(void **state)
{
	struct jobs_fixture *f = *state;
	char buf[256];
	struct jobs_item item = sh_item(AT_GATE, buf, sizeof(buf));
	uint64_t first;

	item.spec.memory_bytes = JOBS_BUDGET / 10 * 7;
	submit(f, &item, 1);
	first = f->first_id;
	JOBS_UNTIL(f, state_of(f, first) == JOB_RUNNING);
	submit(f, &item, 1);
	jobs_fixture_go_on(f);
	assert_int_equal(state_of(f, f->first_id), JOB_QUEUED);
	open_gate(f, 2);
	JOBS_UNTIL(f, f->ended == 2);
	assert_true(row_of(f, f->first_id).result.start_us >= row_of(f, first).result.end_us);
}

struct steps {
	enum job_step want;
	uint32_t count;
	uint64_t before_bytes, after_bytes;
};

static int see_step(void *data, const struct job_event *event)
{
	struct steps *steps = data;

	if (event->step != steps->want)
		return 0;
	steps->count++;
	steps->before_bytes = event->before_bytes;
	steps->after_bytes = event->after_bytes;
	return 0;
}

static struct steps steps_of(const struct jobs_fixture *f, uint64_t id, enum job_step want)
{
	struct steps steps = {.want = want};

	assert_int_equal(store_each_event(jobs_reader(f->jobs), id, see_step, &steps), 0);
	return steps;
}

static void test_jobs_that_outgrow_their_reservation_grow_in_place(void **state)
{
	struct jobs_fixture *f = *state;
	char buf[256];
	struct jobs_item item = sh_item(AT_GATE, buf, sizeof(buf));
	struct steps grew;

	item.spec.memory_bytes = 64 << 20;
	submit(f, &item, 1);
	JOBS_UNTIL(f, state_of(f, f->first_id) == JOB_RUNNING);
	f->current_bytes = 80 << 20;
	JOBS_UNTIL(f, f->limit_bytes > f->current_bytes);
	assert_true(jobs_find(f->jobs, f->first_id)->reserved_bytes == f->limit_bytes);
	open_gate(f, 1);
	JOBS_UNTIL(f, f->ended == 1);
	grew = steps_of(f, f->first_id, JOB_STEP_GREW);
	assert_true(grew.count >= 1);
	assert_int_equal(grew.after_bytes, f->limit_bytes);
	assert_int_equal(row_of(f, f->first_id).result.peak_bytes, 80 << 20);
}

/* Frozen by policy, for others' sake: it shows as such, and goes on as running. */
static void test_jobs_follow_the_freezer(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t id = submit_sh(f, AT_GATE);

	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING);
	f->frozen = id;
	JOBS_UNTIL(f, state_of(f, id) == JOB_FROZEN);
	f->frozen = 0;
	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING);
	open_gate(f, 1);
	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(row_of(f, id).job.state, JOB_DONE);
}

/* ---- uwd comes and goes ---- */

/* The command runs, and its slot says so. */
static bool has_run(const struct jobs_fixture *f, uint64_t id)
{
	int fd = slots_reopen(f->dir);
	struct slot_record slot;
	bool found = false;

	for (uint32_t i = 1; i <= SLOTS_COUNT && !found; i++)
		found = !slot_read(fd, i, &slot) && slot.job == id && slot.phase == SLOT_RUN &&
			slot.child_pid > 0;
	close(fd);
	return found;
}

static void test_jobs_end_while_uwd_is_away(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t id = submit_sh(f, AT_GATE "; exit 6");

	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING && has_run(f, id));
	jobs_close(f->jobs);
	f->jobs = NULL;
	open_gate(f, 1);
	UNTIL(!has_run(f, id));
	assert_int_equal(jobs_fixture_open(f), 0);
	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(row_of(f, id).result.status, 6);
	assert_int_equal(row_of(f, id).job.attempts, 1);
}

static void test_jobs_running_are_adopted(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t id = submit_sh(f, AT_GATE "; exit 8");
	struct jobs_stats stats;
	uint16_t reason;

	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING);
	reason = jobs_find(f->jobs, id)->reason;
	assert_int_not_equal(reason, JOB_BECAUSE_NONE);
	restart(f);
	JOBS_UNTIL(f, (jobs_stats(f->jobs, &stats), stats.adopted == 1));
	assert_int_equal(state_of(f, id), JOB_RUNNING);
	assert_int_equal(jobs_find(f->jobs, id)->reason, reason); /* why it runs is what it was */
	open_gate(f, 1);
	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(row_of(f, id).result.status, 8);
}

static void kill_shim_of(const struct jobs_fixture *f, uint64_t id)
{
	int fd = slots_reopen(f->dir);
	struct slot_record slot;

	for (uint32_t i = 1; i <= SLOTS_COUNT; i++)
		if (!slot_read(fd, i, &slot) && slot.job == id && slot.phase == SLOT_RUN) {
			kill(slot.shim_pid, SIGKILL);
			kill(-slot.child_pid, SIGKILL);
		}
	close(fd);
}

static void test_jobs_whose_shim_was_killed_are_lost(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t id = submit_sh(f, AT_GATE);

	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING && has_run(f, id));
	kill_shim_of(f, id);
	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(row_of(f, id).job.state, JOB_LOST);
	assert_int_equal(row_of(f, id).job.reason, JOB_BECAUSE_SHIM_LOST);
}

static void test_jobs_that_may_rerun_are_queued_again_when_lost(void **state)
{
	struct jobs_fixture *f = *state;
	char buf[256];
	struct jobs_item item = sh_item("test $UW_JOB_ATTEMPT = 2 || " AT_GATE, buf, sizeof(buf));

	item.spec.flags = JOB_RERUN;
	submit(f, &item, 1);
	JOBS_UNTIL(f, state_of(f, f->first_id) == JOB_RUNNING && has_run(f, f->first_id));
	kill_shim_of(f, f->first_id);
	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(row_of(f, f->first_id).job.state, JOB_DONE);
	assert_int_equal(row_of(f, f->first_id).job.attempts, 2);
}

/* What a reboot leaves: a slot of another boot, in RUN, without a lock. */
static void test_jobs_running_at_a_reboot_are_lost(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t id = submit_sh(f, AT_GATE);
	struct slot_record slot;
	int fd;

	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING && has_run(f, id));
	jobs_close(f->jobs);
	f->jobs = NULL;
	kill_shim_of(f, id);
	fd = slots_reopen(f->dir);
	for (uint32_t i = 1; i <= SLOTS_COUNT; i++)
		if (!slot_read(fd, i, &slot) && slot.job == id) {
			UNTIL(!slot_is_locked(fd, i));
			slot.boot[0] ^= 1;
			assert_int_equal(slot_write(fd, i, &slot, false), 0);
		}
	close(fd);
	assert_int_equal(jobs_fixture_open(f), 0);
	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(row_of(f, id).job.state, JOB_LOST);
	assert_int_equal(row_of(f, id).job.reason, JOB_BECAUSE_REBOOT);
}

static void test_jobs_configuration_with_other_components_keeps_the_queue(void **state)
{
	struct jobs_fixture *f = *state;
	struct admit_config admit = {.component_count = 3};
	struct uw_err err = {0};
	char buf[256];
	struct jobs_item item = sh_item(AT_GATE, buf, sizeof(buf));
	uint64_t running, queued;

	item.spec.memory_bytes = JOBS_BUDGET / 10 * 7;
	submit(f, &item, 1);
	running = f->first_id;
	JOBS_UNTIL(f, state_of(f, running) == JOB_RUNNING);
	submit(f, &item, 1);
	queued = f->first_id;
	f->config.component_count = 3;
	strcpy(f->config.component[0].name, "new");
	strcpy(f->config.component[1].name, "cache");
	strcpy(f->config.component[2].name, "ml_models");
	assert_int_equal(jobs_configure(f->jobs, &admit, &err), 0);
	assert_int_equal(jobs_find(f->jobs, running)->component, 2);
	assert_int_equal(state_of(f, running), JOB_RUNNING);
	jobs_fixture_tick(f);
	assert_int_equal(state_of(f, queued), JOB_QUEUED); /* the memory is still taken */
	open_gate(f, 2);
	JOBS_UNTIL(f, f->ended == 2);
	assert_int_equal(row_of(f, queued).job.state, JOB_DONE);
}

static int check_total(void *data, const struct store_total *total)
{
	assert_string_equal(total->component, "ml_models");
	assert_int_equal(total->state, JOB_CANCELLED);
	(*(uint32_t *)data)++;
	return 0;
}

/* It never ran, and nothing in memory knows where it was to run: the history does. */
static void cancel_without_component(struct jobs_fixture *f, uint64_t id)
{
	uint32_t totals = 0;
	int rc = 1;

	assert_int_equal(jobs_cancel(f->jobs, id, 0, 0, changed, &rc), 0);
	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(store_each_total(jobs_reader(f->jobs), check_total, &totals), 0);
	assert_int_equal(totals, 1);
}

static void test_jobs_of_a_component_that_is_gone_wait_for_it(void **state)
{
	struct jobs_fixture *f = *state;
	struct admit_config admit = {.component_count = 1};
	struct uw_err err = {0};
	char buf[256];
	struct jobs_item item = sh_item("exit 0", buf, sizeof(buf));
	uint64_t other;

	item.spec.memory_bytes = 4 * JOBS_BUDGET; /* so that it stays in the queue */
	submit(f, &item, 1);
	other = f->first_id;
	submit(f, &item, 1);
	strcpy(f->config.component[0].name, "cache");
	f->config.component_count = 1;
	assert_int_equal(jobs_configure(f->jobs, &admit, &err), 0);
	assert_int_equal(state_of(f, f->first_id), JOB_HELD);
	assert_int_equal(jobs_find(f->jobs, f->first_id)->reason, JOB_BECAUSE_NO_COMPONENT);
	cancel_without_component(f, other);
	strcpy(f->config.component[1].name, "ml_models");
	f->config.component_count = 2;
	admit.component_count = 2;
	assert_int_equal(jobs_configure(f->jobs, &admit, &err), 0);
	assert_int_equal(state_of(f, f->first_id), JOB_QUEUED);
	assert_int_equal(jobs_find(f->jobs, f->first_id)->component, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, jobs_setup, jobs_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_jobs_exit_status_arrives),
		TEST(test_jobs_retries_are_for_bad_ends),
		TEST(test_jobs_command_that_is_not_there_fails_once),
		TEST(test_jobs_over_their_time_limit_are_ended),
		TEST(test_jobs_array_has_its_indices),
		TEST(test_jobs_wait_for_the_good_end_of_others),
		TEST(test_jobs_wait_for_all_of_an_array),
		TEST(test_jobs_after_what_is_not_known_is_refused),
		TEST(test_jobs_held_until_released),
		TEST(test_jobs_cancelled_while_running_ends_as_cancelled),
		TEST(test_jobs_cancelled_while_waiting_never_run),
		TEST(test_jobs_requeued_run_again),
		TEST(test_jobs_requeued_wait_for_others_again),
		TEST(test_jobs_start_only_when_their_memory_is_there),
		TEST(test_jobs_that_outgrow_their_reservation_grow_in_place),
		TEST(test_jobs_follow_the_freezer),
		TEST(test_jobs_end_while_uwd_is_away),
		TEST(test_jobs_running_are_adopted),
		TEST(test_jobs_whose_shim_was_killed_are_lost),
		TEST(test_jobs_that_may_rerun_are_queued_again_when_lost),
		TEST(test_jobs_running_at_a_reboot_are_lost),
		TEST(test_jobs_configuration_with_other_components_keeps_the_queue),
		TEST(test_jobs_of_a_component_that_is_gone_wait_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
