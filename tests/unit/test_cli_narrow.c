// SPDX-License-Identifier: GPL-2.0-or-later
/* What people see at 80 columns where names are as long as they may be: nothing that is shown is
 * cut, and the columns that one needs stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/cli_fixture.h"
#include "user/cli/commands.h"

#define LONG_A "trading-data-of-the-first-floor"
#define LONG_B "ml-models-of-the-second-floor_2"

#define COMPONENT(name, level, more)                                                          \
	"{\"name\": \"" name "\", \"priority\": 5, \"level\": \"" level "\", "                \
	"\"level_for_us\": 65000000, \"tier\": \"none\", \"budget_bytes\": 536870912, "       \
	"\"in_force_bytes\": 536870912, \"current_bytes\": 507510784, "                       \
	"\"working_set_bytes\": 500170752, \"swap_bytes\": 0, \"use_permyriad\": 9316, "      \
	"\"growth_bytes_per_s\": 63753420, \"time_to_limit_us\": 28000000, "                  \
	"\"some_permyriad\": 1234, \"full_permyriad\": 0, "                                   \
	"\"borrowed_bytes\": 0, "                                                             \
	"\"why\": {\"reason\": \"usage\", \"text\": \"usage 93.16% reached the edge 90%\"}, " \
	"\"leaves\": []" more "}"

static const char status_text[] =
	"{\"daemon\": {\"version\": \"1\", \"pid\": 7, \"up_us\": 259200000000, \"ticks\": 9, "
	"\"tick_max_us\": 1000, \"sensors\": [], \"events_dropped\": 1}, "
	"\"pool\": {\"root\": \"uw\", \"usable_bytes\": 21474836480}, "
	"\"host\": {\"total_bytes\": 25769803776, \"available_bytes\": 4402341478, "
	"\"swap_total_bytes\": 8589934592, \"swap_free_bytes\": 6335076761}, \"components\": [" COMPONENT(
		LONG_A, "emergency",
		"") ", " COMPONENT(LONG_B, "normal",
				   ", \"frozen_leaves\": 1, \"thaw_in_us\": 58000000, \"lent_bytes\": 158334976") "]}";

#define RECORD(component, sequence, wall, leaf)                                            \
	"{\"sequence\": " sequence ", \"wall_us\": " wall ", \"action\": \"freeze\", "     \
	"\"component\": \"" component "\", \"leaf\": \"" leaf "\", \"tier\": \"freeze\", " \
	"\"level\": \"emergency\", \"result\": \"done\", \"took_us\": 1300, "              \
	"\"within_us\": 60000000, \"why\": {\"reason\": \"usage\", \"text\": "             \
	"\"usage 93.16% reached the edge 90%\"}}"

static const char log_text[] =
	"{\"records\": [" RECORD(LONG_A, "1", "10800000000", "train") ", " RECORD(
		"db", "2", "97200000000", LONG_B) ", " RECORD(LONG_B, "3", "97201000000", "x") "]}";

static const char why_text[] =
	"{\"component\": " COMPONENT(LONG_A, "emergency", "") ", \"records\": [" RECORD(
		LONG_A, "1", "10800000000", LONG_B) "], \"leases\": []}";

#define CONDITION(name, op, unit, met, leads_to, tier, text)                                     \
	"{\"name\": \"" name "\", \"observed\": 9316, \"op\": \"" op "\", \"threshold\": 9000, " \
	"\"unit\": \"" unit "\", \"met\": " met ", \"leads_to\": \"" leads_to "\", "             \
	"\"tier\": \"" tier "\", \"text\": \"" text "\"}"

static const char explain_text[] =
	"{\"host\": {\"stage\": \"calls\", \"conditions\": [{\"name\": \"available\", "
	"\"observed\": 9437184, \"op\": \"at_most\", \"threshold\": 10485760, "
	"\"unit\": \"bytes\", \"met\": true, \"leads_to\": \"lowest stops\", "
	"\"tier\": \"freeze\", \"text\": \"for 2s, and:\"}]}, "
	"\"components\": [{\"component\": \"" LONG_A "\", \"level\": \"emergency\", "
	"\"tier\": \"none\", \"allowed\": [\"light\", \"freeze\"], \"conditions\": [" CONDITION(
		"use of budget", "at_least", "permyriad", "true", "emergency", "none",
		"1.2G more, in 12s at +100M/s") ", " CONDITION("all stalled (5s)", "at_least",
							       "permyriad", "false", "critical",
							       "none",
							       "89 points more") ", " CONDITION("emergency lasts",
												"at_least",
												"us",
												"false",
												"last resort",
												"kill",
												"and all tasks stalled, swap full, or the host out of memory") "]}]}";

#define JOB(id, state, component, more)                                                      \
	"{\"id\": " id ", \"state\": \"" state "\", \"name\": \"a-name-of-23-characters\", " \
	"\"user\": 0, \"component\": \"" component "\", \"priority\": 5, "                   \
	"\"reserved_bytes\": 335544320, \"memory_bytes\": 335544320" more "}"

static const char queue_text[] = "{\"jobs\": [" JOB(
	"12", "queued", LONG_A,
	", \"position\": 1, \"start_in_us\": 130000000, \"why\": {\"reason\": \"memory\", "
	"\"observed\": 335544320, \"threshold\": 134217728, \"text\": \"needs 320M, 128M are free\"}") ", " JOB("13",
														"held",
														LONG_B,
														", \"why\": {\"reason\": \"request\", \"observed\": 0, "
														"\"text\": \"uid 0 asked for it\"}") "], \"total\": 2, \"next\": null}";

static void answer_all(struct fake *fake)
{
	setenv("TZ", "UTC", 1);
	tzset();
	fake->answer[IPC_STATUS][0] = status_text;
	fake->answer[IPC_LOG][0] = log_text;
	fake->answer[IPC_WHY][0] = why_text;
	fake->answer[IPC_EXPLAIN][0] = explain_text;
	fake->answer[IPC_QUEUE][0] = queue_text;
}

static const char *const looks[][3] = {
	{"status"}, {"status", LONG_A}, {"why", LONG_A}, {"explain"}, {"queue"}, {"log"},
};

static void test_no_line_is_wider_than_the_terminal(void **state)
{
	answer_all(*state);
	for (size_t i = 0; i < ARRAY_SIZE(looks); i++) {
		AUTO_FREE char *text = NULL;

		assert_int_equal(UWCTL((struct fake *)*state, 80, &text, looks[i][0], looks[i][1]),
				 0);
		assert_non_null(strstr(text, LONG_A));
		for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
			if (strcspn(line, "\n") > 80)
				fail_msg("%s: %.*s", looks[i][0], (int)strcspn(line, "\n"), line);
	}
}

static void test_no_line_of_help_is_either(void **state)
{
	(void)state;
	for (size_t i = 0; i < commands.count; i++) {
		AUTO_FREE char *text = NULL, *err = NULL;

		if (commands.row[i].hidden)
			continue;
		assert_int_equal(UWCTL_LINE(80, &text, &err, "help", commands.row[i].name,
					    "--color", "never"),
				 0);
		for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
			if (strcspn(line, "\n") > 80)
				fail_msg("%.*s", (int)strcspn(line, "\n"), line);
	}
}

/* Each has to show these, whatever it leaves out. */
static void test_what_one_needs_is_there(void **state)
{
	static const struct {
		const char *command, *text;
	} rows[] = {
		{"status",
		 "\nCOMPONENT                        LEVEL      USED    OF    USE  STALL  TIER\n" LONG_A
		 "  emergency  484M  512M  93.2%  12.3%  none\n" LONG_B
		 "  normal     484M  512M  93.2%  12.3%  none\n"},
		{"status", LONG_B ": normal for 1min 5s; 1 leaf frozen, thawed\n  within 58s\n"},
		{"status", "dropped   1 events: frame full, in the 3d since uwd was started\n"},
		{"queue",
		 "ID  STATE   NAME                     COMPONENT                        MEMORY\n"
		 "12  queued  a-name-of-23-characters  " LONG_A "    320M\n    128M free\n"
		 "13  held    a-name-of-23-characters  " LONG_B "    320M\n    held by root\n"},
		{"explain",
		 "host: stage calls\n"
		 "CONDITION   NOW  FIRES AT  MET  LEADS TO      TIER    DISTANCE\n"
		 "available  9.0M    <= 10M  yes  lowest stops  freeze  for 2s, and:\n\n" LONG_A
		 ": level emergency, tier none\n"},
		{"explain",
		 "CONDITION            NOW  FIRES AT  MET  LEADS TO     TIER  DISTANCE\n"
		 "use of budget     93.16%    >= 90%  yes  emergency          1.2G more, in 12s at\n"
		 "                                                            +100M/s\n"
		 "all stalled (5s)  93.16%    >= 90%  no   critical           89 points more\n"
		 "emergency lasts    9.3ms    >= 9ms  no   last resort  kill  and all tasks\n"},
		{"log",
		 "1970-01-01\n03:00:00.000  " LONG_A " freeze train: usage 93.16% reached\n"
		 "              the edge 90%; done in 1.3ms, thaws within 1min\n1970-01-02\n"
		 "03:00:00.000  db                              freeze\n              " LONG_B ":"},
		{"why",
		 "1970-01-01\n03:00:00.000  freeze " LONG_B
		 "\n              tier freeze, at level emergency\n              reason   usage: "},
	};

	answer_all(*state);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *text = NULL;
		const char *word = strcmp(rows[i].command, "why") ? NULL : LONG_A;

		assert_int_equal(UWCTL((struct fake *)*state, 80, &text, rows[i].command, word), 0);
		if (!strstr(text, rows[i].text))
			fail_msg("row %zu: %s", i, text);
	}
}

/* Who stands still is not well, though its level is. */
static void test_what_is_frozen_is_not_green(void **state)
{
	AUTO_FREE char *text = NULL;
	const char *row;

	answer_all(*state);
	assert_int_equal(UWCTL((struct fake *)*state, 80, &text, "status", "--color=always"), 0);
	row = strstr(text, LONG_B);
	assert_non_null(row);
	row += strcspn(row, "\n");
	for (const char *at = strstr(text, LONG_B); at < row; at++)
		assert_int_not_equal(strncmp(at, "\033[32m", 5), 0);
	assert_non_null(memmem(row - 80, 80, "normal", 6));
}

static void test_a_wide_terminal_shows_loans(void **state)
{
	AUTO_FREE char *text = NULL;

	answer_all(*state);
	assert_int_equal(UWCTL((struct fake *)*state, 120, &text, "status"), 0);
	assert_non_null(strstr(text, "  LENT  BORROWED"));
	assert_non_null(strstr(text, "  151M         -"));
}

/* A program has each record in a line, and its whole date. */
static void test_a_pipe_gets_a_line_a_record(void **state)
{
	AUTO_FREE char *text = NULL;

	answer_all(*state);
	assert_int_equal(UWCTL((struct fake *)*state, 0, &text, "log"), 0);
	assert_non_null(strstr(
		text, "\n1970-01-02 03:00:00.000  db                              freeze " LONG_B
		      ": usage 93.16% reached the edge 90%; done in 1.3ms, "
		      "thaws within 1min\n"));
}

static void test_log_leaves_out_what_is_older_than_since(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL, *none = NULL;

	answer_all(fake);
	assert_int_equal(UWCTL(fake, 80, &text, "log", "--since", "30000d"), 0);
	assert_non_null(strstr(text, "1970-01-01"));
	assert_int_equal(UWCTL(fake, 80, &none, "log", "--since", "1h"), 0);
	assert_string_equal(none, "nothing of that was done\n");
	assert_int_equal(json_get_u64(fake->said[IPC_LOG][0], "count"), 512);
}

static void test_an_empty_log_says_where_the_rest_is(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL;

	fake->answer[IPC_LOG][0] = "{\"records\": []}";
	assert_int_equal(UWCTL(fake, 80, &text, "log"), 0);
	assert_string_equal(text, "nothing was done since uwd was started; 'journalctl -u uwd' has "
				  "what was before\n");
}

/* ---- columns of one's own ---- */

static void test_columns_are_those_that_are_named(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *queue = NULL, *status = NULL, *wrong = NULL, *heard;
	int kept;

	answer_all(fake);
	assert_int_equal(UWCTL(fake, 40, &queue, "queue", "-o", "name,id"), 0);
	assert_string_equal(queue, "NAME                     ID\na-name-of-23-characters  12\n"
				   "a-name-of-23-characters  13\n");
	assert_int_equal(
		UWCTL(fake, 40, &status, "status", "--sort", "-name", "-o", "component,full-in"),
		CLI_USAGE);
	kept = fake_listen();
	assert_int_equal(UWCTL(fake, 40, &wrong, "queue", "-o", "nosuch"), CLI_USAGE);
	heard = fake_heard(kept);
	assert_string_equal(heard,
			    "uwctl queue: --output: 'nosuch' is no column, allowed: id,state,"
			    "name,user,component,memory,used,asked,start,end,pos,pri,why\n");
	assert_int_equal(fake->calls[IPC_STATUS], 0);
}

static void test_rows_are_sorted_as_asked(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *up = NULL, *down = NULL, *status = NULL;

	answer_all(fake);
	assert_int_equal(UWCTL(fake, 80, &up, "queue", "--sort", "component", "-o", "id"), 0);
	assert_string_equal(up, "ID\n13\n12\n");
	assert_int_equal(UWCTL(fake, 80, &down, "queue", "--sort", "-id", "-o", "id"), 0);
	assert_string_equal(down, "ID\n13\n12\n");
	assert_int_equal(UWCTL(fake, 80, &status, "status", "--sort", "component", "-o", "lent"),
			 0);
	assert_string_equal(status, "LENT\n151M\n   -\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_line_is_wider_than_the_terminal),
		TEST(test_no_line_of_help_is_either),
		TEST(test_what_one_needs_is_there),
		TEST(test_what_is_frozen_is_not_green),
		TEST(test_a_wide_terminal_shows_loans),
		TEST(test_a_pipe_gets_a_line_a_record),
		TEST(test_log_leaves_out_what_is_older_than_since),
		TEST(test_an_empty_log_says_where_the_rest_is),
		TEST(test_columns_are_those_that_are_named),
		TEST(test_rows_are_sorted_as_asked),
	};

	return cmocka_run_group_tests_name("cli_narrow", tests, NULL, NULL);
}
