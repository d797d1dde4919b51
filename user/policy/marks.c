// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Decides at which use of a component the kernel wakes uwd next, and arms that mark
 * (ACTION_ARM_MARK) when the one before has fired or is off by more than noise. The mark is the
 * lowest point at which something would have to be decided: the next threshold, half the way to a
 * lender's lowered limit, half of the room on the host, and of the pool where swap is full. A
 * threshold that growth passes within 20 ms is left out, unless it is the last one.
 */
#include "user/policy/marks.h"

#include "user/policy/contention.h"
#include "user/policy/emit.h"
#include "user/policy/headroom.h"
#include "user/policy/limits.h"
#include "user/policy/num.h"
#include "user/policy/room.h"
#include "user/policy/thresholds.h"

#define LEAD_US (20 * US_PER_MS) /* a threshold that is reached sooner is not worth a wake */

/* The threshold that must not be missed: without swap there is one level less to act in. */
static enum level last_threshold(const struct step *step)
{
	return room_has_swap(&step->state->host) ? LEVEL_EMERGENCY : LEVEL_CRITICAL;
}

static uint64_t next_threshold(const struct step *step, uint32_t component)
{
	const struct component_state *cs = &step->state->component[component];
	const struct signal *s = &cs->signal;
	uint64_t limit = step->config->component[component].budget_bytes + cs->loans.loan_bytes;
	uint64_t cold = s->current_bytes - s->ws_bytes;
	uint64_t soon = s->current_bytes + grown(s->step_per_s, LEAD_US);
	enum level last = last_threshold(step);

	for (unsigned int l = LEVEL_LOW; l <= last; l++) {
		uint64_t threshold = mul_div(limit, thresholds_of(step, component, (enum level)l),
					     PERMYRIAD_ONE) +
				     cold;

		if (threshold > s->current_bytes && (threshold >= soon || l == last))
			return threshold;
	}
	return s->current_bytes + limits_slack(limit);
}

/* Of the host; and of the pool where reclaim can make no more of it. */
static uint64_t room_left(const struct step *step)
{
	uint64_t room = headroom_of_host(step);

	return contention_swap_is_full(step) ? min_u64(room, headroom_last(step)) : room;
}

uint64_t marks_next(const struct step *step, uint32_t component)
{
	const struct component_state *cs = &step->state->component[component];
	const struct host_state *host = &step->state->host;
	uint64_t budget = step->config->component[component].budget_bytes;
	uint64_t current = cs->signal.current_bytes, in_force = cs->in_force_bytes;
	uint64_t mark = next_threshold(step, component);
	uint64_t room;

	if (cs->loans.lent_bytes && in_force > current)
		mark = min_u64(mark, current + (in_force - current) / 2);
	/* Half of what is left: the rate since then says whether to wait for the rest. */
	if (host->valid) {
		room = room_left(step) / 2;
		mark = min_u64(mark, current + max_u64(room, limits_slack(budget)));
	}
	return max_u64(mark - mark % (4 * KIB), current + 4 * KIB);
}

static void mark_step(struct step *step, uint32_t component)
{
	struct component_state *cs = &step->state->component[component];
	uint64_t limit = cs->in_force_bytes, mark = marks_next(step, component);
	uint64_t noise = max_u64(MIB, limit / 200);
	uint64_t off = mark > cs->mark_bytes ? mark - cs->mark_bytes : cs->mark_bytes - mark;
	struct action action = {
		.kind = ACTION_ARM_MARK,
		.tier = cs->tier,
		.component = component,
		.amount = mark,
		.swappiness = -1,
		.why = {REASON_USAGE_MARK, cs->signal.current_bytes, mark},
	};

	/* A dropped event may have been this mark's: set it anew. */
	if (cs->mark_bytes && !cs->mark_fired && !step->frame->events_dropped && off <= noise &&
	    cs->mark_bytes > cs->signal.current_bytes)
		return;
	if (emit_action(step, &action))
		cs->mark_bytes = mark;
}

void marks_step(struct step *step)
{
	for (uint32_t i = 0; i < step->config->component_count; i++)
		if (step->state->component[i].signal.seen)
			mark_step(step, i);
}
