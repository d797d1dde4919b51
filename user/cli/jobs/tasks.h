/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is to be submitted, from the options and either a command or a file, as struct task. */
#ifndef UW_CLI_JOBS_TASKS_H
#define UW_CLI_JOBS_TASKS_H

#include "user/cli/cli.h"
#include "user/conf/task.h"

/* All tasks of one call, and the memory of their strings. All zero is an empty one. */
struct task_list {
	struct task *task;
	size_t count;
	char *text;   /* of the file */
	char *room;   /* of the strings */
	char *blocks; /* of what the command line says again and again */
};

void tasks_done(struct task_list *list);

/* From the options and either the command behind them or a file. -EINVAL, -ENOMEM. */
int tasks_read(const struct cli *cli, struct task_list *list, struct uw_err *err);

#endif
