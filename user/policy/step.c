// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The decision from begin to end, in policy_step: take what the frame brings, settle loans and
 * levels, then let each part of the policy act in its order, and say when to look next. What is
 * shown of a component is copied out last.
 */
#include "user/policy/step.h"

#include <string.h>

#include "user/policy/brake.h"
#include "user/policy/breath.h"
#include "user/policy/ceiling.h"
#include "user/policy/files.h"
#include "user/policy/freeze.h"
#include "user/policy/last_resort.h"
#include "user/policy/contention.h"
#include "user/policy/dependence.h"
#include "user/policy/headroom.h"
#include "user/policy/host.h"
#include "user/policy/idle.h"
#include "user/policy/level.h"
#include "user/policy/limits.h"
#include "user/policy/loans.h"
#include "user/policy/margin.h"
#include "user/policy/marks.h"
#include "user/policy/num.h"
#include "user/policy/payoff.h"
#include "user/policy/reclaim.h"
#include "user/policy/requests.h"
#include "user/policy/roster.h"
#include "user/policy/siblings.h"
#include "user/policy/signal.h"
#include "user/policy/squeeze.h"
#include "user/policy/state.h"
#include "user/policy/swap_speed.h"
#include "user/policy/thaw.h"
#include "user/policy/thresholds.h"
#include "user/policy/turns.h"

#define WATCH_FORECAST_US  (20 * US_PER_SEC)
#define WATCH_PERIOD_US    (5 * US_PER_MS)
#define HOST_ROOMY_PERCENT 5
#define PAGE_BYTES         4096ULL
#define TOLD_PART          8 /* of the room, risen before it is told when it is used up */

unsigned long policy_state_size(void)
{
	return sizeof(struct policy_state);
}

void policy_init(struct policy_state *state)
{
	memset(state, 0, sizeof(*state));
}

/* ---- what the frame brings ---- */

static void take_events(struct step *step, uint64_t usage[UW_COMPONENTS_MAX])
{
	const struct frame *frame = step->frame;

	for (uint32_t i = 0; i < step->config->component_count; i++) {
		struct component_state *cs = &step->state->component[i];

		usage[i] = 0;
		cs->mark_fired = cs->stall_first = false;
		cs->burst_us = 0;
	}
	for (uint32_t i = 0; i < frame->event_count && i < FRAME_EVENTS_MAX; i++) {
		const struct frame_event *e = &frame->event[i];
		struct component_state *cs;

		if (e->component >= step->config->component_count)
			continue;
		cs = &step->state->component[e->component];
		switch (e->kind) {
		case EVENT_USAGE_MARK:
			cs->mark_fired = true;
			cs->fired_bytes = e->threshold;
			usage[e->component] = max_u64(usage[e->component], e->observed);
			break;
		case EVENT_STALL_FIRST:
			cs->stall_first = true;
			break;
		case EVENT_STALL_BURST:
		case EVENT_PSI:
			cs->burst_us = max_u64(max_u64(cs->burst_us, e->observed), 1);
			break;
		case EVENT_OOM:
		case EVENT_MEMORY:
		case EVENT__COUNT:
			break;
		}
	}
}

static void take_samples(struct step *step)
{
	uint64_t usage[UW_COMPONENTS_MAX];

	take_events(step, usage);
	for (uint32_t i = 0; i < step->config->component_count; i++) {
		static const struct component_sample nothing;
		const struct component_sample *sample =
			i < step->frame->component_count ? &step->frame->component[i] : &nothing;
		uint64_t event = sample->valid & SAMPLE_USAGE ? 0 : usage[i];

		signal_update(&step->state->component[i].signal, sample, event,
			      component_is_protected(&step->config->component[i]), step->now_us);
		step->state->component[i].queued_bytes =
			add_sat(sample->queued_bytes, sample->wanted_bytes);
		step->state->component[i].promised_bytes = sample->promised_bytes;
	}
}

/* Between full frames what the pool took since is taken off what the host had. */
static void take_host(struct step *step)
{
	const struct host_sample *sample = &step->frame->host;
	struct host_state *host = &step->state->host;
	uint64_t pool = headroom_held(step);

	if (sample->valid) {
		*host = (struct host_state){
			.valid = true,
			.total_bytes = sample->total_bytes,
			.available_bytes = sample->available_bytes,
			.swap_total_bytes = sample->swap_total_bytes,
			.swap_free_bytes = sample->swap_free_bytes,
		};
	} else if (host->valid) {
		host->available_bytes =
			sub_sat(host->available_bytes, sub_sat(pool, host->pool_bytes));
	}
	host->pool_bytes = pool;
}

/* ---- levels ---- */

static void level_of_component(struct step *step, uint32_t i)
{
	struct component_state *cs = &step->state->component[i];
	const struct signal *s = &cs->signal;
	const struct host_state *host = &step->state->host;
	uint64_t budget = step->config->component[i].budget_bytes;
	uint64_t limit = budget + cs->loans.loan_bytes;
	uint64_t file_pages = (s->inactive_file_bytes + s->active_file_bytes) / PAGE_BYTES;
	struct level_input in = {
		.use_permyriad = permyriad_of(s->ws_bytes, limit),
		.solid_permyriad = permyriad_of(sub_sat(s->ws_bytes, s->active_file_bytes), limit),
		.room_bytes = sub_sat(limit, s->ws_bytes),
		.limit_bytes = limit,
		.time_to_limit_us = signal_time_to(s, limit, budget),
		.risen_bytes = sub_sat(s->ws_bytes, s->rise_from_bytes),
		.some_permyriad = s->some_permyriad,
		.full_permyriad = s->full_permyriad,
		.refaults_per_s = s->refaults_per_s,
		.refault_limit_per_s = file_pages / 100,
		.thrashing = signal_is_thrashing(s),
		.host_roomy =
			!host->valid ||
			host->available_bytes > percent_of(host->total_bytes, HOST_ROOMY_PERCENT),
	};

	if (step->config->policy.edges_adapt)
		in.edge_shift_permyriad = cs->thresholds.shift_permyriad;
	if (host_stage(step) > HOST_CALM)
		in.host_why = host_why(step, HOST_CALLS);
	if (s->seen && limit)
		level_step(&cs->level, &in, &step->config->policy, step->now_us);
}

static void expire_tiers(struct step *step)
{
	for (uint32_t i = 0; i < step->config->component_count; i++) {
		struct component_state *cs = &step->state->component[i];

		if (step->now_us >= cs->tier_until_us)
			cs->tier = cs->frozen_leaves ? TIER_FREEZE : TIER_NONE;
	}
}

/* ---- when next, and what is shown ---- */

static bool is_pressed(const struct step *step)
{
	if (step->state->host_wants)
		return true;
	for (uint32_t i = 0; i < step->config->component_count; i++) {
		const struct component_state *cs = &step->state->component[i];
		uint64_t budget = step->config->component[i].budget_bytes;
		uint64_t limit = budget + cs->loans.loan_bytes;

		if (cs->level.level >= LEVEL_MEDIUM || cs->level.seen >= LEVEL_MEDIUM ||
		    cs->frozen_leaves || cs->squeezed || cs->loans.owes_since_us ||
		    cs->reclaim.id != ID_NONE || files_come_near(step, i) ||
		    signal_time_to(&cs->signal, limit, budget) < WATCH_FORECAST_US)
			return true;
	}
	return false;
}

/* A mark fired at the threshold and no leaf was known to freeze: look at everything now. */
static bool looks_again(const struct step *step)
{
	if (step->frame->kind == FRAME_FULL)
		return false;
	for (uint32_t i = 0; i < step->config->component_count; i++) {
		const struct component_state *cs = &step->state->component[i];

		if (cs->mark_fired && cs->level.seen >= LEVEL_CRITICAL && !cs->frozen_leaves)
			return true;
	}
	return false;
}

static void set_next(struct step *step)
{
	const struct config *config = step->config;
	struct policy_state *state = step->state;
	uint64_t period = is_pressed(step) ? config->pressed_period_us : config->rest_period_us;
	uint64_t next = step->now_us + period;

	if (step->frame->kind == FRAME_URGENT && state->next_full_us > step->now_us)
		next = min_u64(next, state->next_full_us);
	if (contention_is_watched(step))
		next = min_u64(next, step->now_us + WATCH_PERIOD_US);
	if (looks_again(step))
		next = step->now_us;
	next = min_u64(next, breath_next_us(step));
	next = min_u64(next, requests_next_us(step));
	step->plan->looks = breath_looks(step);
	state->next_full_us = next;
	step->plan->next_us = next;
}

/* For people: who has just begun would reach any limit if it went on. What the level goes by has
 * come farther (level.c). */
static uint64_t told_time_to(const struct signal *s, uint64_t limit, uint64_t budget)
{
	uint64_t risen = sub_sat(s->ws_bytes, s->rise_from_bytes);

	return risen < sub_sat(limit, s->ws_bytes) / TOLD_PART ? TTL_NEVER
							       : signal_time_to(s, limit, budget);
}

static void show(struct step *step, uint32_t i)
{
	const struct component *c = &step->config->component[i];
	const struct component_state *cs = &step->state->component[i];
	const struct signal *s = &cs->signal;
	uint64_t limit = c->budget_bytes + cs->loans.loan_bytes;

	step->state->view[i] = (struct component_view){
		.level = cs->level.level,
		.tier = cs->tier,
		.level_since_us = cs->level.since_us,
		.budget_bytes = c->budget_bytes,
		.in_force_bytes = cs->in_force_bytes,
		.borrowed_bytes = cs->loans.loan_bytes,
		.lent_bytes = cs->loans.lent_bytes,
		.current_bytes = s->current_bytes,
		.working_set_bytes = s->ws_bytes,
		.swap_bytes = s->swap_bytes,
		.use_permyriad = permyriad_of(s->ws_bytes, limit),
		.slope_bytes_per_s = s->slope_per_s,
		.time_to_limit_us = told_time_to(s, limit, c->budget_bytes),
		.some_permyriad = s->some_permyriad,
		.full_permyriad = s->full_permyriad,
		.frozen_leaves = cs->frozen_leaves,
		.thaw_by_us = freeze_until(step, i),
		.squeezed = cs->squeezed,
		.edge_shift_permyriad =
			step->config->policy.edges_adapt ? cs->thresholds.shift_permyriad : 0,
		.why = cs->level.why,
	};
	memcpy(step->state->view[i].payoff, cs->payoff.total, sizeof(cs->payoff.total));
}

void policy_step(struct policy_state *state, const struct config *config, const struct frame *frame,
		 struct plan *ret_plan)
{
	struct leaf_index index; /* large: only what is used of it is ever touched */
	struct step step = {
		.state = state,
		.config = config,
		.frame = frame,
		.plan = ret_plan,
		.now_us = max_u64(frame->now_us, state->last_us),
		.index = &index,
	};

	ret_plan->action_count = 0;
	ret_plan->actions_dropped = 0;
	ret_plan->ages_wanted = 0;
	memset(ret_plan->pace, 0, sizeof(ret_plan->pace));
	state->last_us = step.now_us;
	roster_match(state, config);
	roster_renew(state, frame);

	freeze_discount_page_ins(&step);
	reclaim_discount(&step);
	take_samples(&step);
	take_host(&step);
	host_step(&step);
	freeze_take(&step);
	dependence_take(&step);
	reclaim_take(&step);
	limits_take(&step);
	swap_speed_take(&step);
	idle_take(&step);

	margin_step(&step);
	loans_step(&step);
	payoff_step(&step);
	for (uint32_t i = 0; i < config->component_count; i++) {
		level_of_component(&step, i);
		thresholds_step(&step, i);
	}
	expire_tiers(&step);

	requests_step(&step);
	brake_step(&step);
	turns_step(&step);
	thaw_step(&step);
	squeeze_step(&step);
	last_resort_step(&step);
	reclaim_step(&step);
	limits_step(&step);
	ceiling_step(&step);
	siblings_step(&step);
	marks_step(&step);
	idle_step(&step);
	requests_end_step(&step);

	for (uint32_t i = 0; i < config->component_count; i++)
		show(&step, i);
	set_next(&step);
}

void policy_view(const struct policy_state *state, uint32_t component,
		 struct component_view *ret_view)
{
	if (component < UW_COMPONENTS_MAX)
		*ret_view = state->view[component];
	else
		*ret_view = (struct component_view){.time_to_limit_us = TTL_NEVER};
}
