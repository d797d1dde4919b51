/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tasks as people write them: the keys of a task file, which are the long options of `uwctl submit`
 * too, through one table (task.c); and the reader of a whole file (taskfile.c). Pure; strings lie
 * in room that the caller gives, and live as long as it.
 */
#ifndef UW_CONF_TASK_H
#define UW_CONF_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/base/err.h"
#include "user/model/component.h"
#include "user/model/job.h"

#define TASK_RANGES_MAX 32
#define TASKS_MAX       4096  /* of one file: a call of uwd has room for about half of it */
#define TASK_LINE_MAX   65536 /* of a value that goes on over several lines, too */

struct task_range {
	uint32_t first, last;
};

/* What was said; 0, "" and NULL where nothing was. */
struct task {
	char name[JOB_NAME_LEN];
	unsigned int line; /* of its section, 0 outside of a file */
	char component[UW_NAME_LEN];
	char key[JOB_KEY_LEN];
	uint64_t memory_bytes;
	uint64_t time_us, time_limit_us;
	uint32_t priority, memory_priority, retries;
	bool freezable, rerun, hold, after_any;
	uint32_t tag_count;
	char tag[JOB_TAGS_MAX][JOB_TAG_LEN];
	uint32_t after_count; /* jobs in the queue */
	uint64_t after[JOB_AFTER_MAX];
	uint32_t after_task_count; /* tasks of the same file, by their place in it */
	uint32_t after_task[JOB_AFTER_MAX];
	uint32_t range_count;
	struct task_range range[TASK_RANGES_MAX];
	const char *cwd;
	struct job_block input; /* what it reads, each a size or a path: task_input_size() */
	struct job_block command;
	struct job_block environment; /* NAME=VALUE, or NAME for the submitter's value */
};

/* Where strings go. */
struct task_room {
	char *at;
	size_t left;
};

/* The keys of a task, from 0; NULL after the last. */
const char *task_key_name(size_t i);

/* Finds names that `after` may use beside ids of jobs: the place of the task, or -1. */
typedef int (*task_find_fn)(const void *arg, const char *name);

/*
 * Sets one key. What the value needs is at most strlen(value) + 1 bytes of room. A list replaces
 * the list that was there. -ENOENT when there is no such key, -EINVAL with "KEY: what is wrong,
 * what is allowed"; task is untouched then.
 */
int task_set(struct task *task, const char *key, const char *value, task_find_fn find,
	     const void *arg, struct task_room *room, struct uw_err *err);

/* A key within two typing errors, or NULL. */
const char *task_key_near(const char *key);

/* A word of `input`: 0 with the size that it says, 1 for a path; -ENOKEY: a size without a unit,
 * which may as well be a file's name; -ERANGE. */
int task_input_size(const char *word, uint64_t *ret_bytes);

/* Elements of its array; 1 without one. */
uint32_t task_elements(const struct task *task);

/* "12" "12_3": a name may not look like the id of a job. */
bool task_name_ok(const char *name);

/* Letters, digits and _-.:@/+, at least one and fewer than size of them. */
bool task_word_ok(const char *text, size_t size);

/* Tasks that text can have at most, for the array that task_file_read() fills. */
size_t task_file_bound(const char *text, size_t len);

/* A file to read, and where its tasks go. */
struct task_file {
	const char *name; /* stands in messages */
	const char *text;
	size_t len;
	const struct task *defaults; /* NULL: nothing said */
	struct task *task;           /* filled from 0 */
	size_t max;                  /* of them there is room for */
};

/*
 * Reads a whole file: [defaults] (once, first), [task NAME]. Each task begins as defaults, then
 * come [defaults], then its own keys. Room for 2 * len + 2 bytes is enough,
 * else -ENOBUFS. All or nothing: -EINVAL with "NAME:LINE: KEY: what is wrong, what is allowed".
 */
int task_file_read(const struct task_file *file, struct task_room *room, size_t *ret_count,
		   struct uw_err *err);

#endif
