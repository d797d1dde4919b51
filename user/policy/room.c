// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Room is judged in two places: of a component, by its limit and what is lent to nobody, and of the
 * host, above its reserve. What was taken as a donor also waits until those it was stopped for are
 * calm.
 */
#include "user/policy/room.h"

#include "user/policy/contention.h"
#include "user/policy/headroom.h"
#include "user/policy/host.h"
#include "user/policy/idle.h"
#include "user/policy/ladder.h"
#include "user/policy/limits.h"
#include "user/policy/loans.h"
#include "user/policy/margin.h"
#include "user/policy/num.h"
#include "user/policy/rise.h"

#define GROWTH_US        (500 * US_PER_MS) /* the brake catches what goes on longer */
#define ALONE_US         (100 * US_PER_MS) /* and of who takes it from nobody, at the last of it */
#define GROWERS_US       (5 * US_PER_SEC)  /* who grows already goes first */
#define ROOM_MIN_PCT     5                 /* of the limit in force, below it */
#define SWAP_BACK_PCT    120
#define DONOR_MARGIN_PCT 5 /* of the host: thawed later than frozen */

bool room_has_swap(const struct host_state *host)
{
	return !host->valid || host->swap_total_bytes > 0;
}

bool room_on_host(const struct step *step, uint64_t need_bytes)
{
	const struct host_state *host = &step->state->host;

	return !host->valid || host->available_bytes >= headroom_reserve(step) + need_bytes;
}

/* And not by its own limit. */
static bool is_protected_stalled(const struct step *step, uint32_t component, uint64_t permyriad)
{
	const struct component_state *cs = &step->state->component[component];

	return component_is_protected(&step->config->component[component]) &&
	       cs->signal.some_permyriad >= permyriad && !limits_is_at_high(cs);
}

static bool protected_are_calm(const struct step *step)
{
	for (uint32_t i = 0; i < step->state->component_count; i++)
		if (is_protected_stalled(step, i, STALL_SOME_LASTING))
			return false;
	return true;
}

uint64_t room_least(uint64_t in_force_bytes)
{
	return percent_of(in_force_bytes, ROOM_MIN_PCT);
}

/* More than could be paid back is no room while somebody works with what there is. What comes back
 * from swap makes room there for as much. */
static uint64_t room_beside(const struct step *step, uint32_t component, uint64_t back_bytes)
{
	const struct component_state *cs = &step->state->component[component];
	const struct component *c = &step->config->component[component];
	uint64_t held = cs->signal.held_bytes;
	uint64_t free = step->state->lendable_bytes;

	if (!c->borrow)
		free = min_u64(free, sub_sat(c->budget_bytes, held));
	else if (c->kill == KILL_NO && cs->active_leaves)
		free = min_u64(free, add_sat(loans_safe(step, component), back_bytes));
	free = max_u64(sub_sat(cs->in_force_bytes, held), free);
	return contention_swap_is_full(step) ? min_u64(free, headroom_last(step)) : free;
}

uint64_t room_to_grow(const struct step *step, uint32_t component)
{
	return room_beside(step, component, 0);
}

/* Somebody else runs or waits where it would: then it goes on whole or not at all. */
static bool has_rivals(const struct step *step, uint32_t component)
{
	const struct component_state *cs = &step->state->component[component];

	return cs->active_leaves + cs->frozen_leaves > 1 || contention_others_lack(step, component);
}

/* What has to come back from swap before it goes on. */
static uint64_t back_of(const struct step *step, const struct leaf_state *leaf)
{
	return leaf->paged_in || !has_rivals(step, leaf->component) ? 0 : idle_missing_bytes(leaf);
}

/* Nobody runs or stands beside it that would want the same room, wherever. */
static bool is_wanted_by_none(const struct step *step, uint32_t component)
{
	uint32_t frozen = 0;

	for (uint32_t i = 0; i < step->state->component_count; i++)
		frozen += step->state->component[i].frozen_leaves;
	return frozen == 1 && !has_rivals(step, component);
}

/* Where swap takes nothing more it goes on with what is left bit by bit, as long as that is more
 * than the margin and nobody's but its. */
static uint64_t growth_alone(const struct step *step, const struct leaf_state *leaf)
{
	uint64_t second = grown(leaf->slope_then_per_s, US_PER_SEC);

	if (!is_wanted_by_none(step, leaf->component))
		return second;
	return min_u64(second, grown(leaf->slope_then_per_s, ALONE_US) + margin_bytes(step));
}

/* Who stands still beside it gives what it grows by, as far as swap takes that, if only what itself
 * has left there; and it waits for no more than it may yet take. */
static uint64_t growth_at_cost(const struct step *step, const struct component_state *cs,
			       const struct leaf_state *leaf)
{
	if (cs->active_leaves || (leaf->cause != FREEZE_PRESSURE && leaf->cause != FREEZE_TURN))
		return grown(leaf->slope_then_per_s, US_PER_SEC);
	if (!contention_swap_is_full(step))
		return 0;
	return sub_sat(min_u64(growth_alone(step, leaf), rise_to_come(leaf)), back_of(step, leaf));
}

/* What a turn is planned with, beyond what comes back. */
static uint64_t turn_beyond(const struct step *step, const struct leaf_state *leaf,
			    uint64_t ahead_bytes)
{
	uint64_t in_force = step->state->component[leaf->component].in_force_bytes;

	return max_u64(room_least(in_force), ahead_bytes);
}

/* Whose turn it is has the room that was planned for it: others have been stopped, and have gone
 * out, for that and no more. */
static uint64_t room_beyond(const struct step *step, const struct leaf_state *leaf)
{
	const struct component_state *cs = &step->state->component[leaf->component];

	if (step->state->turn.leaf == leaf->cgid)
		return turn_beyond(step, leaf, step->state->turn.ahead_bytes);
	return max_u64(room_least(cs->in_force_bytes), growth_at_cost(step, cs, leaf)) +
	       contention_ahead(step, leaf->component, GROWERS_US);
}

uint64_t room_lacking(const struct step *step, const struct leaf_state *leaf, uint64_t ahead_bytes)
{
	uint64_t back = back_of(step, leaf);

	return sub_sat(back + turn_beyond(step, leaf, ahead_bytes),
		       room_beside(step, leaf->component, back));
}

/* Within its budget it takes nothing that others could lack. */
static bool is_right_to(const struct step *step, uint32_t component, uint64_t bytes)
{
	return step->state->component[component].signal.held_bytes + bytes <=
	       step->config->component[component].budget_bytes;
}

bool room_for_thaw(const struct step *step, const struct leaf_state *leaf, struct why *ret_why)
{
	const struct component_state *cs = &step->state->component[leaf->component];
	uint64_t back = back_of(step, leaf);
	uint64_t room = room_beside(step, leaf->component, back);
	uint64_t need = back + room_beyond(step, leaf);
	uint64_t host_need =
		percent_of(back, SWAP_BACK_PCT) + grown(leaf->slope_then_per_s, GROWTH_US);

	/* That there is room was found before it was brought back; others may have taken it since.
	 */
	if (leaf->paged_in)
		need = cs->active_leaves ? room_least(cs->in_force_bytes) : 0;
	*ret_why = (struct why){REASON_ROOM, room, need};
	if (room < need || (!is_right_to(step, leaf->component, need) &&
			    contention_others_lack(step, leaf->component)))
		return false;
	host_need = min_u64(host_need, room);
	if (leaf->cause == FREEZE_DONOR) {
		host_need += percent_of(step->state->host.total_bytes, DONOR_MARGIN_PCT);
		if (host_stage(step) >= HOST_STOPS || !protected_are_calm(step))
			return false;
	}
	return room_on_host(step, host_need);
}
