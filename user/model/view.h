/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What policy knows about a component at the moment, for status and metrics.
 * Written by policy_step into its state, copied out by policy_view; nobody decides from it.
 */
#ifndef UW_MODEL_VIEW_H
#define UW_MODEL_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "user/model/component.h"
#include "user/model/plan.h"

#define TTL_NEVER UINT64_MAX

/* What reclaim at one tier brought since uwd started. What was freed is counted with what was read
 * back of it within 10 s, and that long after it was freed. */
struct tier_payoff {
	uint64_t reclaims;
	uint64_t freed_bytes, back_bytes;
};

/* The host's emergency, and under which much that is available each stage begins: of HOST_CALM, how
 * much there must be for it to go back. */
struct host_view {
	bool valid; /* what is available is known */
	enum host_stage stage;
	uint64_t stage_since_us;
	uint64_t available_bytes;
	uint64_t threshold_bytes[HOST_STAGE__COUNT];
	uint64_t some_permyriad, full_permyriad; /* stall share of the host, last 2 s */
};

struct component_view {
	enum level level;
	enum tier tier;
	uint64_t level_since_us;
	uint64_t budget_bytes, in_force_bytes; /* in force = budget + loans - lent */
	uint64_t borrowed_bytes, lent_bytes;
	uint64_t current_bytes, working_set_bytes, swap_bytes;
	uint64_t use_permyriad;                  /* working set of the budget in force */
	int64_t slope_bytes_per_s;               /* forecast trend */
	uint64_t time_to_limit_us;               /* TTL_NEVER when not growing */
	uint64_t some_permyriad, full_permyriad; /* stall share, last 2 s and 5 s */
	uint32_t frozen_leaves;
	uint64_t thaw_by_us;          /* latest deadline of its frozen leaves, 0 = none */
	bool squeezed;                /* memory.high is below the budget in force */
	struct why why;               /* what set the level */
	int32_t edge_shift_permyriad; /* of the edges of its levels, by adaptive edges */
	struct tier_payoff payoff[TIER__COUNT];
};

#endif
