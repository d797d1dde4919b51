// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli_fixture.h"
#include "user/cli/jobs.h"
#include "user/cli/jobstats.h"
#include "user/cli/pages.h"
#include "user/cli/recommend.h"

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
		int r = jobs_range(rows[i].word, &range, &err);

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

		assert_int_equal(jobs_match(ranges, job), rows[i].match);
	}
}

/* ---- tables ---- */

#define QUEUED                                                                               \
	"\"user\": 4294967000, \"memory_bytes\": 838860800, \"reserved_bytes\": 335544320, " \
	"\"component\": \"ml_models\", \"name\": \"train.py\", "

static const char queue_text[] =
	"[{\"id\": 12, \"state\": \"running\", \"priority\": 7, " QUEUED
	"\"start_wall_us\": 999999275000000, \"end_in_us\": 400000000, "
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
	"ID    STATE       POS      START  MEMORY  COMPONENT  PRI  WHY\n"
	"12    running       -  12min ago    320M  ml_models    7  ends in 6min\n"
	"14_3  frozen        -    65s ago    320M  ml_models    5  grew to 360M\n"
	"19    queued        1    in 2min    320M  ml_models    5  128M free\n"
	"20    queued   100000          -    320M  ml_models    3  behind 19\n"
	"21    held          -          -       -  a?          10  ?]0;x\n";

static const char queue_120[] =
	"ID    STATE       POS      START  MEMORY  USED  COMPONENT  PRI  NAME       WHY\n"
	"12    running       -  12min ago    320M  298M  ml_models    7  train.py   needs 320M, "
	"512M are free\n"
	"14_3  frozen        -    65s ago    320M     -  ml_models    5  train.py   uses 360M, "
	"reserved were 320M\n"
	"19    queued        1    in 2min    320M     -  ml_models    5  train.py   needs 320M, "
	"128M are free in its component\n"
	"20    queued   100000          -    320M     -  ml_models    3  train.py   would delay job "
	"19\n"
	"21    held          -          -       -     -  a?          10  ?[31mx???  ?]0;x\n";

static const char queue_pipe[] =
	"ID    STATE       POS      START   END  MEMORY  USED  ASKED  USER        COMPONENT  PRI  "
	"NAME      WHY\n";

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
	"\"run_us\": 0, \"peak_bytes\": null, \"attempts\": 0, \"why\": {\"text\": \"x\"}}]";

static const char history_80[] =
	"ID    STATE      CODE       ENDED    RAN  ASKED  PEAK  COMPONENT  NAME\n"
	"9     done          0  116min ago  16min   800M  301M  ml_models  train.py\n"
	"3_12  failed      137      4d ago    60s   800M  800M  ml_models  train.py\n"
	"7     cancelled     -      1s ago     0s   800M     -  ml_models  train.py\n";

static void test_history_fits_the_terminal(void **state)
{
	AUTO_FREE char *narrow = table_of(history_print, history_text, 80);

	(void)state;
	assert_string_equal(narrow, history_80);
}

static const char advice_text[] =
	"{\"keys\": [{\"key\": \"ml/train.py\", \"runs\": 120, \"asked_bytes\": 838860800, "
	"\"p50_bytes\": 301989888, \"p95_bytes\": 315621376, \"max_bytes\": 327155712, "
	"\"request_bytes\": 335544320, \"saved_bytes\": 503316480, \"saved_mib_s\": 49000000},"
	"{\"key\": \"ml/fold\", \"runs\": 2, \"asked_bytes\": 67108864, \"p50_bytes\": 1048576, "
	"\"p95_bytes\": 2097152, \"max_bytes\": 2097152, \"request_bytes\": null, "
	"\"saved_bytes\": null, \"saved_mib_s\": null}], \"components\": [{\"component\": \"ml\", "
	"\"runs\": 122, \"asked_bytes\": 838860800, \"p50_bytes\": 301989888, "
	"\"p95_bytes\": 315621376, \"max_bytes\": 327155712, \"request_bytes\": 335544320, "
	"\"budget_bytes\": 1073741824, \"share_permyriad\": 2500, \"serving_permyriad\": 1960, "
	"\"saved_bytes\": 503316480}]}";

static const char advice_80[] =
	"COMPONENT  RUNS  ASKED   P50   P95   MAX  ENOUGH  BUDGET  SHARE  SERVES  SAVES\n"
	"ml          122   800M  288M  301M  312M    320M    1.0G    25%   19.6%   480M\n"
	"\n"
	"KEY          RUNS  ASKED   P50   P95   MAX  ENOUGH  SAVES    IN ALL\n"
	"ml/train.py   120   800M  288M  301M  312M    320M   480M  13 GiB h\n"
	"ml/fold         2    64M  1.0M  2.0M  2.0M       -      -         -\n";

static void test_recommend_shows_what_would_have_served(void **state)
{
	AUTO_JSON json_t *answer = parsed(advice_text);
	struct screen screen = {.width = 80};
	AUTO_FREE char *text = NULL;
	struct table table = {0};
	size_t size = 0;

	(void)state;
	screen.out = open_memstream(&text, &size);
	recommend_print(&table, &screen, answer, true);
	table_done(&table);
	fclose(screen.out);
	assert_string_equal(text, advice_80);
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
	jobstats_print(&screen, queue);
	fclose(screen.out);
	assert_string_equal(text, stats_80);
}

/* ---- commands against a uwd ---- */

static char *page_of(unsigned int first, unsigned int count, int next)
{
	json_t *jobs = json_array();
	AUTO_JSON json_t *answer = NULL;

	for (unsigned int i = 0; i < count; i++)
		json_array_append_new(
			jobs, json_pack("{s:i, s:s}", "id", (int)(first + i), "state", "queued"));
	answer = json_pack("{s:o, s:i, s:o}", "jobs", jobs, "total", 600, "next",
			   next ? json_integer(next) : json_null());
	return json_dumps(answer, 0);
}

static size_t count_lines(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += *text == '\n';
	return count;
}

static void test_queue_is_read_page_by_page(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *first = page_of(1, 500, 500), *last = page_of(501, 100, 0);
	AUTO_FREE char *piped = NULL, *json = NULL, *some = NULL;
	AUTO_JSON json_t *all = NULL;

	fake->answer[IPC_QUEUE][0] = fake->answer[IPC_QUEUE][2] = first;
	fake->answer[IPC_QUEUE][1] = fake->answer[IPC_QUEUE][3] = last;
	fake->answer[IPC_QUEUE][4] = last;
	assert_int_equal(UWCTL(fake, 0, &piped, "queue"), 0);
	assert_int_equal(count_lines(piped), 601);
	assert_int_equal(json_get_u64(fake->said[IPC_QUEUE][0], "count"), 500);
	assert_null(json_object_get(fake->said[IPC_QUEUE][0], "from"));
	assert_int_equal(json_get_u64(fake->said[IPC_QUEUE][1], "from"), 500);
	assert_int_equal(UWCTL(fake, 0, &json, "queue", "--json"), 0);
	all = parsed(json);
	assert_int_equal(json_get_u64(all, "v"), 1);
	assert_int_equal(json_array_size(json_object_get(all, "jobs")), 600);
	assert_int_equal(UWCTL(fake, 80, &some, "queue"), 0);
	assert_int_equal(json_get_u64(fake->said[IPC_QUEUE][4], "count"), 100);
	assert_non_null(strstr(some, "\nand 500 more; --lines 0 shows all\n"));
}

static void test_filters_reach_uwd(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL;
	AUTO_JSON json_t *want = parsed(
		"{\"component\": \"ml\", \"key\": \"k\", \"tag\": \"t\", \"state\": [\"queued\", "
		"\"held\"], \"mine\": true, \"jobs\": [{\"first\": 3, \"last\": 9}]}");

	fake->answer[IPC_QUEUE][0] = "{\"jobs\": [], \"total\": 0, \"next\": null}";
	assert_int_equal(UWCTL(fake, 80, &text, "queue", "-c", "ml", "-k", "k", "-T", "t", "-S",
			       "queued,held", "--mine", "3-9"),
			 0);
	assert_string_equal(text, "no job is in the queue\n");
	assert_true(json_equal(json_object_get(fake->said[IPC_QUEUE][0], "select"), want));
}

static const char record_text[] =
	"{\"queued\": null, \"ended\": {\"id\": 8, \"array\": 3, \"index\": 12, "
	"\"state\": \"failed\", \"name\": \"fold\", \"component\": \"ml\", \"key\": \"ml/fold\", "
	"\"tags\": [\"nightly\", \"v2\"], \"user\": 4294967000, \"code\": 137, \"priority\": 9, "
	"\"memory_priority\": 5, \"memory_bytes\": 838860800, \"reserved_bytes\": 335544320, "
	"\"peak_bytes\": 335544320, \"submit_wall_us\": 1000000000, "
	"\"start_wall_us\": 2000000000, \"end_wall_us\": 3000000000, \"wait_us\": 1000000, "
	"\"run_us\": 61000000, \"cpu_us\": 60000000, \"attempts\": 1, "
	"\"why\": {\"text\": \"ended by signal 9\"}}, \"argv\": [\"./fold\", \"\\u001b[2J\", "
	"\"a b\"], \"cwd\": \"/srv\", \"after\": [], \"steps\": [{\"wall_us\": 2000000000, "
	"\"step\": \"started\", \"before_bytes\": null, \"after_bytes\": 335544320, "
	"\"why\": {\"text\": \"needs 320M, 512M are free\"}}, {\"wall_us\": 2500000000, "
	"\"step\": \"throttled\", \"before_bytes\": 314572800, \"after_bytes\": 335544320, "
	"\"why\": {\"text\": \"uses 322M, reserved were 300M\"}}]}";

static const char record_80[] =
	"job 3_12  failed  fold, in ml, of 4294967000\n"
	"  why        ended by signal 9\n"
	"  memory     800M asked, 320M given, peak 320M\n"
	"  priority   9 (critical), memory priority 5, 1 start\n"
	"  submitted  1970-01-01 00:16:40\n"
	"  started    1970-01-01 00:33:20\n"
	"  ended      1970-01-01 00:50:00, code 137; waited 1s, ran 61s, CPU 60s\n"
	"  key        ml/fold\n"
	"  tags       nightly v2\n"
	"  command    ./fold ?[2J a b\n"
	"  directory  /srv\n"
	"\n"
	"  1970-01-01 00:33:20  started    needs 320M, 512M are free\n"
	"  1970-01-01 00:41:40  throttled  300M to 320M: uses 322M, reserved were 300M\n";

static void test_one_job_is_shown_at_length(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL, *old = NULL;

	setenv("TZ", "UTC", 1);
	fake->answer[IPC_QUEUE][0] = "{\"jobs\": [], \"total\": 0, \"next\": null}";
	fake->answer[IPC_HISTORY][0] = "{\"jobs\": [{\"id\": 8}], \"next\": null}";
	fake->answer[IPC_JOB][0] = record_text;
	assert_int_equal(UWCTL(fake, 80, &text, "queue", "3_12"), 0);
	assert_string_equal(text, record_80);
	assert_int_equal(UWCTL(fake, 80, &old, "history", "3_12"), 0);
	assert_string_equal(old, record_80);
}

static void test_an_array_is_shown_as_a_table(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *page = page_of(12, 3, 0), *text = NULL;

	fake->answer[IPC_QUEUE][0] = page;
	assert_int_equal(UWCTL(fake, 80, &text, "queue", "12"), 0);
	assert_int_equal(fake->calls[IPC_JOB], 0);
	assert_memory_equal(text, "ID  STATE", 9);
}

static void test_changes_are_told_one_by_one(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL, *dry = NULL;

	fake->answer[IPC_CANCEL][0] =
		"{\"changed\": 2, \"refused\": 1, \"jobs\": [{\"id\": 4, \"changed\": false, "
		"\"text\": \"it has ended\\u001b\"}, {\"id\": 12, \"array\": 12, \"index\": 0, "
		"\"changed\": true, \"text\": \"\"}]}";
	assert_int_equal(UWCTL(fake, 80, &text, "cancel", "4", "12", "--grace", "0"), CLI_FAILED);
	assert_string_equal(text, "4  left alone: it has ended?\n12_0  cancelled\nand 1 more\n");
	assert_int_equal(json_get_u64(fake->said[IPC_CANCEL][0], "grace_us"), 0);
	assert_null(json_object_get(fake->said[IPC_CANCEL][0], "dry_run"));
	fake->answer[IPC_HOLD][0] = "{\"changed\": 1, \"refused\": 0, \"jobs\": [{\"id\": 4, "
				    "\"changed\": true, \"text\": \"\"}]}";
	assert_int_equal(UWCTL(fake, 80, &dry, "hold", "--tag", "x", "-n"), 0);
	assert_string_equal(dry, "4  would be held\n");
	assert_true(json_get_bool(fake->said[IPC_HOLD][0], "dry_run"));
}

/* ---- wait ---- */

#define END(id, state, code) \
	"{\"id\": " id ", \"state\": \"" state "\", \"code\": " code ", \"why\": {}}"
#define NEWS(end) "{\"ended\": [" end "], \"ended_count\": 1, \"left\": 0}"

static void test_wait_passes_the_highest_status_on(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL;

	fake->answer[IPC_WAIT][0] =
		"+{\"ended\": [" END("12", "failed", "3") "], \"ended_count\": 1, \"left\": 2}";
	fake->news[0] = NEWS(END("99", "failed", "100"));
	fake->news[1] = NEWS(END("13", "done", "0"));
	fake->news[2] = NEWS(END("14", "failed", "137"));
	assert_int_equal(UWCTL(fake, 80, &text, "wait", "12-14"), 137);
	assert_string_equal(text, "12  failed  \n13  done  \n14  failed  \n");
}

static void test_wait_any_ends_with_the_first(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL;

	fake->answer[IPC_WAIT][0] = "+{\"ended\": [], \"ended_count\": 0, \"left\": 2}";
	fake->news[0] = NEWS(END("13", "failed", "5"));
	fake->news[1] = NEWS(END("14", "failed", "137"));
	assert_int_equal(UWCTL(fake, 80, &text, "wait", "12-14", "--any", "-j"), 5);
	assert_non_null(strstr(text, "\"code\": 5"));
}

static void test_wait_goes_on_when_uwd_went_away(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL;

	fake->answer[IPC_WAIT][0] = "!Busy as many clients as it may";
	fake->answer[IPC_WAIT][1] =
		"{\"ended\": [" END("12", "failed", "3") "], \"ended_count\": 1, \"left\": 1}";
	fake->answer[IPC_WAIT][2] = "{\"ended\": [" END("12", "failed", "3") ", " END(
		"13", "done", "0") "], \"ended_count\": 2, \"left\": 0}";
	assert_int_equal(UWCTL(fake, 80, &text, "wait", "12-13"), 3);
	assert_string_equal(text, "12  failed  \n13  done  \n");
	assert_int_equal(fake->calls[IPC_WAIT], 3);
}

static void test_wait_gives_up_in_time(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL, *gone = NULL;

	fake->answer[IPC_WAIT][0] = "+{\"ended\": [], \"ended_count\": 0, \"left\": 1}";
	assert_int_equal(UWCTL(fake, 80, &text, "wait", "12", "--timeout", "50ms"), CLI_TIMED_OUT);
	fake->answer[IPC_WAIT][1] = "!NoSuchJob there is no job 12";
	assert_int_equal(UWCTL(fake, 80, &gone, "wait", "-j", "12"), CLI_RUN_FAILED);
	assert_non_null(strstr(gone, "there is no job 12"));
}

/* ---- logs ---- */

static char *logs_answer(const struct fake *fake, const char *state)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "{\"id\": 12, \"state\": \"%s\", \"out\": {\"path\": \"%s/out\", "
		 "\"bytes\": 6, \"dropped_bytes\": 0, \"limit_bytes\": 67108864}, "
		 "\"err\": {\"path\": \"%s/err\"}}",
		 state, fake->folder, fake->folder);
	return strdup(text);
}

static void write_file(const struct fake *fake, const char *name, const char *text)
{
	AUTO_FCLOSE FILE *file = NULL;
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", fake->folder, name);
	file = fopen(path, "a");
	assert_non_null(file);
	fputs(text, file);
}

static void remove_file(const struct fake *fake, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", fake->folder, name);
	unlink(path);
}

static void test_logs_prints_the_file(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *answer = logs_answer(fake, "running"), *out = NULL, *err = NULL;
	AUTO_FREE char *none = NULL;

	fake->answer[IPC_LOGS][0] = answer;
	assert_int_equal(UWCTL(fake, 0, &none, "logs", "12"), 0);
	assert_string_equal(none, "");
	write_file(fake, "out", "hello\n");
	write_file(fake, "err", "oh\n");
	assert_int_equal(UWCTL(fake, 0, &out, "logs", "12"), 0);
	assert_string_equal(out, "hello\n");
	assert_int_equal(UWCTL(fake, 0, &err, "logs", "12", "--err"), 0);
	assert_string_equal(err, "oh\n");
	remove_file(fake, "out");
	remove_file(fake, "err");
}

static void test_logs_follow_ends_with_the_job(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *running = logs_answer(fake, "running"), *done = logs_answer(fake, "done");
	AUTO_FREE char *out = NULL;

	fake->answer[IPC_LOGS][0] = running;
	fake->answer[IPC_LOGS][1] = done;
	write_file(fake, "out", "a\nb\n");
	assert_int_equal(UWCTL(fake, 0, &out, "logs", "-f", "12"), 0);
	assert_string_equal(out, "a\nb\n");
	remove_file(fake, "out");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids_are_read_as_ranges),
		cmocka_unit_test(test_an_arrays_id_matches_all_of_it),
		cmocka_unit_test(test_queue_fits_the_terminal),
		cmocka_unit_test(test_no_control_character_reaches_the_terminal),
		cmocka_unit_test(test_history_fits_the_terminal),
		cmocka_unit_test(test_recommend_shows_what_would_have_served),
		cmocka_unit_test(test_figures_of_the_queue_are_shown_by_class),
		TEST(test_queue_is_read_page_by_page),
		TEST(test_filters_reach_uwd),
		TEST(test_one_job_is_shown_at_length),
		TEST(test_an_array_is_shown_as_a_table),
		TEST(test_changes_are_told_one_by_one),
		TEST(test_wait_passes_the_highest_status_on),
		TEST(test_wait_any_ends_with_the_first),
		TEST(test_wait_goes_on_when_uwd_went_away),
		TEST(test_wait_gives_up_in_time),
		TEST(test_logs_prints_the_file),
		TEST(test_logs_follow_ends_with_the_job),
	};

	return cmocka_run_group_tests_name("cli_jobs", tests, NULL, NULL);
}
