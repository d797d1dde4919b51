// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "cli_fixture.h"
#include "user/cli/jobs/spec.h"
#include "user/cli/remote.h"

static const char one_job[] =
	"{\"jobs\": [{\"id\": 12, \"count\": 1, \"name\": \"train.py\", \"component\": \"ml\", "
	"\"key\": \"ml/train.py\", \"state\": \"queued\", \"memory_bytes\": 838860800, "
	"\"reserved_bytes\": 335544320, \"learned_runs\": 12, \"time_us\": null, "
	"\"position\": 3, \"start_in_us\": 150000000, \"why\": {\"reason\": \"memory\", "
	"\"observed\": 1, \"threshold\": 1, \"unit\": \"bytes\", \"text\": \"needs 320M\"}}]}";

static void assert_json(const json_t *value, const char *text)
{
	AUTO_JSON json_t *want = json_loads(text, 0, NULL);
	AUTO_FREE char *got = json_dumps(value, JSON_COMPACT);

	assert_non_null(want);
	if (!json_equal(value, want))
		fail_msg("got  %s\nwant %s", got, text);
}

static void test_options_of_a_task_reach_uwd(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL;
	const json_t *said;
	char cwd[4096];

	fake->answer[IPC_SUBMIT][0] = one_job;
	setenv("UW_TEST_HERE", "a b", 1);
	unsetenv("UW_TEST_NOT_HERE");
	assert_int_equal(UWCTL(fake, 0, &text, "submit", "--component", "ml", "--memory=800M", "-t",
			       "30m", "--time-limit", "2h", "-p", "high", "--memory-priority", "9",
			       "--tag", "a", "-T", "b/c", "--after", "7", "-a", "8", "--after-any",
			       "--freezable", "--retries", "2", "--rerun", "--hold", "--array",
			       "0-3", "--array", "7", "--env", "A=x y", "--env", "UW_TEST_HERE",
			       "-E", "UW_TEST_NOT_HERE", "--cwd", "/usr/..", "--",
			       "/usr/bin/python3", "train.py", "--help", "-m"),
			 0);
	assert_string_equal(text, "12\n");
	said = fake->said[IPC_SUBMIT][0];
	assert_json(json_array_get(json_object_get(said, "jobs"), 0),
		    "{\"name\": \"train.py\", \"component\": \"ml\", \"key\": \"ml/train.py\", "
		    "\"command\": [\"/usr/bin/python3\", \"train.py\", \"--help\", \"-m\"], "
		    "\"environment\": [\"A=x y\", \"UW_TEST_HERE=a b\"], "
		    "\"memory_bytes\": 838860800, \"time_us\": 1800000000, "
		    "\"time_limit_us\": 7200000000, \"priority\": 7, \"memory_priority\": 9, "
		    "\"retries\": 2, \"after_any\": true, \"freezable\": true, \"rerun\": true, "
		    "\"hold\": true, \"cwd\": \"/\", \"tags\": [\"a\", \"b/c\"], "
		    "\"after\": [7, 8], \"after_jobs\": [], "
		    "\"array\": [{\"first\": 0, \"last\": 3}, {\"first\": 7, \"last\": 7}]}");
	said = json_object_get(said, "context");
	assert_string_equal(json_get_text(said, "cwd"), getcwd(cwd, sizeof(cwd)));
	assert_true(json_is_integer(json_object_get(said, "umask")));
	assert_true(json_array_size(json_object_get(said, "environment")) > 0);
}

static void test_little_is_said_where_little_was_given(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL;

	fake->answer[IPC_SUBMIT][0] = one_job;
	assert_int_equal(UWCTL(fake, 0, &text, "submit", "-c", "ml", "ls"), 0);
	assert_json(json_array_get(json_object_get(fake->said[IPC_SUBMIT][0], "jobs"), 0),
		    "{\"name\": \"ls\", \"component\": \"ml\", \"key\": \"ml/ls\", "
		    "\"command\": [\"ls\"], \"environment\": [], \"tags\": [], \"after\": [], "
		    "\"after_jobs\": []}");
	assert_null(json_object_get(fake->said[IPC_SUBMIT][0], "dry_run"));
}

static void test_no_env_leaves_what_a_login_has(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL;
	const json_t *entry, *list;
	size_t i;

	fake->answer[IPC_SUBMIT][0] = one_job;
	setenv("UW_TEST_SECRET", "x", 1);
	setenv("PATH", getenv("PATH") ?: "/bin", 1);
	assert_int_equal(UWCTL(fake, 0, &text, "submit", "-c", "ml", "--no-env", "ls"), 0);
	list = json_object_get(json_object_get(fake->said[IPC_SUBMIT][0], "context"),
			       "environment");
	json_array_foreach (list, i, entry)
		assert_null(strstr(json_string_value(entry), "UW_TEST"));
	assert_true(json_array_size(list) >= 1);
}

static void write_text(const char *path, const char *text)
{
	AUTO_FCLOSE FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
}

/* Of the one call since this was last asked. */
static uint64_t take_input(struct fake *fake)
{
	AUTO_JSON json_t *said = TAKE(fake->said[IPC_SUBMIT][0]);
	const json_t *jobs = json_object_get(said, "jobs");

	fake->calls[IPC_SUBMIT] = 0;
	return json_get_u64_or(json_array_get(jobs, 0), "input_bytes", 0);
}

static void in_directory(char dir[static 32])
{
	strcpy(dir, "/tmp/uw-input-XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(mkdir("d/e", 0700), 0);
	write_text("a.fq", "12345");
	write_text("run.py", "pass and more");
	write_text("d/b", "1234567");
	write_text("d/e/c", "12");
}

static void leave_directory(const char *dir)
{
	char command[64];

	assert_int_equal(chdir("/"), 0);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

/* What the command names counts but for its own program, a directory only where it is said; what
 * is said replaces that, and says with its unit how much. */
static void test_input_is_what_is_said_or_what_the_command_names(void **state)
{
	static const struct {
		const char *words[8];
		uint64_t bytes;
	} rows[] = {
		{{"python3", "run.py", "a.fq"}, 5},
		{{"./run.py", "a.fq", "d/b", "out.bam"}, 12},
		{{"fold", "--in=a.fq", "d"}, 5},
		{{"fold", "a.fq", "x=a.fq"}, 5},
		{{"fold", "a.fq", "-o", "d/b"}, 5},
		{{"fold", "--output", "d/b", "a.fq"}, 5},
		{{"fold", "--output=d/b", "--in=a.fq"}, 5},
		{{"fold", "-o", "d/b", "d/e/c", "a.fq"}, 7},
		{{"fold", "--outer=d/b", "a.fq"}, 12},
		{{"--input", "d", "fold", "a.fq"}, 9},
		{{"--input", "a.fq", "-i", "d/b", "fold"}, 12},
		{{"--input=2K", "-i", "a.fq", "fold", "d/b"}, 2053},
		{{"--input=0", "fold", "a.fq"}, 0},
		{{"--cwd", "d", "fold", "b", "e/c", "a.fq"}, 9},
		{{"--after", "7", "--input", "not-yet", "fold", "a.fq"}, 0},
		{{"fold", "/dev/null", "/dev/zero"}, 0},
	};
	struct fake *fake = *state;
	char dir[32];

	in_directory(dir);
	fake->answer[IPC_SUBMIT][0] = one_job;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *const *w = rows[i].words;
		AUTO_FREE char *text = NULL;
		uint64_t bytes;

		assert_int_equal(UWCTL(fake, 0, &text, "submit", "-c", "ml", w[0], w[1], w[2], w[3],
				       w[4], w[5], w[6]),
				 0);
		bytes = take_input(fake);
		if (bytes != rows[i].bytes)
			fail_msg("%s %s: %llu", w[0], w[1], (unsigned long long)bytes);
	}
	leave_directory(dir);
}

static void test_an_input_that_is_not_there_or_has_no_unit_is_refused(void **state)
{
	AUTO_FREE char *out = NULL, *err = NULL, *plain = NULL, *none = NULL;

	(void)state;
	assert_int_equal(
		UWCTL_LINE(0, &out, &err, "submit", "-c", "ml", "--input", "/no/such", "ls"),
		CLI_USAGE);
	assert_non_null(strstr(err, "input: '/no/such': No such file or directory"));
	assert_int_equal(UWCTL_LINE(0, &none, &plain, "submit", "-c", "ml", "--input", "300", "ls"),
			 CLI_USAGE);
	assert_non_null(strstr(plain, "--input: '300' is not understood, allowed: a path"));
}

static void test_a_file_goes_as_one_call(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL;
	const json_t *jobs;
	char path[64];

	snprintf(path, sizeof(path), "%s/t.ini", fake->folder);
	write_text(path, "[task a]\ncommand = echo 'x y'\n[task b]\nmemory = 1G\nafter = a 5\n"
			 "command = ls\n");
	fake->answer[IPC_SUBMIT][0] = "{\"jobs\": [{\"id\": 1, \"count\": 1}, {\"id\": 2, "
				      "\"count\": 1}]}";
	assert_int_equal(UWCTL(fake, 0, &text, "submit", "-c", "ml", "-m", "2G", "-F", path), 0);
	unlink(path);
	assert_string_equal(text, "1\n2\n");
	jobs = json_object_get(fake->said[IPC_SUBMIT][0], "jobs");
	assert_int_equal(json_array_size(jobs), 2);
	assert_json(json_array_get(jobs, 0),
		    "{\"name\": \"a\", \"component\": \"ml\", \"key\": \"ml/echo\", "
		    "\"command\": [\"echo\", \"x y\"], \"environment\": [], \"tags\": [], "
		    "\"memory_bytes\": 2147483648, \"after\": [], \"after_jobs\": []}");
	assert_json(json_object_get(json_array_get(jobs, 1), "after_jobs"), "[0]");
	assert_json(json_object_get(json_array_get(jobs, 1), "after"), "[5]");
	assert_int_equal(json_get_u64(json_array_get(jobs, 1), "memory_bytes"), 1073741824);
}

static void test_what_is_wrong_is_said_and_nothing_is_sent(void **state)
{
	static const struct {
		const char *words[12];
		const char *text; /* somewhere in what is said */
	} rows[] = {
		{{"submit", "-j", "ls"}, "which component? allowed: --component NAME"},
		{{"submit", "-j", "-c", "ml"}, "which command? allowed: -- COMMAND"},
		{{"submit", "-j", "-c", "ml", "--", ""}, "which command? allowed: -- COMMAND"},
		{{"submit", "-j", "-c", "ML", "ls"}, "--component: 'ML' is not understood"},
		{{"submit", "-j", "-c", "ml", "-m", "800", "ls"}, "--memory: '800' has no unit"},
		{{"submit", "-j", "-c", "ml", "-p", "11", "ls"},
		 "--priority: '11' is out of range"},
		{{"submit", "-j", "-c", "ml", "-a", "12", "-a", "x", "ls"},
		 "--after: '12,x' is not"},
		{{"submit", "-j", "-c", "ml", "--array", "3-1", "ls"}, "--array: '3-1' is not"},
		{{"submit", "-j", "-c", "ml", "-T", "a b!", "ls"}, "--tag: 'a b!' is not"},
		{{"submit", "-j", "-c", "ml", "-E", "=x", "ls"}, "--env: '=x' is not NAME=VALUE"},
		{{"submit", "-j", "-c", "ml", "-D", "/no/such", "ls"},
		 "--cwd: '/no/such': No such"},
		{{"submit", "-j", "-c", "ml", "ls", "\xff"}, "argument 1 is not UTF-8"},
		{{"submit", "-j", "-F", "/no/such"}, "/no/such: cannot be read: No such"},
		{{"submit", "-j", "-F", "/dev/null"}, "/dev/null: no task, allowed: at least one"},
		{{"submit", "-j", "-F", "/dev/null", "ls"}, "'ls': a command and --file"},
		{{"cancel", "-j"}, "which jobs? allowed: ids"},
		{{"cancel", "-j", "--mine"}, "which jobs? allowed: ids"},
		{{"cancel", "-j", "12-"}, "'12-' is no id of a job"},
		{{"queue", "-j", "--state", "queued,asleep"}, "'asleep' is no state"},
	};
	struct fake *fake = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *text = NULL;

		assert_int_equal(fake_uwctl(fake, 0, rows[i].words, &text), CLI_USAGE);
		if (!strstr(text, rows[i].text))
			fail_msg("row %zu says: %s", i, text);
	}
	for (int method = 0; method < IPC_METHOD__COUNT; method++)
		assert_int_equal(fake->calls[method], 0);
}

static void test_a_call_that_is_too_long_is_refused_here(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL, *word = malloc(IPC_REQUEST_MAX + 1);

	memset(word, 'x', IPC_REQUEST_MAX);
	word[200000] = '\0';
	assert_int_equal(UWCTL(fake, 0, &text, "submit", "-j", "-c", "ml", "ls", word, word), 2);
	assert_non_null(strstr(text, "command: has 400005 bytes, allowed: 262144"));
	assert_int_equal(fake->calls[IPC_SUBMIT], 0);
}

static void test_a_job_is_named_so_that_one_knows_it(void **state)
{
	static const struct {
		const char *words[6];
		const char *name;
	} rows[] = {
		{{"--name", "fold-7", "sh", "-c", "./fold 7"}, "fold-7"},
		{{"sh", "-c", "./fold 7 >out"}, "fold"},
		{{"sh", "-c", "  exec ./bin/fold 7"}, "fold"},
		{{"bash", "-c", "(cd x; make)"}, "bash"},
		{{"./a-program-with-a-name-of-more-than-23-letters"}, "a-program-with-a-name-+"},
		{{"./a-name-of-23-characters"}, "a-name-of-23-characters"},
	};
	struct fake *fake = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *words[16] = {"submit", "-c", "ml", "-m", "1M"};
		AUTO_FREE char *text = NULL;
		const json_t *job;

		memcpy(&words[5], rows[i].words, sizeof(rows[i].words));
		fake->answer[IPC_SUBMIT][0] = "{\"jobs\": []}";
		assert_int_equal(fake_uwctl(fake, 0, words, &text), 0);
		job = json_array_get(json_object_get(fake->said[IPC_SUBMIT][i], "jobs"), 0);
		assert_string_equal(json_get_text(job, "name"), rows[i].name);
	}
}

static void test_a_wrong_name_is_refused_here(void **state)
{
	static const char *const wrong[] = {"12", "12_3", "a b", "a-name-of-24-characters-"};
	struct fake *fake = *state;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		AUTO_FREE char *text = NULL;

		assert_int_equal(
			UWCTL(fake, 0, &text, "submit", "-c", "ml", "--name", wrong[i], "true"),
			CLI_USAGE);
	}
	assert_int_equal(fake->calls[IPC_SUBMIT], 0);
}

static void test_refusals_of_uwd_come_in_its_words(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *bad = NULL, *full = NULL;

	fake->answer[IPC_SUBMIT][0] = "!BadJob memory: nothing is known of key ml/ls yet, allowed: "
				      "--memory";
	fake->answer[IPC_SUBMIT][1] = "!QueueFull 100000 jobs wait, max-queued allows no more";
	assert_int_equal(UWCTL(fake, 0, &bad, "submit", "-j", "-c", "ml", "ls"), 2);
	assert_non_null(strstr(bad, "nothing is known of key ml/ls yet, allowed: --memory"));
	assert_int_equal(UWCTL(fake, 0, &full, "submit", "-j", "-c", "ml", "ls"), CLI_REFUSED);
	assert_non_null(strstr(full, "max-queued allows no more"));
}

static void test_dry_run_says_what_would_be(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL;

	fake->answer[IPC_SUBMIT][0] = one_job;
	assert_int_equal(UWCTL(fake, 80, &text, "submit", "-n", "-c", "ml", "ls"), 0);
	assert_string_equal(text, "train.py: queued in ml, 320M of 800M asked, as learned of 12 "
				  "runs; position 3,\n  starts in about 2min\n");
	assert_true(json_get_bool(fake->said[IPC_SUBMIT][0], "dry_run"));
}

static void test_submit_dry_run_says_that_there_is_room(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL;

	fake->answer[IPC_SUBMIT][0] =
		"{\"jobs\": [{\"id\": null, \"name\": \"ls\", \"state\": \"queued\", "
		"\"component\": \"ml\", \"memory_bytes\": 1048576, \"reserved_bytes\": 1048576, "
		"\"position\": 1, \"start_in_us\": 0}]}";
	assert_int_equal(UWCTL(fake, 80, &text, "submit", "-n", "-c", "ml", "ls"), 0);
	assert_string_equal(text, "ls: queued in ml, 1.0M; position 1, starts at once\n");
}

static void test_submit_wait_passes_the_status_on(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL;

	fake->answer[IPC_SUBMIT][0] = "{\"jobs\": [{\"id\": 12, \"count\": 3}]}";
	fake->answer[IPC_WAIT][0] =
		"{\"ended\": [{\"id\": 13, \"array\": 12, \"index\": 1, \"state\": \"failed\", "
		"\"code\": 7, \"why\": {\"text\": \"exit status 7\"}}], \"ended_count\": 3, "
		"\"left\": 0}";
	assert_int_equal(UWCTL(fake, 0, &text, "submit", "-w", "-c", "ml", "--array", "0-2", "ls"),
			 7);
	assert_string_equal(text, "12\n12_1  failed  exit status 7\n");
	assert_json(json_object_get(fake->said[IPC_WAIT][0], "jobs"),
		    "[{\"first\": 12, \"last\": 14}]");
}

/* uwd restarts between its acknowledgement and the wait. */
static void test_submit_wait_outlives_a_restart(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL;

	fake->leaves = true;
	fake->answer[IPC_SUBMIT][0] = "{\"jobs\": [{\"id\": 12, \"count\": 1}]}";
	fake->answer[IPC_WAIT][0] = "{\"ended\": [{\"id\": 12, \"state\": \"failed\", "
				    "\"code\": 7, \"why\": {}}], \"ended_count\": 1, \"left\": 0}";
	assert_int_equal(UWCTL(fake, 0, &text, "submit", "-w", "-c", "ml", "ls"), 7);
	assert_string_equal(text, "12\n12  failed  \n");
}

static void test_submit_wait_json_prints_the_id_first(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL;
	json_t *first, *second;
	const char *rest;

	fake->answer[IPC_SUBMIT][0] = "{\"jobs\": [{\"id\": 12, \"count\": 1}]}";
	fake->answer[IPC_WAIT][0] = "{\"ended\": [], \"ended_count\": 1, \"left\": 0}";
	assert_int_equal(UWCTL(fake, 0, &text, "submit", "-w", "-j", "-c", "ml", "ls"), 0);
	rest = strstr(text, "\n}\n");
	assert_non_null(rest);
	first = json_loadb(text, (size_t)(rest - text) + 2, 0, NULL);
	second = json_loads(rest + 3, 0, NULL);
	assert_non_null(json_object_get(first, "jobs"));
	assert_int_equal(json_get_u64(second, "code"), 0);
	json_decref(first);
	json_decref(second);
}

static void test_key_is_of_component_and_command(void **state)
{
	static const struct {
		const char *argv;
		size_t size;
		const char *key;
	} rows[] = {
#define ARGV(text) (text), sizeof(text)
		{ARGV("ls"), "ml/ls"},
		{ARGV("/usr/bin/ls\0-l"), "ml/ls"},
		{ARGV("./train\0x"), "ml/train"},
		{ARGV("python3\0/srv/train.py\0--lr"), "ml/train.py"},
		{ARGV("/usr/bin/python3.11\0-u\0-O\0train.py"), "ml/train.py"},
		{ARGV("python3"), "ml/python3"},
		{ARGV("sh\0-c\0rm -rf x"), "ml/sh"},
		{ARGV("bash\0run it.sh"), "ml/run-it.sh"},
		{ARGV("java\0-jar\0app.jar"), "ml/app.jar"},
		{ARGV("shred\0x"), "ml/shred"},
		{ARGV("caf\xc3\xa9"), "ml/caf--"},
		{ARGV("/"), "ml//"},
		{ARGV("a\033[31mb"), "ml/a--31mb"},
		{ARGV("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
		 "ml/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
		{ARGV("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-fit"),
		 "ml/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@e76f70da0c5dcdf8"},
		{ARGV("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-predict"),
		 "ml/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b75d878e69c810f2"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct task task = {.component = "ml",
				    .command = {rows[i].argv, (uint32_t)rows[i].size}};
		char key[JOB_KEY_LEN];

		assert_string_equal(spec_key(&task, key), rows[i].key);
	}
}

static void test_every_key_of_a_task_is_an_option_of_submit(void **state)
{
	const struct command *submit = command_find(&commands, "submit");
	const char *key;
	size_t count = 0;

	(void)state;
	for (size_t i = 0; (key = task_key_name(i)); i++) {
		bool found = !strcmp(key, "command");

		for (int id = OPTION_TASK_FIRST; id < OPTION__COUNT; id++)
			found |= !strcmp(option_row((enum option_id)id)->name, key) &&
				 submit->options & OPTION_BIT(id);
		if (!found)
			fail_msg("no option --%s", key);
		count++;
	}
	assert_int_equal(count, OPTION__COUNT - OPTION_TASK_FIRST + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_options_of_a_task_reach_uwd),
		TEST(test_little_is_said_where_little_was_given),
		TEST(test_no_env_leaves_what_a_login_has),
		TEST(test_input_is_what_is_said_or_what_the_command_names),
		TEST(test_an_input_that_is_not_there_or_has_no_unit_is_refused),
		TEST(test_a_file_goes_as_one_call),
		TEST(test_what_is_wrong_is_said_and_nothing_is_sent),
		TEST(test_a_call_that_is_too_long_is_refused_here),
		TEST(test_a_job_is_named_so_that_one_knows_it),
		TEST(test_a_wrong_name_is_refused_here),
		TEST(test_refusals_of_uwd_come_in_its_words),
		TEST(test_dry_run_says_what_would_be),
		TEST(test_submit_dry_run_says_that_there_is_room),
		TEST(test_submit_wait_passes_the_status_on),
		TEST(test_submit_wait_outlives_a_restart),
		TEST(test_submit_wait_json_prints_the_id_first),
		cmocka_unit_test(test_key_is_of_component_and_command),
		cmocka_unit_test(test_every_key_of_a_task_is_an_option_of_submit),
	};

	return cmocka_run_group_tests_name("cli_submit", tests, NULL, NULL);
}
