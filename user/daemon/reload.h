/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A new configuration for a living uwd: by SIGHUP, or as a client asks. */
#ifndef UW_DAEMON_RELOAD_H
#define UW_DAEMON_RELOAD_H

#include "user/conf/conf.h"
#include "user/daemon/state.h"

/*
 * Reads the configuration again; what is wrong with it changes nothing, and err says what it is. A
 * fault while the cgroups are brought in line leaves those that were done, and the old
 * configuration. Components that stay keep all they have; of one that goes everything is undone.
 * Each change is logged, and each, unless it is NULL, is called with it; on a fault that comes
 * after that, which ends uwd, too. Waits for nobody: -EAGAIN while another setup is at work.
 */
int reload_run(struct daemon *daemon, conf_change_fn each, void *arg, struct uw_err *err);

/*
 * The part of it that moves what is kept by a component's index to where next has the component:
 * struct daemon_component, the requests that wait and the leaves of the last frame. What next does
 * not know goes, what it adds begins with zero. Drops the PSI triggers.
 */
void reload_renumber(struct daemon *daemon, const struct config *next);

/* SIGHUP reloads from now on. 0 or a negative errno. */
int reload_watch(struct daemon *daemon);

#endif
