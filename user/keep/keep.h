/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keeper of a component's pools: a process in the component's leaf "pools", so that what it
 * gives memory to is charged there, whoever uses it. It makes pools, commits parts of them and
 * holds their fds, so that an uwd that starts gets them back; it never maps one. It writes
 * memory.max of its leaf: what its pools may come to, and no more, so that a commit beyond that is
 * refused instead of having the OOM killer come. It ends when it has neither a pool nor an uwd.
 */
#ifndef UW_KEEP_KEEP_H
#define UW_KEEP_KEEP_H

#include <stdint.h>

#include "user/base/err.h"

#define KEEP_POOLS 256U

/* Of memory.max beyond the pools' bytes: the keeper itself, and the kernel's nodes of 576 bytes for
 * each 64 pages (lib/radix-tree.c), which are charged with them. */
#define KEEP_OWN_BYTES   (4ULL << 20)
#define KEEP_NODES_SHARE 256U

/* A commit goes in pieces: the kernel gives back all of a call that it aborts, and between two
 * pieces other pools have their turn. */
#define KEEP_PIECE_BYTES (2ULL << 20)
#define KEEP_LONELY_MS   5000 /* without pools, to wait for an uwd */

struct keep_options {
	int listen; /* where uwd connects; and its leaf's directory, -1: no limit is set */
	int group;
};

/* Until it is not needed any more. Takes the fds. 0, or a negative errno when the socket fails. */
int keep_run(const struct keep_options *options, struct uw_err *err);

#endif
