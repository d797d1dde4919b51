// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every decision becomes an action of the plan here, with an id and a reason. The tier that is
 * shown of a component, and the notice that nothing more can be done for it, go the same way.
 */
#include "user/policy/emit.h"

#include "user/policy/num.h"

#define TIER_SHOWN_US   (2 * US_PER_SEC)
#define NOTICE_EVERY_US (60 * US_PER_SEC)

struct action *emit_action(struct step *step, const struct action *action)
{
	struct plan *plan = step->plan;
	struct action *slot;

	if (plan->action_count >= PLAN_ACTIONS_MAX) {
		plan->actions_dropped++;
		return NULL;
	}
	slot = &plan->action[plan->action_count++];
	*slot = *action;
	if (++step->state->next_id == ID_NONE)
		step->state->next_id = ID_NONE + 1;
	slot->id = step->state->next_id;
	return slot;
}

void emit_tier(struct step *step, uint32_t component, enum tier tier)
{
	struct component_state *cs = &step->state->component[component];

	if (tier < cs->tier && step->now_us < cs->tier_until_us)
		return;
	cs->tier = tier;
	cs->tier_until_us = step->now_us + TIER_SHOWN_US;
}

void emit_notice(struct step *step, uint32_t component, struct why why)
{
	struct component_state *cs = &step->state->component[component];
	struct action action = {
		.kind = ACTION_NOTICE,
		.tier = cs->tier,
		.component = component,
		.swappiness = -1,
		.why = why,
	};

	if (cs->notice_us && step->now_us - cs->notice_us < NOTICE_EVERY_US)
		return;
	if (emit_action(step, &action))
		cs->notice_us = step->now_us;
}
