/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Has uwd move the calling process, which is about to become a task of a step, into its job's leaf.
 * All tasks of a job on a node are in one leaf, as --mem is what all of them have there.
 */
#ifndef UW_SLURM_PLACE_H
#define UW_SLURM_PLACE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "user/base/err.h"

struct slurm_task {
	const char *component;
	uint32_t job;
	uid_t uid;
	gid_t gid;
	const gid_t *group; /* supplementary ones */
	int group_count;
	uint64_t mem_mib; /* of its job on this node; 0 = Slurm does not say */
	const char *key;  /* NULL: nothing is learned of it */
	uint8_t priority; /* beside its like in the component; 0 = not said */
	bool freezable;   /* it takes no harm from standing still */
};

/* The parameters of uwd's Enter for it; the caller's. NULL: out of memory. */
json_t *slurm_place_parameters(const struct slurm_task *task);

/*
 * 0: it is there. SLURM_PLACE_AWAY: there is no uwd to be had now, or it has trouble of its own,
 * err says which. Else uwd has refused, in its own words: -ENOENT, -EPERM or -EINVAL. Takes 5 s at
 * most.
 */
#define SLURM_PLACE_AWAY 1
int slurm_place(const char *socket, const struct slurm_task *task, struct uw_err *err);

/* Tells uwd how it has ended, for its key; component and job are looked at. False: nobody answered
 * within half a second, and uwd learns less then. */
bool slurm_tell_end(const char *socket, const struct slurm_task *task, bool well);

/* Its job has ended on this node: has uwd end what is left of it, and waits for that, 2 s at most.
 */
void slurm_end_job(const char *socket, uint32_t job);

#endif
