/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Leaves of tasks that programs have children do: what the server of leases asks of uwd for them. A
 * thread makes, fills and removes them, from the first task on; none is kept for who has none.
 */
#ifndef UW_DAEMON_TASKS_H
#define UW_DAEMON_TASKS_H

#include "user/daemon/state.h"
#include "user/lease/server.h"

/* Before the server of leases, and closed after it. -errno. */
int tasks_open(struct daemon *daemon);
void tasks_close(struct daemon *daemon);

/* Sets what of conf is asked about tasks. */
void tasks_serve(struct lease_server_conf *conf);

/* Leaves of tasks that no process of a lease runs in any more: after lease_server_adopt. */
void tasks_sweep(struct daemon *daemon);

int tasks_watch(struct daemon *daemon);
void tasks_unwatch(struct daemon *daemon);

#endif
