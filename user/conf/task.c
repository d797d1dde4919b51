// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The keys that a task may have, one row each, with how their values are read. Most go through the
 * kinds of the options of uw.conf; lists, ranges and commands have readers of their own. The same
 * table serves the options of uwctl submit.
 */
#include "user/conf/task.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/base/units.h"
#include "user/conf/lines.h"
#include "user/conf/option.h"
#include "user/conf/shell_words.h"

#define US_PER_HOUR (3600 * US_PER_SEC)
#define TIME_MAX_US (366 * 24 * US_PER_HOUR)

/* One value on its way into a task. */
struct setting {
	struct task *task;
	const char *value;
	task_find_fn find;
	const void *arg;
	struct task_room *room;
	struct uw_err why; /* more than "is not understood" */
};

struct task_row {
	struct option option; /* of struct task; .kind holds where there is no set */
	int (*set)(struct setting *setting);
	const char *allowed;
};

/* ---- values that are no plain number ---- */

/* Cuts the next word of a list whose parts are parted by blanks and commas. False at its end. */
static bool next_item(const char **at, char *buf, size_t size, int *ret_rc)
{
	size_t len;

	*at += strspn(*at, " \t,");
	len = strcspn(*at, " \t,");
	*ret_rc = len < size ? 0 : -EINVAL;
	if (!len || *ret_rc)
		return false;
	memcpy(buf, *at, len);
	buf[len] = '\0';
	*at += len;
	return true;
}

bool task_word_ok(const char *text, size_t size)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_-.:@/+";
	size_t len = strspn(text, allowed);

	return len && !text[len] && len < size;
}

bool task_name_ok(const char *name)
{
	return task_word_ok(name, JOB_NAME_LEN) && name[strspn(name, "0123456789_-")];
}

/* 0, -ENOENT for what is no number at all, or as of units_parse_uint. */
static int parse_priority(const char *text, uint32_t *ret_priority)
{
	int class = job_class_find(text);
	uint64_t number = (uint64_t) class * 2 + PRIORITY_MIN;
	int rc = class < 0 ? units_parse_uint(text, PRIORITY_MIN, PRIORITY_MAX, &number) : 0;

	if (!rc)
		*ret_priority = (uint32_t)number;
	return rc;
}

static int set_priority(struct setting *setting)
{
	return parse_priority(setting->value, &setting->task->priority);
}

static int set_memory_priority(struct setting *setting)
{
	return parse_priority(setting->value, &setting->task->memory_priority);
}

static int set_component(struct setting *setting)
{
	if (!text_is_name(setting->value))
		return -EINVAL;
	text_copy(setting->task->component, sizeof(setting->task->component), setting->value);
	return 0;
}

static int set_key(struct setting *setting)
{
	if (!task_word_ok(setting->value, sizeof(setting->task->key)))
		return -EINVAL;
	text_copy(setting->task->key, sizeof(setting->task->key), setting->value);
	return 0;
}

static int set_tag(struct setting *setting)
{
	char tags[JOB_TAGS_MAX][JOB_TAG_LEN] = {0}, tag[JOB_TAG_LEN];
	const char *at = setting->value;
	uint32_t count = 0;
	int rc;

	while (next_item(&at, tag, sizeof(tag), &rc)) {
		if (count == JOB_TAGS_MAX || !task_word_ok(tag, sizeof(tag)))
			return -EINVAL;
		text_copy(tags[count++], sizeof(tags[0]), tag);
	}
	if (rc || !count)
		return -EINVAL;
	memcpy(setting->task->tag, tags, sizeof(tags));
	setting->task->tag_count = count;
	return 0;
}

struct after_wish {
	uint32_t jobs, tasks;
	uint64_t job[JOB_AFTER_MAX];
	uint32_t task[JOB_AFTER_MAX];
};

static int add_after(struct setting *setting, const char *word, struct after_wish *after)
{
	uint64_t id;
	int place;

	if (after->jobs + after->tasks == JOB_AFTER_MAX)
		return -EINVAL;
	if (!word[strspn(word, "0123456789")]) {
		if (units_parse_uint(word, 1, INT64_MAX, &id))
			return -EINVAL;
		after->job[after->jobs++] = id;
		return 0;
	}
	if (!setting->find || !task_name_ok(word))
		return -EINVAL;
	place = setting->find(setting->arg, word);
	if (place < 0)
		return err_set(&setting->why, -EINVAL,
			       "there is no task '%s' above, allowed: tasks further up in this "
			       "file, and ids of jobs",
			       word);
	after->task[after->tasks++] = (uint32_t)place;
	return 0;
}

static int set_after(struct setting *setting)
{
	struct after_wish after = {0};
	struct task *task = setting->task;
	const char *at = setting->value;
	char word[JOB_NAME_LEN];
	int rc;

	while (next_item(&at, word, sizeof(word), &rc)) {
		rc = add_after(setting, word, &after);
		if (rc)
			return rc;
	}
	if (rc || (!after.jobs && !after.tasks))
		return -EINVAL;
	task->after_count = after.jobs;
	task->after_task_count = after.tasks;
	memcpy(task->after, after.job, sizeof(after.job));
	memcpy(task->after_task, after.task, sizeof(after.task));
	return 0;
}

/* "7" or "0-9". */
static int parse_range(char *text, struct task_range *ret_range)
{
	char *dash = strchr(text, '-');
	uint64_t first, last;

	if (dash)
		*dash = '\0';
	if (units_parse_uint(text, 0, JOB_ARRAY_MAX - 1, &first) ||
	    units_parse_uint(dash ? dash + 1 : text, first, JOB_ARRAY_MAX - 1, &last))
		return -EINVAL;
	*ret_range = (struct task_range){(uint32_t)first, (uint32_t)last};
	return 0;
}

static bool overlap(const struct task_range *a, const struct task_range *b)
{
	return a->first <= b->last && b->first <= a->last;
}

static int set_array(struct setting *setting)
{
	struct task_range range[TASK_RANGES_MAX];
	const char *at = setting->value;
	uint32_t count = 0;
	char word[16];
	int rc;

	while (next_item(&at, word, sizeof(word), &rc)) {
		if (count == TASK_RANGES_MAX || parse_range(word, &range[count]))
			return -EINVAL;
		for (uint32_t i = 0; i < count; i++) {
			if (overlap(&range[i], &range[count]))
				return err_set(&setting->why, -EINVAL,
					       "'%s' is in it already, allowed: each index once",
					       word);
		}
		count++;
	}
	if (rc || !count)
		return -EINVAL;
	memcpy(setting->task->range, range, count * sizeof(range[0]));
	setting->task->range_count = count;
	return 0;
}

/* Copies the value to the room and cuts it there. */
static int split_value(struct setting *setting, struct job_block *ret_block)
{
	struct task_room *room = setting->room;
	size_t size = strlen(setting->value) + 1;
	struct uw_err why = {0};
	uint32_t used = 0;

	if (size > room->left)
		return err_set(&setting->why, -EINVAL, "too long, allowed: %zu bytes", room->left);
	if (shell_words_split(setting->value, room->at, size, &used, &why))
		return err_set(&setting->why, -EINVAL, "%s", why.text);
	*ret_block = (struct job_block){room->at, used};
	room->at += size;
	room->left -= size;
	return 0;
}

static int set_command(struct setting *setting)
{
	struct job_block block = {0};
	int rc = split_value(setting, &block);

	if (rc)
		return rc;
	if (!block.size || !*block.data)
		return err_set(&setting->why, -EINVAL,
			       "is empty, allowed: a command and its "
			       "arguments");
	setting->task->command = block;
	return 0;
}

static int set_environment(struct setting *setting)
{
	struct job_block block = {0};
	int rc = split_value(setting, &block);

	if (rc)
		return rc;
	for (const char *at = job_block_next(&block, NULL); at; at = job_block_next(&block, at)) {
		if (!*at || *at == '=')
			return -EINVAL;
	}
	setting->task->environment = block;
	return 0;
}

int task_input_size(const char *word, uint64_t *ret_bytes)
{
	uint64_t bytes = 0;
	int rc = units_parse_bytes(word, &bytes);

	if (rc == -EINVAL)
		return 1;
	if (!rc && bytes > INT64_MAX)
		rc = -ERANGE;
	if (!rc)
		*ret_bytes = bytes;
	return rc;
}

static int set_input(struct setting *setting)
{
	struct job_block block = {0};
	int rc = split_value(setting, &block);
	uint64_t bytes;

	if (rc)
		return rc;
	for (const char *at = job_block_next(&block, NULL); at; at = job_block_next(&block, at)) {
		if (!*at)
			return -EINVAL;
		rc = task_input_size(at, &bytes);
		if (rc < 0)
			return rc;
	}
	if (!block.size)
		return -EINVAL;
	setting->task->input = block;
	return 0;
}

static int set_cwd(struct setting *setting)
{
	struct job_block block = {0};
	int rc = split_value(setting, &block);

	if (rc)
		return rc;
	if (!block.size || job_block_count(&block) != 1 || *block.data != '/' ||
	    block.size > JOB_PATH_LEN)
		return -EINVAL;
	setting->task->cwd = block.data;
	return 0;
}

/* ---- the table ---- */

#define ROW(field, ...)                                             \
	{                                                           \
		.offset = offsetof(struct task, field), __VA_ARGS__ \
	}
#define TIME_KIND .kind = KIND_US, .min = US_PER_MS, .max = TIME_MAX_US
#define WORD_RULE "letters, digits and _-.:@/+"

static const struct task_row rows[] = {
	{.option = {.key = "component"},
	 .set = set_component,
	 .allowed = "1 to 31 of a-z 0-9 _ -, the first one a letter or a digit"},
	{.option = ROW(memory_bytes, .key = "memory", .kind = KIND_BYTES, .min = MIB,
		       .max = 64 * 1024 * GIB)},
	{.option = ROW(time_us, .key = "time", TIME_KIND)},
	{.option = ROW(time_limit_us, .key = "time-limit", TIME_KIND)},
	{.option = {.key = "priority"},
	 .set = set_priority,
	 .allowed = "critical, high, normal, low, deferred, or a number from 1 to 10"},
	{.option = {.key = "memory-priority"},
	 .set = set_memory_priority,
	 .allowed = "critical, high, normal, low, deferred, or a number from 1 to 10"},
	{.option = {.key = "key"}, .set = set_key, .allowed = "up to 63 " WORD_RULE},
	{.option = {.key = "tag"},
	 .set = set_tag,
	 .allowed = "up to 8 words, each up to 31 " WORD_RULE},
	{.option = {.key = "after"},
	 .set = set_after,
	 .allowed = "up to 32 ids of jobs, and in a file names of tasks further up"},
	{.option = ROW(after_any, .key = "after-any", .kind = KIND_BOOL)},
	{.option = ROW(freezable, .key = "freezable", .kind = KIND_BOOL)},
	{.option = ROW(retries, .key = "retries", .kind = KIND_COUNT, .max = JOB_RETRIES_MAX)},
	{.option = ROW(rerun, .key = "rerun", .kind = KIND_BOOL)},
	{.option = ROW(hold, .key = "hold", .kind = KIND_BOOL)},
	{.option = {.key = "array"},
	 .set = set_array,
	 .allowed = "up to 32 indices or ranges of them, 0-9 or 1,3,7, below 100000"},
	{.option = {.key = "env"},
	 .set = set_environment,
	 .allowed = "NAME=VALUE or NAME, quoted "
		    "where it has blanks"},
	{.option = {.key = "input"},
	 .set = set_input,
	 .allowed = "paths, and sizes with their unit as 300M or 2.5GiB; a file of that name is "
		    "./300M"},
	{.option = {.key = "cwd"},
	 .set = set_cwd,
	 .allowed = "one absolute path, up to 1023 bytes"},
	{.option = {.key = "command"}, .set = set_command, .allowed = "words"},
};

const char *task_key_name(size_t i)
{
	return i < ARRAY_SIZE(rows) ? rows[i].option.key : NULL;
}

static const struct task_row *row_find(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!strcmp(rows[i].option.key, key))
			return &rows[i];
	}
	return NULL;
}

static int refuse(const struct task_row *row, const struct setting *setting, int rc,
		  struct uw_err *err)
{
	const char *what = rc == -ENOKEY   ? "has no unit"
			   : rc == -ERANGE ? "is out of range"
					   : "is not understood";
	char allowed[CONF_ALLOWED_LEN];

	if (setting->why.code)
		return err_set(err, -EINVAL, "%s: %s", row->option.key, setting->why.text);
	if (row->allowed)
		text_copy(allowed, sizeof(allowed), row->allowed);
	else
		option_allowed(&row->option, allowed, sizeof(allowed));
	return err_set(err, -EINVAL, "%s: '%.*s' %s, allowed: %s", row->option.key, LINES_SHOWN_MAX,
		       setting->value, what, allowed);
}

int task_set(struct task *task, const char *key, const char *value, task_find_fn find,
	     const void *arg, struct task_room *room, struct uw_err *err)
{
	struct setting setting = {
		.task = task, .value = value, .find = find, .arg = arg, .room = room};
	const struct task_row *row = row_find(key);
	int rc;

	if (!row)
		return -ENOENT;
	rc = row->set ? row->set(&setting)
		      : option_parse(&row->option, value, (char *)task + row->option.offset);
	return rc ? refuse(row, &setting, rc, err) : 0;
}

const char *task_key_near(const char *key)
{
	const char *names[ARRAY_SIZE(rows)];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		names[i] = rows[i].option.key;
	return word_near(key, names, ARRAY_SIZE(names));
}

uint32_t task_elements(const struct task *task)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < task->range_count; i++)
		count += task->range[i].last - task->range[i].first + 1;
	return task->range_count ? count : 1;
}
