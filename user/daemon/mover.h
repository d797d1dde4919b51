/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes that are moved into leaves, and leaves that are ended, on a thread of its own: for
 * tasks of programs and for who enters a component. The thread begins with the first of them.
 */
#ifndef UW_DAEMON_MOVER_H
#define UW_DAEMON_MOVER_H

#include "user/daemon/state.h"
#include "user/jobs/leaf_keeper.h"

int mover_open(struct daemon *daemon);   /* -errno */
void mover_close(struct daemon *daemon); /* what was not told of yet is not told of any more */

/* Readable when somebody is to be told; what the loop does then. */
int mover_fd(const struct daemon *daemon);
void mover_dispatch(struct daemon *daemon);

int mover_watch(struct daemon *daemon);
void mover_unwatch(struct daemon *daemon);

/* On the loop, when it is there or the leaf is gone again; cgid is the leaf's. data is freed
 * afterwards. */
typedef void (*mover_done_fn)(struct daemon *daemon, void *data, int rc, uint64_t cgid);

/* As leaf_keeper_move, whose done and data of leaf are not looked at. data is malloced, and is the
 * mover's from 0 on. */
int mover_move(struct daemon *daemon, const struct leaf_move *leaf, mover_done_fn done, void *data);

/* As leaf_keeper_clean; what goes wrong is logged. */
void mover_clean(struct daemon *daemon, const char *component, const char *leaf);

#endif
