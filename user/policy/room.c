// SPDX-License-Identifier: GPL-2.0-or-later
#include "user/policy/room.h"

#include "user/policy/freeze.h"
#include "user/policy/thresholds.h"
#include "user/policy/limits.h"
#include "user/policy/num.h"
#include "user/policy/signal.h"
#include "user/policy/last_resort.h"

#define PROBATION_US      (10 * US_PER_SEC)
#define PROBATION_OVER_US (3 * US_PER_SEC) /* of who holds more than it may: it creeps up */
#define ROUNDING          (64 * KIB)       /* the kernel rounds limits to pages */
#define SETTLE_MAX_US     US_PER_SEC
#define GROWTH_US         (500 * US_PER_MS) /* the brake catches what goes on longer */
#define ROOM_MIN_PCT      5                 /* of the limit in force, below the emergency edge */
#define ROOM_GROWTH_PCT   10                /* as much of it as a second's growth takes, at most */
#define SWAP_BACK_PCT     120
#define DONOR_MARGIN_PCT  5 /* of the host: thawed later than frozen */
#define PRESSING_FULL     2000
#define OWN_LIMIT_PCT     98
#define CALM_SOME         200
#define WATCHDOG_RAISE    20 /* a twentieth: 5 % */

uint64_t room_host_reserve(const struct step *step)
{
	uint64_t reserve =
		mul_div(step->config->usable_bytes, step->config->reserve_permyriad, PERMYRIAD_ONE);

	return max_u64(reserve, step->state->host.total_bytes / 100);
}

bool room_on_host(const struct step *step, uint64_t need_bytes)
{
	const struct host_state *host = &step->state->host;

	return !host->valid || host->available_bytes >= room_host_reserve(step) + need_bytes;
}

bool room_is_protected_stalled(const struct step *step, uint32_t component, uint64_t permyriad)
{
	const struct component_state *cs = &step->state->component[component];
	uint64_t high = limits_high(cs);

	return component_is_protected(&step->config->component[component]) &&
	       cs->signal.some_permyriad >= permyriad &&
	       (high == BYTES_MAX || cs->signal.current_bytes < percent_of(high, OWN_LIMIT_PCT));
}

static bool protected_are_calm(const struct step *step)
{
	for (uint32_t i = 0; i < step->state->component_count; i++)
		if (room_is_protected_stalled(step, i, CALM_SOME))
			return false;
	return true;
}

/* Room of a component below its emergency edge. */
static uint64_t component_room(const struct step *step, uint32_t component)
{
	const struct component_state *cs = &step->state->component[component];
	uint64_t edge = mul_div(cs->in_force_bytes, edges_of(step, component, LEVEL_EMERGENCY),
				PERMYRIAD_ONE);

	return sub_sat(edge, max_u64(cs->signal.ws_bytes, 1));
}

bool room_for_thaw(const struct step *step, const struct leaf_state *leaf, struct why *ret_why)
{
	const struct component_state *cs = &step->state->component[leaf->component];
	uint64_t in_force = cs->in_force_bytes;
	uint64_t room = component_room(step, leaf->component);
	uint64_t growth = grown(leaf->slope_then_per_s, US_PER_SEC);
	uint64_t need = max_u64(percent_of(in_force, ROOM_MIN_PCT),
				min_u64(percent_of(in_force, ROOM_GROWTH_PCT), growth));
	uint64_t host_need = percent_of(leaf->swap_bytes, SWAP_BACK_PCT) +
			     grown(leaf->slope_then_per_s, GROWTH_US);

	*ret_why = (struct why){REASON_ROOM, room, need};
	if (room < need)
		return false;
	host_need = min_u64(host_need, sub_sat(in_force, cs->signal.current_bytes));
	if (leaf->cause == FREEZE_DONOR) {
		host_need += percent_of(step->state->host.total_bytes, DONOR_MARGIN_PCT);
		if (!protected_are_calm(step))
			return false;
	}
	return room_on_host(step, host_need);
}

void room_release(struct step *step, uint32_t component, struct why why)
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

bool room_probation(struct step *step, uint32_t component, struct why why)
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
	return cs->signal.full_permyriad >= PRESSING_FULL ||
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
	tiers_notice(step, component,
		     leaf ? (struct why){REASON_FREEZE_BUDGET, count, conf->freeze_budget} : why);
}

/* Up by 5 %, to the limit in force at most. */
static uint64_t raised(const struct component_state *cs)
{
	uint64_t up = cs->squeeze_bytes + cs->squeeze_bytes / WATCHDOG_RAISE;

	return max_u64(min_u64(up, cs->in_force_bytes), cs->squeeze_bytes);
}

static void squeeze_step(struct step *step, uint32_t component)
{
	struct component_state *cs = &step->state->component[component];
	uint64_t age = step->now_us - cs->squeeze_since_us;
	uint64_t need = percent_of(cs->in_force_bytes, ROOM_MIN_PCT);
	uint64_t room = component_room(step, component);
	struct why why = {REASON_DEADLINE, age, cs->squeeze_until_us - cs->squeeze_since_us};
	bool stuck = signal_is_livelocked(&cs->signal, limits_high(cs), step->now_us);

	if (!cs->active_leaves || !age)
		return;
	if (room >= need && room_on_host(step, need)) {
		room_release(step, component, (struct why){REASON_ROOM, room, need});
		return;
	}
	if (stuck && age >= PROBATION_US / 2 && cs->squeeze == SQUEEZE_PROBATION) {
		why = (struct why){REASON_LIVELOCK, cs->signal.high_events_per_s, 1000};
		next_tier(step, component, raised(cs), why);
		return;
	}
	if (step->now_us < cs->squeeze_until_us)
		return;
	if (still_presses(step, cs))
		next_tier(step, component, stuck ? raised(cs) : cs->squeeze_bytes, why);
	else
		room_release(step, component,
			     (struct why){REASON_RECOVERED, cs->level.why.observed,
					  edges_of(step, component, LEVEL_EMERGENCY)});
}

/* Under no squeeze of ours and yet stuck at its limit: the kernel's own throttling got nowhere. */
static void watch_livelock(struct step *step, uint32_t component)
{
	struct component_state *cs = &step->state->component[component];
	const struct policy_conf *conf = &step->config->policy;
	struct why why = {REASON_LIVELOCK, cs->signal.high_events_per_s, 1000};
	struct leaf_state *leaf;

	if (!signal_is_livelocked(&cs->signal, limits_high(cs), step->now_us) || cs->frozen_leaves)
		return;
	leaf = freeze_pick(step, component);
	if (leaf && freeze_count(step, component) < conf->freeze_budget)
		freeze_leaf(step, leaf, FREEZE_PRESSURE, conf->freeze_max_us, why);
	else
		tiers_notice(step, component, why);
}

void room_step(struct step *step)
{
	for (uint32_t i = 0; i < step->config->component_count; i++) {
		struct component_state *cs = &step->state->component[i];

		if (!cs->used && cs->squeeze != SQUEEZE_NONE)
			room_release(step, i, (struct why){REASON_RECOVERED, 0, 0});
		else if (cs->squeeze != SQUEEZE_NONE)
			squeeze_step(step, i);
		else
			watch_livelock(step, i);
	}
}
