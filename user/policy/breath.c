// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lets frozen leaves run for a tenth of a second about once a second, one at a time, so that what a
 * breath changes elsewhere is known to be its work (dependence.c). A breath that brought its leaf
 * more memory and nobody else more progress doubles the time to the next and halves what it may
 * take; who has used up what all of them together may bring breathes only at the end of a term. One
 * that lies in swap would spend them on faults, and breathes seldom; one that was stopped in its
 * growth, while RAM and swap are full, only at the end of a term. Looks at locks only while
 * something is frozen.
 */
#include "user/policy/breath.h"

#include "user/policy/contention.h"
#include "user/policy/dependence.h"
#include "user/policy/emit.h"
#include "user/policy/freeze.h"
#include "user/policy/headroom.h"
#include "user/policy/limits.h"
#include "user/policy/loans.h"
#include "user/policy/margin.h"
#include "user/policy/num.h"
#include "user/policy/rise.h"
#include "user/policy/room.h"
#include "user/policy/signal.h"
#include "user/policy/turns.h"

/*
 * A service whose every 25th request needed a lock and an answer of a frozen job waited 4.5 s at
 * the median and 6.3 s at most with 100 ms a second on 6.12; where its CPU time tells of it, which
 * takes three breaths, .5 s at most on 6.12 and 7.x.
 */
#define BREATH_US       (100 * US_PER_MS)
#define BREATH_LAST_US  (200 * US_PER_MS) /* at the end of a term */
#define BREATH_BRIEF_US US_PER_MS         /* so that a freeze ends, but nothing comes of it */
#define EVERY_US        US_PER_SEC
#define QUIET_US        (400 * US_PER_MS) /* after another's: then rates of CPU time can be told */
#define AHEAD_US        (600 * US_PER_MS) /* of a breath rates are taken */
#define UNEVEN_US       (130 * US_PER_MS) /* lest it keeps step with who works once a second */
#define LOOK_US         (25 * US_PER_MS)  /* while one breathes: at 1 GB/s 25 MB are taken */
#define WASTED_MAX      5                 /* so at least one in half a minute */
#define WASTED_SWAPPED  3
#define SWAPPED_PART    8 /* of its size in swap: it would only fault */
#define GREW            MIB
#define LAST_PART       2          /* of the margin is left, where swap is full */
#define AT_ONCE_PART    4          /* of what is left, before it is looked at */
#define FREE_PART       2          /* of what is free for all */
#define LAST_SLACK      (64 * KIB) /* where nothing goes out: who does not grow breathes on */
#define SWAP_PART       8          /* of free swap: what it could not take again is kept */

#define FRESH_US       (500 * US_PER_MS) /* a freeze that nobody would miss yet */
#define PAYS_US        (3 * US_PER_SEC)  /* as long as reclaim is given before it becomes harder */
#define LOCK_US        (2 * US_PER_SEC)
#define LOCK_PAUSE_US  (250 * US_PER_MS)
#define LOCK_SPARES_US US_PER_SEC
#define LOCK_SPARES    3

/* What all its breaths together may bring it. */
static uint64_t slack_in_all(const struct step *step)
{
	const struct host_state *host = &step->state->host;
	uint64_t slack = min_u64(BREATH_SLACK, headroom_free(step) / FREE_PART);
	uint64_t spare = sub_sat(headroom_free(step), margin_bytes(step) / 2);

	if (contention_swap_is_full(step))
		return max_u64(min_u64(slack, spare / FREE_PART), LAST_SLACK);
	if (host->valid && host->swap_total_bytes)
		slack = min_u64(slack, host->swap_free_bytes / SWAP_PART);
	return slack;
}

bool breath_renew(struct step *step, struct leaf_state *leaf)
{
	if (leaf->breath.frozen_us == leaf->frozen_us)
		return leaf->breath.stood_us < step->now_us;
	leaf->breath = (struct breath_state){
		.frozen_us = leaf->frozen_us,
		.next_us = leaf->frozen_us + EVERY_US,
		.stood_us = leaf->frozen_us,
		.most_bytes = leaf->size_bytes + slack_in_all(step),
		.spares = leaf->breath.spares,
	};
	dependence_forget(leaf);
	return leaf->frozen_us < step->now_us;
}

static bool is_by_policy(const struct leaf_state *leaf)
{
	return leaf->cgid && leaf->cause != FREEZE_NOT && leaf->cause != FREEZE_CLIENT;
}

static bool breathes(const struct leaf_state *leaf)
{
	return leaf->cgid && leaf->breath_until_us;
}

static const struct leaf_state *who_breathes(const struct step *step)
{
	for (uint32_t i = 0; i < step->state->leaf_end; i++)
		if (breathes(&step->state->leaf[i]))
			return &step->state->leaf[i];
	return NULL;
}

bool breath_goes_on(const struct step *step, uint32_t component)
{
	uint32_t end = step->state->component[component].frozen_leaves ? step->state->leaf_end : 0;

	for (uint32_t i = 0; i < end; i++) {
		const struct leaf_state *leaf = &step->state->leaf[i];

		if (breathes(leaf) && leaf->component == component)
			return true;
	}
	return false;
}

/* ---- begin ---- */

/* A breath that is to tell who waits has to be long enough for that. */
static uint64_t slack_of(const struct step *step, const struct leaf_state *leaf)
{
	uint64_t left = sub_sat(leaf->breath.most_bytes, leaf->size_bytes);

	if (contention_swap_is_full(step))
		left = min_u64(left, slack_in_all(step));
	else if (leaf->came_back)
		return BREATH_SLACK / 2;
	return min_u64(max_u64(BREATH_SLACK >> leaf->breath.wasted, MIB), left);
}

/* Under a limit that it stands at the kernel would make it wait all through. */
static void give_slack(struct step *step, struct leaf_state *leaf, struct why why)
{
	const struct component_state *cs = &step->state->component[leaf->component];
	uint64_t held = cs->signal.current_bytes, slack = slack_of(step, leaf);
	uint64_t want = held + slack, high = limits_high(cs);

	leaf->breath.high_bytes = 0;
	if (cs->squeezed || !slack || high >= want)
		return;
	if (limits_set_high(step, leaf->component, want, 0, why) != ID_NONE)
		leaf->breath.high_bytes = high;
}

/* Not below what is held: nothing is reclaimed for it, and nobody who runs is held up. */
static void take_slack(struct step *step, const struct leaf_state *leaf, struct why why)
{
	const struct component_state *cs = &step->state->component[leaf->component];
	uint64_t high = leaf->breath.high_bytes;

	if (high && !cs->squeezed)
		limits_set_high(step, leaf->component, max_u64(high, cs->signal.current_bytes), 0,
				why);
}

/* Those who wait for room keep their distance to thaws, and this is none. */
static bool begin(struct step *step, struct leaf_state *leaf, uint64_t us, struct why why)
{
	const struct component_state *cs = &step->state->component[leaf->component];
	uint64_t last_thaw_us = step->state->last_thaw_us;

	dependence_begin(step);
	give_slack(step, leaf, why);
	if (!thaw_leaf(step, leaf, why))
		return false;
	step->state->last_thaw_us = last_thaw_us;
	leaf->page_in_id = ID_NONE;
	leaf->breath_until_us = step->now_us + us;
	leaf->breath_cause = leaf->cause;
	leaf->breath.from_us = step->now_us;
	leaf->breath.size_bytes = leaf->size_bytes;
	leaf->breath.slack_bytes = max_u64(slack_of(step, leaf), MIB);
	leaf->breath.component_bytes = cs->signal.current_bytes;
	leaf->breath.for_lock = why.reason == REASON_LOCK;
	leaf->breath.new_term = false;
	return true;
}

/* Once by suspicion alone, and on for as long as breaths bear it out. */
static bool is_awaited(const struct step *step, const struct leaf_state *leaf)
{
	return (!leaf->breath.count || leaf->came_back) && dependence_suspects(step, leaf);
}

/* It has taken all that it may. */
static bool is_spent(const struct leaf_state *leaf)
{
	return leaf->size_bytes >= leaf->breath.most_bytes;
}

/* Stopped in its growth, it would go on with that, and there is nothing left for it. */
static bool would_take_the_last(const struct step *step, const struct leaf_state *leaf)
{
	return contention_swap_is_full(step) &&
	       headroom_last(step) < margin_bytes(step) / LAST_PART && rise_to_come(leaf) >= GREW;
}

/* And before anybody sees it. */
static bool takes_it_at_once(const struct step *step, const struct leaf_state *leaf)
{
	return would_take_the_last(step, leaf) &&
	       grown(leaf->slope_then_per_s, LOOK_US) > headroom_last(step) / AT_ONCE_PART;
}

static bool may_breathe(const struct step *step, const struct leaf_state *leaf)
{
	return is_by_policy(leaf) && !would_take_the_last(step, leaf) && !leaf->thaw_sent_us &&
	       !leaf->paged_in && leaf->page_in_id == ID_NONE && !is_spent(leaf);
}

/* Of many that are due the one that waits longest is next. */
static bool is_due(const struct step *step, const struct leaf_state *leaf)
{
	if (!may_breathe(step, leaf) || step->now_us < leaf->breath.next_us ||
	    step->now_us - step->state->changed_us < QUIET_US)
		return false;
	for (uint32_t i = 0; i < step->state->leaf_end; i++) {
		const struct leaf_state *other = &step->state->leaf[i];

		if (may_breathe(step, other) && other->breath.next_us < leaf->breath.next_us)
			return false;
	}
	return true;
}

/* What goes out of it for an owner would come back in its breath, and that is soon over. */
static bool is_paying(const struct step *step, const struct leaf_state *leaf)
{
	return leaf->cause == FREEZE_PAYBACK && loans_owed(step, leaf->component) &&
	       step->now_us - leaf->frozen_us < PAYS_US;
}

/* A change of turns moves its pages too. */
bool breath_begin(struct step *step, struct leaf_state *leaf)
{
	struct why why = {REASON_BREATH, step->now_us - leaf->breath.stood_us, EVERY_US};

	if (!is_by_policy(leaf) || leaf->paged_in || turns_is_changing(step) ||
	    is_paying(step, leaf))
		return false;
	/* What goes through all leaves comes last: there may be many that stand. */
	return (is_due(step, leaf) || is_awaited(step, leaf)) && !who_breathes(step) &&
	       begin(step, leaf, BREATH_US, why);
}

bool breath_at_deadline(struct step *step, struct leaf_state *leaf, struct why late)
{
	uint64_t us = takes_it_at_once(step, leaf) ? BREATH_BRIEF_US
		      : is_spent(leaf)             ? BREATH_US
						   : BREATH_LAST_US;

	if (!contention_at_cost(step, leaf->component) || !begin(step, leaf, us, late))
		return false;
	leaf->breath.new_term = true;
	return true;
}

/* ---- locks ---- */

/* Looked at within a moment of the freeze: it is as if it had not been the one. */
static bool spare_holder(struct step *step, struct leaf_state *leaf, struct why why)
{
	if (step->now_us - leaf->frozen_us >= FRESH_US || leaf->breath.spares >= LOCK_SPARES ||
	    !thaw_leaf(step, leaf, why))
		return false;
	leaf->page_in_id = ID_NONE;
	leaf->breath.spares++;
	leaf->spared_until_us = step->now_us + LOCK_SPARES_US;
	return true;
}

bool breath_for_lock(struct step *step, struct leaf_state *leaf)
{
	struct why why = {REASON_LOCK, leaf->lock_waiters, 0};

	if (!is_by_policy(leaf) || !step->frame->locks_valid)
		return false;
	if (!leaf->lock_waiters) {
		leaf->breath.spares = leaf->breath.held_up = 0;
		return false;
	}
	if (step->now_us < leaf->breath.lock_after_us)
		return false;
	return spare_holder(step, leaf, why) || begin(step, leaf, LOCK_US, why);
}

/* ---- end ---- */

static uint64_t growth(const struct leaf_state *leaf)
{
	return sub_sat(leaf->size_bytes, leaf->breath.size_bytes);
}

/* Between two full frames only its component's growth is known. */
static bool outgrew(const struct step *step, const struct leaf_state *leaf)
{
	const struct signal *s = &step->state->component[leaf->component].signal;

	return s->current_bytes > leaf->breath.component_bytes + leaf->breath.slack_bytes;
}

static bool is_over(const struct step *step, const struct leaf_state *leaf)
{
	return step->now_us >= leaf->breath_until_us ||
	       (leaf->breath.for_lock && step->frame->locks_valid && !leaf->lock_waiters) ||
	       outgrew(step, leaf);
}

static bool lies_in_swap(const struct leaf_state *leaf)
{
	return leaf->swap_bytes > leaf->size_bytes / SWAPPED_PART;
}

static void plan_next(const struct step *step, struct leaf_state *leaf, bool served)
{
	struct breath_state *breath = &leaf->breath;
	bool grew = growth(leaf) >= GREW || outgrew(step, leaf);
	uint32_t wait;

	if (grew)
		step->state->component[leaf->component].breath_grew_us = step->now_us;
	if (breath->for_lock) {
		if (leaf->lock_waiters) {
			breath->lock_after_us = step->now_us + (LOCK_PAUSE_US << breath->held_up);
			breath->held_up += breath->held_up < WASTED_MAX;
		}
		return;
	}
	breath->count++;
	if (grew && !served)
		breath->wasted += breath->wasted < WASTED_MAX;
	else
		breath->wasted -= breath->wasted > 0;
	wait = breath->wasted;
	if (lies_in_swap(leaf) && !served && wait < WASTED_SWAPPED)
		wait = WASTED_SWAPPED;
	breath->next_us = step->now_us + (EVERY_US << wait) + breath->count % 3 * UNEVEN_US;
}

/* What it took itself is no growth that goes on; what its siblings took is. */
static void forget_its_growth(struct step *step, const struct leaf_state *leaf)
{
	struct signal *s = &step->state->component[leaf->component].signal;
	uint64_t in_all = sub_sat(s->current_bytes, leaf->breath.component_bytes);

	if (growth(leaf) >= in_all / 2)
		signal_forget_trend(s, step->now_us);
}

static void stop_again(struct step *step, struct leaf_state *leaf, struct why why)
{
	uint64_t max_us = step->config->policy.freeze_max_us;

	forget_its_growth(step, leaf);
	take_slack(step, leaf, why);
	leaf->breath.stood_us = step->now_us;
	if (!leaf->breath.new_term && step->now_us < leaf->deadline_us)
		freeze_resume(step, leaf, why);
	else if (freeze_again(step, leaf, leaf->breath_cause, max_us, why))
		leaf->breath.frozen_us = leaf->frozen_us;
}

/* Nothing runs in it, or somebody else stopped it. */
static bool needs_no_stop(const struct step *step, const struct leaf_state *leaf)
{
	return !leaf->populated || (step->frame->leaves_valid && leaf->kernel_frozen);
}

/* At the end of a term it goes on if there is room by now, or nobody is hurt by it any more. */
static bool may_go_on(struct step *step, const struct leaf_state *leaf, bool taken)
{
	struct why why;

	if (needs_no_stop(step, leaf))
		return true;
	return leaf->breath.new_term && (!contention_at_cost(step, leaf->component) ||
					 (!taken && room_for_thaw(step, leaf, &why)));
}

void breath_follow(struct step *step, struct leaf_state *leaf, bool taken)
{
	struct why why = {REASON_BREATH, step->now_us - leaf->breath.from_us, BREATH_US};
	bool served;

	if (!is_over(step, leaf))
		return;
	/* One for a lock comes while who waits was still at work: it says nothing of others. */
	served = !leaf->breath.for_lock && dependence_judge(step, leaf);
	if (!breathes(leaf))
		return;
	plan_next(step, leaf, served);
	if (may_go_on(step, leaf, taken)) {
		leaf->breath_until_us = leaf->waits_since_us = 0;
		return;
	}
	if (leaf->breath.new_term)
		why.reason = REASON_DEADLINE;
	stop_again(step, leaf, why);
}

bool breath_cut(struct step *step, struct why why)
{
	for (uint32_t i = 0; i < step->state->leaf_end; i++) {
		struct leaf_state *leaf = &step->state->leaf[i];

		if (!breathes(leaf) || leaf->cause != FREEZE_NOT)
			continue;
		plan_next(step, leaf, false);
		stop_again(step, leaf, why);
		return true;
	}
	return false;
}

void breath_end_all(struct step *step)
{
	for (uint32_t i = 0; i < step->state->leaf_end; i++) {
		struct leaf_state *leaf = &step->state->leaf[i];
		struct why why = {REASON_BREATH, step->now_us - leaf->breath.from_us, BREATH_US};

		if (!breathes(leaf) || needs_no_stop(step, leaf))
			continue;
		plan_next(step, leaf, false);
		stop_again(step, leaf, why);
	}
}

/* ---- the next frame ---- */

static bool stands_or_breathes(const struct leaf_state *leaf)
{
	return is_by_policy(leaf) || breathes(leaf);
}

/* CPU time costs more to read than the rest of a leaf: only what a breath is judged by. */
static bool wants_cpu(const struct step *step, const struct leaf_state *leaf)
{
	return breathes(leaf) || !leaf->breath.count || leaf->came_back ||
	       (!is_spent(leaf) && step->now_us + AHEAD_US >= leaf->breath.next_us);
}

uint32_t breath_looks(const struct step *step)
{
	uint32_t looks = dependence_is_near_freeze(step) ? PLAN_LOOK_CPU : 0;

	for (uint32_t i = 0; i < step->state->leaf_end; i++) {
		const struct leaf_state *leaf = &step->state->leaf[i];

		if (stands_or_breathes(leaf))
			looks |= PLAN_LOOK_LOCKS | (wants_cpu(step, leaf) ? PLAN_LOOK_CPU : 0);
	}
	return looks;
}

static uint64_t look_us(const struct leaf_state *leaf)
{
	return min_u64(sub_sat(leaf->breath_until_us, leaf->breath.from_us), LOOK_US);
}

uint64_t breath_next_us(const struct step *step)
{
	uint64_t next_us = UINT64_MAX;

	for (uint32_t i = 0; i < step->state->leaf_end; i++) {
		const struct leaf_state *leaf = &step->state->leaf[i];

		if (breathes(leaf))
			next_us = min_u64(next_us, step->now_us + look_us(leaf));
		else if (is_by_policy(leaf) && leaf->frozen_us == step->now_us)
			next_us = step->now_us; /* does anybody wait for a lock of it? */
	}
	return next_us;
}
