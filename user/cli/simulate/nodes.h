/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A cluster of Slurm under a trace, three times: requests as they are declared, requests as `uwctl
 * recommend --slurm` gives them, and these with uwctl on each node. Pure but for memory.
 *
 * In all three slurmctld places (placement.h), a job is on one node, and a try that ends for want
 * of memory is submitted again at once, at the end of the queue, for the larger of what was
 * declared and twice what it had, up to a node.
 *
 * Slurm's node ends a job when it passes what it asked for (ConstrainRAMSpace, no swap). uwctl's
 * has the admission core of uwd: what was asked is the reservation; the job that passes it gets
 * more where the node's promises leave room, else stands still until others have ended; and only
 * where all stand still for one another the core ends one. What was promised to a job that grew
 * Slurm does not know: it may place one whose step then waits on the node for its memory.
 *
 * Memory rises as in replay.h. Not here: processors, weights, partitions, priorities, jobs over
 * several nodes, time limits that end a job, the time that paging takes, who else is on a node.
 * What is learned of a key is known at once to all.
 */
#ifndef UW_CLI_SIMULATE_NODES_H
#define UW_CLI_SIMULATE_NODES_H

#include "user/cli/simulate/placement.h"
#include "user/cli/simulate/replay.h"

enum nodes_way {
	NODES_DECLARED,
	NODES_LEARNED,
	NODES_UW,
	NODES_WAY__COUNT
};

struct nodes_options {
	const struct replay_options *replay; /* capacity is a node's; policy says nothing */
	struct placement_options placement;
	enum nodes_way way;
};

struct nodes {
	struct replay replay;       /* its spans and overtaken stay empty; allocated: by requests */
	uint64_t most_given_bytes;  /* at any time on any node: by Slurm, */
	uint64_t most_kept_bytes;   /* and by promises of the node's core */
	uint64_t learned_requests;  /* submits that asked for what was learned */
	uint32_t used_of_permyriad; /* what was in use, of what Slurm had given out */
};

/* -ENOMEM; -EINVAL: no job fits a node. nodes_done frees, also after a failure. */
int nodes_run(const struct trace *trace, const struct nodes_options *options, struct nodes *ret,
	      struct uw_err *err);
void nodes_done(struct nodes *nodes);

/* "slurm" and so on; "?" out of range. */
const char *nodes_way_name(enum nodes_way way);

#endif
