// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes as a task file and as a command line. Refused text leaves one printable line; what is
 * taken keeps to its limits, its strings lie in the room and are UTF-8 for jansson, and a word that
 * is quoted again is cut into itself.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/conf/task.h"
#include "user/conf/shell_words.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void require(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzz_task: %s\n", what);
	abort();
}

static void check_message(const struct uw_err *err, int rc)
{
	require(err->code == rc && rc < 0 && err->text[0], "a failure without a message");
	for (const char *c = err->text; *c; c++)
		require(*c >= 0x20 && *c < 0x7f, "a message that cannot be printed");
}

static void check_block(const struct job_block *block, const char *room, size_t size)
{
	if (!block->size)
		return;
	require(block->data >= room && block->data + block->size <= room + size,
		"a string outside of the room");
	require(job_block_count(block) != UINT32_MAX, "a string without an end");
	for (const char *at = job_block_next(block, NULL); at; at = job_block_next(block, at)) {
		json_t *text = json_string(at);

		require(text != NULL, "a string that is not UTF-8");
		json_decref(text);
	}
}

static void check_task(const struct task *tasks, size_t i, const char *room, size_t size)
{
	const struct task *task = &tasks[i];

	require(task->command.size && *task->command.data && *task->component, "half a task");
	require(task_name_ok(task->name), "a bad name");
	require(task->after_count + task->after_task_count <= JOB_AFTER_MAX,
		"too much to wait for");
	for (uint32_t k = 0; k < task->after_task_count; k++)
		require(task->after_task[k] < i, "waits for a task below it");
	require(task->tag_count <= JOB_TAGS_MAX && task->range_count <= TASK_RANGES_MAX,
		"too many of them");
	require(task_elements(task) >= 1 && task_elements(task) <= JOB_ARRAY_MAX, "a bad array");
	check_block(&task->command, room, size);
	check_block(&task->environment, room, size);
}

static void read_as_file(const char *text, size_t len)
{
	size_t bound = task_file_bound(text, len), size = 2 * len + 2, count = 0;
	AUTO_FREE struct task *tasks = calloc(bound + 1, sizeof(*tasks));
	AUTO_FREE char *strings = malloc(size);
	struct task_room room = {strings, size};
	struct uw_err err = {0};
	struct task_file file = {"fuzz", text, len, NULL, tasks, bound};
	int rc = task_file_read(&file, &room, &count, &err);

	require(room.at <= strings + size && room.at + room.left == strings + size, "a bad room");
	if (rc) {
		check_message(&err, rc);
		require(rc != -ENOBUFS, "2 * len + 2 bytes were not enough");
		return;
	}
	require(count && count <= bound, "a bad count");
	for (size_t i = 0; i < count; i++)
		check_task(tasks, i, strings, size);
}

/* Each word, between single quotes, is a text that has this one word. */
static void check_again(const char *word)
{
	size_t len = strlen(word), size = 4 * len + 3, used = 0;
	AUTO_FREE char *quoted = malloc(size), *again = malloc(size);
	uint32_t ret_size = 0;

	quoted[used++] = '\'';
	for (const char *c = word; *c; c++) {
		if (*c == '\'') {
			for (const char *escape = "'\\'"; *escape; escape++)
				quoted[used++] = *escape;
		}
		quoted[used++] = *c;
	}
	memcpy(quoted + used, "'", 2);
	require(!shell_words_split(quoted, again, size, &ret_size, NULL),
		"a quoted word is refused");
	require(ret_size == len + 1 && !memcmp(again, word, ret_size), "a quoted word differs");
}

static void read_as_words(const char *text, size_t len)
{
	AUTO_FREE char *copy = strndup(text, len), *buf = malloc(len + 1);
	struct job_block block = {.data = buf}, same = {.data = copy};
	struct uw_err err = {0};
	int rc = shell_words_split(copy, buf, strlen(copy) + 1, &block.size, &err);

	if (rc) {
		check_message(&err, rc);
		return;
	}
	require(job_block_count(&block) != UINT32_MAX, "a word without an end");
	for (const char *at = job_block_next(&block, NULL); at; at = job_block_next(&block, at))
		check_again(at);
	require(!shell_words_split(copy, copy, strlen(copy) + 1, &same.size, &err),
		"in place fails");
	require(same.size == block.size && !memcmp(copy, buf, same.size), "in place differs");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	read_as_file((const char *)bytes, len);
	read_as_words((const char *)bytes, len);
	return 0;
}
