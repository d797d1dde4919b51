/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which node a job of Slurm gets, and when: slurmctld with select/cons_tres by CR_Memory, all nodes
 * alike, a job on one node. Pure; times are those of the caller.
 *
 * The queue is in the order of submits (priority/basic). In it the first are started one after
 * another until one finds no node; that is done at each event. Every backfill_us sched/backfill
 * goes through the first `tests` of the queue: one that finds no node gets the earliest place that
 * there will be, by the ends that were declared, and one behind it starts if it moves none of
 * these. A job that is over its declared time is taken to end in a moment.
 *
 * A start costs O(nodes); a pass in which one could start behind others that wait O(tests * nodes *
 * jobs of a node), and all others O(tests).
 */
#ifndef UW_CLI_SIMULATE_PLACEMENT_H
#define UW_CLI_SIMULATE_PLACEMENT_H

#include <stdbool.h>
#include <stdint.h>

/* Bounds of this program, not of Slurm: a node costs 100 to 300 KiB, the more the more jobs it may
 * have at a time. A node with so many takes no other, as if it had so many processors. */
#define PLACEMENT_NODES_MAX 10000U
#define PLACEMENT_JOBS_MAX  256U

/* slurm.conf(5): bf_interval and bf_max_job_test, as they are when nobody sets them. */
#define PLACEMENT_BACKFILL_US (30 * 1000000ULL)
#define PLACEMENT_TESTS       500U

enum placement_rule {
	PLACEMENT_FIRST, /* the first node by its number with room: nodes of one weight */
	PLACEMENT_LEAST, /* the one with most room: CR_LLN */
	PLACEMENT_RULE__COUNT
};

struct placement_options {
	enum placement_rule rule;
	uint32_t nodes;       /* 1 to PLACEMENT_NODES_MAX */
	uint64_t node_bytes;  /* of each */
	uint64_t backfill_us; /* 0: at each event */
	uint32_t tests;       /* 0: nothing out of turn */
	uint32_t reserved;    /* so many that wait have a place; those behind them none */
};

struct placement;

/* For jobs 0 to jobs - 1. NULL: out of memory. placement_free takes NULL. */
struct placement *placement_new(const struct placement_options *options, uint32_t jobs);
void placement_free(struct placement *placement);

/* At the end of the queue; bytes is at most a node's. declared_us 0: it may run for ever. */
void placement_submit(struct placement *placement, uint32_t job, uint64_t bytes,
		      uint64_t declared_us);

/* It has left its node, by whatever way. */
void placement_end(struct placement *placement, uint32_t job);

/* One that starts now, and where; false: none does. Call it until then after each event. */
bool placement_next(struct placement *placement, uint64_t now_us, uint32_t *ret_job,
		    uint32_t *ret_node);

/* When backfill may find one without any event before; UINT64_MAX: never. */
uint64_t placement_next_us(const struct placement *placement);

/* What a node has given out. */
uint64_t placement_given(const struct placement *placement, uint32_t node);

/* "first" and so on; "?" out of range. -EINVAL. */
const char *placement_rule_name(enum placement_rule rule);
int placement_rule_parse(const char *text, enum placement_rule *ret_rule);

#endif
