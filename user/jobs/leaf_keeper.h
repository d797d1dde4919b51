/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A thread for what may block or take its time on leaves of jobs, so that neither the loop nor the
 * recorder waits for what a job does: a memory.high that is lowered, at which the kernel reclaims
 * within the write, and the removal of a leaf whose last process does not die at once. What it has
 * not done when it ends the next uwd finds at its start.
 */
#ifndef UW_JOBS_LEAF_KEEPER_H
#define UW_JOBS_LEAF_KEEPER_H

#include "user/jobs/jobs.h"

struct leaf_keeper;

/* pool_dir as in struct jobs_machine. Installs the handler for SIGUSR1 that act_open does. */
int leaf_keeper_new(int (*pool_dir)(void *data), void *data, struct leaf_keeper **ret_keeper);
void leaf_keeper_free(struct leaf_keeper *keeper); /* NULL is fine */

/*
 * Kills what is in the leaf and removes it; again and again until that is done. Any thread, waits
 * for nothing. -ENOMEM.
 */
int leaf_keeper_clean(struct leaf_keeper *keeper, const char *component, const char *leaf);

/*
 * memory.high of a leaf becomes bytes. raised: it was no higher, and use is below bytes, so it is
 * written at once; else soon, with what was asked for last. Any thread. -ENOMEM, -EMFILE.
 */
int leaf_keeper_limit(struct leaf_keeper *keeper, const struct cg_group *leaf, uint64_t bytes,
		      bool raised);

/* Kills what is in a leaf, and removes it with what is below it: one try. -EBUSY: not yet. */
int leaf_end(int pool, const char *component, const char *leaf);

#endif
