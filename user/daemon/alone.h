/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * That no two uwd run on one pool, and that what this one holds is where others look for it. The
 * ledger and the socket stand in /run/uw, the queue in /var/lib/uw, from where they may be removed
 * while they are open; the pool's cgroup cannot be, while anything is in it. So the lock that
 * counts is on the pool: a write lock on its cgroup.procs, which only root can open for writing.
 */
#ifndef UW_DAEMON_ALONE_H
#define UW_DAEMON_ALONE_H

#include "user/daemon/state.h"

#define RUN_DIR "/run/uw"

/* Locks the pool at pool_dir; *fd is the lock, which lives as long as that. 0 also where fd is that
 * lock already. An uwd that was killed may hold it for as long as wait_us. -EBUSY. */
int alone_lock(int pool_dir, uint64_t wait_us, int *fd, struct uw_err *err);

/* Before anything is made or changed: the pool that is there, if one is. */
int alone_before(struct daemon *daemon, struct uw_err *err);

/* The pool as it is now. */
int alone_on_pool(struct daemon *daemon, struct uw_err *err);

/* Has the kernel say when something is removed there, else it is looked each second. Wants the
 * queue to be open. */
int alone_watch(struct daemon *daemon);

/* With each full frame; looks when it is due. A socket that has gone is made anew; where the ledger
 * or the queue has gone, or another uwd came in between, the loop ends with a line that says so.
 * True: it has looked, and so should those who hold something there themselves. */
bool alone_look(struct daemon *daemon);

void alone_close(struct daemon *daemon);

#endif
