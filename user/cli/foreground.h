/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A command in a cgroup, with us as the parent that is not there: the same process group, terminal
 * and files; signals sent to us go on to it, its stops are ours, its status is what we return.
 */
#ifndef UW_CLI_FOREGROUND_H
#define UW_CLI_FOREGROUND_H

#include <sys/types.h>

#include "user/base/err.h"

struct foreground_end {
	pid_t pid;
	int exit_code;  /* of the command when it exited, else -1 */
	int signal;     /* that ended it, else 0 */
	int exec_error; /* errno when it could not be executed, else 0 */
};

/*
 * Starts argv in the cgroup and waits until it has ended. 0 and *ret_end, also when it could not
 * be executed. -EACCES and -EPERM when the caller may not put a process there, -EBUSY when the
 * cgroup cannot hold one, others of clone3(2).
 */
int foreground_run(int cgroup_dirfd, char **argv, struct foreground_end *ret_end,
		   struct uw_err *err);

#endif
