/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A thread for what may block or take its time on leaves, so that neither the loop nor the recorder
 * waits for what is in them: a memory.high that is lowered, at which the kernel reclaims within the
 * write, the removal of a leaf whose last process does not die at once, and a process that is moved
 * into a leaf of its own, which takes the kernel a grace period. What it has not done when it ends
 * the next uwd finds at its start.
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

/* A process that is to run in a leaf, mostly a new one. */
struct leaf_move {
	char component[UW_NAME_LEN], leaf[JOBS_LEAF_LEN];
	int pidfd;      /* the keeper makes its own of it */
	pid_t pid;      /* the same process's */
	uint64_t bytes; /* memory.high, in force before it gets there */
	bool entered;   /* by itself: the leaf is noted as its user's, see cg_leaf_note_entered */
	bool joins;     /* those of its user who have entered it, if any run there */
	uid_t uid;
	struct cg_said said; /* of one that entered, noted beside that */
	/* On the keeper's thread, when it is there or the leaf is gone again; cgid is the leaf's.
	 * -ECANCELED: the keeper ended before, and calls it itself. */
	void (*done)(void *data, int rc, uint64_t cgid);
	void *data;
};

/* What is to be cleaned later is cleaned after it. -ENOMEM, -EMFILE: done is not called. */
int leaf_keeper_move(struct leaf_keeper *keeper, const struct leaf_move *move);

/* Kills what is in a leaf, and removes it with what is below it: one try. -EBUSY: not yet. */
int leaf_end(int pool, const char *component, const char *leaf);

#endif
