/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Submit: from the JSON of the call to jobs_submit, and its answer when it is on disk. */
#ifndef UW_DAEMON_METHODS_SUBMIT_H
#define UW_DAEMON_METHODS_SUBMIT_H

#include "user/daemon/state.h"
#include "user/ipc/server.h"

void method_submit(struct daemon *daemon, const struct ipc_call *call, struct ipc_answer *answer);

#endif
