/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration and the cgroups that uwd keeps as it says. Inside of the daemon; see tree.c. */
#ifndef UW_DAEMON_POOL_H
#define UW_DAEMON_POOL_H

#include "user/daemon/daemon.h"

/* As daemon_open says. */
int tree_read_config(const struct daemon *daemon, struct config *ret_config, struct uw_err *err);

/* Makes or adopts the pool at the start. */
int tree_open_pool(struct daemon *daemon, struct uw_err *err);

struct kern_options tree_kern_options(const struct daemon *daemon);

/* sense, act and kern turn to the components of the configuration in force and to their cgroups as
 * they stand: at the start, after a reload, after a mending. */
int tree_follow(struct daemon *daemon, struct uw_err *err);

/* False once a cgroup was lost or made anew: time for daemon_mend_tree. */
bool tree_is_followed(const struct daemon *daemon);

/* The fallback without BPF, for the cgroups as they stand. Wants the loop. */
void tree_watch_psi(struct daemon *daemon);

#endif
