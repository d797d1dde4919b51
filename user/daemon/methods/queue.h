/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The methods of jobs. A user sees and changes their own, root all; who may submit to a component
 * says its `submit`. What changes something is answered when it is on disk.
 */
#ifndef UW_DAEMON_METHODS_QUEUE_H
#define UW_DAEMON_METHODS_QUEUE_H

#include "user/daemon/state.h"
#include "user/ipc/server.h"
#include "user/model/job.h"

/* False when method is none of them. */
bool methods_queue_handle(struct daemon *daemon, const struct ipc_call *call,
			  struct ipc_answer *answer);

#endif
