// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Turns tasks into the Submit call of uwd: each task becomes a JobSpec, with a name and a key made
 * from its command where none was given, and beside them go the directory, umask and environment of
 * the caller. What is not UTF-8 cannot be sent and is refused or, in the environment, left out.
 */
#include "user/cli/jobs/spec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "user/base/cleanup.h"
#include "user/base/hash.h"
#include "user/cli/jobs/input.h"
#include "user/cli/jobs/tasks.h"
#include "user/ipc/json.h"

/* ---- keys ---- */

#define KEY_CUT_LEN (JOB_KEY_LEN - sizeof("@0123456789abcdef"))

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* "python3.11" is python. */
static bool is_interpreter(const char *name)
{
	static const char *const names[] = {"python", "perl", "ruby",  "node", "Rscript",
					    "java",   "bash", "sh",    "dash", "julia",
					    "php",    "lua",  "octave"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t len = strlen(names[i]);

		if (!strncmp(name, names[i], len) && !name[len + strspn(name + len, "0123456789.")])
			return true;
	}
	return false;
}

/* The script of an interpreter: its first argument that is no option. A text after -c is none. */
static const char *script_of(const struct job_block *command)
{
	const char *at = job_block_next(command, job_block_next(command, NULL));

	while (at && *at == '-') {
		if (!strcmp(at, "-c") || !strcmp(at, "-e"))
			return NULL;
		at = job_block_next(command, at);
	}
	return at && *at ? at : NULL;
}

/* NULL where the command is the program itself. */
static const char *command_script(const struct task *task)
{
	return is_interpreter(last_part(task->command.data)) ? script_of(&task->command) : NULL;
}

static const char *command_name(const struct task *task)
{
	const char *script = command_script(task);

	return last_part(script ?: task->command.data);
}

/* Cuts text to what may stand in a key or name. */
static const char *clean_word(char *text)
{
	for (char *c = text; *c; c++) {
		char one[2] = {*c, '\0'};

		if (!task_word_ok(one, sizeof(one)))
			*c = '-';
	}
	return text;
}

/* One that is too long ends in a hash of all of it: programs whose names begin alike are not alike.
 */
const char *spec_key(const struct task *task, char buf[static JOB_KEY_LEN])
{
	static const uint8_t no_secret[HASH_SECRET_LEN];
	const char *name = command_name(task);
	int size = snprintf(buf, JOB_KEY_LEN, "%s/%s", task->component, name);

	if (size >= JOB_KEY_LEN)
		snprintf(buf + KEY_CUT_LEN, JOB_KEY_LEN - KEY_CUT_LEN, "@%016" PRIx64,
			 hash_keyed(no_secret, name, strlen(name)));
	clean_word(buf);
	return buf;
}

/* Of "sh -c 'exec ./fold $X'" it is fold that people know it by. */
static const char *shell_name(const struct task *task, char *buf, size_t size)
{
	const struct job_block *command = &task->command;
	const char *name = last_part(command->data);
	const char *word = job_block_next(command, command->data);
	const char *text = word && !strcmp(word, "-c") ? job_block_next(command, word) : NULL;

	if (!text || (strcmp(name, "sh") && strcmp(name, "bash") && strcmp(name, "dash")))
		return command_name(task);
	text += strspn(text, " \t\n");
	if (!strncmp(text, "exec ", 5))
		text += 5 + strspn(text + 5, " \t\n");
	snprintf(buf, size, "%.*s", (int)strcspn(text, " \t\n;&|<>()"), text);
	return *last_part(buf) ? last_part(buf) : name;
}

/* A name that is cut says so by a + at its end. */
static const char *job_name(const struct task *task, char buf[static JOB_NAME_LEN])
{
	char word[PATH_MAX];
	const char *name = *task->name ? task->name : shell_name(task, word, sizeof(word));

	if (snprintf(buf, JOB_NAME_LEN, "%s", name) >= JOB_NAME_LEN)
		buf[JOB_NAME_LEN - 2] = '+';
	return clean_word(buf);
}

/* ---- a JobSpec ---- */

static void put(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

static void put_number(json_t *object, const char *key, uint64_t value)
{
	if (value)
		put(object, key, json_integer((json_int_t)value));
}

static void put_flag(json_t *object, const char *key, bool value)
{
	if (value)
		put(object, key, json_true());
}

static int put_command(json_t *spec, const struct task *task, struct uw_err *err)
{
	json_t *list = json_array();
	unsigned int number = 0;

	put(spec, "command", list);
	for (const char *at = job_block_next(&task->command, NULL); at;
	     at = job_block_next(&task->command, at), number++) {
		json_t *word = json_string(at);

		if (!word)
			return err_set(
				err, -EINVAL,
				"argument %u is not UTF-8, which a call of uwd cannot carry; "
				"a script can hold it",
				number);
		json_array_append_new(list, word);
	}
	return 0;
}

/* NAME takes the value that it has here, and is left out where it has none. */
static int put_environment(json_t *spec, const struct task *task, struct uw_err *err)
{
	json_t *list = json_array();

	put(spec, "environment", list);
	for (const char *at = job_block_next(&task->environment, NULL); at;
	     at = job_block_next(&task->environment, at)) {
		const char *value = strchr(at, '=') ? NULL : getenv(at);
		json_t *entry = value             ? json_sprintf("%s=%s", at, value)
				: strchr(at, '=') ? json_string(at)
						  : NULL;

		if (!entry && (value || strchr(at, '=')))
			return err_set(err, -EINVAL, "--env: '%.*s' is not UTF-8",
				       (int)strcspn(at, "="), at);
		if (entry)
			json_array_append_new(list, entry);
	}
	return 0;
}

static void put_lists(json_t *spec, const struct task *task)
{
	json_t *tags = json_array(), *after = json_array(), *tasks = json_array();
	json_t *ranges = json_array();

	for (uint32_t i = 0; i < task->tag_count; i++)
		json_array_append_new(tags, json_string(task->tag[i]));
	for (uint32_t i = 0; i < task->after_count; i++)
		json_array_append_new(after, json_integer((json_int_t)task->after[i]));
	for (uint32_t i = 0; i < task->after_task_count; i++)
		json_array_append_new(tasks, json_integer(task->after_task[i]));
	for (uint32_t i = 0; i < task->range_count; i++)
		json_array_append_new(ranges,
				      json_pack("{s:i, s:i}", "first", (int)task->range[i].first,
						"last", (int)task->range[i].last));
	put(spec, "tags", tags);
	put(spec, "after", after);
	put(spec, "after_jobs", tasks);
	if (task->range_count)
		put(spec, "array", ranges);
	else
		json_decref(ranges);
}

static int spec_json(const struct task *task, json_t **ret_spec, struct uw_err *err)
{
	AUTO_JSON json_t *spec = json_object();
	char key[JOB_KEY_LEN], name[JOB_NAME_LEN];
	uint64_t input_bytes = 0;
	int r;

	put(spec, "name", json_string(job_name(task, name)));
	put(spec, "component", json_string(task->component));
	put(spec, "key", json_string(*task->key ? task->key : spec_key(task, key)));
	r = put_command(spec, task, err);
	if (r >= 0)
		r = put_environment(spec, task, err);
	if (r >= 0)
		r = input_size(task, command_script(task), &input_bytes, err);
	if (r < 0 && task->line)
		err_prefix(err, "task '%s'", task->name);
	if (r < 0)
		return r;
	put_number(spec, "memory_bytes", task->memory_bytes);
	put_number(spec, "time_us", task->time_us);
	put_number(spec, "time_limit_us", task->time_limit_us);
	put_number(spec, "input_bytes", input_bytes);
	put_number(spec, "priority", task->priority);
	put_number(spec, "memory_priority", task->memory_priority);
	put_number(spec, "retries", task->retries);
	put_flag(spec, "after_any", task->after_any);
	put_flag(spec, "freezable", task->freezable);
	put_flag(spec, "rerun", task->rerun);
	put_flag(spec, "hold", task->hold);
	if (task->cwd)
		put(spec, "cwd", json_string(task->cwd));
	put_lists(spec, task);
	*ret_spec = TAKE(spec);
	return 0;
}

/* ---- the context ---- */

/* umask(2) is the only way to read it that is everywhere. */
static mode_t read_umask(void)
{
	mode_t mask = umask(077);

	umask(mask);
	return mask;
}

/* What a login has, so that a command is found and knows where it is at home. */
static bool is_basic(const char *entry)
{
	static const char *const names[] = {
		"PATH=", "HOME=", "USER=", "LOGNAME=", "SHELL=", "LANG=", "TZ="};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strncmp(entry, names[i], strlen(names[i])))
			return true;
	}
	return false;
}

static json_t *environment_json(const struct cli *cli)
{
	json_t *list = json_array();

	for (char **entry = environ; *entry; entry++) {
		json_t *text = NULL;

		if (**entry == '=' || !strchr(*entry, '=') || !strncmp(*entry, "_=", 2))
			continue;
		if (!cli->options.no_env || is_basic(*entry))
			text = json_string(*entry);
		else
			continue;
		if (text)
			json_array_append_new(list, text);
		else
			fprintf(stderr,
				"uwctl submit: %.*s is left out of the environment: not "
				"UTF-8\n",
				(int)strcspn(*entry, "="), *entry);
	}
	return list;
}

static int context_json(const struct cli *cli, json_t **ret_context, struct uw_err *err)
{
	AUTO_FREE char *cwd = getcwd(NULL, 0);
	json_t *text = cwd ? json_string(cwd) : NULL;

	if (!cwd)
		return err_set(err, -errno, "the current directory: %s", strerror(errno));
	if (!text)
		return err_set(err, -EINVAL,
			       "the current directory's name is not UTF-8; --cwd "
			       "names another");
	*ret_context = json_pack("{s:o, s:i, s:o}", "cwd", text, "umask", (int)read_umask(),
				 "environment", environment_json(cli));
	return 0;
}

int spec_submit(const struct cli *cli, const struct task_list *list, json_t **ret_parameters,
		struct uw_err *err)
{
	AUTO_JSON json_t *jobs = json_array();
	json_t *context = NULL;
	int r = 0;

	for (size_t i = 0; i < list->count && r >= 0; i++) {
		json_t *spec;

		r = spec_json(&list->task[i], &spec, err);
		if (r >= 0)
			json_array_append_new(jobs, spec);
	}
	if (r >= 0)
		r = context_json(cli, &context, err);
	if (r < 0)
		return r;
	*ret_parameters = json_pack("{s:o, s:O}", "context", context, "jobs", jobs);
	if (cli->options.dry_run)
		json_object_set_new(*ret_parameters, "dry_run", json_true());
	return 0;
}
