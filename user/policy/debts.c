// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tells of whose budget a component holds what it holds beyond its own. Memory has no owner's name
 * on it: what the others leave of their budgets stands behind every loan in proportion. Asked for
 * by who shows it; nothing is decided from it.
 */
#include "user/policy/debts.h"

#include "user/policy/ladder.h"
#include "user/policy/num.h"
#include "user/policy/state.h"

/* What a lender does not hold of its budget. */
static uint64_t left_by(const struct policy_state *state, const struct config *config, uint32_t i)
{
	return config->component[i].lend ? sub_sat(config->component[i].budget_bytes,
						   state->component[i].signal.held_bytes)
					 : 0;
}

static uint64_t beyond(const struct policy_state *state, const struct config *config, uint32_t i)
{
	return sub_sat(state->component[i].signal.held_bytes, config->component[i].budget_bytes);
}

void policy_debt(const struct policy_state *state, const struct config *config, uint32_t component,
		 struct debt_view *ret_debt)
{
	const struct component_state *cs = &state->component[component];
	uint64_t bytes = beyond(state, config, component), left = 0;

	*ret_debt = (struct debt_view){
		.bytes = bytes,
		.since_us = cs->loans.since_us,
		.owed_bytes = cs->loans.owes_since_us
				      ? sub_sat(cs->signal.held_bytes, cs->in_force_bytes)
				      : 0,
		.owed_since_us = cs->loans.owes_since_us,
	};
	if (cs->loans.owes_since_us && config->component[component].freeze)
		ret_debt->freeze_at_us = cs->loans.owes_since_us + PAYBACK_FREEZE_US;
	for (uint32_t i = 0; i < config->component_count; i++)
		left += left_by(state, config, i);
	for (uint32_t i = 0; i < config->component_count; i++)
		ret_debt->from_bytes[i] =
			mul_div(min_u64(bytes, left), left_by(state, config, i), left);
}
