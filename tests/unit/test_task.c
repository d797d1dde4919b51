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
#include "user/base/units.h"
#include "user/conf/task.h"
#include "user/conf/shell_words.h"

#define TASKS 8
#define T     "[task a]\ncomponent = ml\ncommand = ls\n" /* four lines with what follows it */

struct file {
	struct task task[TASKS];
	size_t count;
	char room[8192];
	struct uw_err err;
};

static int read_file(const char *text, const struct task *defaults, struct file *file)
{
	struct task_room room = {file->room, sizeof(file->room)};
	size_t len = strlen(text);
	struct task_file source = {"t", text, len, defaults, file->task, TASKS};

	memset(file, 0, sizeof(*file));
	assert_true(2 * len + 2 <= sizeof(file->room));
	room.left = 2 * len + 2;
	return task_file_read(&source, &room, &file->count, &file->err);
}

/* The words of a block with a | behind each. */
static const char *joined(const struct job_block *block, char buf[static 256])
{
	size_t used = 0;

	for (const char *at = job_block_next(block, NULL); at; at = job_block_next(block, at))
		used += (size_t)snprintf(buf + used, 256 - used, "%s|", at);
	buf[used] = '\0';
	return buf;
}

static void test_words_are_cut_as_a_shell_would(void **state)
{
	static const struct {
		const char *text, *words;
	} rows[] = {
		{"", ""},
		{"  \t ", ""},
		{"ls", "ls|"},
		{" ls  -l\t/tmp ", "ls|-l|/tmp|"},
		{"echo 'a b' \"c d\"", "echo|a b|c d|"},
		{"a'b'\"c\"\\d", "abcd|"},
		{"x ''", "x||"},
		{"'' x", "|x|"},
		{"\"\"", "|"},
		{"\"a\\\"b\\\\c\\$d\\`e\\f\"", "a\"b\\c$d`e\\f|"},
		{"'a\\b'", "a\\b|"},
		{"a\\ b \\| \\'", "a b|||'|"},
		{"sh -c 'a ; b && c > d | e $(f) `g`'", "sh|-c|a ; b && c > d | e $(f) `g`|"},
		{"awk '{print $1}' *.txt ~/x no#", "awk|{print $1}|*.txt|~/x|no#|"},
		{"grep '#' a#b \\#", "grep|#|a#b|#|"},
		{"caf\xc3\xa9", "caf\xc3\xa9|"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char buf[128], text[256];
		struct job_block block = {.data = buf};
		struct uw_err err = {0};

		assert_int_equal(shell_words_split(rows[i].text, buf, strlen(rows[i].text) + 1,
						   &block.size, &err),
				 0);
		assert_string_equal(joined(&block, text), rows[i].words);
		snprintf(buf, sizeof(buf), "%s", rows[i].text);
		assert_int_equal(shell_words_split(buf, buf, strlen(buf) + 1, &block.size, &err),
				 0);
		assert_string_equal(joined(&block, text), rows[i].words);
	}
}

static void test_words_what_a_shell_would_take_otherwise_is_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{"a 'b", "column 3: ' is not closed, allowed: '...'"},
		{"\"a\\\"", "column 1: \" is not closed, allowed: \"...\""},
		{"a\\", "column 2: \\ with nothing behind it, allowed: \\\\"},
		{"a | b", "column 3: no shell reads this, allowed: in quotes, or sh -c '...'"},
		{"a&", "column 2: no shell reads this, allowed: in quotes, or sh -c '...'"},
		{"$HOME/x", "column 1: no shell reads this, allowed: in quotes, or sh -c '...'"},
		{"x `date`", "column 3: no shell reads this, allowed: in quotes, or sh -c '...'"},
		{"(a)", "column 1: no shell reads this, allowed: in quotes, or sh -c '...'"},
		{"a;b", "column 2: no shell reads this, allowed: in quotes, or sh -c '...'"},
		{"echo hi # note",
		 "column 9: a shell takes the rest for a comment, allowed: '#' in quotes, or a "
		 "comment on a line of its own"},
		{"a <b", "column 3: no shell reads this, allowed: in quotes, or sh -c '...'"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct uw_err err = {0};
		uint32_t size = 7;
		char buf[64];

		assert_int_equal(shell_words_split(rows[i].text, buf, sizeof(buf), &size, &err),
				 -EINVAL);
		assert_string_equal(err.text, rows[i].message);
		assert_int_equal(size, 7);
	}
}

static void test_words_do_not_pass_their_room(void **state)
{
	uint32_t size;
	char buf[4];

	(void)state;
	assert_int_equal(shell_words_split("abc", buf, 3, &size, NULL), -ENOBUFS);
	assert_int_equal(shell_words_split("abc", buf, 4, &size, NULL), 0);
	assert_int_equal(size, 4);
}

static void test_file_every_key_reaches_its_field(void **state)
{
	static const char text[] = "# three steps\n"
				   "[defaults]\n"
				   "component = ml_models\n"
				   "tag = nightly, v2\n"
				   "priority = low\n"
				   "\n"
				   "[task prepare]\n"
				   "memory = 800M\n"
				   "time = 30m\n"
				   "time-limit = 2h\n"
				   "priority = high\n"
				   "memory-priority = 9\n"
				   "key = prep/v1\n"
				   "after = 12 13\n"
				   "after-any = yes\n"
				   "freezable = yes\n"
				   "retries = 3\n"
				   "rerun = yes\n"
				   "hold = yes\n"
				   "env = OMP_NUM_THREADS=4 'NOTE=a b' PATH\n"
				   "cwd = '/srv/a b'\n"
				   "input = 'a b.fq' 300M\n"
				   "command = python3 prepare.py \\\n"
				   "\t--out \"a b\"\n"
				   "  ; a comment ; too\n"
				   "[task train]\n"
				   "after = prepare, 7\n"
				   "array = 0-9 20,30-31\n"
				   "command = sh -c 'a ; b'\n";
	struct file file;
	char buf[256];
	const struct task *t = &file.task[0];

	(void)state;
	read_file(text, NULL, &file);
	assert_string_equal(file.err.text, "");
	assert_int_equal(file.count, 2);
	assert_string_equal(t->name, "prepare");
	assert_int_equal(t->line, 7);
	assert_string_equal(t->component, "ml_models");
	assert_int_equal(t->memory_bytes, 800 * MIB);
	assert_true(t->time_us == 1800000000);
	assert_true(t->time_limit_us == 7200000000);
	assert_int_equal(t->priority, 7);
	assert_int_equal(t->memory_priority, 9);
	assert_string_equal(t->key, "prep/v1");
	assert_string_equal(t->input.data, "a b.fq");
	assert_int_equal(job_block_count(&t->input), 2);
	assert_int_equal(t->tag_count, 2);
	assert_string_equal(t->tag[1], "v2");
	assert_int_equal(t->after_count, 2);
	assert_int_equal(t->after[1], 13);
	assert_true(t->after_any && t->freezable && t->rerun && t->hold);
	assert_int_equal(t->retries, 3);
	assert_string_equal(joined(&t->environment, buf), "OMP_NUM_THREADS=4|NOTE=a b|PATH|");
	assert_string_equal(t->cwd, "/srv/a b");
	assert_string_equal(joined(&t->command, buf), "python3|prepare.py|--out|a b|");
	assert_int_equal(task_elements(t), 1);
	t = &file.task[1];
	assert_int_equal(t->priority, 3);
	assert_false(t->freezable);
	assert_int_equal(t->after_count, 1);
	assert_int_equal(t->after_task_count, 1);
	assert_int_equal(t->after_task[0], 0);
	assert_int_equal(t->range_count, 3);
	assert_int_equal(t->range[2].last, 31);
	assert_int_equal(task_elements(t), 13);
	assert_string_equal(joined(&t->command, buf), "sh|-c|a ; b|");
}

/* As of an editor, or of several files in one. */
static void test_file_byte_order_marks_are_passed_over(void **state)
{
	static const char text[] = "\xef\xbb\xbf[task a]\ncommand = ls\ncomponent = ml\n"
				   "\xef\xbb\xbf# second\n\xef\xbb\xbf[task b]\ncommand = ls\n"
				   "component = ml\n";
	struct task tasks[4];
	char buf[512];
	struct task_room room = {buf, sizeof(buf)};
	struct task_file file = {"t", text, strlen(text), NULL, tasks, 4};
	struct uw_err err = {0};
	size_t count = 0;

	(void)state;
	assert_int_equal(task_file_read(&file, &room, &count, &err), 0);
	assert_int_equal(count, 2);
	assert_string_equal(tasks[1].name, "b");
}

static void test_file_begins_with_what_the_command_line_says(void **state)
{
	struct task defaults = {.component = "batch", .memory_bytes = GIB, .priority = 2};
	struct file file;

	(void)state;
	read_file("[defaults]\nmemory = 2G\n[task a]\npriority = 9\ncommand = x\n"
		  "[task b]\ncommand = y\n",
		  &defaults, &file);
	assert_string_equal(file.err.text, "");
	assert_string_equal(file.task[0].component, "batch");
	assert_int_equal(file.task[0].priority, 9);
	assert_int_equal(file.task[1].priority, 2);
	assert_int_equal(file.task[1].memory_bytes, 2 * GIB);
}

/* Text that must be refused, and the message it must be refused with, to the letter. */
static void test_file_what_is_wrong_is_said_with_its_line(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{"", "t: no task, allowed: at least one [task NAME]"},
		{"[defaults]\nmemory = 1G\n", "t: no task, allowed: at least one [task NAME]"},
		{"memory = 1G\n",
		 "t:1: 'memory' stands before the first section, allowed: [defaults], [task NAME] "
		 "above it"},
		{"[task a]\ncommand = ls\n",
		 "t:1: component: task 'a' has none, allowed: component = NAME, or --component NAME"},
		{"[task a]\ncomponent = ml\n[task b]\n",
		 "t:1: command: task 'a' has none, allowed: command = COMMAND ARGUMENT..."},
		{T T, "t:4: task 'a' began in line 1 already, allowed: once a file"},
		{T "[defaults]\n",
		 "t:4: [defaults] stands below a task, allowed: above all of them"},
		{"[defaults]\n[defaults]\n",
		 "t:2: this section began in line 1 already, allowed: once a file"},
		{"[job a]\n", "t:1: unknown section 'job', allowed: [defaults], [task NAME]"},
		{"[defaults x]\n",
		 "t:1: unknown section 'defaults', allowed: [defaults], [task NAME]"},
		{"[task a b]\n",
		 "t:1: [task] has too many words, allowed: [defaults], [task NAME]"},
		{"[task a\n", "t:1: '[task a' is no section, allowed: [defaults], [task NAME] on a "
			      "line of its own"},
		{"[task]\n", "t:1: task '': bad name, allowed: up to 23 letters, digits and "
			     "_-.:@/+, not like the id of a job"},
		{"[task 12_3]\n", "t:1: task '12_3': bad name, allowed: up to 23 letters, digits "
				  "and _-.:@/+, not like the id of a job"},
		{"[task a\xc3\xa9]\n", "t:1: task 'a?\?': bad name, allowed: up to 23 letters, "
				       "digits and _-.:@/+, not like the id of a job"},
		{T "hello\n",
		 "t:4: 'hello' is neither a section nor a setting, allowed: KEY = VALUE"},
		{T "memry = 1G\n", "t:4: unknown key 'memry', did you mean 'memory'?"},
		{T "colour = red\n",
		 "t:4: unknown key 'colour', allowed: see 'uwctl submit --help'"},
		{T "command = x\n", "t:4: command: set in line 3 already, allowed: once a section"},
		{T "memory = 800\n",
		 "t:4: memory: '800' has no unit, allowed: a size from 1M to 64T"},
		{T "memory = 0\n",
		 "t:4: memory: '0' is out of range, allowed: a size from 1M to 64T"},
		{T "time = soon\n",
		 "t:4: time: 'soon' is not understood, allowed: a time from 1ms to 366d"},
		{T "priority = urgent\n",
		 "t:4: priority: 'urgent' is not understood, allowed: critical, high, normal, low, "
		 "deferred, or a number from 1 to 10"},
		{T "priority = 11\n",
		 "t:4: priority: '11' is out of range, allowed: critical, high, normal, low, "
		 "deferred, or a number from 1 to 10"},
		{T "retries = 101\n",
		 "t:4: retries: '101' is out of range, allowed: a number from 0 to 100"},
		{T "hold = maybe\n", "t:4: hold: 'maybe' is not understood, allowed: yes or no"},
		{T "after = b\n[task b]\n",
		 "t:4: after: there is no task 'b' above, allowed: tasks further up in this file, "
		 "and ids of jobs"},
		{T "after = a\n",
		 "t:4: after: there is no task 'a' above, allowed: tasks further up in this file, "
		 "and ids of jobs"},
		{T "after = 0\n", "t:4: after: '0' is not understood, allowed: up to 32 ids of "
				  "jobs, and in a file names of tasks further up"},
		{T "array = 9-0\n",
		 "t:4: array: '9-0' is not understood, allowed: up to 32 indices or ranges of "
		 "them, 0-9 or 1,3,7, below 100000"},
		{T "array = 100000\n",
		 "t:4: array: '100000' is not understood, allowed: up to 32 indices or ranges of "
		 "them, 0-9 or 1,3,7, below 100000"},
		{T "array = 0-5 3\n", "t:4: array: '3' is in it already, allowed: each index once"},
		{T "array =\n",
		 "t:4: array: '' is not understood, allowed: up to 32 indices or ranges of "
		 "them, 0-9 or 1,3,7, below 100000"},
		{T "env = =x\n", "t:4: env: '=x' is not understood, allowed: NAME=VALUE or NAME, "
				 "quoted where it has blanks"},
		{T "env = 'A=b\n", "t:4: env: column 1: ' is not closed, allowed: '...'"},
		{T "cwd = data\n",
		 "t:4: cwd: 'data' is not understood, allowed: one absolute path, up to 1023 "
		 "bytes"},
		{T "tag = a/b c,d \x1b[31m\n",
		 "t:4: byte 0x1b at column 15, allowed: plain UTF-8 text outside of comments"},
		{T "input = 12345\n", "t:4: input: '12345' has no unit, allowed: paths, and sizes "
				      "with their unit as 300M or 2.5GiB; a file of that name is "
				      "./300M"},
		{T "input = a \"\"\n",
		 "t:4: input: 'a \"\"' is not understood, allowed: paths, and sizes with their "
		 "unit as 300M or 2.5GiB; a file of that name is ./300M"},
		{T "tag = a!\n", "t:4: tag: 'a!' is not understood, allowed: up to 8 words, each "
				 "up to 31 letters, digits and _-.:@/+"},
		{"[task a]\ncommand =\n",
		 "t:2: command: is empty, allowed: a command and its arguments"},
		{"[task a]\ncommand = ''\n",
		 "t:2: command: is empty, allowed: a command and its arguments"},
		{"[task a]\ncommand = a | b\n",
		 "t:2: command: column 3: no shell reads this, allowed: in quotes, or sh -c '...'"},
		{"[task a]\ncommand = \xff\n",
		 "t:2: byte 0xff at column 11, allowed: plain UTF-8 text outside of comments"},
		{"[task a]\ncommand = \xc2\x9b"
		 "31m\n",
		 "t:2: byte 0xc2 at column 11, allowed: plain UTF-8 text outside of comments"},
		{"[task a]\ncommand = x \\\n\x01\n",
		 "t:3: byte 0x01 at column 1, allowed: plain UTF-8 text outside of comments"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct file file;

		assert_int_equal(read_file(rows[i].text, NULL, &file), -EINVAL);
		assert_string_equal(file.err.text, rows[i].message);
		assert_int_equal(file.count, 0);
	}
}

static void test_file_more_tasks_than_room_are_refused(void **state)
{
	char text[1024] = "[defaults]\ncomponent = ml\ncommand = x\n";
	struct file file;

	(void)state;
	for (int i = 0; i <= TASKS; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "[task t%d]\n", i);
	assert_int_equal(read_file(text, NULL, &file), -EINVAL);
	assert_string_equal(file.err.text, "t:12: task 't8': too many, allowed: 8");
	assert_int_equal(task_file_bound(text, strlen(text)), TASKS + 2);
}

static void test_set_a_refused_value_leaves_the_task_alone(void **state)
{
	static const struct {
		const char *key, *value;
	} rows[] = {
		{"priority", "0"},   {"tag", "a,!"},  {"after", "1 x"}, {"array", "1,1"},
		{"command", "a 'b"}, {"memory", "1"}, {"cwd", "a b"},   {"env", "A=1 =2"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct task task = {.priority = 3}, before = task;
		char buf[64];
		struct task_room room = {buf, sizeof(buf)};

		assert_int_equal(
			task_set(&task, rows[i].key, rows[i].value, NULL, NULL, &room, NULL),
			-EINVAL);
		assert_memory_equal(&task, &before, sizeof(task));
	}
	assert_int_equal(task_set(NULL, "colour", "red", NULL, NULL, NULL, NULL), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words_are_cut_as_a_shell_would),
		cmocka_unit_test(test_words_what_a_shell_would_take_otherwise_is_refused),
		cmocka_unit_test(test_words_do_not_pass_their_room),
		cmocka_unit_test(test_file_every_key_reaches_its_field),
		cmocka_unit_test(test_file_byte_order_marks_are_passed_over),
		cmocka_unit_test(test_file_begins_with_what_the_command_line_says),
		cmocka_unit_test(test_file_what_is_wrong_is_said_with_its_line),
		cmocka_unit_test(test_file_more_tasks_than_room_are_refused),
		cmocka_unit_test(test_set_a_refused_value_leaves_the_task_alone),
	};

	return cmocka_run_group_tests_name("task", tests, NULL, NULL);
}
