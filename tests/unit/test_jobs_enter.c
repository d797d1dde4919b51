// SPDX-License-Identifier: GPL-2.0-or-later
/* A submission that enters the queue over many turns of the loop, and who comes in between. */
#include "tests/unit/jobs_fixture.h"

#include <jansson.h>

#include "user/base/cleanup.h"
#include "user/daemon/state.h"
#include "user/daemon/methods/change.h"
#include "user/ipc/json.h"

#define MANY 3000U

static int setup(void **state)
{
	struct jobs_fixture *f;

	jobs_setup(state);
	f = *state;
	f->config.admission.max_queued = 2 * MANY;
	return 0;
}

static struct jobs_item array_item(struct jobs_range *range, char *buf, size_t size)
{
	struct jobs_item item = sh_item("exit 0", buf, size);

	item.spec.memory_bytes = 4 * JOBS_BUDGET; /* it never starts */
	item.range = range;
	item.range_count = 1;
	return item;
}

/* Until the first of them are in, and not all. */
static void submit_half(struct jobs_fixture *f, struct jobs_item *items, uint32_t count)
{
	struct uw_err err = {0};

	assert_int_equal(jobs_submit(f->jobs, items, count, on_submitted, f, &err), 0);
	JOBS_UNTIL(f, jobs_count(f->jobs));
	assert_true(jobs_count(f->jobs) < MANY);
	assert_int_equal(f->submitted, 0);
}

static void test_enter_is_answered_when_all_are_in(void **state)
{
	struct jobs_fixture *f = *state;
	struct jobs_range range = {0, MANY - 1};
	char buf[256];
	struct jobs_item item = array_item(&range, buf, sizeof(buf));
	struct jobs_stats stats;
	uint32_t turns = 0;

	submit_half(f, &item, 1);
	for (; !f->submitted; turns++)
		jobs_dispatch(f->jobs); /* without a wait: each turn is told of the next */
	assert_true(turns >= 2 && turns < 100);
	assert_int_equal(f->submit_rc, 0);
	assert_int_equal(f->submitted, MANY);
	for (uint32_t i = 0; i < MANY; i++)
		assert_int_equal(jobs_find(f->jobs, f->first_id + i)->index, i);
	jobs_stats(f->jobs, &stats);
	assert_int_equal(stats.submitted, MANY);
}

static void test_enter_keeps_room_for_the_rest(void **state)
{
	struct jobs_fixture *f = *state;
	struct jobs_range range = {0, MANY - 1};
	char buf[256];
	struct jobs_item item = array_item(&range, buf, sizeof(buf));
	struct uw_err err = {0};

	submit_half(f, &item, 1);
	f->config.admission.max_queued = MANY + 1;
	item.range_count = 0;
	assert_int_equal(jobs_check(f->jobs, &item, 1, &err), 0);
	item.range_count = 1;
	range.last = 1;
	assert_int_equal(jobs_check(f->jobs, &item, 1, &err), -EDQUOT);
	JOBS_UNTIL(f, f->submitted);
	assert_int_equal(jobs_check(f->jobs, &item, 1, &err), -EDQUOT);
}

/* The second item for the first, the third for the second, all of one call. */
static void test_enter_after_holds_within_a_call(void **state)
{
	struct jobs_fixture *f = *state;
	struct jobs_range range = {0, MANY / 2 - 1}, then = {0, MANY / 4};
	char buf[3][256];
	struct jobs_item item[3] = {
		array_item(&range, buf[0], sizeof(buf[0])),
		array_item(&then, buf[1], sizeof(buf[1])),
		sh_item("exit 0", buf[2], sizeof(buf[2])),
	};

	for (uint32_t i = 1; i < 3; i++) {
		item[i].after_item[0] = i - 1;
		item[i].after_item_count = 1;
		item[i].spec.flags |= JOB_AFTER_ANY;
	}
	submit_half(f, item, 3);
	JOBS_UNTIL(f, f->submitted);
	assert_int_equal(jobs_count(f->jobs), MANY / 2 + MANY / 4 + 2);
	for (uint32_t i = 0; i < jobs_count(f->jobs); i++)
		assert_int_equal(jobs_find(f->jobs, f->first_id + i)->state,
				 i < MANY / 2 ? JOB_QUEUED : JOB_WAITING);
	assert_int_equal(jobs_find(f->jobs, f->first_id + MANY / 2)->observed,
			 f->first_id + MANY / 2 - 1);
	assert_int_equal(jobs_find(f->jobs, f->first_id + jobs_count(f->jobs) - 1)->observed,
			 f->first_id + jobs_count(f->jobs) - 2);
}

/* The first has ended, and been forgotten, before the last is in. */
static void test_enter_goes_on_while_the_first_end(void **state)
{
	struct jobs_fixture *f = *state;
	struct jobs_range range = {0, MANY - 1};
	char buf[3][256];
	struct jobs_item item[3] = {
		sh_item("exit 0", buf[0], sizeof(buf[0])),
		array_item(&range, buf[1], sizeof(buf[1])),
		sh_item("exit 0", buf[2], sizeof(buf[2])),
	};
	struct uw_err err = {0};

	item[2].after_item_count = 1; /* for the first */
	assert_int_equal(jobs_submit(f->jobs, item, 3, on_submitted, f, &err), 0);
	while (!f->submitted) {
		jobs_fixture_tick(f); /* starts what may be started */
		jobs_fixture_turn(f);
	}
	JOBS_UNTIL(f, f->ended == 2);
	assert_int_equal(jobs_count(f->jobs), MANY);
	assert_int_equal(row_of(f, f->first_id + MANY + 1).job.state, JOB_DONE);
}

/* ---- changes ---- */

/* Parts of a change come in the turns of a server, which has no clients here. */
static void no_calls(void *data, const struct ipc_call *call, struct ipc_answer *answer)
{
	(void)data, (void)call, (void)answer;
	fail();
}

static struct ipc_server *server_new(const struct jobs_fixture *f)
{
	struct ipc_server *server = NULL;
	struct uw_err err = {0};
	char path[128];
	struct ipc_server_conf conf = {.path = path, .group = "", .handle = no_calls};

	snprintf(path, sizeof(path), "%s/uwd.sock", f->pool.path);
	assert_true(ipc_server_new(&conf, &server, &err) >= 0);
	return server;
}

static bool serve(const struct daemon *daemon)
{
	assert_int_equal(ipc_server_dispatch(daemon->server, clock_now_us()), 0);
	return true;
}

static bool change(struct jobs_fixture *f, struct daemon *daemon, enum ipc_method method)
{
	struct ipc_peer peer = {.uid = getuid()};
	struct ipc_answer answer = {0};
	struct ipc_call call = {
		.method = method,
		.parameters = json_pack("{s:{s:s}}", "select", "component", "ml_models"),
		.peer = &peer,
	};

	daemon->jobs = f->jobs;
	daemon->config = f->config;
	method_change(daemon, &call, &answer);
	json_decref((json_t *)call.parameters);
	json_decref(answer.parameters);
	assert_null(answer.error);
	return answer.later;
}

static uint32_t count_in(const struct jobs_fixture *f, enum job_state state)
{
	struct jobs_stats stats;

	jobs_stats(f->jobs, &stats);
	return stats.count[state];
}

static void test_enter_changes_are_of_all(void **state)
{
	static struct daemon daemon;
	struct jobs_fixture *f = *state;
	struct jobs_range range = {0, MANY - 1};
	char buf[256];
	struct jobs_item item = array_item(&range, buf, sizeof(buf));

	daemon.server = server_new(f);
	submit_half(f, &item, 1);
	assert_true(change(f, &daemon, IPC_HOLD));
	assert_true(change(f, &daemon, IPC_RELEASE)); /* behind it, and in that order */
	assert_true(change(f, &daemon, IPC_HOLD));
	assert_int_equal(count_in(f, JOB_HELD), 0);
	JOBS_UNTIL(f, serve(&daemon) && count_in(f, JOB_HELD) == MANY);
	assert_int_equal(f->submitted, MANY);
	assert_true(change(f, &daemon, IPC_CANCEL));
	JOBS_UNTIL(f, serve(&daemon) && !jobs_count(f->jobs));
	assert_int_equal(f->ended, MANY);
	jobs_close(TAKE(f->jobs));
	ipc_server_free(daemon.server);
}

/* ---- an end in between ---- */

static void test_enter_is_found_by_the_next_uwd(void **state)
{
	static struct daemon daemon;
	struct jobs_fixture *f = *state;
	struct jobs_range range = {0, MANY - 1};
	char buf[256];
	struct jobs_item item = array_item(&range, buf, sizeof(buf));

	daemon.server = server_new(f);
	submit_half(f, &item, 1);
	assert_true(change(f, &daemon, IPC_CANCEL));
	jobs_close(f->jobs);
	ipc_server_free(daemon.server);
	assert_int_equal(f->submitted, MANY); /* they are on disk, and nothing else was said */
	assert_int_equal(f->submit_rc, 0);
	f->jobs = NULL;
	assert_int_equal(jobs_fixture_open(f), 0);
	assert_int_equal(jobs_count(f->jobs), MANY);
	assert_int_equal(count_in(f, JOB_QUEUED), MANY);
}

/* Who is refused learns nothing: neither that it is there nor how it ended. */
static void test_enter_after_those_of_others_is_refused(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t live = submit_sh(f, AT_GATE), over = submit_sh(f, "exit 1");
	const uint64_t theirs[] = {live, over};
	char buf[64];
	struct jobs_item item = sh_item("true", buf, sizeof(buf));
	struct uw_err err = {0};

	JOBS_UNTIL(f, f->ended == 1);
	item.spec.uid = 12345;
	item.spec.after_count = 1;
	for (int i = 0; i < 2; i++) {
		item.spec.after[0] = theirs[i];
		assert_int_equal(jobs_check(f->jobs, &item, 1, &err), -ESRCH);
		assert_non_null(strstr(err.text, "there is no job"));
	}
	item.spec.uid = 0;
	item.spec.after[0] = live;
	assert_int_equal(jobs_check(f->jobs, &item, 1, &err), 0);
	assert_int_equal(jobs_cancel(f->jobs, live, getuid(), 0, NULL, NULL), 0);
	JOBS_UNTIL(f, f->ended == 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, jobs_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_enter_is_answered_when_all_are_in),
		TEST(test_enter_keeps_room_for_the_rest),
		TEST(test_enter_after_holds_within_a_call),
		TEST(test_enter_after_those_of_others_is_refused),
		TEST(test_enter_goes_on_while_the_first_end),
		TEST(test_enter_changes_are_of_all),
		TEST(test_enter_is_found_by_the_next_uwd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
