// SPDX-License-Identifier: GPL-2.0-or-later
/* What uwctl says when it cannot: exit status, word and text of each kind of failure, by which a
 * program tells them apart; and what stands before and behind a command's name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/cli_fixture.h"

static void test_each_kind_of_refusal_has_its_exit_status_and_word(void **state)
{
	static const struct {
		const char *answer, *word;
		int status;
	} rows[] = {
		{"!NoSuchComponent there is no component 'x'", "no-such-component", 4},
		{"!NoSuchLeaf there is no leaf 'x'", "no-such-leaf", 4},
		{"!NoSuchJob there is no job 9", "no-such-job", 5},
		{"!NoSuchLease there is no lease 9", "no-such-lease", 5},
		{"!NotPermitted not for you", "not-permitted", 6},
		{"!Refused nothing runs in it", "refused", 6},
		{"!Busy later", "busy", 6},
		{"!QueueFull full", "queue-full", 6},
		{"!BadJob wrong", "bad-job", 2},
		{"!BadConfiguration wrong", "bad-configuration", 2},
		{"!Failed broken", "failed", 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fake *fake = *state;
		AUTO_FREE char *out = NULL, *err = NULL;
		AUTO_JSON json_t *json = NULL;
		const json_t *error;

		fake->answer[IPC_STATUS][0] = rows[i].answer;
		fake->calls[IPC_STATUS] = 0;
		assert_int_equal(
			UWCTL_LINE(0, &out, &err, "--json", "--socket", fake->path, "status"),
			rows[i].status);
		json = json_loads(out, 0, NULL);
		error = json_object_get(json, "error");
		assert_string_equal(json_get_text(error, "code"), rows[i].word);
		assert_string_equal(json_get_text(error, "text"), strchr(rows[i].answer, ' ') + 1);
		assert_non_null(strstr(err, json_get_text(error, "text")));
		json_decref(fake->said[IPC_STATUS][0]);
		fake->said[IPC_STATUS][0] = NULL;
	}
}

static void test_an_absent_uwd_is_told_from_an_unknown_component(void **state)
{
	static const char *const commands_of_uwd[][3] = {
		{"status"},
		{"log"},
		{"explain"},
		{"why", "x"},
		{"freeze", "x"},
		{"thaw", "x"},
		{"queue"},
		{"history"},
		{"cancel", "1"},
		{"hold", "1"},
		{"logs", "1"},
		{"recommend"},
		{"export", "metrics"},
		{"lease", "list"},
		{"pool", "list"},
		{"reload"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(commands_of_uwd); i++) {
		AUTO_FREE char *out = NULL, *err = NULL;
		const char *words[] = {"--socket",
				       "/nonexistent/uwd.sock",
				       "-j",
				       commands_of_uwd[i][0],
				       commands_of_uwd[i][1],
				       NULL};

		assert_int_equal(fake_line(0, words, &out, &err), CLI_NOT_RUNNING);
		assert_non_null(strstr(out, "\"code\": \"not-running\""));
		assert_non_null(strstr(err, "uwd is not running (no /nonexistent/uwd.sock); start "
					    "it with 'systemctl start uwd'"));
	}
}

static void test_a_wait_fails_as_a_command_that_runs_others_does(void **state)
{
	AUTO_FREE char *out = NULL, *err = NULL;

	(void)state;
	assert_int_equal(UWCTL_LINE(0, &out, &err, "--socket", "/nonexistent", "wait", "1"), 125);
	assert_non_null(strstr(err, "uwctl wait: uwd is not running"));
}

static void test_the_command_is_named_once(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *out = NULL, *err = NULL;

	fake->answer[IPC_SUBMIT][0] = "!BadJob submit: after: there is no job 999";
	assert_int_equal(UWCTL_LINE(0, &out, &err, "submit", "-s", fake->path, "-c", "ml", "-m",
				    "1M", "--after", "999", "true"),
			 2);
	assert_string_equal(err, "uwctl submit: after: there is no job 999\n");
}

static void test_a_wrong_command_line_says_what_is_missing_or_too_much(void **state)
{
	static const struct {
		const char *words[6];
		const char *text;
		int status;
	} rows[] = {
		{{"run", "cache"}, "uwctl run: COMMAND is missing\n", 125},
		{{"run"}, "uwctl run: COMPONENT is missing\n", 125},
		{{"why"}, "uwctl why: COMPONENT is missing\n", 2},
		{{"attach", "1"}, "uwctl attach: COMPONENT is missing\n", 2},
		{{"attach"}, "uwctl attach: PID is missing\n", 2},
		{{"reclaim", "cache"}, "uwctl reclaim: BYTES is missing\n", 2},
		{{"wait"}, "uwctl wait: ID is missing\n", 125},
		{{"freeze"}, "uwctl freeze: COMPONENT[/LEAF] is missing\n", 2},
		{{"simulate"}, "uwctl simulate: TRACE is missing\n", 2},
		{{"lease"}, "say what to do: list [COMPONENT] | free ID...\n", 2},
		{{"status", "a", "b"}, "'b' is one word too many\n", 2},
		{{"jobs"}, "uwctl: unknown command 'jobs': did you mean 'queue'?\n", 2},
		{{"document"}, "uwctl: unknown command 'document'; 'uwctl help' lists them\n", 2},
		{{"--colour", "status"},
		 "uwctl: unknown option '--colour': did you mean '--color'?\n",
		 2},
		{{"--color=blue", "status"}, "--color: 'blue' is not auto, always or never\n", 2},
		{{"--socket", "/x", "check"}, "uwctl check: it takes no --socket\n", 2},
		{{"log", "-n", "3"}, "unknown option '-n': did you mean '--lines'?\n", 2},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *out = NULL, *err = NULL;

		assert_int_equal(fake_line(0, rows[i].words, &out, &err), rows[i].status);
		if (!strstr(err, rows[i].text))
			fail_msg("row %zu says: %s", i, err);
		assert_string_equal(out ?: "", "");
	}
}

static void test_wrong_usage_is_an_error_in_json_too(void **state)
{
	static const char *const rows[][5] = {
		{"help", "nosuch", "--json"}, {"--json", "stauts"}, {"stauts", "--json"},
		{"log", "-j", "--lnes", "3"}, {"--json", "why"},    {"config", "shwo", "-j"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *out = NULL, *err = NULL;
		AUTO_JSON json_t *json = NULL;

		assert_int_equal(fake_line(0, rows[i], &out, &err), 2);
		json = json_loads(out, 0, NULL);
		assert_string_equal(json_get_text(json_object_get(json, "error"), "code"), "usage");
	}
}

/* What is left of a service that is restarted is gone in a moment; what is refused stays so. */
static void test_enter_waits_until_its_leaf_is_free(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *out = NULL, *err = NULL, *again = NULL, *refused = NULL;

	fake->answer[IPC_ENTER][0] = "!Busy cache/web: something runs there";
	fake->answer[IPC_ENTER][1] = "{}";
	assert_int_equal(UWCTL_LINE(80, &out, &err, "enter", "-s", fake->path, "cache", "--name",
				    "web", "--", "/nonexistent/program"),
			 127);
	assert_int_equal(fake->calls[IPC_ENTER], 2);
	assert_null(strstr(err, "something runs"));
	fake->answer[IPC_ENTER][1] = "!Refused leaves of that name are uwd's own";
	fake->calls[IPC_ENTER] = 0;
	assert_int_equal(UWCTL_LINE(80, &again, &refused, "enter", "-s", fake->path, "cache",
				    "--name", "web", "--", "/nonexistent/program"),
			 125);
	assert_int_equal(fake->calls[IPC_ENTER], 2);
}

static void test_options_before_the_command_are_its_own(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *out = NULL, *err = NULL, *help = NULL, *unheard = NULL;
	AUTO_JSON json_t *json = NULL;

	fake->answer[IPC_STATUS][0] = "{\"daemon\": {\"pid\": 4711}}";
	assert_int_equal(UWCTL_LINE(80, &out, &err, "--json", "-s", fake->path, "status"), 0);
	json = json_loads(out, 0, NULL);
	assert_int_equal(json_get_i64(json_object_get(json, "daemon"), "pid"), 4711);
	assert_int_equal(UWCTL_LINE(80, &help, &unheard, "-h", "log"), 0);
	assert_memory_equal(help, "usage: uwctl log", 16);
}

static void test_colours_are_as_they_are_asked_for(void **state)
{
	static const struct {
		const char *no_color, *option;
		int width;
		bool coloured;
	} rows[] = {
		{NULL, NULL, 80, true},
		{"1", NULL, 80, false},
		{"", NULL, 80, true},
		{NULL, NULL, 0, false},
		{NULL, "--color=never", 80, false},
		{"1", "--color=always", 0, true},
		{NULL, "--color=auto", 0, false},
	};

	(void)state;
	setenv("TERM", "xterm", 1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *out = NULL, *err = NULL;
		const char *words[] = {"help", "log", rows[i].option, NULL};

		unsetenv("NO_COLOR");
		if (rows[i].no_color)
			setenv("NO_COLOR", rows[i].no_color, 1);
		assert_int_equal(fake_line(rows[i].width, words, &out, &err), 0);
		assert_int_equal(strstr(out, "\033[1m") != NULL, rows[i].coloured);
	}
	unsetenv("NO_COLOR");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_kind_of_refusal_has_its_exit_status_and_word),
		cmocka_unit_test(test_an_absent_uwd_is_told_from_an_unknown_component),
		cmocka_unit_test(test_a_wait_fails_as_a_command_that_runs_others_does),
		TEST(test_the_command_is_named_once),
		cmocka_unit_test(test_a_wrong_command_line_says_what_is_missing_or_too_much),
		cmocka_unit_test(test_wrong_usage_is_an_error_in_json_too),
		TEST(test_enter_waits_until_its_leaf_is_free),
		TEST(test_options_before_the_command_are_its_own),
		cmocka_unit_test(test_colours_are_as_they_are_asked_for),
	};

	return cmocka_run_group_tests_name("cli_errors", tests, NULL, NULL);
}
