// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Compares what components could give, number by number, and takes the first of those that the
 * caller lets pass. What to do with the donor, and whether there must be one, is the caller's.
 */
#include "user/policy/donor.h"

#include "user/policy/idle.h"
#include "user/policy/num.h"

static int order(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

int donor_compare(const struct donor_rank *a, const struct donor_rank *b)
{
	int by = order(b->over_bytes, a->over_bytes);

	if (!by)
		by = order(a->priority, b->priority);
	if (!by)
		by = order(b->cold_bytes, a->cold_bytes);
	if (!by)
		by = order(a->refaults_per_s, b->refaults_per_s);
	if (!by)
		by = order(a->component, b->component);
	return by;
}

struct donor_rank donor_rank_of(const struct step *step, uint32_t component)
{
	const struct component *c = &step->config->component[component];
	const struct signal *s = &step->state->component[component].signal;

	return (struct donor_rank){
		.over_bytes = sub_sat(s->held_bytes, c->budget_bytes),
		.priority = c->priority,
		.cold_bytes = idle_is_known(step, component)
				      ? idle_cold_bytes(step, component, false)
				      : s->cold_bytes,
		.refaults_per_s = s->refaults_per_s,
		.component = component,
	};
}

uint32_t donor_first(const struct step *step, donor_filter filter)
{
	struct donor_rank best = {.component = COMPONENT_NONE};

	for (uint32_t i = 0; i < step->config->component_count; i++) {
		struct donor_rank rank;

		if (!filter(step, i))
			continue;
		rank = donor_rank_of(step, i);
		if (best.component == COMPONENT_NONE || donor_compare(&rank, &best) < 0)
			best = rank;
	}
	return best.component;
}
