/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The method Queue: a page of the jobs that have not ended.
 */
#ifndef UW_DAEMON_METHODS_QUEUE_PAGE_H
#define UW_DAEMON_METHODS_QUEUE_PAGE_H

#include "user/daemon/state.h"
#include "user/ipc/server.h"

void method_queue_page(struct daemon *daemon, const struct ipc_call *call,
		       struct ipc_answer *answer);

#endif
