/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a replayed schedule comes to, in the words of the scheduling literature. Bounded slowdown is
 * max(1, (wait + run) / max(run, 10 s)) (Feitelson 2001). Quantiles are the value at rank
 * floor(q * (n - 1)) of the sorted ones.
 */
#ifndef UW_CLI_SIMULATE_FIGURES_H
#define UW_CLI_SIMULATE_FIGURES_H

#include "user/cli/simulate/sizing.h"

struct figures_spread {
	double mean, p50, p95, p99, max;
};

struct figures_class {
	uint32_t jobs;
	struct figures_spread wait_s, slowdown;
	double inverted; /* jobs of it that a lower class passed, as below */
};

/*
 * Jobs that waited over a minute while one that was submitted later started: of no higher class, no
 * smaller and no shorter, and in one of these behind. Of those submitted while it waited the first
 * 2048 are looked at.
 */
struct figures_inversions {
	double by_class, by_size, by_length;
};

struct figures {
	uint32_t jobs;
	struct figures_spread wait_s, slowdown;
	struct figures_class class[ADMIT_CLASS__COUNT];
	double allocated_pct, used_pct;
	double failed_jobs, failed_pct; /* those with a failed attempt, and of all */
	double failed_attempts, grown, stood_s;
	double overtaken_mean, overtaken_max;
	double makespan_s;
	double waste_gib_h; /* reserved over time, less each job's peak over its run */
	struct figures_inversions inversions;
	struct sizing sizing; /* not of the schedule: sizing_of() */
};

/* -ENOMEM. */
int figures_of(const struct trace *trace, const struct replay *replay, struct figures *ret,
	       struct uw_err *err);

/* Which of count of them has the longest mean wait. */
uint32_t figures_worst(const struct figures *figures, uint32_t count);

/* The mean of count of them, each figure by itself. */
void figures_mean(const struct figures *figures, uint32_t count, struct figures *ret);

#endif
