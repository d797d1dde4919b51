// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Decides when a frozen leaf goes on: at once when its freeze made somebody else stall, else when
 * there is room for all of it, which is then brought back from swap as a whole before it runs. At
 * its deadline it goes on in any case, for a moment only where that costs others. Thaws keep a
 * distance, so that no two leaves count on the same room. Moments in between are breath.c's. A
 * client's thaw is in requests.c, the one at the start in freeze.c, that of a queued job in
 * admit/grow.c.
 */
#include "user/policy/thaw.h"

#include "user/policy/breath.h"
#include "user/policy/contention.h"
#include "user/policy/emit.h"
#include "user/policy/freeze.h"
#include "user/policy/idle.h"
#include "user/policy/limits.h"
#include "user/policy/num.h"
#include "user/policy/room.h"
#include "user/policy/squeeze.h"
#include "user/policy/turns.h"

#define DEADLINE_MARGIN_US (2 * US_PER_SEC) /* ours comes before the guard's */
#define THAW_RETRY_US      US_PER_SEC
#define STANDS_US          (200 * US_PER_MS) /* at the least: what was decided before it takes effect */
#define THAW_SPACING_US    (5 * US_PER_SEC)
#define SETTLES_US         US_PER_SEC        /* who goes on has shown by then whether it grows */
#define PAGE_IN_US         US_PER_SEC        /* and the time that its bytes take */
#define PAGE_IN_PER_S      (32 * MIB)        /* at the least: swap on a disk that turns */
#define PAGE_IN_ENDS_US    (500 * US_PER_MS) /* before the lease does */
#define PAGE_IN_LEAST      (2 * MIB)         /* less comes back by itself soon enough */
#define EFFECT_AFTER_US    (2 * US_PER_SEC)
#define EFFECT_PERMYRIAD   2000
#define EFFECT_GROWTH      (4 * MIB)
#define EFFECT_SPARES_US   (300 * US_PER_SEC)
#define ROOM_AMPLE         4  /* times what is needed: who is stopped often is not kept from it */
#define ROOM_GREW_PART     10 /* the limit in force grew by a tenth: no need to wait longer */

/* A freeze that makes another component stall has stopped somebody it waits for. Who has grown
 * since waits for memory. */
static void judge_effect(struct step *step)
{
	struct freeze_watch *watch = &step->state->watch;
	struct leaf_state *leaf;

	if (!watch->leaf || step->now_us - watch->at_us < EFFECT_AFTER_US)
		return;
	leaf = leaf_find(step->state, watch->leaf);
	watch->leaf = 0;
	if (!leaf || (leaf->cause == FREEZE_NOT && !leaf->breath_until_us) ||
	    !room_on_host(step, 0))
		return;
	for (uint32_t i = 0; i < step->state->component_count; i++) {
		const struct component_state *cs = &step->state->component[i];
		uint64_t full = cs->signal.full_short_permyriad;

		if (!watch->was_calm[i] || cs->squeezed || full < EFFECT_PERMYRIAD ||
		    cs->signal.current_bytes > watch->held_bytes[i] + EFFECT_GROWTH ||
		    cs->signal.current_bytes + limits_slack(cs->in_force_bytes) >= limits_high(cs))
			continue;
		leaf->spared_until_us = step->now_us + EFFECT_SPARES_US;
		thaw_leaf(step, leaf, (struct why){REASON_SIDE_EFFECT, full, EFFECT_PERMYRIAD});
		return;
	}
}

/* Nobody runs in its place, and there is so much room that it will not be stopped again at once. */
static bool is_left_idle(const struct step *step, const struct leaf_state *leaf, struct why room)
{
	return !step->state->component[leaf->component].active_leaves &&
	       leaf->cause != FREEZE_DONOR && leaf->cause != FREEZE_PAYBACK &&
	       room.observed / 2 >= room.threshold;
}

static uint64_t shortest_freeze(const struct step *step, const struct leaf_state *leaf,
				struct why room)
{
	const struct policy_conf *conf = &step->config->policy;
	uint64_t in_force = step->state->component[leaf->component].in_force_bytes;
	uint64_t us = conf->freeze_dwell_us << leaf->relapses;

	if (is_left_idle(step, leaf, room))
		return min_u64(conf->freeze_dwell_us, conf->freeze_max_us);
	if (freeze_count(step, leaf->component) >= conf->freeze_budget &&
	    room.observed / ROOM_AMPLE < room.threshold)
		return conf->freeze_max_us;
	if (in_force >= leaf->room_then_bytes + leaf->room_then_bytes / ROOM_GREW_PART)
		us = conf->freeze_dwell_us;
	return min_u64(us, conf->freeze_max_us);
}

/* Page by page, as it misses them, a job's swapped pages take fifty times as long to come back. */
static bool page_in(struct step *step, struct leaf_state *leaf, struct why why)
{
	uint64_t takes_us = PAGE_IN_US + mul_div(leaf->swap_bytes, US_PER_SEC, PAGE_IN_PER_S);
	uint64_t last_us = sub_sat(leaf->deadline_us, PAGE_IN_ENDS_US);
	struct action action = {
		.kind = ACTION_PAGE_IN,
		.tier = TIER_FREEZE,
		.component = leaf->component,
		.leaf = leaf->cgid,
		.amount = leaf->swap_bytes,
		.swappiness = -1,
		.deadline_us = min_u64(step->now_us + takes_us, last_us),
		.why = why,
	};
	const struct action *sent;

	if (leaf->paged_in || idle_missing_bytes(leaf) < PAGE_IN_LEAST ||
	    why.observed < leaf->swap_bytes || step->now_us >= last_us)
		return false;
	sent = emit_action(step, &action);
	if (!sent)
		return false;
	leaf->page_in_id = sent->id;
	leaf->page_in_until_us = action.deadline_us + PAGE_IN_ENDS_US / 2;
	return true;
}

/* Somebody else is on the way into the room that is seen. */
static bool is_taken(const struct step *step, const struct leaf_state *leaf)
{
	if (turns_is_changing(step) && !turns_is_next(step, leaf))
		return true;
	for (uint32_t i = 0; i < step->state->leaf_end; i++) {
		const struct leaf_state *other = &step->state->leaf[i];

		if (other->cgid && other != leaf && other->cause != FREEZE_NOT &&
		    (other->page_in_id != ID_NONE || other->paged_in))
			return true;
	}
	return false;
}

/* Who went on last may still want of the room that is seen. */
static bool is_too_soon(const struct step *step)
{
	uint64_t since_us = step->now_us - step->state->last_thaw_us;

	if (since_us >= THAW_SPACING_US || since_us < SETTLES_US)
		return since_us < SETTLES_US;
	for (uint32_t i = 0; i < step->state->component_count; i++)
		if (contention_grows(step, i))
			return true;
	return false;
}

/* Not two at a time, and not too soon where that could be undone at once, unless the lease ends
 * anyway. */
static bool thaw_into_room(struct step *step, struct leaf_state *leaf, bool due)
{
	uint64_t age_us = step->now_us - leaf->frozen_us;
	struct why why = {REASON_ROOM, 0, 0};
	bool has_room = room_for_thaw(step, leaf, &why);

	leaf->paged_in &= has_room;
	if (!has_room || age_us < STANDS_US)
		return false;
	if (!due && !leaf->paged_in && !turns_is_next(step, leaf) &&
	    (is_too_soon(step) || age_us < shortest_freeze(step, leaf, why)))
		return false;
	if (is_taken(step, leaf))
		return false;
	squeeze_release(step, leaf->component, why);
	return page_in(step, leaf, why) || thaw_leaf(step, leaf, why);
}

static void leaf_step(struct step *step, struct leaf_state *leaf)
{
	uint64_t age = step->now_us - leaf->frozen_us;
	struct why late = {REASON_DEADLINE, age, leaf->deadline_us - leaf->frozen_us};
	uint64_t margin = min_u64(DEADLINE_MARGIN_US, (leaf->deadline_us - leaf->frozen_us) / 4);
	bool due = step->now_us + margin >= leaf->deadline_us;

	if (!breath_renew(step, leaf))
		return;
	if (leaf->thaw_sent_us) {
		if (step->now_us - leaf->thaw_sent_us >= THAW_RETRY_US)
			thaw_leaf(step, leaf, late);
		return;
	}
	if (breath_for_lock(step, leaf))
		return;
	if (leaf->page_in_id != ID_NONE) {
		if (step->now_us < leaf->page_in_until_us)
			return;
		leaf->page_in_id = ID_NONE;
		leaf->paged_in = true;
	}
	if (!leaf->populated) {
		thaw_leaf(step, leaf, (struct why){REASON_ROOM, leaf->current_bytes, 0});
		return;
	}
	if (leaf->cause == FREEZE_CLIENT) {
		if (step->now_us >= leaf->deadline_us)
			thaw_leaf(step, leaf, late);
		return;
	}
	if (thaw_into_room(step, leaf, due) || breath_begin(step, leaf) || !due ||
	    breath_at_deadline(step, leaf, late))
		return;
	squeeze_release(step, leaf->component, late);
	thaw_leaf(step, leaf, late);
}

void thaw_step(struct step *step)
{
	judge_effect(step);
	for (uint32_t i = 0; i < step->state->leaf_end; i++) {
		struct leaf_state *leaf = &step->state->leaf[i];

		if (leaf->cgid && leaf->cause != FREEZE_NOT)
			leaf_step(step, leaf);
		else if (leaf->cgid && leaf->breath_until_us)
			breath_follow(step, leaf, is_taken(step, leaf));
	}
}
