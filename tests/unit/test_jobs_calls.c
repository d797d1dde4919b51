// SPDX-License-Identifier: GPL-2.0-or-later
/* What a caller may ask of the queue, and how much of it. */
#include "tests/unit/jobs_fixture.h"

#include <jansson.h>
#include <time.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"
#include "user/daemon/state.h"
#include "user/daemon/methods/queue.h"
#include "user/ipc/json.h"

#define USER  4711
#define GROUP 4712
#define MANY  4000U

/* Of processor time, which does not pass while others have the processor. */
#define WORK_MAX (5 * CLOCKS_PER_SEC)

/* ---- the limit of the queue ---- */

static void test_calls_no_more_than_max_queued(void **state)
{
	struct jobs_fixture *f = *state;
	struct uw_err err = {0};
	struct jobs_range range = {0, 1};
	char buf[256], text[256];
	struct jobs_item item = sh_item("exit 0", buf, sizeof(buf));

	f->config.admission.max_queued = 2;
	item.spec.held = true;
	submit(f, &item, 1);
	item.range = &range;
	item.range_count = 1;
	assert_int_equal(jobs_submit(f->jobs, &item, 1, on_submitted, f, &err), -EDQUOT);
	snprintf(
		text, sizeof(text),
		"submit: the queue holds 1 of 2 jobs (max-queued), there is no room for 2 more; uid "
		"%u holds most of it, 1",
		getuid());
	assert_string_equal(err.text, text);
	assert_int_equal(jobs_check(f->jobs, &item, 1, &err), -EDQUOT); /* a dry run says it too */
	item.range_count = 0;
	submit(f, &item, 1);
	assert_int_equal(jobs_count(f->jobs), 2);
}

/* ---- calls, as the server hands them over ---- */

struct asked {
	struct daemon daemon;
	struct ipc_peer peer;
	struct ipc_answer answer;
};

static void asked_init(struct asked *asked, const struct jobs_fixture *f)
{
	memset(asked, 0, sizeof(*asked));
	asked->daemon.jobs = f->jobs;
	asked->daemon.config = f->config;
	asked->peer.uid = USER;
	asked->peer.gid = GROUP;
}

static void let_in(struct asked *asked, const char *submit)
{
	struct component *component = &asked->daemon.config.component[0];

	assert_true(text_copy(component->submit, sizeof(component->submit), submit));
	submitters_resolve(component, &asked->daemon.component[0].allow);
}

/* Takes the parameters. */
static const struct ipc_answer *ask(struct asked *asked, enum ipc_method method, json_t *parameters)
{
	struct ipc_call call = {
		.method = method,
		.parameters = parameters,
		.peer = &asked->peer,
	};

	assert_non_null(parameters);
	ipc_answer_done(&asked->answer);
	assert_true(methods_queue_handle(&asked->daemon, &call, &asked->answer));
	json_decref(parameters);
	if (asked->answer.text)
		asked->answer.parameters =
			json_loadb(asked->answer.text, asked->answer.text_count, 0, NULL);
	return &asked->answer;
}

static void asked_done(struct asked *asked)
{
	ipc_answer_done(&asked->answer);
}

static uint64_t number(const struct ipc_answer *answer, const char *key)
{
	if (answer->error)
		fail_msg("%s", answer->error);
	return json_get_u64(answer->parameters, key);
}

/* The second has the first's environment, and the third its own. */
static void test_calls_a_shared_environment_arrives(void **state)
{
	struct jobs_fixture *f = *state;
	static const char env[] = "PATH=/usr/bin:/bin\0W=shared",
			  own[] = "PATH=/usr/bin:/bin\0W=own";
	char text[3][192], buf[3][256], ran[64];
	struct jobs_item item[3];

	for (uint32_t i = 0; i < 3; i++) {
		snprintf(text[i], sizeof(text[i]), "echo %u$W >>%s", i, f->ran);
		item[i] = sh_item(text[i], buf[i], sizeof(buf[i]));
		item[i].spec.env = (struct job_block){env, sizeof(env)};
		item[i].after_item[0] = i - 1;
		item[i].after_item_count = i > 0;
	}
	item[1].same_env = &item[0];
	item[2].spec.env = (struct job_block){own, sizeof(own)};
	submit(f, item, 3);
	JOBS_UNTIL(f, f->ended == 3);
	assert_true(text_read_at(AT_FDCWD, f->ran, ran, sizeof(ran)) > 0);
	assert_string_equal(ran, "0shared\n1shared\n2own\n");
}

/* ---- ranges ---- */

static uint64_t submit_held(struct jobs_fixture *f, uint32_t count)
{
	struct jobs_range range = {0, count - 1};
	char buf[256];
	struct jobs_item item = sh_item("exit 0", buf, sizeof(buf));

	item.spec.memory_bytes = 4 * JOBS_BUDGET; /* it never starts */
	item.spec.held = true;
	item.spec.uid = USER;
	item.spec.gid = GROUP;
	item.range = &range;
	item.range_count = count > 1;
	submit(f, &item, 1);
	return f->first_id;
}

static void test_calls_ranges_that_overlap_count_a_job_once(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t first = submit_held(f, 5), other = submit_held(f, 1);
	json_int_t a = (json_int_t)first, b = (json_int_t)other;
	struct asked asked;

	asked_init(&asked, f);
	assert_int_equal(
		number(ask(&asked, IPC_WAIT,
			   json_pack("{s:[{s:I, s:I}, {s:I, s:I}, {s:I, s:I}, {s:I, s:I}]}", "jobs",
				     "first", a + 3, "last", b, "first", a, "last", a, "first", a,
				     "last", a, "first", a + 1, "last", a + 1)),
		       "left"),
		6);
	asked.peer.uid = USER + 1;
	assert_string_equal(
		ask(&asked, IPC_WAIT, json_pack("{s:[{s:I, s:I}]}", "jobs", "first", a, "last", b))
			->error,
		IPC_ERROR_NO_JOB);
	asked_done(&asked);
}

/* root would see anybody's: what it does not see is not there. */
static void test_calls_a_job_that_is_not_there_is_named(void **state)
{
	static const enum ipc_method methods[] = {IPC_JOB, IPC_LOGS, IPC_WAIT};
	struct asked asked;

	asked_init(&asked, *state);
	for (uint32_t uid = 0; uid <= USER; uid += USER) {
		const char *whose = uid ? " of yours" : "";

		asked.peer.uid = uid;
		for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
			json_t *range = json_pack("{s:i, s:i}", "first", 999, "last", 999);
			const struct ipc_answer *answer =
				ask(&asked, methods[i],
				    methods[i] == IPC_WAIT ? json_pack("{s:[o]}", "jobs", range)
							   : json_pack("{s:o}", "job", range));
			char text[64];

			snprintf(text, sizeof(text), "there is no job 999%s", whose);
			assert_string_equal(answer->error, IPC_ERROR_NO_JOB);
			assert_string_equal(json_get_text(answer->parameters, "reason"), text);
		}
	}
	asked_done(&asked);
}

static void test_calls_ranges_have_bounds(void **state)
{
	struct jobs_fixture *f = *state;
	json_int_t id = (json_int_t)submit_held(f, 1);
	json_int_t far = (json_int_t)1 << 62;
	struct asked asked;

	asked_init(&asked, f);
	assert_non_null(ask(&asked, IPC_WAIT,
			    json_pack("{s:[{s:I, s:I}]}", "jobs", "first", id, "last", far))
				->error);
	assert_non_null(ask(&asked, IPC_CANCEL,
			    json_pack("{s:{s:[{s:I, s:I}, {s:I, s:I}]}}", "select", "jobs", "first",
				      id, "last", id + 600000, "first", id, "last", id + 600000))
				->error);
	assert_int_equal(
		number(ask(&asked, IPC_WAIT,
			   json_pack("{s:[{s:I, s:I}]}", "jobs", "first", id, "last", id + 600000)),
		       "left"),
		1);
	asked_done(&asked);
}

/* ---- history ---- */

/* Keeps the reading thread until the test writes to the pipe. */
struct hold {
	struct long_read read;
	int pipe[2];
	bool done;
};

static void hold_read(struct long_read *read_, struct store_reader *reader)
{
	const struct hold *hold = (const struct hold *)read_;
	char byte;

	(void)reader;
	assert_int_equal(read(hold->pipe[0], &byte, 1), 1);
}

static void hold_done(struct long_read *read)
{
	((struct hold *)read)->done = true;
}

/* The loop goes on meanwhile: here the thread that is to answer cannot, and both calls return. */
static void test_calls_what_takes_long_is_answered_later(void **state)
{
	struct jobs_fixture *f = *state;
	struct hold hold = {.read = {.read = hold_read, .done = hold_done}};
	struct asked asked;

	asked_init(&asked, f);
	assert_int_equal(pipe(hold.pipe), 0);
	assert_int_equal(reader_thread_put(jobs_reader_thread(f->jobs), &hold.read), 0);
	assert_true(ask(&asked, IPC_HISTORY, json_object())->later);
	assert_true(ask(&asked, IPC_RECOMMEND, json_object())->later);
	assert_string_equal(ask(&asked, IPC_HISTORY, json_pack("{s:s}", "from", "x"))->error,
			    IPC_ERROR_INVALID_PARAMETER);
	assert_int_equal(write(hold.pipe[1], "", 1), 1);
	jobs_close(TAKE(f->jobs));
	assert_true(hold.done);
	close(hold.pipe[0]);
	close(hold.pipe[1]);
	asked_done(&asked);
}

/* ---- after an array ---- */

static void changed(void *data, int rc)
{
	*(int *)data = rc;
}

static void cancel(struct jobs_fixture *f, uint64_t id)
{
	int rc = 1;

	assert_int_equal(jobs_cancel(f->jobs, id, USER, 0, changed, &rc), 0);
	JOBS_UNTIL(f, rc != 1);
	assert_int_equal(rc, 0);
}

static uint64_t submit_after(struct jobs_fixture *f, uint64_t on, uint32_t count)
{
	struct jobs_range range = {0, count - 1};
	char buf[256];
	struct jobs_item item = sh_item("exit 0", buf, sizeof(buf));

	item.spec.memory_bytes = 4 * JOBS_BUDGET;
	item.spec.flags = JOB_AFTER_ANY;
	item.spec.after[0] = on;
	item.spec.after_count = 1;
	item.range = &range;
	item.range_count = 1;
	submit(f, &item, 1);
	return f->first_id;
}

/* As one of them did not end well. */
static bool is_refused_after(struct jobs_fixture *f, uint64_t on)
{
	struct uw_err err = {0};
	char buf[256];
	struct jobs_item item = sh_item("exit 0", buf, sizeof(buf));

	item.spec.after[0] = on;
	item.spec.after_count = 1;
	return jobs_check(f->jobs, &item, 1, &err) == -EINVAL &&
	       strstr(err.text, "did not end well");
}

static void test_calls_an_array_after_an_array_takes_no_time(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t first, then;
	clock_t began;

	f->config.admission.max_queued = 0;
	first = submit_held(f, MANY);
	began = clock();
	then = submit_after(f, first, MANY);
	assert_true(clock() - began < WORK_MAX); /* 16 million rows take longer */
	assert_int_equal(jobs_find(f->jobs, then + MANY - 1)->state, JOB_WAITING);
	assert_int_equal(jobs_find(f->jobs, then)->observed, first + MANY - 1);
}

static void test_calls_all_of_an_array_is_waited_for(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t first = submit_held(f, 3), then = submit_after(f, first, 2);

	for (uint64_t id = first + 3; id-- > first;) {
		assert_int_equal(jobs_find(f->jobs, then + 1)->state, JOB_WAITING);
		assert_int_equal(jobs_find(f->jobs, then + 1)->observed, id);
		cancel(f, id);
		assert_true(is_refused_after(f, first));
	}
	JOBS_UNTIL(f, jobs_find(f->jobs, then + 1)->state == JOB_QUEUED);
	assert_int_equal(jobs_find(f->jobs, then)->state, JOB_QUEUED);
}

/* ---- who may ---- */

static void test_calls_allow_lists_are_numbers(void **state)
{
	static const struct {
		const char *submit;
		struct ipc_peer peer;
		bool may;
	} rows[] = {
		{"root", {.uid = 0, .gid = 0}, true},
		{"root", {.uid = USER, .gid = GROUP}, false},
		{"*", {.uid = USER, .gid = GROUP}, true},
		{"daemon", {.uid = 1, .gid = GROUP}, true},
		{"daemon", {.uid = USER, .gid = 1}, false},
		{"no-such-user, daemon", {.uid = 1, .gid = GROUP}, true},
		{"no-such-user", {.uid = USER, .gid = GROUP}, false},
		{"@daemon", {.uid = USER, .gid = 1}, true},
		{"@daemon", {.uid = USER, .gid = GROUP, .group_count = 2, .group = {7, 1}}, true},
		{"@daemon", {.uid = 1, .gid = GROUP, .group_count = 1, .group = {7}}, false},
		{"@no-such-group", {.uid = USER, .gid = GROUP}, false},
	};
	struct asked asked;

	asked_init(&asked, *state);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		let_in(&asked, rows[i].submit);
		if (submitters_include(&asked.daemon.component[0].allow, &rows[i].peer) !=
		    rows[i].may)
			fail_msg("row %zu", i);
	}
}

/* ---- again ---- */

static void test_calls_requeue_is_bound_by_max_queued(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t id = submit_held(f, 1);
	int rc = 1;

	cancel(f, id);
	JOBS_UNTIL(f, !jobs_find(f->jobs, id));
	f->config.admission.max_queued = 2;
	submit_held(f, 2);
	assert_int_equal(jobs_requeue(f->jobs, id, USER, changed, &rc), -EDQUOT);
	f->config.admission.max_queued = 3;
	assert_int_equal(jobs_requeue(f->jobs, id, USER, changed, &rc), 0);
	JOBS_UNTIL(f, rc != 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, jobs_setup, jobs_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_calls_no_more_than_max_queued),
		TEST(test_calls_a_shared_environment_arrives),
		TEST(test_calls_ranges_that_overlap_count_a_job_once),
		TEST(test_calls_a_job_that_is_not_there_is_named),
		TEST(test_calls_ranges_have_bounds),
		TEST(test_calls_what_takes_long_is_answered_later),
		TEST(test_calls_an_array_after_an_array_takes_no_time),
		TEST(test_calls_all_of_an_array_is_waited_for),
		TEST(test_calls_allow_lists_are_numbers),
		TEST(test_calls_requeue_is_bound_by_max_queued),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
