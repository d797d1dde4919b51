/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Enter: whoever calls is moved into a leaf of a component, as its `submit` allows, and goes on
 * there. It is for services, whose own manager starts them: their memory stands on the component
 * from their first instruction on, and they need not be root. Root does it for a user whose process
 * the caller is about to become, as one of several and with a size that is reserved for them all.
 */
#ifndef UW_DAEMON_METHODS_ENTER_H
#define UW_DAEMON_METHODS_ENTER_H

#include "user/daemon/state.h"
#include "user/ipc/server.h"

void method_enter(struct daemon *daemon, const struct ipc_call *call, struct ipc_answer *answer);

/* Ended: how a process has ended that root had let in: by that its run is a lesson, or only shows
 * how large the next one may be. */
void method_ended(struct daemon *daemon, const struct ipc_call *call, struct ipc_answer *answer);

/* Vacate: what root had let in for has ended, and who is left of it ends too. */
void method_vacate(struct daemon *daemon, const struct ipc_call *call, struct ipc_answer *answer);

#endif
