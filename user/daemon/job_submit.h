/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Submit: from the JSON of the call to jobs_submit, and its answer when it is on disk. */
#ifndef UW_DAEMON_JOB_SUBMIT_H
#define UW_DAEMON_JOB_SUBMIT_H

#include "user/daemon/daemon.h"

void method_submit(struct daemon *daemon, const struct ipc_call *call, struct ipc_answer *answer);

/* Whether the allow list of a component names who is at the other end; root may always. */
bool submit_is_allowed(const struct component *component, const struct ipc_peer *peer);

/* Whether any component lets others than root submit: then any user may connect. */
bool submit_is_open(const struct config *config);

#endif
