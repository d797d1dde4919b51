// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli_fixture.h"

static json_t *parsed(const char *text)
{
	json_error_t error;
	json_t *value = json_loads(text, 0, &error);

	if (!value)
		fail_msg("%s at %d: %s", error.text, error.position, text);
	return value;
}

/* ---- lists ---- */

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
	"\"peak_bytes\": 335544320, \"input_bytes\": 3145728, \"oom_kills\": 2, \"submit_wall_us\": 1000000000, "
	"\"start_wall_us\": 2000000000, \"end_wall_us\": 3000000000, \"wait_us\": 1000000, "
	"\"run_us\": 61000000, \"cpu_us\": 60000000, \"attempts\": 1, "
	"\"why\": {\"text\": \"ended by signal 9\"}}, \"argv\": [\"./fold\", \"\\u001b[2J\", "
	"\"a b\"], \"predicted_by\": {\"memory\": \"input\", \"memory_off_permyriad\": 620, "
	"\"time\": \"declared\", \"time_off_permyriad\": null, \"runs\": 12}, \"cwd\": \"/srv\", \"after\": [], \"steps\": [{\"wall_us\": 2000000000, "
	"\"step\": \"started\", \"before_bytes\": 0, \"after_bytes\": 335544320, "
	"\"why\": {\"text\": \"needs 320M, 512M are free\"}}, {\"wall_us\": 2500000000, "
	"\"step\": \"throttled\", \"before_bytes\": 314572800, \"after_bytes\": 335544320, "
	"\"why\": {\"text\": \"uses 322M, reserved were 300M\"}}]}";

static const char record_80[] =
	"job 3_12  failed  fold, in ml, of 4294967000\n"
	"  why        ended by signal 9\n"
	"  memory     800M asked, 320M given, peak 320M\n"
	"  input      3.0M\n"
	"  predicted  memory by the size of its input, 6.2% off over 12 runs\n"
	"  predicted  time by what was declared\n"
	"  killed     the kernel killed 2 of its tasks, out of memory\n"
	"  priority   9 (critical), memory priority 5, 1 start\n"
	"  submitted  1970-01-01 00:16:40\n"
	"  started    1970-01-01 00:33:20\n"
	"  ended      1970-01-01 00:50:00, code 137; waited 1s, ran 61s, CPU 60s\n"
	"  key        ml/fold\n"
	"  tags       nightly v2\n"
	"  command    ./fold ?[2J a b\n"
	"  directory  /srv\n"
	"\n"
	"  1970-01-01 00:33:20  started    320M: needs 320M, 512M are free\n"
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

/* Of one without a time it is what its key took, and nobody's promise. */
static void test_when_a_job_is_expected_to_end_says_by_whose_word(void **state)
{
	static const struct {
		const char *end, *time, *want;
	} rows[] = {
		{"null", "null", NULL},
		{"82800000000", "null", "  expected   to end in about 23h, as others of its key\n"},
		{"82800000000", "90000000000", "  expected   to end in about 23h\n"},
	};
	struct fake *fake = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *text = NULL, *answer = NULL;

		assert_true(
			asprintf(
				&answer,
				"{\"ended\": null, \"queued\": {\"id\": 1, \"state\": \"running\", "
				"\"end_in_us\": %s, \"time_us\": %s}}",
				rows[i].end, rows[i].time) > 0);
		fake->answer[IPC_QUEUE][0] =
			"{\"jobs\": [{\"id\": 1}], \"total\": 1, \"next\": null}";
		fake->answer[IPC_JOB][0] = answer;
		assert_int_equal(UWCTL(fake, 80, &text, "queue", "1"), 0);
		assert_int_equal(strstr(text, "expected") != NULL, rows[i].want != NULL);
		if (rows[i].want)
			assert_non_null(strstr(text, rows[i].want));
	}
}

/* Behind one of which nobody knows when it ends. */
static void test_a_job_whose_start_is_not_known_has_its_place(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL;

	fake->answer[IPC_QUEUE][0] = "{\"jobs\": [{\"id\": 1}], \"total\": 1, \"next\": null}";
	fake->answer[IPC_JOB][0] =
		"{\"ended\": null, \"queued\": {\"id\": 1, \"state\": \"queued\", "
		"\"position\": 3, \"start_in_us\": null, \"end_in_us\": null}}";
	assert_int_equal(UWCTL(fake, 80, &text, "queue", "1"), 0);
	assert_non_null(strstr(text, "  expected   nobody knows when, at position 3\n"));
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

/* An end that is in the first answer, or was told before, is not one more. */
static void test_wait_counts_each_end_once(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL;

	fake->answer[IPC_WAIT][0] =
		"+{\"ended\": [" END("12", "done", "0") "], \"ended_count\": 1, \"left\": 2}";
	fake->news[0] = NEWS(END("12", "done", "0"));
	fake->news[1] = NEWS(END("13", "done", "0"));
	fake->news[2] = NEWS(END("13", "done", "0"));
	fake->news[3] = NEWS(END("14", "failed", "7"));
	assert_int_equal(UWCTL(fake, 80, &text, "wait", "12-14"), 7);
	assert_string_equal(text, "12  done  \n13  done  \n14  failed  \n");
}

/* Told before uwd restarted, then queued again: the new uwd waits for it, and so does wait. */
static void test_wait_counts_what_runs_again(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL;

	fake->answer[IPC_WAIT][0] =
		"{\"ended\": [" END("12", "done", "0") "], \"ended_count\": 1, \"left\": 1}";
	fake->answer[IPC_WAIT][1] = "+{\"ended\": [], \"ended_count\": 0, \"left\": 2}";
	fake->news[0] = NEWS(END("12", "done", "0"));
	fake->news[1] = NEWS(END("13", "done", "0"));
	assert_int_equal(UWCTL(fake, 80, &text, "wait", "12-13", "--timeout", "1h"), 0);
	assert_string_equal(text, "12  done  \n13  done  \n");
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

	fake->answer[IPC_WAIT][0] = "!NoSuchJob there is no job 12";
	assert_int_equal(UWCTL(fake, 80, &gone, "wait", "-j", "12"), CLI_RUN_FAILED);
	assert_non_null(strstr(gone, "there is no job 12"));
	/* From now on nothing more is said. */
	fake->answer[IPC_WAIT][1] = "+{\"ended\": [], \"ended_count\": 0, \"left\": 1}";
	assert_int_equal(UWCTL(fake, 80, &text, "wait", "12", "--timeout", "20ms"), CLI_TIMED_OUT);
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

/* What it says on standard error, into text. */
static int logs_complaint(struct fake *fake, const char *how, char text[256])
{
	AUTO_FCLOSE FILE *file = tmpfile();
	AUTO_CLOSE int before = dup(STDERR_FILENO);
	AUTO_FREE char *out = NULL;
	int code;

	assert_non_null(file);
	assert_true(before >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
	code = UWCTL(fake, 0, &out, "logs", "12", how);
	assert_true(dup2(before, STDERR_FILENO) >= 0);
	assert_string_equal(out, "");
	rewind(file);
	text[fread(text, 1, 255, file)] = '\0';
	return code;
}

static void test_logs_says_that_the_output_was_removed(void **state)
{
	struct fake *fake = *state;
	char text[256];

	fake->answer[IPC_LOGS][0] =
		"+{\"id\": 12, \"state\": \"done\", \"total_bytes\": 4294967296, "
		"\"out\": {\"path\": \"/nowhere/12.out\", \"removed\": true}, "
		"\"err\": {\"path\": \"/nowhere/12.err\", \"removed\": true}}";
	assert_int_equal(logs_complaint(fake, "--err", text), CLI_FAILED);
	assert_string_equal(text, "uwctl logs: job 12: its output was removed for want of room, "
				  "output-total is 4.0G\n");
	assert_int_equal(logs_complaint(fake, "--follow", text), CLI_FAILED);
	assert_non_null(strstr(text, "its output was removed"));
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

/* A block, a hole of almost a MiB, and the end. */
static void test_logs_marks_what_was_left_out(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *answer = logs_answer(fake, "done"), *out = NULL;
	char path[64], block[4096 + 1];
	int fd;

	memset(block, 'x', 4096);
	block[4096] = '\0';
	write_file(fake, "out", block);
	snprintf(path, sizeof(path), "%s/out", fake->folder);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "end\n", 4, 1 << 20), 4);
	close(fd);
	fake->answer[IPC_LOGS][0] = answer;
	assert_int_equal(UWCTL(fake, 0, &out, "logs", "12"), 0);
	assert_memory_equal(out, block, 4096);
	assert_string_equal(out + 4096, "\n[... 1020K left out ...]\nend\n");
	remove_file(fake, "out");
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
		TEST(test_queue_is_read_page_by_page),
		TEST(test_filters_reach_uwd),
		TEST(test_one_job_is_shown_at_length),
		TEST(test_when_a_job_is_expected_to_end_says_by_whose_word),
		TEST(test_a_job_whose_start_is_not_known_has_its_place),
		TEST(test_an_array_is_shown_as_a_table),
		TEST(test_changes_are_told_one_by_one),
		TEST(test_wait_passes_the_highest_status_on),
		TEST(test_wait_counts_each_end_once),
		TEST(test_wait_counts_what_runs_again),
		TEST(test_wait_any_ends_with_the_first),
		TEST(test_wait_goes_on_when_uwd_went_away),
		TEST(test_wait_gives_up_in_time),
		TEST(test_logs_says_that_the_output_was_removed),
		TEST(test_logs_prints_the_file),
		TEST(test_logs_marks_what_was_left_out),
		TEST(test_logs_follow_ends_with_the_job),
	};

	return cmocka_run_group_tests_name("cli_jobs", tests, NULL, NULL);
}
