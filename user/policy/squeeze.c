// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Near its limit the kernel throttles softly: with 4 % over memory.high a task still takes 2 MB a
 * second, and where swap is full that goes on into what others have. An eighth over, it takes some
 * 200 kB, and a fifth over 128. A squeeze ends when there is room, or at its deadline, and begins
 * anew if it must, and harder where swap has filled up since. Who stands still while RAM and swap
 * are full is squeezed too. A component that the kernel holds at its limit without any progress is
 * frozen where that helps somebody, and told of in any case.
 */
#include "user/policy/squeeze.h"

#include "user/policy/contention.h"
#include "user/policy/emit.h"
#include "user/policy/freeze.h"
#include "user/policy/headroom.h"
#include "user/policy/limits.h"
#include "user/policy/margin.h"
#include "user/policy/num.h"
#include "user/policy/room.h"
#include "user/policy/signal.h"

#define SQUEEZE_US   (10 * US_PER_SEC)
#define SQUEEZE_PART 8          /* of what it holds, below that: a task sleeps for 1.3 s */
#define FULL_PART    6          /* where nothing can go out: for 2 s, which is the most */
#define SOFT_PART    7          /* and nearer for less */
#define ROUNDING     (64 * KIB) /* the kernel rounds limits to pages */

void squeeze_release(struct step *step, uint32_t component, struct why why)
{
	struct component_state *cs = &step->state->component[component];

	cs->squeezed = false;
	if (limits_high(cs) + ROUNDING < cs->in_force_bytes)
		limits_set_high(step, component, cs->in_force_bytes, 0, why);
}

/* It waits for room of its own. Who was stopped for an owner, and is paged out for that one, takes
 * nothing of what is free: and the pool's ceiling gives way to owners. */
static bool stands(const struct leaf_state *leaf)
{
	return leaf->cause != FREEZE_NOT && leaf->cause != FREEZE_PAYBACK && !leaf->thaw_sent_us;
}

static bool all_stand_still(const struct step *step, uint32_t component)
{
	for (uint32_t i = 0; i < step->state->leaf_end; i++) {
		const struct leaf_state *leaf = &step->state->leaf[i];

		if (leaf->cgid && leaf->component == component && leaf->populated && !stands(leaf))
			return false;
	}
	return step->state->component[component].frozen_leaves > 0;
}

/* Each newcomer and each breath would take of the last that is free, and there is no swap for it.
 */
static bool stands_at_the_last(const struct step *step, uint32_t component)
{
	return contention_swap_is_full(step) && headroom_last(step) < margin_bytes(step) &&
	       all_stand_still(step, component);
}

/* A write of memory.high takes no hold of who may be frozen instead, nor is it in the way of a
 * breath. */
static bool may_be_lowered(const struct step *step, uint32_t component)
{
	if (!step->config->component[component].freeze)
		return true;
	return step->frame->leaves_valid && step->now_us > step->state->changed_us &&
	       all_stand_still(step, component);
}

/* It began while swap took for it what it holds above it, which swap does no more: the kernel lets
 * it go on now. */
static bool is_soft(const struct step *step, uint32_t component)
{
	const struct component_state *cs = &step->state->component[component];
	uint64_t held = cs->signal.current_bytes;

	return contention_swap_is_full(step) && headroom_last(step) < margin_bytes(step) &&
	       cs->squeeze_bytes > held - held / SOFT_PART && may_be_lowered(step, component);
}

/* The write carries a deadline a little after ours: nobody stays squeezed without us. */
void squeeze_begin(struct step *step, uint32_t component, struct why why)
{
	struct component_state *cs = &step->state->component[component];
	uint64_t held = cs->signal.current_bytes;

	if (!cs->squeezed || is_soft(step, component))
		cs->squeeze_bytes =
			held - held / (contention_swap_is_full(step) ? FULL_PART : SQUEEZE_PART);
	cs->squeezed = true;
	cs->squeeze_until_us = step->now_us + SQUEEZE_US;
	limits_set_high(step, component, cs->squeeze_bytes, cs->squeeze_until_us + SQUEEZE_US / 2,
			why);
	emit_notice(step, component, why);
}

bool squeeze_is_due(const struct step *step, uint32_t component)
{
	return !step->state->component[component].squeezed && step->frame->leaves_valid &&
	       step->now_us > step->state->changed_us && stands_at_the_last(step, component);
}

static void follow_squeeze(struct step *step, uint32_t component)
{
	struct component_state *cs = &step->state->component[component];
	uint64_t need = room_least(cs->in_force_bytes), free = headroom_free(step);
	uint64_t room = sub_sat(cs->in_force_bytes, cs->signal.current_bytes);

	if (!cs->used)
		squeeze_release(step, component, (struct why){REASON_RECOVERED, 0, 0});
	else if (room >= need && free >= need && !stands_at_the_last(step, component))
		squeeze_release(step, component, (struct why){REASON_ROOM, room, need});
	else if (step->now_us >= cs->squeeze_until_us || is_soft(step, component))
		squeeze_begin(step, component, (struct why){REASON_ROOM, room, need});
}

/* Stuck at its limit: the kernel's own throttling got nowhere. */
static void watch_livelock(struct step *step, uint32_t component)
{
	struct component_state *cs = &step->state->component[component];
	struct why why = {REASON_LIVELOCK, cs->signal.high_events_per_s, SIGNAL_LIVELOCK_PER_S};
	struct leaf_state *leaf;

	if (!signal_is_livelocked(&cs->signal, limits_high(cs), step->now_us) || cs->frozen_leaves)
		return;
	leaf = contention_at_cost(step, component) ? freeze_pick_grower(step, component) : NULL;
	if (leaf)
		freeze_leaf(step, leaf, FREEZE_PRESSURE, step->config->policy.freeze_max_us, why);
	else
		emit_notice(step, component, why);
}

void squeeze_step(struct step *step)
{
	for (uint32_t i = 0; i < step->config->component_count; i++) {
		struct why why = {REASON_ROOM, headroom_last(step), margin_bytes(step)};

		if (step->state->component[i].squeezed)
			follow_squeeze(step, i);
		else if (squeeze_is_due(step, i))
			squeeze_begin(step, i, why);
		else
			watch_livelock(step, i);
	}
}
