/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recommend: what jobs asked for, what they used, and what would have served. */
#ifndef UW_DAEMON_JOB_ADVICE_H
#define UW_DAEMON_JOB_ADVICE_H

#include "user/daemon/daemon.h"

void method_recommend(struct daemon *daemon, const struct ipc_call *call,
		      struct ipc_answer *answer);

#endif
