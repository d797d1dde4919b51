/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tasks as they go to uwd: struct task to a JobSpec each, and all of them to a Submit call. */
#ifndef UW_CLI_JOBS_SPEC_H
#define UW_CLI_JOBS_SPEC_H

#include <jansson.h>

#include "user/cli/jobs/tasks.h"

/*
 * A key for who gave none: COMPONENT/COMMAND, where COMMAND is the last part of the path, and of an
 * interpreter the script's. What may not stand in a key is '-'. Returns buf.
 */
const char *spec_key(const struct task *task, char buf[static JOB_KEY_LEN]);

/* The parameters of Submit: the caller's directory, umask and environment, and the jobs. */
int spec_submit(const struct cli *cli, const struct task_list *list, json_t **ret_parameters,
		struct uw_err *err);

#endif
