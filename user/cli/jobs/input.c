// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Adds up the sizes of files. Of a command each word counts that is the path of a file, alone or
 * behind the = of an option, but what an option says is written: that is there from the second run
 * on, so that alike runs would be counted differently. An output file that no option tells from the
 * others counts. Directories count only where they were named as input.
 */
#include "user/cli/jobs/input.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "user/base/cleanup.h"
#include "user/policy/num.h"

#define ENTRIES_MAX 10000 /* of a directory: some 50 ms */

static const char *path_of(const struct task *task, const char *word, char path[static PATH_MAX])
{
	if (*word == '/' || !task->cwd)
		return word;
	snprintf(path, PATH_MAX, "%s/%s", task->cwd, word);
	return path;
}

static uint64_t size_of(const struct stat *file)
{
	return S_ISREG(file->st_mode) ? (uint64_t)file->st_size : 0;
}

static uint64_t directory_size(char *path)
{
	char *const paths[] = {path, NULL};
	FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	uint64_t bytes = 0;
	FTSENT *entry;

	for (int n = 0; tree && n < ENTRIES_MAX && (entry = fts_read(tree)); n++)
		if (entry->fts_info == FTS_F)
			bytes = add_sat(bytes, size_of(entry->fts_statp));
	if (tree)
		fts_close(tree);
	return bytes;
}

/* A word that only looks like a path mounts nothing. */
static int look_at(const char *path, struct stat *ret_file)
{
	return fstatat(AT_FDCWD, path, ret_file, AT_NO_AUTOMOUNT);
}

/* -errno: there is nothing. */
static int named_size(const struct task *task, const char *word, uint64_t *ret_bytes)
{
	char path[PATH_MAX], name[PATH_MAX];
	struct stat file;

	snprintf(name, sizeof(name), "%s", path_of(task, word, path));
	if (look_at(name, &file))
		return -errno;
	*ret_bytes = S_ISDIR(file.st_mode) ? directory_size(name) : size_of(&file);
	return 0;
}

static int said_size(const struct task *task, uint64_t *ret_bytes, struct uw_err *err)
{
	bool is_first = !task->after_count && !task->after_task_count;
	uint64_t bytes = 0;

	for (const char *at = job_block_next(&task->input, NULL); at;
	     at = job_block_next(&task->input, at)) {
		uint64_t more = 0;
		int rc = task_input_size(at, &more) ? named_size(task, at, &more) : 0;

		if (rc && is_first)
			return err_set(err, -EINVAL, "input: '%s': %s", at, strerror(-rc));
		bytes = add_sat(bytes, more);
	}
	*ret_bytes = bytes;
	return 0;
}

/* Is it an option that is followed by the name of what is written? */
static bool is_output(const char *word, size_t length)
{
	static const char *const names[] = {"-o",        "--out",         "--output",
					    "--outfile", "--output-file", "--out-file"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i]) == length && !strncmp(word, names[i], length))
			return true;
	return false;
}

static uint64_t word_size(const struct task *task, const char *word)
{
	const char *value = strchr(word, '=');
	char path[PATH_MAX];
	struct stat file;

	if (!look_at(path_of(task, word, path), &file))
		return size_of(&file);
	if (*word == '-' && value && value[1] && !is_output(word, (size_t)(value - word)) &&
	    !look_at(path_of(task, value + 1, path), &file))
		return size_of(&file);
	return 0;
}

static uint64_t command_size(const struct task *task, const char *program)
{
	bool is_written = false;
	uint64_t bytes = 0;

	for (const char *at = job_block_next(&task->command, task->command.data); at;
	     at = job_block_next(&task->command, at)) {
		if (at != program && !is_written)
			bytes = add_sat(bytes, word_size(task, at));
		is_written = is_output(at, strlen(at));
	}
	return bytes;
}

int input_size(const struct task *task, const char *program, uint64_t *ret_bytes,
	       struct uw_err *err)
{
	uint64_t bytes = 0;

	if (task->input.size) {
		int rc = said_size(task, &bytes, err);

		if (rc)
			return rc;
	} else {
		bytes = command_size(task, program);
	}
	*ret_bytes = bytes < INT64_MAX ? bytes : INT64_MAX;
	return 0;
}
