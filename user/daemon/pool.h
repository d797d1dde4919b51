/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cgroups that uwd keeps as the configuration says: made or adopted at the start, brought in
 * line by a reload, repaired when somebody removed one. Also the guard in the pool, and the PSI
 * triggers on it.
 */
#ifndef UW_DAEMON_POOL_H
#define UW_DAEMON_POOL_H

#include "user/base/clock.h"
#include "user/daemon/state.h"
#include "user/kern/kern.h"

/* Who removes one cgroup of ours is seldom done then; another setup takes milliseconds. */
#define POOL_REPAIR_AFTER_US (200 * US_PER_MS)

/* As daemon_open says. */
int pool_read_config(const struct daemon *daemon, struct config *ret_config, struct uw_err *err);

/* Makes or adopts the pool at the start. */
int pool_open(struct daemon *daemon, struct uw_err *err);

/* Brings it in line with config, under a living uwd. Waits for nobody: -EAGAIN while another setup
 * or teardown is at work. */
int pool_set_up(struct daemon *daemon, const struct config *config, struct uw_err *err);

/* A fd of the caller's own of the pool's directory, which may be another one at any time; data is a
 * struct daemon. Any thread. -errno. */
int pool_own_dir(void *data);

struct kern_options pool_kern_options(const struct daemon *daemon);

/* sense, act and kern turn to the components of the configuration in force and to their cgroups as
 * they stand: at the start, after a reload, after a repair. */
int pool_sync(struct daemon *daemon, struct uw_err *err);

/* The fallback without BPF: an urgent tick when a component stalls, for the cgroups as they stand.
 */
void pool_watch_psi(struct daemon *daemon);
void pool_unwatch_psi(struct daemon *daemon);

/* From now on the guard is started anew when it dies, and lost cgroups are repaired: within 0.2 s
 * of a tick that notices, off the tick. 0 or a negative errno. */
int pool_watch(struct daemon *daemon);
void pool_unwatch(struct daemon *daemon);

#endif
