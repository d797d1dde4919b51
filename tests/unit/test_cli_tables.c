// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/cleanup.h"
#include "user/cli/jobs/history.h"
#include "user/cli/jobs/pages.h"
#include "user/cli/jobs/pick.h"
#include "user/cli/jobs/queue.h"
#include "user/cli/jobs/recommend.h"
#include "user/cli/jobs/totals.h"
#include "user/ipc/json.h"

#define NOW_US 1000000000000000ULL /* of the tables below */

static json_t *parsed(const char *text)
{
	json_error_t error;
	json_t *value = json_loads(text, 0, &error);

	if (!value)
		fail_msg("%s at %d: %s", error.text, error.position, text);
	return value;
}

/* ---- ids ---- */

static void test_ids_are_read_as_ranges(void **state)
{
	static const struct {
		const char *word, *range; /* NULL: refused */
	} rows[] = {
		{"12", "{\"first\": 12, \"last\": 12}"},
		{"12-20", "{\"first\": 12, \"last\": 20}"},
		{"7-7", "{\"first\": 7, \"last\": 7}"},
		{"12_3", "{\"first\": 12, \"last\": 12, \"index_first\": 3, \"index_last\": 3}"},
		{"12_0-5", "{\"first\": 12, \"last\": 12, \"index_first\": 0, \"index_last\": 5}"},
		{"9223372036854775807",
		 "{\"first\": 9223372036854775807, \"last\": 9223372036854775807}"},
		{"", NULL},
		{"0", NULL},
		{"-1", NULL},
		{"12-", NULL},
		{"20-12", NULL},
		{"12-20_3", NULL},
		{"12_", NULL},
		{"12_5-3", NULL},
		{"12_3_4", NULL},
		{"12-20-30", NULL},
		{" 12", NULL},
		{"12 ", NULL},
		{"0x12", NULL},
		{"9223372036854775808", NULL},
		{"99999999999999999999999999999", NULL},
		{"train", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_JSON json_t *range = NULL, *want = NULL;
		struct uw_err err = {0};
		int r = pick_range(rows[i].word, &range, &err);

		if (!rows[i].range) {
			assert_int_equal(r, -EINVAL);
			assert_non_null(strstr(err.text, "is no id of a job, allowed: 12, 12-20"));
			continue;
		}
		assert_int_equal(r, 0);
		want = parsed(rows[i].range);
		assert_true(json_equal(range, want));
	}
}

static void test_ids_that_follow_each_other_are_one_range(void **state)
{
	static const char *const words[] = {"3", "4", "5-9", "10_1", "11", "12", "14", "13"};
	AUTO_JSON json_t *ranges = json_array();
	AUTO_JSON json_t *want = parsed("[{\"first\": 3, \"last\": 9}, {\"first\": 10, "
					"\"last\": 10, \"index_first\": 1, \"index_last\": 1}, "
					"{\"first\": 11, \"last\": 12}, {\"first\": 14, "
					"\"last\": 14}, {\"first\": 13, \"last\": 13}]");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		json_t *range = NULL;

		assert_int_equal(pick_range(words[i], &range, NULL), 0);
		pick_add_range(ranges, range);
	}
	assert_true(json_equal(ranges, want));
}

static void test_an_arrays_id_matches_all_of_it(void **state)
{
	static const struct {
		const char *ranges, *job;
		bool match;
	} rows[] = {
		{"[{\"first\": 12, \"last\": 12}]", "{\"id\": 12}", true},
		{"[{\"first\": 12, \"last\": 12}]", "{\"id\": 13}", false},
		{"[{\"first\": 12, \"last\": 12}]", "{\"id\": 15, \"array\": 12, \"index\": 3}",
		 true},
		{"[{\"first\": 1, \"last\": 5}, {\"first\": 9, \"last\": 9}]", "{\"id\": 9}", true},
		{"[{\"first\": 12, \"last\": 12, \"index_first\": 3, \"index_last\": 5}]",
		 "{\"id\": 15, \"array\": 12, \"index\": 3}", true},
		{"[{\"first\": 12, \"last\": 12, \"index_first\": 3, \"index_last\": 5}]",
		 "{\"id\": 18, \"array\": 12, \"index\": 6}", false},
		{"[{\"first\": 12, \"last\": 12, \"index_first\": 3, \"index_last\": 5}]",
		 "{\"id\": 12}", false},
		{"[]", "{\"id\": 12}", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_JSON json_t *ranges = parsed(rows[i].ranges), *job = parsed(rows[i].job);

		assert_int_equal(pick_matches(ranges, job), rows[i].match);
	}
}

/* ---- tables ---- */

#define QUEUED                                                                               \
	"\"user\": 4294967000, \"memory_bytes\": 838860800, \"reserved_bytes\": 335544320, " \
	"\"component\": \"ml_models\", \"name\": \"train.py\", "

static const char queue_text[] =
	"[{\"id\": 12, \"state\": \"running\", \"priority\": 7, " QUEUED
	"\"start_wall_us\": 999999275000000, \"end_in_us\": 400000000, \"time_us\": 1125000000, "
	"\"current_bytes\": 312475648, \"why\": {\"reason\": \"fits\", "
	"\"text\": \"needs 320M, 512M are free\"}},"
	"{\"id\": 18, \"array\": 14, \"index\": 3, \"state\": \"frozen\", \"priority\": 5, " QUEUED
	"\"start_wall_us\": 999999935000000, \"why\": {\"reason\": \"growth\", "
	"\"observed\": 377487360, \"threshold\": 335544320, "
	"\"text\": \"uses 360M, reserved were 320M\"}},"
	"{\"id\": 19, \"state\": \"queued\", \"priority\": 5, \"position\": 1, " QUEUED
	"\"start_in_us\": 130000000, \"why\": {\"reason\": \"memory\", \"observed\": 335544320, "
	"\"threshold\": 134217728, \"text\": \"needs 320M, 128M are free in its component\"}},"
	"{\"id\": 20, \"state\": \"queued\", \"priority\": 3, \"position\": 100000, " QUEUED
	"\"why\": {\"reason\": \"behind\", \"observed\": 19, \"threshold\": 1, "
	"\"text\": \"would delay job 19\"}},"
	"{\"id\": 21, \"state\": \"held\", \"user\": 0, \"priority\": 10, "
	"\"name\": \"\\u001b[31mx\\n\\u009b\", \"component\": \"a\\u0007\", "
	"\"memory_bytes\": null, \"why\": {\"reason\": \"new\", \"text\": \"\\u001b]0;x\"}}]";

static const char queue_80[] =
	"ID    STATE    NAME       USER        COMPONENT  MEMORY      START  WHY\n"
	"12    running  train.py   4294967000  ml_models    320M  12min ago  ends in 6min\n"
	"14_3  frozen   train.py   4294967000  ml_models    320M    65s ago  grew to 360M\n"
	"19    queued   train.py   4294967000  ml_models    320M    in 2min  128M free\n"
	"20    queued   train.py   4294967000  ml_models    320M          -  behind 19\n"
	"21    held     ?[31mx???  root        a?              -          -  ?]0;x\n";

static const char queue_120[] =
	"ID    STATE    NAME       USER        COMPONENT  MEMORY      START     POS  WHY\n"
	"12    running  train.py   4294967000  ml_models    320M  12min ago       -  needs 320M, "
	"512M are free\n"
	"14_3  frozen   train.py   4294967000  ml_models    320M    65s ago       -  uses 360M, "
	"reserved were 320M\n"
	"19    queued   train.py   4294967000  ml_models    320M    in 2min       1  needs 320M, "
	"128M are free in its component\n"
	"20    queued   train.py   4294967000  ml_models    320M          -  100000  would delay job "
	"19\n"
	"21    held     ?[31mx???  root        a?              -          -       -  ?]0;x\n";

static const char queue_pipe[] =
	"ID    STATE    NAME       USER        COMPONENT  MEMORY  USED  ASKED      START   END";

typedef void (*rows_fn)(struct table *table, const struct screen *screen, const json_t *jobs,
			uint64_t now_us);

static char *table_of(rows_fn print, const char *text, int width)
{
	AUTO_JSON json_t *jobs = parsed(text);
	struct screen screen = {.width = width};
	struct table table = {0};
	char *printed = NULL;
	size_t size = 0;

	screen.out = open_memstream(&printed, &size);
	print(&table, &screen, jobs, NOW_US);
	table_done(&table);
	fclose(screen.out);
	return printed;
}

static void test_queue_fits_the_terminal(void **state)
{
	AUTO_FREE char *narrow = table_of(queue_print, queue_text, 80);
	AUTO_FREE char *wide = table_of(queue_print, queue_text, 120);
	AUTO_FREE char *piped = table_of(queue_print, queue_text, 0);

	(void)state;
	assert_string_equal(narrow, queue_80);
	assert_string_equal(wide, queue_120);
	assert_memory_equal(piped, queue_pipe, 60);
}

/* When a job ends that promised nothing is a guess, if anything is known of its key; one that is
 * over its time is late. */
static void test_queue_says_when_it_ends_and_how_late_it_is(void **state)
{
	static const struct {
		const char *times, *end, *why;
	} rows[] = {
		{"\"time_us\": null, \"end_in_us\": null", "-", ""},
		{"\"time_us\": null, \"end_in_us\": 240000000", "~4min", "ends in ~4min"},
		{"\"time_us\": 600000000, \"end_in_us\": 120000000", "2min", "ends in 2min"},
		{"\"time_us\": 600000000, \"end_in_us\": 0", "3min late", "3min late"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *narrow = NULL, *wide = NULL;
		char job[512], want[64];

		snprintf(
			job, sizeof(job),
			"[{\"id\": 1, \"state\": \"running\", \"name\": \"x\", \"component\": \"c\", \"user\": 0, "
			"\"start_wall_us\": %llu, %s, \"why\": {\"reason\": \"fits\", "
			"\"text\": \"t\"}}]",
			NOW_US - 780000000, rows[i].times);
		narrow = table_of(queue_print, job, 60);
		wide = table_of(queue_print, job, 150);
		snprintf(want, sizeof(want), "  %s\n", rows[i].why);
		if (*rows[i].why)
			assert_non_null(strstr(narrow, want));
		assert_null(strstr(narrow, "ends in 0s"));
		snprintf(want, sizeof(want), " %s ", rows[i].end);
		assert_non_null(strstr(strchr(wide, '\n'), want));
	}
}

/* A job that waits and promised no time ends when its key's runs say. */
static void test_queue_guesses_the_end_of_one_that_waits(void **state)
{
	AUTO_FREE char *table = table_of(
		queue_print,
		"[{\"id\": 1, \"state\": \"queued\", \"name\": \"x\", \"component\": \"c\", "
		"\"user\": 0, \"start_wall_us\": null, \"start_in_us\": 120000000, "
		"\"end_in_us\": 360000000, \"time_us\": null, \"why\": {\"reason\": "
		"\"memory\", \"text\": \"t\"}}]",
		150);

	(void)state;
	assert_non_null(strstr(table, "in 2min  ~6min"));
}

static void test_no_control_character_reaches_the_terminal(void **state)
{
	static const int widths[] = {0, 20, 40, 80, 120, 200};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
		AUTO_FREE char *text = table_of(queue_print, queue_text, widths[i]);

		for (const char *c = text; *c; c++)
			assert_true(*c == '\n' || (*c >= ' ' && *c <= '~'));
	}
}

static const char history_text[] =
	"[{\"id\": 9, \"state\": \"done\", \"code\": 0, " QUEUED
	"\"start_wall_us\": 999990000000000, \"end_wall_us\": 999993000000000, "
	"\"wait_us\": 150000000, \"run_us\": 1000000000, \"peak_bytes\": 315621376, "
	"\"attempts\": 1, \"why\": {\"text\": \"exit status 0\"}},"
	"{\"id\": 8, \"array\": 3, \"index\": 12, \"state\": \"failed\", \"code\": 137, " QUEUED
	"\"start_wall_us\": 999990000000000, \"end_wall_us\": 999600000000000, \"wait_us\": 0, "
	"\"run_us\": 60000000, \"peak_bytes\": 838860800, \"attempts\": 3, "
	"\"why\": {\"text\": \"peaked at 800M, limit 800M\"}},"
	"{\"id\": 7, \"state\": \"cancelled\", \"code\": 255, " QUEUED
	"\"start_wall_us\": null, \"end_wall_us\": 999999999000000, \"wait_us\": 7000000, "
	"\"run_us\": 0, \"peak_bytes\": null, \"attempts\": 0, \"why\": {\"reason\": "
	"\"request\", \"observed\": 0, \"text\": \"uid 0 asked for it\"}}]";

static const char history_80[] =
	"ID    STATE      CODE  NAME      COMPONENT       ENDED    RAN  PEAK  ASKED\n"
	"9     done          0  train.py  ml_models  116min ago  16min  301M   800M\n"
	"3_12  failed      137  train.py  ml_models      4d ago    60s  800M   800M\n"
	"7     cancelled     -  train.py  ml_models      1s ago     0s     -   800M\n";

static void test_history_fits_the_terminal(void **state)
{
	AUTO_FREE char *narrow = table_of(history_print, history_text, 80);
	AUTO_FREE char *wide = table_of(history_print, history_text, 200);

	(void)state;
	assert_string_equal(narrow, history_80);
	assert_non_null(strstr(wide, "  cancelled by root\n"));
}

static const char advice_text[] =
	"{\"keys\": [{\"key\": \"ml/train.py\", \"user\": 0, \"runs\": 120, \"asked_bytes\": 838860800, "
	"\"p50_bytes\": 301989888, \"p95_bytes\": 315621376, \"max_bytes\": 327155712, "
	"\"request_bytes\": 335544320, \"saved_bytes\": 503316480, \"saved_mib_s\": 49000000},"
	"{\"key\": \"ml/fold\", \"user\": 0, \"at_least\": true, \"runs\": 2, \"asked_bytes\": 67108864, \"p50_bytes\": 1048576, "
	"\"p95_bytes\": 2097152, \"max_bytes\": 2097152, \"request_bytes\": 3145728, "
	"\"saved_bytes\": null, \"saved_mib_s\": null, \"predicted_by\": {\"memory\": \"input\", "
	"\"memory_off_permyriad\": 620, \"time\": \"share\", \"time_off_permyriad\": 1000, "
	"\"runs\": 2}}], \"components\": [{\"component\": \"ml\", "
	"\"runs\": 122, \"asked_bytes\": 838860800, \"p50_bytes\": 301989888, "
	"\"p95_bytes\": 315621376, \"max_bytes\": 327155712, \"serving_bytes\": 335544320, "
	"\"budget_bytes\": 1073741824, \"share_permyriad\": 2500, \"serving_permyriad\": 1960, "
	"\"saved_bytes\": 503316480}]}";

static const char advice_80[] =
	"COMPONENT  RUNS  ASKED   P50   P95   MAX  ENOUGH  BUDGET  SHARE  SERVES  SAVES\n"
	"ml          122   800M  288M  301M  312M    320M    1.0G    25%   19.6%   480M\n"
	"\n"
	"KEY          USER  RUNS  ASKED   P50   P95   MAX  ENOUGH  SAVES    IN ALL  BY\n"
	"ml/train.py  root   120   800M  288M  301M  312M    320M   480M  13 GiB h  -\n"
	"ml/fold      root     2    64M  1.0M  2.0M  2.0M  >=3.0M      -         -  input\n";

static const char advice_keys_100[] =
	"KEY          USER  RUNS  ASKED   P50   P95   MAX  ENOUGH  SAVES    IN ALL  BY      OFF\n"
	"ml/train.py  root   120   800M  288M  301M  312M    320M   480M  13 GiB h  -         -\n"
	"ml/fold      root     2    64M  1.0M  2.0M  2.0M  >=3.0M      -         -  input  6.2%\n";

static void expect_advice(int width, const char *want)
{
	AUTO_JSON json_t *answer = parsed(advice_text);
	struct screen screen = {.width = width};
	AUTO_FREE char *text = NULL;
	struct table table = {0};
	size_t size = 0;

	screen.out = open_memstream(&text, &size);
	recommend_print(&table, &screen, answer, true);
	table_done(&table);
	fclose(screen.out);
	if (!strstr(text, want))
		fail_msg("%s", text);
}

static void test_recommend_shows_what_would_have_served(void **state)
{
	(void)state;
	expect_advice(80, advice_80);
	expect_advice(100, advice_keys_100);
}

static const char stats_text[] =
	"{\"strategy\": \"latency\", \"adaptive\": true, \"strategy_for_us\": 240000000, "
	"\"why\": {\"text\": \"level is high, was medium\"}, \"held\": 1, \"queued\": 340, "
	"\"running\": 2, \"frozen\": 0, \"waiting\": 0, \"reserved_bytes\": 2147483648, "
	"\"free_bytes\": 536870912, \"next_start_in_us\": 130000000, "
	"\"total\": {\"queued\": 340, \"running\": 2, \"done\": 120, \"failed\": 2, "
	"\"completed_permyriad\": 9836, \"allocated_permyriad\": 10000, "
	"\"wait_mean_us\": 25000000, \"wait_max_us\": 7200000000, \"run_mean_us\": 1000000000, "
	"\"asked_mean_bytes\": 838860800, \"reserved_mean_bytes\": 335544320, "
	"\"peak_mean_bytes\": 315621376}, \"classes\": [{\"name\": \"low\", \"queued\": 340, "
	"\"completed_permyriad\": null}], \"components\": []}";

static const char stats_80[] =
	"2 running, 340 queued, 1 held, next in 2min; 2.0G reserved, 512M free; strategy\n"
	"latency (adaptive)\n"
	"  latency for 4min: level is high, was medium\n"
	"\n"
	"CLASS  QUEUED  RUN  DONE  FAILED   GOOD  WAIT  MAX    RAN   FIT  GIVEN  USED\n"
	"low       340    0     0       0      -     -    -      -     -      -     -\n"
	"all       340    2   120       2  98.4%   25s   2h  16min  100%   320M  301M\n";

static void test_figures_of_the_queue_are_shown_by_class(void **state)
{
	AUTO_JSON json_t *queue = parsed(stats_text);
	struct screen screen = {.width = 80};
	AUTO_FREE char *text = NULL;
	size_t size = 0;

	(void)state;
	screen.out = open_memstream(&text, &size);
	totals_print(&screen, queue);
	fclose(screen.out);
	assert_string_equal(text, stats_80);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids_are_read_as_ranges),
		cmocka_unit_test(test_ids_that_follow_each_other_are_one_range),
		cmocka_unit_test(test_an_arrays_id_matches_all_of_it),
		cmocka_unit_test(test_queue_fits_the_terminal),
		cmocka_unit_test(test_queue_says_when_it_ends_and_how_late_it_is),
		cmocka_unit_test(test_queue_guesses_the_end_of_one_that_waits),
		cmocka_unit_test(test_no_control_character_reaches_the_terminal),
		cmocka_unit_test(test_history_fits_the_terminal),
		cmocka_unit_test(test_recommend_shows_what_would_have_served),
		cmocka_unit_test(test_figures_of_the_queue_are_shown_by_class),
	};

	return cmocka_run_group_tests_name("cli_tables", tests, NULL, NULL);
}
