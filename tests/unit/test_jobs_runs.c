// SPDX-License-Identifier: GPL-2.0-or-later
/* What runs, when what is around it is not there: its component, its leaf, its clock, its end. */
#include "tests/unit/jobs_fixture.h"
#include "user/daemon/state.h"
#include "user/daemon/methods/encode_job.h"
#include "user/daemon/methods/queue.h"
#include "user/ipc/json.h"
#include "user/jobs/decide.h"
#include "user/jobs/entry.h"

static uint32_t times_ran(const struct jobs_fixture *f)
{
	FILE *ran = fopen(f->ran, "re");
	uint32_t lines = 0;

	for (int c; ran && (c = fgetc(ran)) != EOF;)
		lines += c == '\n';
	if (ran)
		fclose(ran);
	return lines;
}

/* Runs, and uwd comes back without its component. */
static uint64_t run_without_component(struct jobs_fixture *f, const char *first, const char *rest)
{
	char buf[256], text[192];
	struct jobs_item item;

	snprintf(text, sizeof(text), "%secho x >>%s; %s", first, f->ran, rest);
	item = sh_item(text, buf, sizeof(buf));
	submit(f, &item, 1);
	JOBS_UNTIL(f, state_of(f, f->first_id) == JOB_RUNNING && times_ran(f) == 1);
	strcpy(f->config.component[0].name, "cache");
	f->config.component_count = 1;
	restart(f);
	return f->first_id;
}

static void give_component_back(struct jobs_fixture *f)
{
	struct admit_config admit = {.component_count = 2};
	struct uw_err err = {0};

	strcpy(f->config.component[1].name, "ml_models");
	f->config.component_count = 2;
	assert_int_equal(jobs_configure(f->jobs, &admit, &err), 0);
	jobs_fixture_tick(f);
}

static void test_jobs_run_once_though_their_component_was_away(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t id = run_without_component(f, "", AT_GATE "; exit 8");

	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING);
	assert_string_equal(f->opened, "ml_models");
	give_component_back(f);
	assert_int_equal(state_of(f, id), JOB_RUNNING);
	assert_int_equal(jobs_find(f->jobs, id)->component, 1);
	open_gate(f, 1);
	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(row_of(f, id).result.status, 8);
	assert_int_equal(row_of(f, id).job.attempts, 1);
	assert_int_equal(times_ran(f), 1);
}

static void test_jobs_without_their_component_are_cancelled_for_real(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t id = run_without_component(f, "trap '' TERM; ", AT_GATE);

	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING);
	assert_int_equal(jobs_cancel(f->jobs, id, getuid(), 3600 * US_PER_SEC, NULL, NULL), 0);
	JOBS_UNTIL(f, run_of(f, id)->stop.kill_us);
	let_pass(f, id, 3600 * US_PER_SEC);
	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(row_of(f, id).job.state, JOB_CANCELLED);
	assert_int_equal(row_of(f, id).result.signal, SIGKILL);
}

static void test_jobs_queued_again_wait_for_their_component(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t id = run_without_component(f, "", "test $UW_JOB_ATTEMPT = 2 || " AT_GATE);

	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING);
	assert_int_equal(jobs_requeue(f->jobs, id, getuid(), NULL, NULL), 0);
	JOBS_UNTIL(f, state_of(f, id) == JOB_HELD && !f->jobs->stats.slots_used);
	assert_int_equal(jobs_find(f->jobs, id)->reason, JOB_BECAUSE_NO_COMPONENT);
	assert_int_equal(row_of(f, id).job.state, JOB_QUEUED); /* for an uwd that knows it */
	give_component_back(f);
	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(row_of(f, id).job.state, JOB_DONE);
	assert_int_equal(row_of(f, id).job.attempts, 2);
}

/* ---- many at once ---- */

#define MANY 20
#define SOME 8 /* that one answer of the core holds */

static struct jobs_range many = {1, MANY};

static uint32_t slots_used(const struct jobs_fixture *f)
{
	return (uint32_t)f->jobs->stats.slots_used;
}

/* With no time for it at all, few start in a turn, and each once and in its order. */
static void test_jobs_start_as_turns_have_time(void **state)
{
	struct jobs_fixture *f = *state;
	char buf[256], text[192];
	struct jobs_item item;

	f->no_ticks = true;
	f->jobs->part_us = 0;
	snprintf(text, sizeof(text), "echo x >>%s; " AT_GATE, f->ran);
	item = sh_item(text, buf, sizeof(buf));
	item.spec.memory_bytes = 1 << 20;
	item.range_count = 1;
	item.range = &many;
	submit(f, &item, 1);
	assert_in_range(slots_used(f), 0, SOME);
	for (uint32_t used = slots_used(f); used < MANY;) {
		jobs_fixture_turn(f);
		assert_in_range(slots_used(f), used, used + SOME);
		used = slots_used(f);
	}
	JOBS_UNTIL(f, times_ran(f) == MANY);
	for (uint64_t id = f->first_id + 1; id < f->first_id + MANY; id++)
		assert_true(jobs_find(f->jobs, id)->start_us >=
			    jobs_find(f->jobs, id - 1)->start_us);
}

static uint32_t running(const struct jobs_fixture *f)
{
	struct jobs_stats stats;

	jobs_stats(f->jobs, &stats);
	return stats.count[JOB_RUNNING];
}

static void test_jobs_end_as_turns_have_time(void **state)
{
	struct jobs_fixture *f = *state;
	char buf[256];
	struct jobs_item item = sh_item(AT_GATE "; exit 3", buf, sizeof(buf));

	item.spec.memory_bytes = 1 << 20;
	item.range_count = 1;
	item.range = &many;
	submit(f, &item, 1);
	JOBS_UNTIL(f, f->jobs->stats.started == MANY);
	f->jobs->part_us = 0;
	open_gate(f, MANY);
	for (uint32_t run = MANY; run;) {
		jobs_fixture_turn(f);
		assert_in_range(running(f), run - 1, run);
		run = running(f);
	}
	JOBS_UNTIL(f, f->ended == MANY);
	assert_int_equal(row_of(f, f->first_id).result.status, 3);
}

/* ---- Wait ---- */

static json_t *ask_wait(struct jobs_fixture *f, uint64_t id)
{
	static struct daemon daemon;
	struct ipc_peer peer = {.uid = getuid()};
	json_t *jobs = json_pack("{s:[{s:I, s:I}]}", "jobs", "first", (json_int_t)id, "last",
				 (json_int_t)id);
	struct ipc_call call = {.method = IPC_WAIT, .parameters = jobs, .peer = &peer};
	struct ipc_answer answer = {0};

	daemon.jobs = f->jobs;
	assert_true(methods_queue_handle(&daemon, &call, &answer));
	assert_null(answer.error);
	json_decref(jobs);
	jobs = json_loadb(answer.text, answer.text_count, 0, NULL);
	ipc_answer_done(&answer);
	return jobs;
}

static void expect_wait(struct jobs_fixture *f, uint64_t id, json_int_t ended, json_int_t left)
{
	json_t *answer = ask_wait(f, id);

	assert_int_equal(json_integer_value(json_object_get(answer, "ended_count")), ended);
	assert_int_equal(json_integer_value(json_object_get(answer, "left")), left);
	json_decref(answer);
}

/* On disk it has ended; the followers of Wait have yet to hear of it. */
static void test_jobs_whose_end_is_not_told_are_left(void **state)
{
	struct jobs_fixture *f = *state;
	char buf[256];
	struct jobs_item item = sh_item("exit 0", buf, sizeof(buf));
	uint64_t id;

	item.spec.memory_bytes = 4 * JOBS_BUDGET; /* so that it stays in the queue */
	submit(f, &item, 1);
	id = f->first_id;
	expect_wait(f, id, 0, 1);
	assert_int_equal(jobs_cancel(f->jobs, id, getuid(), 0, NULL, NULL), 0);
	UNTIL(row_of(f, id).job.state == JOB_CANCELLED);
	assert_int_equal(f->ended, 0);
	expect_wait(f, id, 0, 1);
	JOBS_UNTIL(f, f->ended == 1);
	expect_wait(f, id, 1, 0);
}

/* ---- the clock, and the leaf ---- */

/* The wall clock went on by an hour: so did what it says of the start. */
static void test_jobs_time_limits_do_not_follow_the_wall_clock(void **state)
{
	struct jobs_fixture *f = *state;
	char buf[256];
	struct jobs_item item = sh_item(AT_GATE, buf, sizeof(buf));
	uint64_t id;

	item.spec.time_limit_us = 600 * US_PER_SEC;
	submit(f, &item, 1);
	id = f->first_id;
	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING);
	job_table_find(&f->jobs->table, id)->start_us -= 3600 * US_PER_SEC;
	jobs_fixture_go_on(f);
	assert_false(jobs_find(f->jobs, id)->flags & JOB_ENDING);
	open_gate(f, 1);
	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(row_of(f, id).job.state, JOB_DONE);
}

static void test_jobs_time_limits_do_not_count_what_is_frozen(void **state)
{
	struct jobs_fixture *f = *state;
	char buf[256];
	struct jobs_item item = sh_item(AT_GATE, buf, sizeof(buf));
	struct store_row row;
	struct run *run;
	uint64_t id, frozen_us;

	item.spec.time_limit_us = 3600 * US_PER_SEC;
	f->config.policy.freeze_max_us = 60 * US_PER_SEC;
	submit(f, &item, 1);
	id = f->first_id;
	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING);
	run = run_of(f, id);
	f->frozen = id;
	JOBS_UNTIL(f, run->freeze.seen_us);
	let_pass(f, id, 3600 * US_PER_SEC);
	jobs_fixture_go_on(f);
	assert_int_equal(state_of(f, id), JOB_FROZEN);
	assert_true(run->freeze.sum_us > 3600 * US_PER_SEC);
	f->frozen = 0;
	jobs_fixture_go_on(f);
	assert_false(jobs_find(f->jobs, id)->flags & JOB_ENDING);
	let_pass(f, id, 3600 * US_PER_SEC);
	frozen_us = run->freeze.sum_us -= 3600 * US_PER_SEC; /* what went by for the shim too */
	JOBS_UNTIL(f, f->ended == 1);
	row = row_of(f, id);
	assert_int_equal(row.job.reason, JOB_BECAUSE_TIME_LIMIT);
	assert_int_equal(row.result.why.observed,
			 row.result.end_us - row.result.start_us - frozen_us);
}

static void test_jobs_leaf_is_opened_when_it_can_be(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t id;

	f->no_leaf = true;
	id = submit_sh(f, AT_GATE);
	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING);
	jobs_fixture_tick(f);
	assert_false(run_of(f, id)->leaf_open);
	f->no_leaf = false;
	jobs_fixture_tick(f);
	assert_true(run_of(f, id)->leaf_open);
	assert_int_equal(jobs_cancel(f->jobs, id, getuid(), 0, NULL, NULL), 0);
	JOBS_UNTIL(f, f->ended == 1);
}

/* It has outgrown what it has, and the rest of the component is taken. Times the core froze it. */
static uint32_t outgrow(struct jobs_fixture *f, uint64_t id)
{
	struct jobs *jobs = f->jobs;
	uint32_t frozen = 0;

	for (int i = 0; i < 10; i++) {
		jobs->clock_offset_us += 60 * US_PER_SEC;
		admit_usage(jobs->admit, id, JOBS_BUDGET / 2, 0, JOBS_BUDGET / 2,
			    jobs_now_us(jobs));
		state_decide_soon(jobs);
		decide_if_due(jobs);
		for (uint32_t n = 0; n < jobs->decisions.count; n++)
			frozen += jobs->decisions.decision[n].verdict == ADMIT_FREEZE &&
				  jobs->decisions.decision[n].id == id;
	}
	return frozen;
}

/* ---- at its limit ---- */

/* Two that fill their component; the first wants more and has no way out but to wait. */
static uint64_t cramp_one(struct jobs_fixture *f, const char *text)
{
	char buf[256];
	struct jobs_item item = sh_item(text, buf, sizeof(buf));
	uint64_t id;

	item.spec.memory_bytes = JOBS_BUDGET / 2;
	strcpy(item.spec.key, "hog");
	submit(f, &item, 1);
	id = f->first_id;
	submit(f, &item, 1);
	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING && state_of(f, id + 1) == JOB_RUNNING);
	f->current_bytes = JOBS_BUDGET / 2 + (1 << 20);
	jobs_fixture_tick(f);
	return id;
}

/* From the submission to the core, to the key's runs, and to the next one's prediction. */
static void test_jobs_learn_by_the_size_of_their_input(void **state)
{
	struct jobs_fixture *f = *state;
	char buf[256];
	struct jobs_item item = sh_item("true", buf, sizeof(buf));
	struct admit_key known;
	struct admit_view view;
	json_t *by;

	f->current_bytes = 3 << 20;
	item.spec.input_bytes = 5 << 20;
	strcpy(item.spec.key, "by-input");
	submit(f, &item, 1);
	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(admit_key_export(jobs_admit(f->jobs),
					  jobs_learn_key(f->jobs, item.spec.component,
							 item.spec.uid, item.spec.key),
					  &known),
			 0);
	assert_int_equal(known.run[0].input_kib, 5 << 10);
	item.spec.held = true;
	submit(f, &item, 1);
	JOBS_UNTIL(f, !admit_view(jobs_admit(f->jobs), f->first_id, jobs_now_us(f->jobs), &view));
	assert_true(view.task.input_bytes == item.spec.input_bytes);
	by = encode_predicted_by(f->jobs, jobs_find(f->jobs, f->first_id));
	assert_string_equal(json_get_text(by, "time"), "recent");
	assert_true(json_is_null(json_object_get(by, "time_off_permyriad")));
	json_decref(by);
}

static void test_jobs_without_room_to_grow_say_so(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t id = cramp_one(f, AT_GATE);
	const struct job *job = jobs_find(f->jobs, id);
	json_t *entry;

	assert_int_equal(job->state, JOB_RUNNING);
	assert_int_equal(job->reason, JOB_BECAUSE_NO_GROWTH);
	run_of(f, id)->outgrown.cramped_us -= 300 * US_PER_SEC;
	assert_true(jobs_cramped_us(f->jobs, job) >= 300 * US_PER_SEC);
	entry = encode_queue_entry(f->jobs, job);
	assert_non_null(
		strstr(json_get_text(json_object_get(entry, "why"), "text"), "for 5min now"));
	json_decref(entry);
	assert_int_equal(jobs_cancel(f->jobs, id + 1, getuid(), 0, NULL, NULL), 0);
	JOBS_UNTIL(f, f->ended == 1);
	jobs_fixture_tick(f);
	jobs_fixture_tick(f);
	assert_int_equal(jobs_find(f->jobs, id)->reason, JOB_BECAUSE_GROWTH);
	assert_int_equal(jobs_cramped_us(f->jobs, jobs_find(f->jobs, id)), 0);
	assert_int_equal(jobs_cancel(f->jobs, id, getuid(), 0, NULL, NULL), 0);
	JOBS_UNTIL(f, f->ended == 2);
}

/* Not for want of memory: as many run as may. */
static void test_jobs_past_max_running_say_so(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t first, id;
	json_t *entry, *why;

	f->config.admission.max_running = 1;
	first = submit_sh(f, AT_GATE);
	JOBS_UNTIL(f, state_of(f, first) == JOB_RUNNING);
	id = submit_sh(f, "true");
	jobs_fixture_tick(f);
	entry = encode_queue_entry(f->jobs, jobs_find(f->jobs, id));
	why = json_object_get(entry, "why");
	assert_string_equal(json_get_text(why, "reason"), "slots");
	assert_string_equal(json_get_text(why, "text"), "1 jobs run, at most 1 may");
	json_decref(entry);
	assert_int_equal(jobs_cancel(f->jobs, first, getuid(), 0, NULL, NULL), 0);
	JOBS_UNTIL(f, f->ended == 2);
}

/* Nobody could give it more: the core is silent, but not uwd. */
static void test_jobs_as_large_as_their_component_say_so(void **state)
{
	struct jobs_fixture *f = *state;
	char buf[256];
	struct jobs_item item = sh_item(AT_GATE, buf, sizeof(buf));
	uint64_t id;

	item.spec.memory_bytes = JOBS_BUDGET;
	submit(f, &item, 1);
	id = f->first_id;
	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING);
	f->current_bytes = JOBS_BUDGET + 1;
	jobs_fixture_tick(f);
	assert_int_equal(jobs_cramped_us(f->jobs, jobs_find(f->jobs, id)), 0);
	assert_true(run_of(f, id)->outgrown.since_us > 0);
	run_of(f, id)->outgrown.since_us -= 5 * US_PER_SEC;
	jobs_fixture_tick(f);
	assert_int_equal(jobs_find(f->jobs, id)->reason, JOB_BECAUSE_NO_GROWTH);
	f->current_bytes = 1 << 20;
	run_of(f, id)->outgrown.seen_us -= 10 * US_PER_SEC;
	jobs_fixture_tick(f);
	assert_int_equal(jobs_find(f->jobs, id)->reason, JOB_BECAUSE_NONE);
	assert_int_equal(jobs_cancel(f->jobs, id, getuid(), 0, NULL, NULL), 0);
	JOBS_UNTIL(f, f->ended == 1);
}

static void test_jobs_without_room_to_grow_fail_where_that_is_asked(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t key = jobs_learn_key(f->jobs, "ml_models", getuid(), "hog"), id;
	struct admit_key learned;
	struct job *job;

	f->config.admission.outgrown_us = 60 * US_PER_SEC;
	id = cramp_one(f, AT_GATE);
	job = job_table_find(&f->jobs->table, id);
	run_of(f, id)->outgrown.cramped_us -= 61 * US_PER_SEC;
	jobs_fixture_tick(f);
	assert_false(job->flags & JOB_ENDING); /* it waits, unless the configuration says else */
	f->config.admission.outgrown = OUTGROWN_FAIL;
	JOBS_UNTIL(f, f->ended == 1);
	assert_int_equal(row_of(f, id).job.state, JOB_FAILED);
	assert_int_equal(row_of(f, id).job.reason, JOB_BECAUSE_MEMORY_LIMIT);
	assert_int_equal(row_of(f, id).result.why.threshold, JOBS_BUDGET / 2);
	assert_int_equal(admit_key_export(f->jobs->admit, key, &learned), 0);
	assert_true(learned.least_kib > JOBS_BUDGET / 2 >> 10);
	assert_int_equal(learned.outgrown, 1);
	assert_int_equal(jobs_cancel(f->jobs, id + 1, getuid(), 0, NULL, NULL), 0);
	JOBS_UNTIL(f, f->ended == 2);
}

static void freeze_one(struct jobs_fixture *f, bool no_leaf)
{
	char buf[256];
	struct jobs_item item = sh_item(AT_GATE, buf, sizeof(buf));
	uint64_t id, other;

	f->no_leaf = no_leaf;
	item.spec.memory_bytes = JOBS_BUDGET / 4 * 3;
	submit(f, &item, 1);
	other = f->first_id;
	item.spec.memory_bytes = JOBS_BUDGET / 4;
	item.spec.flags = JOB_FREEZABLE;
	submit(f, &item, 1);
	id = f->first_id;
	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING && state_of(f, other) == JOB_RUNNING);
	assert_true(outgrow(f, id) > 0);
	assert_int_equal(f->freezes > 0, !no_leaf);
	assert_int_equal(state_of(f, id), no_leaf ? JOB_RUNNING : JOB_FROZEN);
	f->no_leaf = false;
	jobs_look(f->jobs);
	assert_int_equal(jobs_cancel(f->jobs, id, getuid(), 0, NULL, NULL), 0);
	assert_int_equal(jobs_cancel(f->jobs, other, getuid(), 0, NULL, NULL), 0);
	JOBS_UNTIL(f, !jobs_count(f->jobs));
}

/* A leaf that is not known would name all of its component. */
static void test_jobs_without_a_leaf_freeze_nobody(void **state)
{
	freeze_one(*state, true);
	freeze_one(*state, false);
}

/* Written below what is there, memory.high would be reclaimed down to on the loop. */
static void test_jobs_limit_follows_use_down(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t id = submit_sh(f, AT_GATE);
	struct run *run;

	JOBS_UNTIL(f, state_of(f, id) == JOB_RUNNING);
	run = run_of(f, id);
	assert_int_equal(run->limit_bytes, 64 << 20);
	f->current_bytes = 40 << 20;
	run_limit(f->jobs, run, 20 << 20);
	assert_int_equal(f->limit_bytes, 41 << 20);
	f->current_bytes = 50 << 20; /* it is not raised again */
	run_limit(f->jobs, run, 20 << 20);
	assert_int_equal(f->limit_bytes, 41 << 20);
	f->current_bytes = 10 << 20;
	job_table_find(&f->jobs->table, id)->reserved_bytes = 20 << 20;
	jobs_look(f->jobs);
	assert_int_equal(f->limit_bytes, 20 << 20);
	f->current_bytes = 30 << 20; /* more, and still too little */
	run_limit(f->jobs, run, 25 << 20);
	assert_int_equal(f->limit_bytes, 31 << 20);
	assert_int_equal(jobs_cancel(f->jobs, id, getuid(), 0, NULL, NULL), 0);
	JOBS_UNTIL(f, f->ended == 1);
}

/* The end of its shim is told once, and here before it is known that there is one. */
static void test_jobs_that_end_before_their_start_is_through_have_ended(void **state)
{
	struct jobs_fixture *f = *state;

	f->launch_waits = true;
	for (uint32_t i = 1; i <= 20; i++) {
		submit_sh(f, "exit 3");
		JOBS_UNTIL(f, f->ended == i);
		assert_int_equal(f->result.status, 3);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, jobs_setup, jobs_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_jobs_run_once_though_their_component_was_away),
		TEST(test_jobs_without_their_component_are_cancelled_for_real),
		TEST(test_jobs_queued_again_wait_for_their_component),
		TEST(test_jobs_whose_end_is_not_told_are_left),
		TEST(test_jobs_time_limits_do_not_follow_the_wall_clock),
		TEST(test_jobs_time_limits_do_not_count_what_is_frozen),
		TEST(test_jobs_leaf_is_opened_when_it_can_be),
		TEST(test_jobs_without_a_leaf_freeze_nobody),
		TEST(test_jobs_limit_follows_use_down),
		TEST(test_jobs_that_end_before_their_start_is_through_have_ended),
		TEST(test_jobs_learn_by_the_size_of_their_input),
		TEST(test_jobs_without_room_to_grow_say_so),
		TEST(test_jobs_past_max_running_say_so),
		TEST(test_jobs_as_large_as_their_component_say_so),
		TEST(test_jobs_without_room_to_grow_fail_where_that_is_asked),
		TEST(test_jobs_start_as_turns_have_time),
		TEST(test_jobs_end_as_turns_have_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
