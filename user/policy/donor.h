/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who gives memory first when somebody must: most over its own budget, then least priority, most
 * cold bytes, fewest refaults, lowest index. A total order, so that equal frames choose equally.
 */
#ifndef UW_POLICY_DONOR_H
#define UW_POLICY_DONOR_H

#include "user/policy/state.h"

struct donor_rank {
	uint64_t over_bytes; /* over its own budget, borrowed bytes included */
	uint32_t priority;
	uint64_t cold_bytes;
	uint64_t refaults_per_s;
	uint32_t component;
};

/* Negative when a gives before b. */
int donor_compare(const struct donor_rank *a, const struct donor_rank *b);

struct donor_rank donor_rank_of(const struct step *step, uint32_t component);

typedef bool (*donor_filter)(const struct step *step, uint32_t component);

/* The first in order among those that filter lets pass, or COMPONENT_NONE. */
uint32_t donor_first(const struct step *step, donor_filter filter);

#endif
