/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The methods of the control interface that are about leases. */
#ifndef UW_DAEMON_METHODS_LEASES_H
#define UW_DAEMON_METHODS_LEASES_H

#include "user/daemon/state.h"
#include "user/ipc/server.h"

/* False when the method is none of these. */
bool methods_lease_handle(struct daemon *daemon, const struct ipc_call *call,
			  struct ipc_answer *answer);

#endif
