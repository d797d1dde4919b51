/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Leaves of tasks that programs have children do: what the server of leases asks of uwd for them.
 */
#ifndef UW_DAEMON_TASKS_H
#define UW_DAEMON_TASKS_H

#include "user/daemon/state.h"
#include "user/lease/server.h"

/* Sets what of conf is asked about tasks. */
void tasks_serve(struct lease_server_conf *conf);

/* Leaves of tasks that no process of a lease runs in any more: after lease_server_adopt. */
void tasks_sweep(struct daemon *daemon);

#endif
