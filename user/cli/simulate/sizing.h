/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What sizing alone wastes, by the protocol that workflow sizing is published by (Sizey: Bader et
 * al. 2024): the tasks come one after the other, in a random order, each when the one before has
 * taught what it had to. One that is given less than its peak fails at the very end of its run,
 * wastes all that it had, and comes again. Nobody waits, and nothing grows or shrinks in place.
 * O(tasks * log tasks).
 */
#ifndef UW_CLI_SIMULATE_SIZING_H
#define UW_CLI_SIMULATE_SIZING_H

#include "user/cli/simulate/replay.h"

struct sizing {
	double waste_gb_h; /* 10^9 bytes: what was given past the peaks, and to tries that failed */
	double failed_pct; /* tries that failed, of so many tasks */
};

/* By the policy, the seed and the capacity of options; what is wider than that is left out.
 * -ENOMEM. */
int sizing_of(const struct trace *trace, const struct replay_options *options, struct sizing *ret,
	      struct uw_err *err);

#endif
