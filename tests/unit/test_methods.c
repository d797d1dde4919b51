// SPDX-License-Identifier: GPL-2.0-or-later
/* What uwd answers to who asks it to freeze, and what it says of a component that is well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/daemon/methods/encode.h"
#include "user/daemon/methods/methods.h"
#include "user/daemon/state.h"
#include "user/ipc/json.h"

#define MAX_US (60 * US_PER_SEC)

static int setup(void **state)
{
	struct daemon *daemon = calloc(1, sizeof(*daemon));

	daemon->config.component_count = 2;
	daemon->config.policy.freeze_max_us = MAX_US;
	strcpy(daemon->config.component[0].name, "cache");
	strcpy(daemon->config.component[1].name, "ml");
	daemon->config.component[1].freeze = true;
	daemon->action_log.next = 1;
	daemon->frame.leaf_count = 2;
	for (uint32_t i = 0; i < 2; i++) {
		daemon->frame.leaf[i].component = i;
		daemon->frame.leaf[i].populated = true;
	}
	*state = daemon;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static struct ipc_answer freeze(struct daemon *daemon, const char *parameters)
{
	AUTO_JSON json_t *said = json_loads(parameters, 0, NULL);
	struct ipc_call call = {.method = IPC_FREEZE, .parameters = said};
	struct ipc_answer answer = {0};

	methods_handle(daemon, &call, &answer);
	return answer;
}

static void test_freeze_of_what_is_not_to_be_frozen_needs_force(void **state)
{
	struct daemon *daemon = *state;
	struct ipc_answer refused = freeze(daemon, "{\"component\": \"cache\"}");
	struct ipc_answer forced = freeze(daemon, "{\"component\": \"cache\", \"force\": true}");

	assert_string_equal(refused.error, IPC_ERROR_REFUSED);
	assert_string_equal(json_get_text(refused.parameters, "reason"),
			    "cache has freeze = no in uw.conf; --force freezes it all the same");
	assert_null(forced.error);
	assert_int_equal(daemon->request_count, 1);
	ipc_answer_done(&refused);
	ipc_answer_done(&forced);
}

static void test_freeze_for_too_long_is_cut_and_says_so(void **state)
{
	static const struct {
		const char *parameters;
		uint64_t for_us;
	} rows[] = {
		{"{\"component\": \"ml\", \"for_us\": 36000000000}", MAX_US},
		{"{\"component\": \"ml\", \"for_us\": 5000000}", 5000000},
		{"{\"component\": \"ml\"}", MAX_US},
	};
	struct daemon *daemon = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ipc_answer answer = freeze(daemon, rows[i].parameters);

		assert_null(answer.error);
		assert_int_equal(json_get_u64(answer.parameters, "for_us"), rows[i].for_us);
		assert_int_equal(daemon->request[i].amount, rows[i].for_us);
		ipc_answer_done(&answer);
	}
}

static void test_freeze_where_nothing_runs_is_refused(void **state)
{
	struct daemon *daemon = *state;
	struct ipc_answer answer;

	daemon->frame.leaf_count = 0;
	answer = freeze(daemon, "{\"component\": \"ml\"}");
	assert_string_equal(answer.error, IPC_ERROR_REFUSED);
	assert_string_equal(json_get_text(answer.parameters, "reason"), "nothing runs in ml");
	assert_int_equal(daemon->request_count, 0);
	ipc_answer_done(&answer);
}

static void test_what_is_normal_has_no_reason(void **state)
{
	struct component_view view = {.why = {REASON_USAGE, 127, 7000}};
	AUTO_JSON json_t *normal = encode_level_why(&view), *high = NULL;

	(void)state;
	assert_string_equal(json_get_text(normal, "reason"), "none");
	assert_string_equal(json_get_text(normal, "text"), "");
	view.level = LEVEL_HIGH;
	high = encode_level_why(&view);
	assert_string_equal(json_get_text(high, "reason"), "usage");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* It is done by the next step of the policy, so that a recording has it. */
static void test_forget_is_a_request_and_says_what_was_learned(void **state)
{
	struct daemon *daemon = *state;
	AUTO_JSON json_t *said = json_loads("{\"component\": \"ml\"}", 0, NULL);
	struct ipc_call call = {.method = IPC_FORGET, .parameters = said};
	struct ipc_answer answer = {0};

	daemon->component[1].view.edge_shift_permyriad = -250;
	methods_handle(daemon, &call, &answer);
	assert_null(answer.error);
	assert_int_equal(json_get_i64(answer.parameters, "edge_shift_permyriad"), -250);
	assert_int_equal(daemon->request_count, 1);
	assert_int_equal(daemon->request[0].kind, REQUEST_FORGET);
	assert_int_equal(daemon->request[0].component, 1);
	ipc_answer_done(&answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_forget_is_a_request_and_says_what_was_learned),
		TEST(test_freeze_of_what_is_not_to_be_frozen_needs_force),
		TEST(test_freeze_for_too_long_is_cut_and_says_so),
		TEST(test_freeze_where_nothing_runs_is_refused),
		TEST(test_what_is_normal_has_no_reason),
	};

	return cmocka_run_group_tests_name("methods", tests, NULL, NULL);
}
