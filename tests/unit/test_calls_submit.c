// SPDX-License-Identifier: GPL-2.0-or-later
/* Submit as uwd answers it: in parts. */
#include <time.h>

#include "tests/unit/calls_fixture.h"
#include "user/daemon/methods/totals.h"

#define ITEMS 1500U

/* Of processor time, which does not pass while others have the processor. */
#define WORK_MAX (5 * CLOCKS_PER_SEC)

/* Until the next one is asked; takes the parameters. */
static const json_t *ask(struct calls *calls, json_t *parameters)
{
	static json_t *answer;

	json_decref(answer);
	answer = NULL;
	if (!parameters)
		return NULL;
	call(calls, IPC_SUBMIT, false, parameters);
	answer = reply(calls);
	return answer;
}

static const char *error_of(const json_t *answer)
{
	return json_get_text(answer, "error");
}

/* "V0=text" and on. */
static json_t *variables(uint32_t count, const char *text)
{
	json_t *list = json_array();
	char word[64];

	for (uint32_t i = 0; i < count; i++) {
		snprintf(word, sizeof(word), "V%u=%s", i, text);
		json_array_append_new(list, json_string(word));
	}
	return list;
}

static json_t *submission(uint32_t of_context, uint32_t of_item)
{
	return json_pack("{s:b, s:{s:s, s:o}, s:[{s:s, s:[s], s:o, s:i}]}", "dry_run", 1, "context",
			 "cwd", "/", "environment", variables(of_context, "context"), "jobs",
			 "component", "ml_models", "command", "true", "environment",
			 variables(of_item, "item"), "memory_bytes", 1 << 20);
}

static void test_calls_who_may_not_submit_is_told_before_all_else(void **state)
{
	struct calls *calls = *state;
	json_t *parameters;

	parameters = submission(1, 1);
	json_object_set_new(json_array_get(json_object_get(parameters, "jobs"), 0), "command",
			    json_true());
	assert_string_equal(error_of(ask(calls, json_incref(parameters))), IPC_ERROR_NOT_PERMITTED);
	let_in(calls, "*");
	assert_string_equal(error_of(ask(calls, parameters)), IPC_ERROR_BAD_JOB);
	ask(calls, NULL);
}

static void test_calls_environments_have_bounds(void **state)
{
	struct calls *calls = *state;
	clock_t began = clock();

	let_in(calls, "*");
	assert_string_equal(error_of(ask(calls, submission(4097, 0))), IPC_ERROR_BAD_JOB);
	assert_string_equal(error_of(ask(calls, submission(0, 4097))), IPC_ERROR_BAD_JOB);
	assert_string_equal(error_of(ask(calls, submission(4096, 4096))), "");
	assert_true(clock() - began < WORK_MAX);
	ask(calls, NULL);
}

static void test_calls_many_environments_are_too_many_together(void **state)
{
	struct calls *calls = *state;
	json_t *parameters = submission(4096, 1), *jobs = json_object_get(parameters, "jobs");
	json_t *shared = submission(4096, 0), *plain = json_object_get(shared, "jobs");

	let_in(calls, "*");
	for (uint32_t i = 1; i < 600; i++) {
		json_array_append(jobs, json_array_get(jobs, 0));
		json_array_append(plain, json_array_get(plain, 0));
	}
	assert_string_equal(error_of(ask(calls, parameters)), IPC_ERROR_BAD_JOB);
	assert_string_equal(error_of(ask(calls, shared)), "");
	ask(calls, NULL);
}

/* ---- dry runs ---- */

static json_t *dry_run(struct calls *calls, const char *memory, const char *rest)
{
	char text[400];
	const json_t *answer;

	snprintf(text, sizeof(text),
		 "{\"dry_run\": true, \"context\": {\"environment\": [], \"cwd\": \"/\"}, "
		 "\"jobs\": [{\"component\": \"ml_models\", \"command\": [\"true\"], "
		 "\"memory_bytes\": %s%s}]}",
		 memory, rest);
	answer = ask(calls, json_loads(text, 0, NULL));
	if (*error_of(answer))
		return NULL;
	return json_array_get(json_object_get(json_object_get(answer, "parameters"), "jobs"), 0);
}

static const char *reason(const json_t *job)
{
	return json_get_text(json_object_get(job, "why"), "reason");
}

static void test_calls_dry_run_tells_what_would_be(void **state)
{
	struct calls *calls = *state;
	struct jobs_fixture *f = &calls->jobs;
	struct admit_key known = {.version = ADMIT_KEY_VERSION, .least_kib = 0};
	char buf[256];
	struct jobs_item item = sh_item(AT_GATE, buf, sizeof(buf));
	const json_t *job;

	let_in(calls, "*");
	job = dry_run(calls, "67108864", "");
	assert_string_equal(reason(job), "fits");
	assert_int_equal(json_get_u64(job, "position"), 1);
	assert_int_equal(json_get_u64(job, "start_in_us"), 0);
	known.key = jobs_learn_key(f->jobs, "ml_models", USER, "fold");
	for (int i = 0; i < 12; i++)
		admit_key_learn(&known, &(struct admit_run){.peak_kib = 100 << 10,
							    .asked_kib = 400 << 10,
							    .run_ms = 60000});
	assert_int_equal(admit_key_import((struct admit *)(uintptr_t)jobs_admit(f->jobs), &known),
			 0);
	job = dry_run(calls, "419430400", ", \"key\": \"fold\", \"rerun\": true");
	assert_in_range(json_get_u64(job, "reserved_bytes"), 100 << 20, 200 << 20);
	job = dry_run(calls, "419430400", ", \"key\": \"fold\"");
	assert_int_equal(json_get_u64(job, "reserved_bytes"), 400 << 20);
	item.spec.memory_bytes = JOBS_BUDGET / 4 * 3;
	item.spec.time_us = 600 * US_PER_SEC;
	submit(f, &item, 1);
	JOBS_UNTIL(f, jobs_find(f->jobs, f->first_id)->state == JOB_RUNNING);
	job = dry_run(calls, "536870912", "");
	assert_string_equal(reason(job), "memory");
	assert_in_range(json_get_u64(job, "start_in_us"), 1, 7200 * US_PER_SEC);
	calls->daemon.config.component[0].borrow = true;
	calls->daemon.config.usable_bytes = 4 * JOBS_BUDGET;
	job = dry_run(calls, "2147483648", "");
	assert_string_equal(reason(job), "too-large");
	job = dry_run(calls, "67108864", ", \"hold\": true");
	assert_string_equal(json_get_text(job, "state"), "held");
	assert_int_equal(json_get_u64(job, "position"), UINT64_MAX);
	assert_int_equal(jobs_count(f->jobs), 1);
	f->config.admission.max_queued = 1;
	assert_null(dry_run(calls, "67108864", ""));
	open_gate(f, 1);
	ask(calls, NULL);
}

/* Nothing that could never start is queued, and who asks for it is told the true budget. */
static void test_calls_more_than_its_component_can_have_is_refused(void **state)
{
	static const struct {
		const char *memory;
		bool borrows, other_lends;
		const char *refusal;
	} rows[] = {
		{"1073741824", false, false, NULL},
		{"1073741825", false, false,
		 "job: memory: 1073741825B is more than ml_models can ever have: 1073741824B"},
		{"2147483648", true, false, NULL},
		{"4294967296", true, true, NULL},
		{"107374182400", true, false,
		 "job: memory: 100G is more than ml_models can ever have: 3.0G, of which its "
		 "budget is 1.0G"},
	};
	struct calls *calls = *state;
	struct config *config = &calls->daemon.config;

	let_in(calls, "*");
	assert_int_equal(config->component[0].budget_bytes, 1ULL << 30);
	config->usable_bytes = 4ULL << 30;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_t *parameters = submission(0, 0);
		const json_t *answer;

		config->component[0].borrow = rows[i].borrows;
		config->component[1].lend = rows[i].other_lends;
		json_object_set_new(json_array_get(json_object_get(parameters, "jobs"), 0),
				    "memory_bytes",
				    json_integer(strtoll(rows[i].memory, NULL, 10)));
		answer = ask(calls, parameters);
		assert_string_equal(error_of(answer), rows[i].refusal ? IPC_ERROR_BAD_JOB : "");
		if (rows[i].refusal)
			assert_string_equal(
				json_get_text(json_object_get(answer, "parameters"), "reason"),
				rows[i].refusal);
	}
	assert_int_equal(jobs_count(calls->jobs.jobs), 0);
	ask(calls, NULL);
}

/* What is said to be queued in all is what is by class. */
static void test_queued_means_the_same_in_each_sum(void **state)
{
	struct calls *calls = *state;
	struct jobs_fixture *f = &calls->jobs;
	char buf[256];
	struct jobs_item item = sh_item("true", buf, sizeof(buf));
	AUTO_JSON json_t *totals = NULL;
	const json_t *class;
	uint64_t queued = 0;
	size_t i;

	item.spec.memory_bytes = 4 * JOBS_BUDGET; /* it never starts */
	submit(f, &item, 1);
	item.spec.held = true;
	submit(f, &item, 1);
	totals = totals_encode(&calls->daemon);
	assert_int_equal(json_get_u64(totals, "queued"), 1);
	assert_int_equal(json_get_u64(totals, "held"), 1);
	json_array_foreach (json_object_get(totals, "classes"), i, class)
		queued += json_get_u64(class, "queued");
	assert_int_equal(queued, 1);
	assert_int_equal(json_get_u64(json_object_get(totals, "total"), "queued"), 1);
}

/* ---- many in one call ---- */

static json_t *many(uint32_t count, bool dry_run)
{
	json_t *jobs = json_array();

	for (uint32_t i = 0; i < count; i++) {
		json_t *job = json_pack("{s:s, s:[s], s:i, s:b}", "component", "ml_models",
					"command", "true", "memory_bytes", 1 << 20, "hold", 1);
		json_array_append_new(jobs, job);
	}
	return json_pack("{s:b, s:{s:s}, s:o}", "dry_run", dry_run, "context", "cwd", "/", "jobs",
			 jobs);
}

static void test_submit_of_many_comes_in_parts(void **state)
{
	struct calls *calls = *state;
	AUTO_JSON json_t *answer = NULL;
	const json_t *jobs, *job;
	uint32_t turns = 0;
	uint64_t first;
	size_t i;

	let_in(calls, "*");
	call(calls, IPC_SUBMIT, false, many(ITEMS, false));
	for (; !(answer = reply_now(calls)); turns++)
		calls_turn(calls);
	jobs = json_object_get(json_object_get(answer, "parameters"), "jobs");
	assert_int_equal(json_array_size(jobs), ITEMS);
	first = json_get_u64(json_array_get(jobs, 0), "id");
	json_array_foreach (jobs, i, job)
		assert_int_equal(json_get_u64(job, "id"), first + i);
	assert_string_equal(json_get_text(json_array_get(jobs, 0), "name"), "true");
	assert_int_equal(jobs_count(calls->jobs.jobs), ITEMS);
	assert_true(turns > 4); /* 2 ms each: to be read, checked, copied, entered and answered */
}

static void test_submit_is_given_up_with_its_caller(void **state)
{
	struct calls *calls = *state;

	let_in(calls, "*");
	for (int i = 0; i < 8; i++) {
		call(calls, IPC_SUBMIT, false, many(ITEMS, true));
		for (int turn = 0; turn < i; turn++)
			calls_turn(calls);
		calls_disconnect(calls);
		calls_connect(calls);
		calls_turn(calls);
	}
	assert_int_equal(json_array_size(json_object_get(
				 json_object_get(ask(calls, many(2, true)), "parameters"), "jobs")),
			 2);
	assert_int_equal(jobs_count(calls->jobs.jobs), 0);
	assert_int_equal(calls->jobs.jobs->accounts.count, 0); /* nothing is reserved */
	ask(calls, NULL);
}

/* The places of one that is checked are its own, though it is not on its way yet. */
static void test_submit_two_at_once_do_not_share_places(void **state)
{
	struct calls *calls = *state;
	struct jobs_fixture *f = &calls->jobs;
	char buf[256];
	struct jobs_item item[2] = {sh_item("exit 0", buf, sizeof(buf)),
				    sh_item("exit 0", buf, sizeof(buf))};
	struct submission *first;
	struct uw_err err = {0};

	f->config.admission.max_queued = 3;
	item[0].spec.held = item[1].spec.held = true;
	first = jobs_submit_begin(f->jobs, item, 2, on_submitted, f);
	assert_int_equal(jobs_submit_some(first, 0, &err), 1);
	assert_int_equal(jobs_submit_some(first, 0, &err), 1); /* checked */
	assert_int_equal(jobs_check(f->jobs, item, 2, &err), -EDQUOT);
	jobs_submit_drop(first);
	assert_int_equal(jobs_check(f->jobs, item, 2, &err), 0);
	assert_int_equal(f->jobs->accounts.count, 0);
}

static void test_submit_more_than_an_answer_takes_is_refused(void **state)
{
	struct calls *calls = *state;

	let_in(calls, "*");
	assert_string_equal(error_of(ask(calls, many(2001, true))), IPC_ERROR_INVALID_PARAMETER);
	ask(calls, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CALLS_TEST(test_calls_who_may_not_submit_is_told_before_all_else),
		CALLS_TEST(test_calls_environments_have_bounds),
		CALLS_TEST(test_calls_many_environments_are_too_many_together),
		CALLS_TEST(test_queued_means_the_same_in_each_sum),
		CALLS_TEST(test_calls_dry_run_tells_what_would_be),
		CALLS_TEST(test_calls_more_than_its_component_can_have_is_refused),
		CALLS_TEST(test_submit_of_many_comes_in_parts),
		CALLS_TEST(test_submit_is_given_up_with_its_caller),
		CALLS_TEST(test_submit_two_at_once_do_not_share_places),
		CALLS_TEST(test_submit_more_than_an_answer_takes_is_refused),
	};

	return cmocka_run_group_tests_name("submit", tests, NULL, NULL);
}
