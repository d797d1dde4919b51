// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads a whole task file. libinih, which reads uw.conf, cuts lines at 200 characters and values
 * at " ;", as in sh -c 'a ; b', so the sections and continued lines of a task file are taken apart
 * here; keys and values are those of task.c.
 */
#include "user/conf/task.h"

#include <errno.h>
#include <string.h>

#include "user/base/text.h"
#include "user/conf/lines.h"
#include "user/conf/option.h"

#define KEYS_MAX 32
#define KEY_LEN  32

struct task_reader {
	struct lines lines;
	struct task *tasks;
	size_t count, max;
	struct task defaults;
	struct task *task; /* that keys go to; NULL before the first section */
	unsigned int defaults_line;
	unsigned int key_line[KEYS_MAX]; /* where this section set a key, 0: it did not */
	struct task_room *room;
};

static const char sections_allowed[] = "[defaults], [task NAME]";

size_t task_file_bound(const char *text, size_t len)
{
	const char *end = text + len;
	size_t count = 0;

	while ((text = memchr(text, '[', (size_t)(end - text)))) {
		count++;
		text++;
	}
	return count < TASKS_MAX ? count : TASKS_MAX;
}

/* task_find_fn: of the tasks above the one that is being read. */
static int find_above(const void *arg, const char *name)
{
	const struct task_reader *reader = arg;
	size_t above = reader->task == &reader->defaults ? 0 : reader->count - 1;

	for (size_t i = 0; i < above; i++) {
		if (!strcmp(reader->tasks[i].name, name))
			return (int)i;
	}
	return -1;
}

static int fail_task(const struct task_reader *reader, const struct task *task, const char *key,
		     const char *example)
{
	struct lines at = reader->lines;

	at.number = task->line;
	return lines_fail(&at, "%s: task '%s' has none, allowed: %s", key, task->name, example);
}

/* What a task may not be without. */
static int end_section(struct task_reader *reader)
{
	const struct task *task = reader->task;

	if (!task || task == &reader->defaults)
		return 0;
	if (!*task->component)
		return fail_task(reader, task, "component",
				 "component = NAME, or --component NAME");
	if (!task->command.size)
		return fail_task(reader, task, "command", "command = COMMAND ARGUMENT...");
	return 0;
}

static int begin_task(struct task_reader *reader, const char *name)
{
	struct task *task;

	if (!task_name_ok(name))
		return lines_fail(&reader->lines,
				  "task '%.*s': bad name, allowed: up to %d letters, digits and "
				  "_-.:@/+, not like the id of a job",
				  LINES_SHOWN_MAX, name, JOB_NAME_LEN - 1);
	for (size_t i = 0; i < reader->count; i++) {
		if (!strcmp(reader->tasks[i].name, name))
			return lines_fail(&reader->lines,
					  "task '%s' began in line %u already, allowed: once a "
					  "file",
					  name, reader->tasks[i].line);
	}
	if (reader->count == reader->max)
		return lines_fail(&reader->lines, "task '%s': too many, allowed: %zu", name,
				  reader->max);
	task = &reader->tasks[reader->count++];
	*task = reader->defaults;
	text_copy(task->name, sizeof(task->name), name);
	task->line = reader->lines.number;
	reader->task = task;
	return 0;
}

static int begin_defaults(struct task_reader *reader)
{
	if (reader->defaults_line)
		return lines_fail(&reader->lines,
				  "this section began in line %u already, allowed: once a file",
				  reader->defaults_line);
	if (reader->count)
		return lines_fail(&reader->lines,
				  "[defaults] stands below a task, allowed: above all of them");
	reader->defaults_line = reader->lines.number;
	reader->task = &reader->defaults;
	return 0;
}

/* "[task NAME]" without the first bracket, terminated. */
static int read_section(struct task_reader *reader, char *text)
{
	char *rest = text, *close = strchr(text, ']'), *kind, *name;
	int rc = end_section(reader);

	if (rc)
		return rc;
	if (!close || close[1])
		return lines_fail(&reader->lines,
				  "'[%.*s' is no section, allowed: %s on a line of its own",
				  LINES_SHOWN_MAX, text, sections_allowed);
	*close = '\0';
	kind = lines_cut_word(&rest);
	name = lines_cut_word(&rest);
	memset(reader->key_line, 0, sizeof(reader->key_line));
	if (*lines_cut_word(&rest))
		return lines_fail(&reader->lines, "[%.*s] has too many words, allowed: %s",
				  LINES_SHOWN_MAX, kind, sections_allowed);
	if (!strcmp(kind, "defaults") && !*name)
		return begin_defaults(reader);
	if (!strcmp(kind, "task"))
		return begin_task(reader, name);
	return lines_fail(&reader->lines, "unknown section '%.*s', allowed: %s", LINES_SHOWN_MAX,
			  kind, sections_allowed);
}

/* The place of key in the table, or a failure that says what may be meant. */
static int find_key(struct task_reader *reader, const char *key)
{
	const char *near = task_key_near(key);
	const char *name;

	for (int i = 0; (name = task_key_name((size_t)i)) && i < KEYS_MAX; i++) {
		if (!strcmp(name, key))
			return i;
	}
	return lines_fail(&reader->lines, "unknown key '%.*s'%s%s%s", LINES_SHOWN_MAX, key,
			  near ? ", did you mean '" : ", allowed: see 'uwctl submit --help'",
			  near ? near : "", near ? "'?" : "");
}

static int set_key(struct task_reader *reader, unsigned int line, const char *key,
		   const char *value)
{
	struct lines at = reader->lines;
	struct uw_err why = {0};
	int place;

	at.number = line;
	if (!reader->task)
		return lines_fail(&at,
				  "'%.*s' stands before the first section, allowed: %s above "
				  "it",
				  LINES_SHOWN_MAX, key, sections_allowed);
	place = find_key(reader, key);
	if (place < 0)
		return place;
	if (reader->key_line[place])
		return lines_fail(&at, "%s: set in line %u already, allowed: once a section", key,
				  reader->key_line[place]);
	reader->key_line[place] = line;
	if (task_set(reader->task, key, value, find_above, reader, reader->room, &why))
		return lines_fail(&at, "%s", why.text);
	return 0;
}

/* Adds a line to the text that stands at the end of the room, which stays terminated. */
static int add_line(struct task_reader *reader, const char *line, size_t len)
{
	struct task_room *room = reader->room;

	if (len >= room->left)
		return err_set(reader->lines.err, -ENOBUFS, "%s:%u: no room for so much text",
			       reader->lines.name, reader->lines.number);
	memcpy(room->at, line, len);
	room->at[len] = '\0';
	room->at += len;
	room->left -= len;
	return 0;
}

/* A line goes on in the next when it ends in a backslash that no other one escapes. */
static bool goes_on(const char *line, size_t len)
{
	size_t count = 0;

	while (count < len && line[len - 1 - count] == '\\')
		count++;
	return count % 2;
}

/* Joins the line and those in which it goes on, with a blank between, in the room. */
static int join_lines(struct task_reader *reader, const char *line, size_t len, char **ret_text)
{
	char *text = reader->room->at;
	bool more;
	int rc;

	do {
		more = goes_on(line, len) && lines_more(&reader->lines);
		rc = lines_check_bytes(&reader->lines, line, len);
		if (!rc)
			rc = add_line(reader, line, more ? len - 1 : len);
		if (!rc && more)
			rc = add_line(reader, " ", 1);
		if (!rc && reader->room->at - text > TASK_LINE_MAX)
			rc = lines_fail(&reader->lines, "too long, allowed: %d bytes",
					TASK_LINE_MAX);
		if (rc)
			return rc;
		if (more)
			len = lines_take(&reader->lines, &line);
	} while (more);
	*ret_text = text;
	return add_line(reader, "", 0);
}

static char *trim(char *text)
{
	size_t len = strlen(text);

	while (len && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		text[--len] = '\0';
	return text + strspn(text, " \t");
}

static int read_line(struct task_reader *reader)
{
	const char *line;
	size_t len = lines_take(&reader->lines, &line);
	unsigned int number = reader->lines.number;
	char *text, *value;
	int rc;

	if (!len)
		return 0;
	rc = join_lines(reader, line, len, &text);
	if (rc)
		return rc;
	/* Its terminator stays in the room. */
	reader->room->at++;
	reader->room->left--;
	if (*text == '[')
		return read_section(reader, text + 1);
	value = strchr(text, '=');
	if (!value)
		return lines_fail(&reader->lines,
				  "'%.*s' is neither a section nor a setting, allowed: KEY = VALUE",
				  LINES_SHOWN_MAX, text);
	*value++ = '\0';
	return set_key(reader, number, trim(text), trim(value));
}

int task_file_read(const struct task_file *file, struct task_room *room, size_t *ret_count,
		   struct uw_err *err)
{
	struct task_reader reader = {
		.lines = {.name = file->name,
			  .next = file->text,
			  .end = file->text + file->len,
			  .utf8 = true,
			  .err = err},
		.tasks = file->task,
		.max = file->max,
		.room = room,
	};
	int rc = 0;

	if (file->defaults)
		reader.defaults = *file->defaults;
	while (!rc && lines_more(&reader.lines))
		rc = read_line(&reader);
	if (!rc)
		rc = end_section(&reader);
	if (!rc && !reader.count)
		rc = err_set(err, -EINVAL, "%s: no task, allowed: at least one [task NAME]",
			     file->name);
	if (!rc)
		*ret_count = reader.count;
	return rc;
}
