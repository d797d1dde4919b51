/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The queue of jobs within the daemon: real cgroups behind jobs.h, and its place in the loop. */
#ifndef UW_DAEMON_QUEUE_H
#define UW_DAEMON_QUEUE_H

#include "user/daemon/daemon.h"

#define QUEUE_DIR "/var/lib/uw"

/* Wants the pool and the components. Without a queue uwd goes on: err says why. Never in a dry run.
 */
int queue_open(struct daemon *daemon, struct uw_err *err);
void queue_close(struct daemon *daemon);

/* At each full frame; looks at the jobs once a second. */
void queue_tick(struct daemon *daemon);

/* After a reload. */
void queue_configure(struct daemon *daemon);

#endif
