/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uwd: one thread that senses, decides and acts. The way of the data, once a tick:
 *
 *	sense and kern fill frame -> policy_step -> plan -> act -> outcomes of the next frame
 *
 * Two lanes feed the same tick: an event of the kernel wakes it at once with an urgent frame, a
 * timer wakes it with a full one at the time the last plan asked for. Nothing allocates on the
 * tick. Clients come last (methods/) and only read struct daemon or queue requests for the next
 * frame.
 */
#ifndef UW_DAEMON_DAEMON_H
#define UW_DAEMON_DAEMON_H

#include "user/base/err.h"

struct daemon;
struct daemon_options;

/*
 * daemon_open: reads the configuration, makes or adopts the tree, loads BPF, undoes what an earlier
 * instance left behind, and is ready to run; it takes a zeroed one. daemon_run serves until
 * SIGTERM. daemon_close thaws and restores what this instance froze or squeezed; limits and
 * protections of the tree stay, so does counting. -EINVAL: the configuration; -EOPNOTSUPP: the
 * host; -EBUSY: another uwd runs.
 */
int daemon_open(struct daemon *daemon, const struct daemon_options *options, struct uw_err *err);
int daemon_run(struct daemon *daemon, struct uw_err *err);
void daemon_close(struct daemon *daemon); /* takes a zeroed or half-opened one */

#endif
