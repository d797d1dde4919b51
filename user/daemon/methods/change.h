/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cancel, Hold, Release and Requeue of many jobs in one call. */
#ifndef UW_DAEMON_METHODS_CHANGE_H
#define UW_DAEMON_METHODS_CHANGE_H

#include "user/daemon/state.h"
#include "user/ipc/server.h"

void method_change(struct daemon *daemon, const struct ipc_call *call, struct ipc_answer *answer);

#endif
