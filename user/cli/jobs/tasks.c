// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads what is to be submitted into struct task. Options that a file could hold as well are read
 * by the same code as the file's keys, in user/conf, so both allow the same. Options and a command
 * are one task; options and a file are the tasks of the file, with the options for what they leave
 * open.
 */
#include "user/cli/jobs/tasks.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"

#define FILE_MAX (1U << 20) /* a call of uwd has room for less than that */

void tasks_done(struct task_list *list)
{
	free(list->task);
	free(list->text);
	free(list->room);
	free(list->blocks);
	*list = (struct task_list){0};
}

/* Options that say a thing each time they are given. */
static bool is_list(enum option_id id)
{
	return id == OPTION_TAG || id == OPTION_AFTER || id == OPTION_ARRAY;
}

/* Options whose value is taken as it is, without the quoting that a file has. */
static bool is_raw(enum option_id id)
{
	return id == OPTION_ENV || id == OPTION_INPUT || id == OPTION_CWD;
}

static int set_task(struct task *task, enum option_id id, const char *value, struct uw_err *err)
{
	struct task_room none = {NULL, 0};
	struct uw_err why = {0};

	if (!task_set(task, option_row(id)->name, value, NULL, NULL, &none, &why))
		return 0;
	return err_set(err, -EINVAL, "--%s", why.text);
}

/* The values of all options id, with a comma between. */
static int set_joined(const struct options *options, enum option_id id, struct task *task,
		      struct uw_err *err)
{
	char text[4096] = "";
	size_t at = 0;

	for (uint32_t i = 0; i < options->setting_count; i++) {
		if (options->setting[i].id != id)
			continue;
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", at ? "," : "",
				       options->setting[i].value);
		if (at >= sizeof(text))
			return err_set(err, -EINVAL, "--%s: longer than %zu bytes in all",
				       option_row(id)->name, sizeof(text) - 1);
	}
	return at ? set_task(task, id, text, err) : 0;
}

/* The values of all options id, one string after the other, at *at. */
static struct job_block take_block(const struct options *options, enum option_id id, char **at)
{
	struct job_block block = {.data = *at};

	for (uint32_t i = 0; i < options->setting_count; i++) {
		if (options->setting[i].id == id)
			*at = stpcpy(*at, options->setting[i].value) + 1;
	}
	block.size = (uint32_t)(*at - block.data);
	return block;
}

static int check_environment(const struct job_block *block, struct uw_err *err)
{
	for (const char *at = job_block_next(block, NULL); at; at = job_block_next(block, at)) {
		if (!*at || *at == '=')
			return err_set(err, -EINVAL, "--env: '%s' is not NAME=VALUE or NAME", at);
	}
	return 0;
}

static int check_input(const struct job_block *block, struct uw_err *err)
{
	uint64_t bytes;

	for (const char *at = job_block_next(block, NULL); at; at = job_block_next(block, at)) {
		if (!*at || task_input_size(at, &bytes) < 0)
			return err_set(err, -EINVAL,
				       "--input: '%s' is not understood, allowed: a path, or a "
				       "size with its unit as 300M; a file of that name is ./300M",
				       at);
	}
	return 0;
}

/* The directory from here, as the daemon stands elsewhere. */
static int take_cwd(const struct options *options, char **at, const char **ret_cwd,
		    struct uw_err *err)
{
	const char *said = NULL;

	for (uint32_t i = 0; i < options->setting_count; i++) {
		if (options->setting[i].id == OPTION_CWD)
			said = options->setting[i].value;
	}
	if (!said)
		return 0;
	if (!realpath(said, *at))
		return err_set(err, -EINVAL, "--cwd: '%s': %s", said, strerror(errno));
	*ret_cwd = *at;
	*at += strlen(*at) + 1;
	return 0;
}

static int take_raw(const struct options *options, struct task_list *list, struct task *task,
		    struct uw_err *err)
{
	size_t size = PATH_MAX;
	char *at;

	for (uint32_t i = 0; i < options->setting_count; i++)
		size += strlen(options->setting[i].value) + 1;
	at = list->blocks = malloc(size);
	if (!at)
		return err_set(err, -ENOMEM, "out of memory");
	task->environment = take_block(options, OPTION_ENV, &at);
	if (check_environment(&task->environment, err) < 0)
		return -EINVAL;
	task->input = take_block(options, OPTION_INPUT, &at);
	if (check_input(&task->input, err) < 0)
		return -EINVAL;
	return take_cwd(options, &at, &task->cwd, err);
}

/* What the options say of each task. */
static int read_options(const struct cli *cli, struct task_list *list, struct task *task,
			struct uw_err *err)
{
	const struct options *options = &cli->options;
	int r = 0;

	for (uint32_t i = 0; i < options->setting_count && r >= 0; i++) {
		enum option_id id = options->setting[i].id;

		if (!is_list(id) && !is_raw(id))
			r = set_task(task, id, options->setting[i].value, err);
	}
	for (int id = OPTION_TASK_FIRST; id < OPTION__COUNT && r >= 0; id++) {
		if (is_list((enum option_id)id))
			r = set_joined(options, (enum option_id)id, task, err);
	}
	return r < 0 ? r : take_raw(options, list, task, err);
}

static int read_text(const char *path, char **ret_text, size_t *ret_len, struct uw_err *err)
{
	bool standard = !strcmp(path, "-");
	AUTO_FCLOSE FILE *file = standard ? NULL : fopen(path, "re");
	AUTO_FREE char *text = malloc(FILE_MAX + 1);
	FILE *in = standard ? stdin : file;
	size_t len;

	if (!in || !text)
		return err_set(err, -EINVAL, "%s: cannot be read: %s", path, strerror(errno));
	len = fread(text, 1, FILE_MAX + 1, in);
	if (ferror(in))
		return err_set(err, -EINVAL, "%s: cannot be read: %s", path, strerror(errno));
	if (len > FILE_MAX)
		return err_set(err, -EINVAL, "%s: too long, allowed: %u bytes", path, FILE_MAX);
	*ret_text = TAKE(text);
	*ret_len = len;
	return 0;
}

static int read_file(const char *path, const struct task *defaults, struct task_list *list,
		     struct uw_err *err)
{
	const char *name = strcmp(path, "-") ? path : "standard input";
	struct task_file file;
	struct task_room room;
	size_t len = 0, bound;
	int r = read_text(path, &list->text, &len, err);

	if (r < 0)
		return r;
	bound = task_file_bound(list->text, len);
	room = (struct task_room){.at = malloc(2 * len + 2), .left = 2 * len + 2};
	list->room = room.at;
	list->task = calloc(bound + 1, sizeof(*list->task));
	if (!room.at || !list->task)
		return err_set(err, -ENOMEM, "%s: no memory to read it", name);
	file = (struct task_file){name, list->text, len, defaults, list->task, bound};
	return task_file_read(&file, &room, &list->count, err);
}

/* The words behind the options. */
static int read_command(const struct cli *cli, const struct task *said, struct task_list *list,
			struct uw_err *err)
{
	size_t size = 0;
	char *at;

	if (!*said->component)
		return err_set(err, -EINVAL,
			       "which component? allowed: --component NAME; "
			       "'uwctl config show' names them");
	if (cli->argc < 1 || !*cli->argv[0])
		return err_set(err, -EINVAL,
			       "which command? allowed: -- COMMAND [ARGUMENT...], or "
			       "--file TASKS");
	for (int i = 0; i < cli->argc; i++)
		size += strlen(cli->argv[i]) + 1;
	if (size > JOB_BLOCK_MAX)
		return err_set(err, -EINVAL, "command: has %zu bytes, allowed: %u", size,
			       JOB_BLOCK_MAX);
	if (cli->options.name && !task_name_ok(cli->options.name))
		return err_set(err, -EINVAL,
			       "--name: '%s' is not 1 to %d letters, digits and _-.:@/+, with a "
			       "letter",
			       cli->options.name, JOB_NAME_LEN - 1);
	at = list->room = calloc(1, size);
	list->task = calloc(1, sizeof(*list->task));
	if (!at || !list->task)
		return err_set(err, -ENOMEM, "out of memory");
	for (int i = 0; i < cli->argc; i++)
		at = stpcpy(at, cli->argv[i]) + 1;
	*list->task = *said;
	list->task->command = (struct job_block){list->room, (uint32_t)size};
	if (cli->options.name)
		text_copy(list->task->name, sizeof(list->task->name), cli->options.name);
	list->count = 1;
	return 0;
}

int tasks_read(const struct cli *cli, struct task_list *list, struct uw_err *err)
{
	struct task said = {0};
	int r = read_options(cli, list, &said, err);

	if (r < 0)
		return r;
	if (!cli->options.file)
		return read_command(cli, &said, list, err);
	if (cli->options.name)
		return err_set(err, -EINVAL,
			       "--name and --file, allowed: one of the two; a file "
			       "names its tasks");
	if (cli->argc)
		return err_set(err, -EINVAL, "'%s': a command and --file, allowed: one of the two",
			       cli->argv[0]);
	return read_file(cli->options.file, &said, list, err);
}
