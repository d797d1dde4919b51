// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How a component runs for which there is no room: on probation, under memory.high = what it holds.
 * Each squeeze ends: with room it is released, at its deadline it is released or frozen again, and
 * where memory.high alone gets nobody on, a watchdog freezes or raises it by a twentieth.
 */
#include "user/policy/squeeze.h"

#include "user/policy/emit.h"
#include "user/policy/freeze.h"
#include "user/policy/ladder.h"
#include "user/policy/limits.h"
#include "user/policy/num.h"
#include "user/policy/room.h"
#include "user/policy/signal.h"
#include "user/policy/thresholds.h"

#define PROBATION_US      (10 * US_PER_SEC)
#define PROBATION_OVER_US (3 * US_PER_SEC) /* of who holds more than it may: it creeps up */
#define ROUNDING          (64 * KIB)       /* the kernel rounds limits to pages */
#define SETTLE_MAX_US     US_PER_SEC
#define WATCHDOG_RAISE    20 /* a twentieth: 5 % */

void squeeze_release(struct step *step, uint32_t component, struct why why)
{
	struct component_state *cs = &step->state->component[component];

	cs->squeeze = SQUEEZE_NONE;
	if (limits_high(cs) + ROUNDING < cs->in_force_bytes)
		limits_set_high(step, component, cs->in_force_bytes, 0, why);
}

/* The write carries a deadline a little after ours: nobody stays squeezed without us. */
static void squeeze(struct step *step, uint32_t component, enum squeeze how, uint64_t bytes,
		    struct why why)
{
	struct component_state *cs = &step->state->component[component];

	cs->squeeze = how;
	cs->squeeze_bytes = bytes;
	cs->squeeze_since_us = step->now_us;
	cs->squeeze_until_us =
		step->now_us + (bytes > cs->in_force_bytes ? PROBATION_OVER_US : PROBATION_US);
	cs->squeeze_id = limits_set_high(step, component, bytes,
					 cs->squeeze_until_us + PROBATION_US / 2, why);
}

bool squeeze_probation(struct step *step, uint32_t component, struct why why)
{
	struct component_state *cs = &step->state->component[component];
	uint64_t slack = limits_slack(step->config->component[component].budget_bytes);
	uint64_t holds = cs->signal.current_bytes;

	/* A limit just written for another leaf stands for one tick at least. */
	if (cs->limit[LIMIT_HIGH].written_us == step->now_us)
		return false;
	if (cs->squeeze == SQUEEZE_NONE) {
		squeeze(step, component, SQUEEZE_PROBATION,
			max_u64(holds, min_u64(holds + slack, cs->in_force_bytes)), why);
		return false;
	}
	return cs->squeeze_id == ID_NONE || step->now_us - cs->squeeze_since_us >= SETTLE_MAX_US;
}

static bool still_presses(const struct step *step, const struct component_state *cs)
{
	return cs->signal.full_permyriad >= STALL_FULL_PRESSING ||
	       cs->signal.current_bytes + limits_slack(cs->in_force_bytes) >= cs->squeeze_bytes ||
	       !room_on_host(step, 0);
}

/* The squeeze did not help: freeze while the budget of freezes lasts, else stay at bytes and say
 * so. */
static void next_tier(struct step *step, uint32_t component, uint64_t bytes, struct why why)
{
	struct component_state *cs = &step->state->component[component];
	const struct policy_conf *conf = &step->config->policy;
	uint32_t count = freeze_count(step, component);
	struct leaf_state *leaf = freeze_pick(step, component);

	if (leaf && count < conf->freeze_budget &&
	    freeze_leaf(step, leaf, FREEZE_PRESSURE, conf->freeze_max_us, why)) {
		cs->squeeze = SQUEEZE_NONE;
		return;
	}
	squeeze(step, component, SQUEEZE_THROTTLED, bytes, why);
	emit_notice(step, component,
		    leaf ? (struct why){REASON_FREEZE_BUDGET, count, conf->freeze_budget} : why);
}

/* Up by 5 %, to the limit in force at most. */
static uint64_t raised(const struct component_state *cs)
{
	uint64_t up = cs->squeeze_bytes + cs->squeeze_bytes / WATCHDOG_RAISE;

	return max_u64(min_u64(up, cs->in_force_bytes), cs->squeeze_bytes);
}

static void follow_squeeze(struct step *step, uint32_t component)
{
	struct component_state *cs = &step->state->component[component];
	uint64_t age = step->now_us - cs->squeeze_since_us;
	uint64_t need = room_least(cs->in_force_bytes);
	uint64_t room = room_of_component(step, component);
	struct why why = {REASON_DEADLINE, age, cs->squeeze_until_us - cs->squeeze_since_us};
	bool stuck = signal_is_livelocked(&cs->signal, limits_high(cs), step->now_us);

	if (!cs->active_leaves || !age)
		return;
	if (room >= need && room_on_host(step, need)) {
		squeeze_release(step, component, (struct why){REASON_ROOM, room, need});
		return;
	}
	if (stuck && age >= PROBATION_US / 2 && cs->squeeze == SQUEEZE_PROBATION) {
		why = (struct why){REASON_LIVELOCK, cs->signal.high_events_per_s,
				   SIGNAL_LIVELOCK_PER_S};
		next_tier(step, component, raised(cs), why);
		return;
	}
	if (step->now_us < cs->squeeze_until_us)
		return;
	if (still_presses(step, cs))
		next_tier(step, component, stuck ? raised(cs) : cs->squeeze_bytes, why);
	else
		squeeze_release(step, component,
				(struct why){REASON_RECOVERED, cs->level.why.observed,
					     thresholds_of(step, component, LEVEL_EMERGENCY)});
}

/* Under no squeeze of ours and yet stuck at its limit: the kernel's own throttling got nowhere. */
static void watch_livelock(struct step *step, uint32_t component)
{
	struct component_state *cs = &step->state->component[component];
	const struct policy_conf *conf = &step->config->policy;
	struct why why = {REASON_LIVELOCK, cs->signal.high_events_per_s, SIGNAL_LIVELOCK_PER_S};
	struct leaf_state *leaf;

	if (!signal_is_livelocked(&cs->signal, limits_high(cs), step->now_us) || cs->frozen_leaves)
		return;
	leaf = freeze_pick(step, component);
	if (leaf && freeze_count(step, component) < conf->freeze_budget)
		freeze_leaf(step, leaf, FREEZE_PRESSURE, conf->freeze_max_us, why);
	else
		emit_notice(step, component, why);
}

void squeeze_step(struct step *step)
{
	for (uint32_t i = 0; i < step->config->component_count; i++) {
		struct component_state *cs = &step->state->component[i];

		if (!cs->used && cs->squeeze != SQUEEZE_NONE)
			squeeze_release(step, i, (struct why){REASON_RECOVERED, 0, 0});
		else if (cs->squeeze != SQUEEZE_NONE)
			follow_squeeze(step, i);
		else
			watch_livelock(step, i);
	}
}
