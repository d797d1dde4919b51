/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tasks as they go to uwd: options and files to struct task, and that to a Submit call. */
#ifndef UW_CLI_JOBS_SPEC_H
#define UW_CLI_JOBS_SPEC_H

#include "user/cli/remote.h"
#include "user/conf/task.h"

/* All tasks of one call, and the memory of their strings. All zero is an empty one. */
struct job_list {
	struct task *task;
	size_t count;
	char *text;   /* of the file */
	char *room;   /* of the strings */
	char *blocks; /* of what the command line says again and again */
};

void job_list_done(struct job_list *list);

/* From the options and either the command behind them or a file. -EINVAL, -ENOMEM. */
int job_list_read(const struct cli *cli, struct job_list *list, struct uw_err *err);

/*
 * A key for who gave none: COMPONENT/COMMAND, where COMMAND is the last part of the path, and of an
 * interpreter the script's. What may not stand in a key is '-'. Returns buf.
 */
const char *job_key(const struct task *task, char buf[static JOB_KEY_LEN]);

/* The parameters of Submit: the caller's directory, umask and environment, and the jobs. */
int job_submit_json(const struct cli *cli, const struct job_list *list, json_t **ret_parameters,
		    struct uw_err *err);

#endif
