/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Wait: which of the named jobs have ended, and then, where the caller wants more, each end as it
 * comes. No end is told twice and none is left out, though the rows are read while jobs end.
 */
#ifndef UW_DAEMON_METHODS_WAIT_H
#define UW_DAEMON_METHODS_WAIT_H

#include "user/daemon/state.h"
#include "user/ipc/server.h"

void method_wait(struct daemon *daemon, const struct ipc_call *call, struct ipc_answer *answer);

/* To those that are still being answered and to those that follow. Of struct daemon. */
void wait_see_end(struct daemon *daemon, const struct job *job, const struct job_result *result);

#endif
