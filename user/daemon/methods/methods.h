/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The methods of the control interface (user/ipc/interface.c). They read what uwd knows or queue a
 * wish for the next frame, and never act themselves.
 */
#ifndef UW_DAEMON_METHODS_METHODS_H
#define UW_DAEMON_METHODS_METHODS_H

#include "user/daemon/state.h"
#include "user/ipc/server.h"

/* The handler of the control socket (ipc_handle_fn); data is the daemon. */
void methods_handle(void *data, const struct ipc_call *call, struct ipc_answer *answer);

/* The push of a new or changed entry to those who follow the log. Wants the server. */
void methods_publish(struct daemon *daemon, const struct action_entry *entry);

#endif
