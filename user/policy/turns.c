// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Looks for a leaf that has stood still for its quantum, of those with the highest priority the one
 * that waits longest, and for those that run in its place and have had their turn. When what they
 * hold makes enough room and swap can take it, they are stopped, reclaim.c takes from them what the
 * waiting one lacks, and thaw.c brings that one back as a whole. Where a change fails to come about
 * in time it is given up, and tried again a quantum later.
 */
#include "user/policy/turns.h"

#include "user/policy/contention.h"
#include "user/policy/freeze.h"
#include "user/policy/headroom.h"
#include "user/policy/margin.h"
#include "user/policy/num.h"
#include "user/policy/rise.h"
#include "user/policy/room.h"
#include "user/policy/signal.h"
#include "user/policy/squeeze.h"
#include "user/policy/swap_speed.h"

#define QUANTUM_LEAST_US (10 * US_PER_SEC)
#define IDLE_US          US_PER_SEC
#define CHANGE_US        (5 * US_PER_SEC) /* and four times what it should take */
#define SWAP_LEAST_PER_S MIB
#define SWAP_KEPT_PART   16         /* of swap that a change leaves free */
#define FEW_LACK         (16 * MIB) /* nobody knows by so much what will be free */
#define SHORT_GROWS      (2 * MIB)  /* who goes on without room and takes more is stopped */
#define SHORT_BREATH     (64 * KIB) /* and who took no more in a breath wants nothing */
#define SHORT_ROOM_PART  2          /* of the margin is left, or what it takes is no room it had */
#define SHORT_SEEN_US    (100 * US_PER_MS) /* until its growth is seen */
#define SHORT_FREE_PART  4 /* of the margin is left, or nobody goes on without room */

uint64_t turns_quantum(uint64_t bytes, uint64_t bytes_per_s)
{
	uint64_t change_us = mul_div(2 * bytes, US_PER_SEC, max_u64(bytes_per_s, SWAP_LEAST_PER_S));

	return max_u64(TURNS_PER_CHANGE * change_us, QUANTUM_LEAST_US);
}

/* ---- who is next ---- */

/* Stands still, or has a breath in between. */
static bool waits(const struct leaf_state *leaf)
{
	return leaf->cgid && leaf->populated && leaf->waits_since_us &&
	       leaf->cause != FREEZE_CLIENT;
}

/* And is not about to run, nor stopped by this very plan, at first or after a breath. */
static bool stands(const struct step *step, const struct leaf_state *leaf)
{
	return leaf->cause != FREEZE_NOT && !leaf->thaw_sent_us && leaf->page_in_id == ID_NONE &&
	       !leaf->paged_in && leaf->frozen_us < step->now_us &&
	       leaf->breath.stood_us < step->now_us;
}

static uint32_t priority_of(const struct step *step, const struct leaf_state *leaf)
{
	return step->config->component[leaf->component].priority;
}

static bool is_before(const struct step *step, const struct leaf_state *a,
		      const struct leaf_state *b)
{
	uint32_t pa = priority_of(step, a), pb = priority_of(step, b);

	if (pa != pb)
		return pa > pb;
	if (a->waits_since_us != b->waits_since_us)
		return a->waits_since_us < b->waits_since_us;
	return a->cgid < b->cgid;
}

/* Where nobody runs there is nobody to wait for. */
static uint64_t least_wait(const struct step *step, const struct leaf_state *leaf)
{
	return step->state->component[leaf->component].active_leaves ? QUANTUM_LEAST_US : IDLE_US;
}

static struct leaf_state *first_to_wait(const struct step *step)
{
	struct leaf_state *first = NULL;

	for (uint32_t i = 0; i < step->state->leaf_end; i++) {
		struct leaf_state *leaf = &step->state->leaf[i];

		if (waits(leaf) && step->now_us - leaf->waits_since_us >= least_wait(step, leaf) &&
		    step->now_us >= leaf->next_try_us && (!first || is_before(step, leaf, first)))
			first = leaf;
	}
	return first;
}

/* ---- who makes place ---- */

/* An equal part of its component. Who holds less makes no place for who wants more. */
static uint64_t fair_part(const struct component_state *cs)
{
	return cs->in_force_bytes / max_u64(cs->active_leaves + cs->frozen_leaves, 1);
}

/* What somebody else holds by right is not a turn of theirs. */
static bool may_take_from(const struct step *step, const struct leaf_state *next,
			  const struct leaf_state *leaf)
{
	const struct component_state *cs = &step->state->component[leaf->component];

	if (leaf->component != next->component &&
	    cs->signal.held_bytes <= step->config->component[leaf->component].budget_bytes)
		return false;
	return leaf_solid_bytes(leaf) > fair_part(cs);
}

static bool had_its_turn(const struct step *step, const struct leaf_state *next,
			 const struct leaf_state *leaf, uint64_t quantum_us)
{
	uint64_t since_us = max_u64(leaf->born_us, leaf->thawed_us);

	quantum_us = mul_div(quantum_us, priority_of(step, leaf), priority_of(step, next));
	return step->now_us - since_us >= quantum_us &&
	       step->now_us - next->waits_since_us >= quantum_us;
}

static bool may_make_place(const struct step *step, const struct leaf_state *next,
			   const struct leaf_state *leaf, uint64_t quantum_us)
{
	return leaf->cgid && leaf->populated && leaf->cause == FREEZE_NOT && !leaf->kernel_frozen &&
	       !leaf->breath_until_us && step->now_us >= leaf->spared_until_us &&
	       step->config->component[leaf->component].freeze && may_take_from(step, next, leaf) &&
	       had_its_turn(step, next, leaf, quantum_us);
}

/* Those of its own component first, then by priority; the largest of them, so that few are stopped.
 */
static bool gives_before(const struct step *step, const struct leaf_state *next,
			 const struct leaf_state *a, const struct leaf_state *b)
{
	bool a_own = a->component == next->component, b_own = b->component == next->component;
	uint32_t pa = priority_of(step, a), pb = priority_of(step, b);

	if (a_own != b_own)
		return a_own;
	if (pa != pb)
		return pa < pb;
	return leaf_solid_bytes(a) > leaf_solid_bytes(b);
}

static struct leaf_state *first_to_give(const struct step *step, const struct leaf_state *next,
					uint64_t quantum_us)
{
	struct leaf_state *best = NULL;

	for (uint32_t i = 0; i < step->state->leaf_end; i++) {
		struct leaf_state *leaf = &step->state->leaf[i];

		if (may_make_place(step, next, leaf, quantum_us) &&
		    (!best || gives_before(step, next, leaf, best)))
			best = leaf;
	}
	return best;
}

/* Who stands still as well gives too, and first: nobody waits for its pages. */
static bool stands_by(const struct leaf_state *next, const struct leaf_state *leaf)
{
	return leaf->cgid && leaf != next && leaf->cause != FREEZE_NOT && !leaf->thaw_sent_us &&
	       leaf->page_in_id == ID_NONE && leaf->component == next->component;
}

/* As much as it lacks is worked with in its place: a turn costs what it brings, and comes no sooner
 * than those for whom somebody who runs is stopped. */
static bool is_worked_with(const struct step *step, const struct leaf_state *next, uint64_t bytes)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < step->state->leaf_end; i++) {
		const struct leaf_state *leaf = &step->state->leaf[i];

		if (leaf->cgid && leaf->component == next->component && leaf->populated &&
		    leaf->cause == FREEZE_NOT && !leaf->kernel_frozen && !leaf->breath_until_us)
			sum += leaf_solid_bytes(leaf);
	}
	return sum >= bytes;
}

static uint64_t standing_can_give(const struct step *step, const struct leaf_state *next)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < step->state->leaf_end; i++)
		if (stands_by(next, &step->state->leaf[i]))
			sum += leaf_solid_bytes(&step->state->leaf[i]);
	return sum;
}

static uint64_t all_can_give(const struct step *step, const struct leaf_state *next,
			     uint64_t quantum_us)
{
	uint64_t sum = standing_can_give(step, next);

	for (uint32_t i = 0; i < step->state->leaf_end; i++)
		if (may_make_place(step, next, &step->state->leaf[i], quantum_us))
			sum += leaf_solid_bytes(&step->state->leaf[i]);
	return sum;
}

/* ---- the change ---- */

static bool swap_can_take(const struct step *step, uint64_t bytes)
{
	const struct host_state *host = &step->state->host;

	return !host->valid ||
	       host->swap_free_bytes >= bytes + host->swap_total_bytes / SWAP_KEPT_PART;
}

static void begin(struct step *step, struct leaf_state *next, uint64_t bytes, uint64_t quantum_us)
{
	struct turn_state *turn = &step->state->turn;
	struct why why = {REASON_TURN, step->now_us - next->waits_since_us, quantum_us};
	uint64_t taken = standing_can_give(step, next);

	turn->leaf = next->cgid;
	turn->until_us = step->now_us + CHANGE_US + 4 * quantum_us / TURNS_PER_CHANGE;
	while (taken < bytes) {
		struct leaf_state *leaf = first_to_give(step, next, quantum_us);

		if (!leaf ||
		    !freeze_again(step, leaf, FREEZE_TURN, step->config->policy.freeze_max_us, why))
			return;
		leaf->slope_then_per_s = 0;
		taken += leaf_solid_bytes(leaf);
	}
}

/* Swap can take what must go, and who runs in its place holds so much, had it its turn or not. */
static bool can_change(const struct step *step, const struct leaf_state *next, uint64_t bytes)
{
	return bytes && swap_can_take(step, bytes) && all_can_give(step, next, 0) >= bytes;
}

/* Alone in its component, where nothing can go out for it: its last breath shows that it has what
 * it needs. Who stalls was kept from taking more. */
static bool wants_no_more(const struct step *step, const struct leaf_state *leaf)
{
	return contention_swap_is_full(step) && leaf->breath.count &&
	       leaf->size_bytes <= leaf->breath.size_bytes + SHORT_BREATH &&
	       !signal_stalls_now(&step->state->component[leaf->component].signal);
}

/*
 * Nobody runs in its component, and no change would make room for all of it: larger than what its
 * component may ever have, or swap is full. It goes on with what there is, for a quantum or until
 * it grows; who is hurt is nobody but those that stand still beside it.
 */
static bool run_short(struct step *step, struct leaf_state *next)
{
	const struct component_state *cs = &step->state->component[next->component];
	bool for_room = next->cause == FREEZE_PRESSURE || next->cause == FREEZE_TURN;
	struct why why;

	if (!for_room || cs->active_leaves ||
	    (cs->frozen_leaves < 2 && !wants_no_more(step, next)) ||
	    contention_others_lack(step, next->component) || !room_on_host(step, 0) ||
	    headroom_last(step) < margin_bytes(step) / SHORT_FREE_PART ||
	    headroom_last(step) < grown(next->slope_then_per_s, SHORT_SEEN_US) ||
	    squeeze_is_due(step, next->component) || room_for_thaw(step, next, &why))
		return false; /* or thaw.c brings it back as a whole */
	next->spared_until_us = step->now_us + QUANTUM_LEAST_US;
	next->short_at_bytes = max_u64(next->size_bytes, 1);
	return thaw_leaf(step, next, why);
}

/* What it takes is the last that is free, and swap takes nothing for it. */
static void stop_short(struct step *step, struct leaf_state *leaf)
{
	struct why why = {REASON_ROOM, headroom_last(step), margin_bytes(step)};

	if (!leaf->short_at_bytes || leaf->cause != FREEZE_NOT)
		return;
	if (room_to_grow(step, leaf->component) && why.observed >= why.threshold / SHORT_ROOM_PART)
		leaf->short_at_bytes = max_u64(leaf->size_bytes, 1);
	if (step->now_us >= leaf->spared_until_us)
		leaf->short_at_bytes = 0;
	else if (leaf->size_bytes > leaf->short_at_bytes + SHORT_GROWS &&
		 freeze_again(step, leaf, FREEZE_TURN, step->config->policy.freeze_max_us, why))
		leaf->next_try_us = step->now_us + QUANTUM_LEAST_US;
}

/* What it lacks with its growth, or, where others do not hold so much or swap cannot take it,
 * without: how far it grows is a guess. */
static uint64_t plan_change(struct step *step, const struct leaf_state *next, uint64_t with_growth)
{
	bool whole = can_change(step, next, with_growth);

	step->state->turn.ahead_bytes = whole ? rise_to_come(next) : 0;
	return whole ? with_growth : room_lacking(step, next, 0);
}

/* Who comes first is waited for, unless nothing would come of it: else the small would always go
 * before the large, whose change takes longer. */
static void change(struct step *step)
{
	struct leaf_state *next = first_to_wait(step);
	uint64_t bytes, quantum_us;

	if (!next || !stands(step, next))
		return;
	bytes = room_lacking(step, next, rise_to_come(next));
	quantum_us = turns_quantum(max_u64(bytes, next->swap_bytes), swap_speed(step));
	bytes = plan_change(step, next, bytes);
	if (can_change(step, next, bytes)) {
		if (all_can_give(step, next, quantum_us) >= bytes &&
		    (step->now_us - next->waits_since_us >= quantum_us ||
		     !is_worked_with(step, next, bytes)))
			begin(step, next, bytes, quantum_us);
	} else if (!run_short(step, next)) {
		next->next_try_us = step->now_us + QUANTUM_LEAST_US;
	}
}

/* Who makes place has not so much left, since others took what it gave: all would wait for
 * nothing. */
static bool comes_to_nothing(const struct step *step, const struct leaf_state *next)
{
	uint64_t left = FEW_LACK;

	if (next->paged_in)
		return false;
	for (uint32_t i = 0; i < step->state->leaf_end; i++) {
		const struct leaf_state *leaf = &step->state->leaf[i];

		if (stands_by(next, leaf) || (leaf->cgid && leaf->cause == FREEZE_TURN))
			left += leaf_solid_bytes(leaf);
	}
	return left < room_lacking(step, next, step->state->turn.ahead_bytes);
}

/* It goes on, or is gone, or it takes too long: the others are as who waits. */
static void follow(struct step *step)
{
	struct turn_state *turn = &step->state->turn;
	struct leaf_state *next = leaf_find(step->state, turn->leaf);

	if (next && next->populated && next->waits_since_us &&
	    (next->page_in_id != ID_NONE ||
	     (step->now_us < turn->until_us && !comes_to_nothing(step, next))))
		return;
	if (next)
		next->next_try_us = step->now_us + QUANTUM_LEAST_US;
	turn->leaf = 0;
}

void turns_step(struct step *step)
{
	for (uint32_t i = 0; i < step->state->leaf_end; i++)
		stop_short(step, &step->state->leaf[i]);
	if (step->state->turn.leaf)
		follow(step);
	if (!step->state->turn.leaf && step->frame->kind == FRAME_FULL)
		change(step);
}

bool turns_is_next(const struct step *step, const struct leaf_state *leaf)
{
	return leaf->cgid == step->state->turn.leaf;
}

bool turns_is_changing(const struct step *step)
{
	return step->state->turn.leaf != 0;
}

uint64_t turns_lacks(const struct step *step, uint32_t component)
{
	const struct leaf_state *next = leaf_find(step->state, step->state->turn.leaf);

	if (!step->state->turn.leaf || !next || next->page_in_id != ID_NONE || next->paged_in)
		return 0;
	for (uint32_t i = 0; i < step->state->leaf_end; i++) {
		const struct leaf_state *leaf = &step->state->leaf[i];

		if (leaf->component == component &&
		    (leaf->cause == FREEZE_TURN || stands_by(next, leaf)))
			return room_lacking(step, next, step->state->turn.ahead_bytes);
	}
	return 0;
}
