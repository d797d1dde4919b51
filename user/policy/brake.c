// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Looks for a reason to stop somebody now. First each component is judged by its own limit: at the
 * last threshold and growing at somebody's cost, or owing an owner who outruns what is free, one
 * leaf of it is frozen, or it is squeezed. Then the host and each protected component that stalls
 * may ask for one donor, where a stall alone is not enough: memory must show the cause, and where
 * it does not yet, the next frames come at once to watch for it.
 */
#include "user/policy/brake.h"

#include "user/policy/breath.h"
#include "user/policy/collision.h"
#include "user/policy/contention.h"
#include "user/policy/dependence.h"
#include "user/policy/donor.h"
#include "user/policy/freeze.h"
#include "user/policy/headroom.h"
#include "user/policy/host.h"
#include "user/policy/idle.h"
#include "user/policy/ladder.h"
#include "user/policy/limits.h"
#include "user/policy/loans.h"
#include "user/policy/margin.h"
#include "user/policy/num.h"
#include "user/policy/payoff.h"
#include "user/policy/room.h"
#include "user/policy/signal.h"
#include "user/policy/squeeze.h"

#define LAST_EFFECT_US     (50 * US_PER_MS) /* that is too long for who takes the last */
#define LAST_PART          4                /* of the margin is left: nobody grows any more */
#define CREEPS_PER_S       ((int64_t)MIB / 4)
#define HORIZON_US         (2 * US_PER_SEC)
#define TAKES_EFFECT_US    (300 * US_PER_MS) /* a freeze shows in use within this, */
#define SHOWS_US           (100 * US_PER_MS) /* and mostly within this */
#define OUTRUN_US          (500 * US_PER_MS) /* of owners' growth must be free, */
#define OUTRUN_HOT_US      (2 * US_PER_SEC)  /* where who pays must stand still to pay at all, */
#define OUTRUN_BYTES       (4 * MIB)         /* and what one sees too late */
#define REFAULTS_HOT       1024              /* pages a second: it does little but wait for them */
#define DONOR_SPACING_US   (500 * US_PER_MS)
#define ANY_SPACING_US     (5 * US_PER_SEC)
#define ANY_LEAST          (16 * MIB)
#define STALLED_HORIZON_US (5 * US_PER_SEC)  /* beside a first stall */
#define EVIDENCE_PCT       12                /* of the host available: less is evidence */
#define GROWING_PCT        25                /* less is evidence beside a growing donor */
#define WATCH_US           (200 * US_PER_MS) /* for its cause to show after a stall */
#define WATCH_SPACING_US   US_PER_SEC        /* looking that closely costs */

static bool is_at_threshold(const struct step *step, const struct component_state *cs)
{
	enum level threshold = room_has_swap(&step->state->host) ? LEVEL_EMERGENCY : LEVEL_CRITICAL;

	return cs->level.seen >= threshold;
}

/* It has no cold pages for all that it owes: what is taken while it runs it reads back at once, as
 * it does with what was taken before. */
static bool owes_hot(const struct step *step, uint32_t i)
{
	return step->state->component[i].signal.refaults_per_s > REFAULTS_HOT ||
	       (idle_is_known(step, i) && idle_cold_bytes(step, i, false) < loans_owed(step, i));
}

/* Reclaim had its time, or what is free does not last until it has brought something. */
static bool payback_is_due(const struct step *step, uint32_t i)
{
	const struct component_state *cs = &step->state->component[i];
	uint64_t lasts_us = owes_hot(step, i) ? OUTRUN_HOT_US : OUTRUN_US;

	if (!cs->loans.owes_since_us)
		return false;
	return step->now_us - cs->loans.owes_since_us >= PAYBACK_FREEZE_US ||
	       payoff_is_hot(step, i) ||
	       headroom_free(step) < contention_owners_growth(step, lasts_us) + OUTRUN_BYTES;
}

static bool contends(const struct step *step, uint32_t i)
{
	return step->state->component[i].signal.seen && contention_lacks(step, i) > 0 &&
	       freeze_pick(step, i);
}

/* Of those who lack memory at once, one stops. The last that runs beside those that stand still is
 * left to run, but not until the kernel kills one of them. */
static bool costs_others(const struct step *step, uint32_t i)
{
	const struct component_state *cs = &step->state->component[i];

	if (!contention_at_cost(step, i))
		return false;
	if (cs->active_leaves > 1 || contention_fills_up(step, i))
		return true;
	if (!contention_others_lack(step, i))
		return !cs->frozen_leaves;
	return donor_first(step, contends) == i;
}

static struct why own_reason(const struct step *step, const struct component_state *cs)
{
	if (cs->mark_fired)
		return (struct why){REASON_USAGE_MARK, cs->signal.current_bytes, cs->fired_bytes};
	if (!room_has_swap(&step->state->host) && cs->level.seen < LEVEL_EMERGENCY)
		return (struct why){REASON_NO_SWAP, 0, cs->signal.ws_bytes};
	return cs->level.seen_why;
}

/* Who may not be frozen and eats up the margin: the kernel is to stop it, before the pool is full.
 * Who is only spared because others depend on it is stopped all the same when half of that is gone.
 */
static void throttle(struct step *step, uint32_t i)
{
	uint64_t free = headroom_free(step), margin = margin_bytes(step);
	const struct leaf_state *spared = dependence_spared(step, i);
	struct why why = {REASON_ROOM, free, margin};

	if (step->state->component[i].signal.held_bytes <= step->config->component[i].budget_bytes)
		return;
	if (!step->config->component[i].freeze && free < margin)
		squeeze_begin(step, i, why);
	else if (spared && free < margin / 2)
		freeze_leaf(step, leaf_find(step->state, spared->cgid), FREEZE_PRESSURE,
			    step->config->policy.freeze_max_us, why);
}

/* Who makes the component grow is let be for a while: nothing would come of stopping another. */
static bool grows_by_spared(const struct step *step, uint32_t i)
{
	for (uint32_t k = 0; k < step->state->leaf_end; k++) {
		const struct leaf_state *leaf = &step->state->leaf[k];

		if (leaf->cgid && leaf->component == i && leaf->cause == FREEZE_NOT &&
		    step->now_us < leaf->spared_until_us && leaf->growth_per_s > (int64_t)MIB)
			return true;
	}
	return false;
}

static struct leaf_state *pick_grower(const struct step *step, uint32_t i)
{
	struct leaf_state *leaf = freeze_pick_grower(step, i);

	return leaf && leaf->growth_per_s <= (int64_t)MIB && grows_by_spared(step, i) ? NULL : leaf;
}

/* By the kernel, in place of a freeze. */
static bool is_held(const struct step *step, uint32_t i)
{
	return step->state->component[i].squeezed && !step->config->component[i].freeze;
}

/* By right or not: what it takes within a second is nowhere, neither free nor in swap. */
static bool takes_the_last(const struct step *step, uint32_t i, struct why *ret_why)
{
	uint64_t last = headroom_last(step), ahead = contention_growth_ahead(step, i, US_PER_SEC);

	*ret_why = (struct why){REASON_ROOM, last, ahead};
	return contention_swap_is_full(step) && contention_grows(step, i) && ahead > last &&
	       !breath_goes_on(step, i);
}

static bool is_at_the_end(const struct step *step)
{
	return contention_swap_is_full(step) &&
	       headroom_last(step) < margin_bytes(step) / LAST_PART;
}

/* Too slowly for a trend that would be called growth. */
static bool creeps_into_the_last(const struct step *step, uint32_t i, struct why *ret_why)
{
	*ret_why = (struct why){REASON_ROOM, headroom_last(step), margin_bytes(step) / LAST_PART};
	return is_at_the_end(step) &&
	       step->state->component[i].signal.slope_per_s >= CREEPS_PER_S &&
	       !breath_goes_on(step, i);
}

/* Who may not be frozen is held by the kernel, and that takes a while: from the margin on. */
static void hold_unstoppable(struct step *step, uint32_t i)
{
	struct why why = {REASON_ROOM, headroom_last(step), margin_bytes(step)};

	if (!component_is_protected(&step->config->component[i]) &&
	    !step->state->component[i].squeezed && contention_swap_is_full(step) &&
	    why.observed < why.threshold && contention_grows(step, i))
		squeeze_begin(step, i, why);
}

/* The freeze of another is not waited for, and in the end nobody is spared. What it grew by is what
 * has to be there before it goes on. */
static void stop_at_the_last(struct step *step, uint32_t i, struct why why)
{
	struct leaf_state *leaf = is_at_the_end(step) ? freeze_pick_fastest(step, i) : NULL;

	if (!leaf)
		leaf = freeze_pick_grower(step, i);
	if (!leaf)
		return;
	leaf->slope_then_per_s = leaf->growth_per_s;
	if (leaf->growth_per_s <= 0)
		leaf->slope_then_per_s = (int64_t)contention_growth_ahead(step, i, US_PER_SEC);
	freeze_again(step, leaf, FREEZE_PRESSURE, step->config->policy.freeze_max_us, why);
}

/* Before they meet, or the end of memory: what the one holds that is stopped now is not much yet.
 */
static void stop_ahead(struct step *step, uint32_t i)
{
	uint64_t since_us = step->now_us - step->state->component[i].last_freeze_us;
	struct leaf_state *leaf;
	struct why why;

	if (!step->config->component[i].freeze)
		hold_unstoppable(step, i);
	if (is_held(step, i) || since_us < LAST_EFFECT_US)
		return;
	if (takes_the_last(step, i, &why) || creeps_into_the_last(step, i, &why)) {
		stop_at_the_last(step, i, why);
		return;
	}
	if (since_us < TAKES_EFFECT_US || !collision_is_ahead(step, i, &why))
		return;
	leaf = freeze_pick_grower(step, i);
	if (leaf)
		freeze_leaf(step, leaf, FREEZE_PRESSURE, step->config->policy.freeze_max_us, why);
}

/* The last freeze has shown in what is used; or leaf goes on to grow since, and would be at the
 * limit before, where each looks for pages of whoever was stopped. */
static bool has_taken_effect(const struct step *step, uint32_t i, const struct leaf_state *leaf)
{
	const struct component_state *cs = &step->state->component[i];
	uint64_t since_us = step->now_us - cs->last_freeze_us;
	uint64_t room = sub_sat(limits_high(cs), cs->signal.held_bytes);

	return since_us >= TAKES_EFFECT_US ||
	       (since_us >= SHOWS_US && leaf && leaf->growth_per_s > (int64_t)MIB &&
		contention_growth_ahead(step, i, TAKES_EFFECT_US) > room);
}

/* The component's own budget. */
static void brake_component(struct step *step, uint32_t i)
{
	const struct policy_conf *conf = &step->config->policy;
	struct component_state *cs = &step->state->component[i];
	bool due = payback_is_due(step, i) && !freeze_largest(step, i);
	struct leaf_state *leaf;

	if (is_held(step, i) || breath_goes_on(step, i) || (!is_at_threshold(step, cs) && !due))
		return;
	if (!due && !contention_grows(step, i) && cs->signal.full_permyriad < STALL_FULL_PRESSING)
		return;
	if (!due && !costs_others(step, i))
		return;
	leaf = due ? freeze_pick(step, i) : pick_grower(step, i);
	if (cs->frozen_leaves && !has_taken_effect(step, i, leaf))
		return;
	if (!leaf)
		throttle(step, i);
	else if (due)
		freeze_leaf(step, leaf, FREEZE_PAYBACK, conf->freeze_max_us,
			    (struct why){REASON_OWNER_PAYBACK, loans_owed(step, i),
					 cs->in_force_bytes});
	else
		freeze_leaf(step, leaf, FREEZE_PRESSURE, conf->freeze_max_us, own_reason(step, cs));
}

/* What the pool will take of the host within the horizon, each component up to what is in force. */
static uint64_t host_ahead(const struct step *step, uint64_t horizon_us)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < step->config->component_count; i++) {
		const struct component_state *cs = &step->state->component[i];
		int64_t slope = cs->signal.slope_per_s;

		if (step->frame->kind == FRAME_URGENT && contention_grows(step, i) &&
		    cs->signal.step_per_s > slope)
			slope = cs->signal.step_per_s;
		sum += min_u64(grown(slope, horizon_us),
			       sub_sat(cs->in_force_bytes, cs->signal.held_bytes));
	}
	return sum;
}

static bool is_over_budget(const struct step *step, uint32_t i)
{
	const struct component_state *cs = &step->state->component[i];
	uint64_t budget = step->config->component[i].budget_bytes;

	return cs->signal.held_bytes > budget + limits_slack(budget);
}

static bool may_stop(const struct step *step, uint32_t i)
{
	return step->state->component[i].signal.seen && freeze_pick(step, i) &&
	       (is_over_budget(step, i) || contention_grows(step, i));
}

/* Whoever may be, when the host goes under: it has enough for what it is stopped for. */
static bool may_stop_any(const struct step *step, uint32_t i)
{
	return step->state->component[i].signal.current_bytes >= ANY_LEAST &&
	       !component_is_protected(&step->config->component[i]) && freeze_pick(step, i);
}

/* Each of them is paged out before the next one stops. */
static uint32_t next_of_all(const struct step *step)
{
	uint64_t last_us = step->state->last_donor_us;

	if (!host_is_under(step, HOST_STOPS) ||
	    (last_us && step->now_us - last_us < ANY_SPACING_US))
		return COMPONENT_NONE;
	return donor_first(step, may_stop_any);
}

static bool stop_donor(struct step *step, struct why why)
{
	uint32_t donor;

	if (step->state->last_donor_us &&
	    step->now_us - step->state->last_donor_us < DONOR_SPACING_US)
		return false;
	if (breath_cut(step, why))
		return true;
	donor = donor_first(step, may_stop);
	if (donor == COMPONENT_NONE) {
		donor = next_of_all(step);
		why = host_why(step, HOST_STOPS);
	}
	if (donor == COMPONENT_NONE)
		return false;
	if (!freeze_leaf(step, freeze_pick(step, donor), FREEZE_DONOR,
			 step->config->policy.freeze_max_us, why))
		return false;
	step->state->last_donor_us = step->now_us;
	return true;
}

/* Beyond what is its own and what it was lent. */
static bool is_over_its_right(const struct step *step, uint32_t i)
{
	const struct component_state *cs = &step->state->component[i];
	uint64_t budget = step->config->component[i].budget_bytes;

	return cs->signal.held_bytes > max_u64(budget, cs->in_force_bytes) + limits_slack(budget);
}

static bool any_over_or_growing(const struct step *step, uint32_t but, bool growing)
{
	for (uint32_t i = 0; i < step->config->component_count; i++)
		if (i != but && (growing ? contention_grows(step, i) : is_over_its_right(step, i)))
			return true;
	return false;
}

/* A stall alone is a false alarm as often as not: memory must show it too. */
static bool has_evidence(const struct step *step, uint32_t stalled, bool strong_only)
{
	const struct host_state *host = &step->state->host;
	bool growing = any_over_or_growing(step, stalled, true);
	bool over = any_over_or_growing(step, stalled, false);

	if (!host->valid)
		return growing || over;
	if (host->available_bytes < percent_of(host->total_bytes, EVIDENCE_PCT))
		return true;
	if (strong_only)
		return growing &&
		       host->available_bytes <
			       headroom_reserve(step) + host_ahead(step, STALLED_HORIZON_US);
	return over ||
	       (growing && host->available_bytes < percent_of(host->total_bytes, GROWING_PCT));
}

static bool stalls_at_own_limit(const struct component_state *cs)
{
	uint64_t high = limits_high(cs);

	return high != BYTES_MAX && cs->signal.current_bytes >= high - high / 50;
}

/* Growth that has not shown yet would be evidence. */
static bool is_worth_watching(const struct host_state *host)
{
	return !host->valid || host->available_bytes < percent_of(host->total_bytes, GROWING_PCT);
}

/* The burst that is being answered: of this frame, or of a watch that still waits for its cause. */
static uint64_t burst_in_question(const struct step *step, const struct component_state *cs)
{
	if (step->now_us < cs->watch_until_us)
		return max_u64(cs->burst_us, cs->watched_burst_us);
	return cs->burst_us;
}

static void watch_for_cause(const struct step *step, struct component_state *cs)
{
	bool watched = step->now_us < cs->watch_until_us;

	if (!cs->burst_us && !cs->stall_first)
		return;
	if (!watched && step->now_us < cs->watch_until_us + WATCH_SPACING_US)
		return;
	cs->watched_burst_us = burst_in_question(step, cs);
	if (!watched)
		cs->watch_until_us = step->now_us + WATCH_US;
}

/* What a share of the window in which stalls of some task are counted is in time. */
static uint64_t stalled_us(uint64_t some_permyriad)
{
	return mul_div(SIGNAL_SOME_WINDOW_US, some_permyriad, PERMYRIAD_ONE);
}

static void answer_stall(struct step *step, uint32_t i)
{
	struct component_state *cs = &step->state->component[i];
	uint64_t some_us = stalled_us(cs->signal.some_permyriad);
	uint64_t burst_us = burst_in_question(step, cs);
	bool lasting = cs->signal.some_permyriad >= STALL_SOME_LASTING;
	bool event = burst_us || cs->stall_first || step->now_us < cs->watch_until_us;
	struct why why = {REASON_PROTECTED_STALL, some_us, stalled_us(STALL_SOME_LASTING)};

	if (!component_is_protected(&step->config->component[i]) || (!event && !lasting) ||
	    stalls_at_own_limit(cs))
		return;
	if (burst_us)
		why = (struct why){REASON_PROTECTED_STALL, burst_us,
				   step->config->policy.stall_burst_us};
	if (has_evidence(step, i, !burst_us && !lasting)) {
		step->state->host_wants = true;
		if (stop_donor(step, why)) {
			cs->watch_until_us = 0;
			return;
		}
	} else if (!is_worth_watching(&step->state->host)) {
		return;
	}
	watch_for_cause(step, cs);
}

void brake_step(struct step *step)
{
	const struct host_state *host = &step->state->host;
	uint64_t need = headroom_reserve(step) + host_ahead(step, HORIZON_US);

	step->state->host_wants = false;
	for (uint32_t i = 0; i < step->config->component_count; i++)
		if (step->state->component[i].signal.seen) {
			stop_ahead(step, i);
			brake_component(step, i);
		}
	if (host->valid && host->available_bytes < need) {
		step->state->host_wants = true;
		stop_donor(step, (struct why){REASON_HOST_AVAILABLE, host->available_bytes, need});
	}
	for (uint32_t i = 0; i < step->config->component_count; i++)
		answer_stall(step, i);
}
