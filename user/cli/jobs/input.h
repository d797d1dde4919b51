/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much a task reads, as far as that can be told before it runs: what its memory and its time
 * are predicted from where they follow it. Looks at sizes alone and opens nothing.
 */
#ifndef UW_CLI_JOBS_INPUT_H
#define UW_CLI_JOBS_INPUT_H

#include "user/base/err.h"
#include "user/conf/task.h"

/*
 * The sum of what its `input` says: sizes, and the files at paths, of directories those within, up
 * to 10,000. Without one it is that of the files that the command names, but for program (NULL: the
 * first word alone) and what an output option names. Paths are from its directory, or else from
 * here. 0: not known. -EINVAL: there is no such file, where no other job has to end first that
 * could make it.
 */
int input_size(const struct task *task, const char *program, uint64_t *ret_bytes,
	       struct uw_err *err);

#endif
