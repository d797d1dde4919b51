/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a replayed schedule comes to, in the words of the scheduling literature. Bounded slowdown is
 * max(1, (wait + run) / max(run, 10 s)) (Feitelson 2001). Quantiles are the value at rank
 * floor(q * (n - 1)) of the sorted ones.
 */
#ifndef UW_CLI_SIMULATE_FIGURES_H
#define UW_CLI_SIMULATE_FIGURES_H

#include "user/cli/simulate/replay.h"

struct figures_spread {
	double mean, p50, p95, p99, max;
};

struct figures_class {
	uint32_t jobs;
	double wait_s, slowdown;
};

struct figures {
	uint32_t jobs;
	struct figures_spread wait_s, slowdown;
	struct figures_class class[ADMIT_CLASS__COUNT];
	double allocated_pct, used_pct;
	double failed_pct; /* of the jobs: those with a failed attempt */
	double failed_attempts, grown, stood_s;
	double overtaken_mean, overtaken_max;
	double makespan_s;
};

/* -ENOMEM. */
int figures_of(const struct trace *trace, const struct replay *replay, struct figures *ret,
	       struct uw_err *err);

/* The mean of count of them, each figure by itself. */
void figures_mean(const struct figures *figures, uint32_t count, struct figures *ret);

#endif
