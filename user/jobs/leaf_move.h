/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A running process gets a leaf of its own, whose limit stands before it comes. */
#ifndef UW_JOBS_LEAF_MOVE_H
#define UW_JOBS_LEAF_MOVE_H

#include "user/jobs/leaf_keeper.h"

/*
 * Makes the leaf with its memory.high and moves the process into it; waits for the kernel. -ESRCH:
 * it has ended; else as cg_leaf_create, or of the writes. Then there is no leaf, unless somebody
 * else runs in it by now. One that joins those who run there finds the leaf as it is; -EEXIST: they
 * are another user's, or did not enter it.
 */
int leaf_move_in(int pool, const struct leaf_move *move, uint64_t *ret_cgid);

#endif
