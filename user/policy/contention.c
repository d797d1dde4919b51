// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Growth makes contention, and fullness does not: a component that stands still at its limit lacks
 * nothing. Growth is read off the trend of use; where a limit holds use down, tasks that stall at
 * it are taken for growth. What is lacking is held against the limit in force,
 * which loans.c has made of what is free.
 */
#include "user/policy/contention.h"

#include "user/policy/headroom.h"
#include "user/policy/ladder.h"
#include "user/policy/num.h"
#include "user/policy/signal.h"

#define LACKS_US       US_PER_SEC /* the time within which it must be there */
#define SOON_US        (250 * US_PER_MS)
#define AHEAD_US       (2 * US_PER_SEC) /* and within which swap would be needed */
#define STEP_PART      16               /* of what it holds is the least step ahead, between */
#define STEP_MIN       (4 * MIB)
#define STEP_MAX       (32 * MIB)
#define AT_LIMIT_PART  50  /* within 2 % of its limit it is at it */
#define SWAP_FULL_PART 16  /* of swap left: nothing more can be put there */
#define FAST_STEP_PART 100 /* of the budget a second */

bool contention_is_watched(const struct step *step)
{
	for (uint32_t i = 0; i < step->config->component_count; i++)
		if (step->now_us < step->state->component[i].watch_until_us)
			return true;
	return false;
}

static bool steps_up(const struct step *step, uint32_t i)
{
	const struct signal *s = &step->state->component[i].signal;
	uint64_t budget = step->config->component[i].budget_bytes;

	return (step->frame->kind == FRAME_URGENT || contention_is_watched(step)) &&
	       s->usage_at_us == step->now_us &&
	       s->step_per_s > (int64_t)max_u64(MIB, budget / FAST_STEP_PART);
}

bool contention_grows(const struct step *step, uint32_t component)
{
	const struct signal *s = &step->state->component[component].signal;

	return signal_is_growing(s, step->config->component[component].budget_bytes) ||
	       steps_up(step, component);
}

/* Its limit stops it, and tasks wait; those of a leaf that had only a breath are no sign of it. */
static bool is_held_down(const struct step *step, const struct component_state *cs)
{
	const struct limit_state *high = &cs->limit[LIMIT_HIGH];
	bool by_breath =
		cs->breath_grew_us && step->now_us - cs->breath_grew_us < SIGNAL_SOME_WINDOW_US;

	return high->known && cs->active_leaves && !by_breath &&
	       cs->signal.held_bytes >= high->kernel_bytes - high->kernel_bytes / AT_LIMIT_PART &&
	       cs->signal.some_permyriad > STALL_SOME_IDLE;
}

/* A limit that follows growth more closely than this would throttle it, and hide it. */
static uint64_t least_step(uint64_t held)
{
	return min_u64(max_u64(held / STEP_PART, STEP_MIN), STEP_MAX);
}

uint64_t contention_growth_ahead(const struct step *step, uint32_t component, uint64_t us)
{
	const struct component_state *cs = &step->state->component[component];
	const struct signal *s = &cs->signal;
	int64_t per_s = s->slope_per_s;
	uint64_t ahead = 0;

	if (contention_grows(step, component)) {
		if (steps_up(step, component) && s->step_per_s > per_s)
			per_s = s->step_per_s;
		ahead = grown(per_s, us);
	}
	if (ahead || is_held_down(step, cs))
		ahead = max_u64(ahead, mul_div(least_step(s->held_bytes), min_u64(us, US_PER_SEC),
					       US_PER_SEC));
	return ahead;
}

uint64_t contention_ahead(const struct step *step, uint32_t component, uint64_t us)
{
	uint64_t queued = step->state->component[component].queued_bytes;

	return add_sat(contention_growth_ahead(step, component, us), min_u64(queued, BYTES_SANE));
}

/* It grows within its budget: what it takes is its right. */
static bool takes_by_right(const struct step *step, uint32_t component)
{
	const struct component_state *cs = &step->state->component[component];

	return (cs->used || cs->queued_bytes) &&
	       cs->signal.held_bytes < step->config->component[component].budget_bytes &&
	       contention_ahead(step, component, US_PER_SEC) > 0;
}

uint64_t contention_owner_ahead(const struct step *step, uint32_t component, uint64_t us,
				uint64_t growth_most)
{
	const struct component_state *cs = &step->state->component[component];
	uint64_t growth = min_u64(contention_growth_ahead(step, component, us), growth_most);

	if (!takes_by_right(step, component))
		return 0;
	return min_u64(growth + min_u64(cs->queued_bytes, BYTES_SANE),
		       step->config->component[component].budget_bytes - cs->signal.held_bytes);
}

uint64_t contention_owners_growth(const struct step *step, uint64_t us)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < step->config->component_count; i++)
		if (takes_by_right(step, i))
			sum += min_u64(contention_growth_ahead(step, i, us),
				       step->config->component[i].budget_bytes -
					       step->state->component[i].signal.held_bytes);
	return sum;
}

static uint64_t lacks_within(const struct step *step, uint32_t component, uint64_t us)
{
	const struct component_state *cs = &step->state->component[component];
	uint64_t room = sub_sat(cs->in_force_bytes, cs->signal.held_bytes);

	return sub_sat(contention_ahead(step, component, us), room);
}

uint64_t contention_lacks(const struct step *step, uint32_t component)
{
	return lacks_within(step, component, LACKS_US);
}

uint64_t contention_lacks_soon(const struct step *step, uint32_t component)
{
	return lacks_within(step, component, SOON_US) ? lacks_within(step, component, LACKS_US) : 0;
}

/* Of what it lacks, what somebody else's memory would help it to: who may not borrow has a wall. */
static uint64_t lacks_of_others(const struct step *step, uint32_t i)
{
	const struct component *c = &step->config->component[i];
	const struct component_state *cs = &step->state->component[i];
	uint64_t lacks = contention_lacks(step, i);

	if (c->borrow)
		return lacks;
	if (cs->in_force_bytes >= c->budget_bytes)
		return 0;
	return min_u64(lacks, sub_sat(c->budget_bytes, cs->signal.held_bytes));
}

uint64_t contention_others_lack(const struct step *step, uint32_t component)
{
	uint64_t most = 0;

	for (uint32_t i = 0; i < step->config->component_count; i++)
		if (i != component)
			most = max_u64(most, lacks_of_others(step, i));
	return most;
}

bool contention_swap_is_full(const struct step *step)
{
	const struct host_state *host = &step->state->host;

	return host->valid && host->swap_free_bytes <= host->swap_total_bytes / SWAP_FULL_PART;
}

/* What it takes within a while is there for it. */
static bool has_room_ahead(const struct step *step, uint32_t component)
{
	const struct component *c = &step->config->component[component];
	const struct component_state *cs = &step->state->component[component];
	uint64_t held = cs->signal.held_bytes, free = step->state->lendable_bytes;

	if (!c->borrow)
		free = min_u64(free, sub_sat(c->budget_bytes, held));
	return min_u64(max_u64(sub_sat(cs->in_force_bytes, held), free), headroom_last(step)) >=
	       max_u64(contention_growth_ahead(step, component, AHEAD_US), least_step(held));
}

bool contention_fills_up(const struct step *step, uint32_t component)
{
	return contention_swap_is_full(step) && !has_room_ahead(step, component);
}

bool contention_at_cost(const struct step *step, uint32_t component)
{
	const struct component_state *cs = &step->state->component[component];

	return cs->active_leaves + cs->frozen_leaves > 1 ||
	       contention_others_lack(step, component) || contention_fills_up(step, component);
}
