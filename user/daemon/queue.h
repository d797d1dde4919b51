/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The queue of jobs within the daemon: what it is told of the configuration and of the machine, and
 * its place in the loop.
 */
#ifndef UW_DAEMON_QUEUE_H
#define UW_DAEMON_QUEUE_H

#include "user/daemon/state.h"

#define QUEUE_DIR "/var/lib/uw"

/* Before uwd is locked up (narrow.h): what starts jobs is not. Where it fails no job is started,
 * and the log says so. */
void queue_begin(struct daemon *daemon);

/* Wants the pool and the components. Without a queue uwd goes on: err says why. Neither of these in
 * a dry run.
 */
int queue_open(struct daemon *daemon, struct uw_err *err);
void queue_close(struct daemon *daemon);

/* At each full frame; looks at the jobs once a second. */
void queue_look(struct daemon *daemon);

/* After a reload. */
void queue_configure(struct daemon *daemon);

/* The loop serves it from now on, if there is one. 0 or a negative errno. */
int queue_watch(struct daemon *daemon);
void queue_unwatch(struct daemon *daemon);

#endif
