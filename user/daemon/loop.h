/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon's event loop: sources, their priorities, and the two lanes. See loop.c. */
#ifndef UW_DAEMON_LOOP_H
#define UW_DAEMON_LOOP_H

#include "user/base/clock.h"
#include "user/daemon/daemon.h"

/* Wants everything but the loop itself to be open. */
int loop_open(struct daemon *daemon, struct uw_err *err);
int loop_run(struct daemon *daemon, struct uw_err *err);
void loop_close(struct daemon *daemon); /* takes a half-opened one */

/* Follows pool.guard until it dies, then calls daemon_mend_guard. */
int loop_watch_guard(struct daemon *daemon);
void loop_unwatch_guard(struct daemon *daemon);

/* Follows the queue of jobs, if there is one. */
int loop_watch_jobs(struct daemon *daemon);
void loop_unwatch_jobs(struct daemon *daemon);

/* The fallback without BPF: an urgent frame when the PSI trigger fd fires. Takes the fd. */
int loop_watch_psi(struct daemon *daemon, uint32_t component, int fd);
void loop_unwatch_psi(struct daemon *daemon);

/* loop_run returns rc. */
void loop_stop(struct daemon *daemon, int rc);

/* Who removes one cgroup of ours is seldom done then; another setup takes milliseconds. */
#define MEND_AFTER_US (200 * US_PER_MS)
#define MEND_AGAIN_US (5 * US_PER_SEC) /* after a failure */

/* Calls daemon_mend_tree then, unless it is to be called already. */
void loop_mend_in(struct daemon *daemon, uint64_t us);

/* Brings the next full frame forward to now. */
void loop_tick_now(struct daemon *daemon);

#endif
