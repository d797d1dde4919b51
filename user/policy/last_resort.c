// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Kills at most one leaf a step, and only where the configuration says kill = last-resort: after
 * an emergency that nothing else ends, or when an owner was not paid back and the host has no room
 * for it. Where nothing may be killed or frozen any more, that is said instead.
 */
#include "user/policy/last_resort.h"

#include "user/policy/blame.h"
#include "user/policy/donor.h"
#include "user/policy/emit.h"
#include "user/policy/freeze.h"
#include "user/policy/host.h"
#include "user/policy/ladder.h"
#include "user/policy/loans.h"
#include "user/policy/num.h"
#include "user/policy/room.h"
#include "user/policy/signal.h"
#include "user/policy/thresholds.h"

#define FULL_LASTING_US (30 * US_PER_SEC)
#define TTL_HOPELESS_US (5 * US_PER_SEC)
#define HOST_LAST_PCT   2
#define SWAP_LAST_BYTES (4 * MIB)
#define UNANSWERED_US   (10 * US_PER_SEC)

static bool freezes_are_left(const struct step *step, uint32_t component)
{
	return freeze_pick(step, component) != NULL;
}

/* Emergency has lasted and the machine itself is going under. */
static bool is_hopeless(const struct step *step, uint32_t component)
{
	const struct component_state *cs = &step->state->component[component];
	const struct component *c = &step->config->component[component];
	const struct host_state *host = &step->state->host;
	uint64_t limit = c->budget_bytes + cs->loans.loan_bytes;

	if (cs->level.level != LEVEL_EMERGENCY ||
	    step->now_us - cs->level.emergency_since_us < step->config->policy.kill_after_us)
		return false;
	if (host->valid && host->available_bytes < percent_of(host->total_bytes, HOST_LAST_PCT))
		return true;
	if (freezes_are_left(step, component) || cs->frozen_leaves)
		return false;
	if (cs->signal.full_since_us && step->now_us - cs->signal.full_since_us >= FULL_LASTING_US)
		return true;
	return host->valid && host->swap_free_bytes < SWAP_LAST_BYTES &&
	       signal_time_to(&cs->signal, limit, c->budget_bytes) < TTL_HOPELESS_US;
}

/* And the host has not the room to serve the owner from elsewhere. */
static bool is_owed_too_long(const struct step *step, uint32_t component)
{
	const struct loan_state *l = &step->state->component[component].loans;

	return l->owes_since_us && step->now_us - l->owes_since_us >= PAYBACK_KILL_US &&
	       !room_on_host(step, loans_owed(step, component));
}

/* The leaf that grows most, matters least or came last, frozen or not. */
static const struct leaf_state *pick_victim(const struct step *step, uint32_t component)
{
	const struct leaf_state *best = NULL;

	for (uint32_t i = 0; i < step->state->leaf_end; i++) {
		const struct leaf_state *leaf = &step->state->leaf[i];

		if (leaf->cgid && leaf->component == component && leaf->populated &&
		    (!best || kill_order(leaf, best) < 0))
			best = leaf;
	}
	return best;
}

static struct why why_of(const struct step *step, uint32_t component)
{
	const struct component_state *cs = &step->state->component[component];
	bool owed = is_owed_too_long(step, component);
	uint64_t since = owed ? cs->loans.owes_since_us : cs->level.emergency_since_us;

	return (struct why){REASON_LAST_RESORT, step->now_us - since,
			    owed ? PAYBACK_KILL_US : step->config->policy.kill_after_us};
}

static bool kill_one(struct step *step, uint32_t component, struct why why)
{
	const struct leaf_state *leaf = pick_victim(step, component);
	struct action action = {
		.kind = ACTION_KILL,
		.tier = TIER_KILL,
		.component = component,
		.swappiness = -1,
		.why = why,
	};

	if (!leaf)
		return false;
	action.leaf = leaf->cgid;
	if (!emit_action(step, &action))
		return false;
	step->state->last_kill_us = step->now_us;
	emit_tier(step, component, TIER_KILL);
	return true;
}

/* In emergency for long and stalled by it, with nothing frozen that could be, nor to be killed. */
static void say_if_unanswered(struct step *step, uint32_t component)
{
	const struct component_state *cs = &step->state->component[component];

	if (cs->level.level != LEVEL_EMERGENCY || cs->level.seen != LEVEL_EMERGENCY ||
	    cs->signal.some_permyriad < STALL_SOME_HARD || cs->frozen_leaves || cs->squeezed ||
	    freezes_are_left(step, component) ||
	    step->now_us - cs->level.emergency_since_us < UNANSWERED_US)
		return;
	emit_notice(step, component,
		    (struct why){REASON_OUT_OF_TIERS, cs->level.why.observed,
				 thresholds_of(step, component, LEVEL_EMERGENCY)});
}

static bool may_kill(const struct step *step, uint32_t component)
{
	return step->config->component[component].kill == KILL_LAST_RESORT &&
	       pick_victim(step, component);
}

/* All tasks of the host wait for what is not there, and what could be stopped was. */
static void kill_for_host(struct step *step)
{
	uint32_t component;

	if (!host_is_under(step, HOST_KILLS) ||
	    step->now_us - step->state->emergency.since_us < step->config->policy.kill_after_us)
		return;
	component = donor_first(step, may_kill);
	if (component != COMPONENT_NONE)
		kill_one(step, component, host_why(step, HOST_KILLS));
}

void last_resort_step(struct step *step)
{
	uint64_t last = step->state->last_kill_us;
	bool delay = last && step->now_us - last < step->config->policy.kill_delay_us;

	for (uint32_t i = 0; i < step->config->component_count; i++) {
		bool wanted = is_hopeless(step, i) || is_owed_too_long(step, i);

		if (wanted && step->config->component[i].kill == KILL_LAST_RESORT) {
			if (!delay && kill_one(step, i, why_of(step, i)))
				delay = true;
		} else {
			say_if_unanswered(step, i);
		}
	}
	if (!delay)
		kill_for_host(step);
}
