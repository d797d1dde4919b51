// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Time, which goes round from the leaves over reclaim and stalls to a frame, the policy and its
 * plan.
 */
#include "user/plant/memory.h"

#include "user/base/clock.h"
#include "user/policy/num.h"

static void decide(struct plant *plant, bool full)
{
	frame_make(plant, full);
	if (plant->before)
		plant->before(plant);
	policy_step(plant->state, &plant->config, plant->frame, &plant->plan);
	plant->frame->event_count = 0;
	plant->frame->request_count = 0;
	plant->counts.frames++;
	plant->counts.urgent_frames += !full;
	plant->next_full_us = plant->plan.next_us;
	actions_do(plant);
	if (plant->check)
		plant->check(plant);
}

static void note_freezes(struct plant *plant)
{
	for (uint32_t i = 0; i < plant->leaf_count; i++) {
		const struct plant_leaf *leaf = &plant->leaf[i];
		uint64_t age = plant->now_us - leaf->frozen_us;

		if (leaf->frozen && age > plant->counts.longest_freeze_us)
			plant->counts.longest_freeze_us = age;
	}
}

/* Some is what the worst leaf waited, full what all of those that ran did. */
static void sum_stalls(struct plant *plant)
{
	uint64_t worst = 0, least = PLANT_STEP_NS;

	for (uint32_t i = 0; i < plant->config.component_count; i++) {
		struct plant_component *c = &plant->component[i];

		if (!c->running)
			continue;
		c->stall_some_us += c->worst_ns / NS_PER_US;
		c->stall_full_us += c->least_ns / NS_PER_US;
		worst = max_u64(worst, c->worst_ns);
		least = min_u64(least, c->least_ns);
		c->worst_ns = c->least_ns = c->running = 0;
	}
	plant->stall_some_us += worst / NS_PER_US;
	plant->stall_full_us += min_u64(least, worst) / NS_PER_US;
}

static void step(struct plant *plant)
{
	for (uint32_t i = 0; i < plant->leaf_count; i++)
		program_step(plant, &plant->leaf[i]);
	plant_reclaim_step(plant);
	sum_stalls(plant);
	plant->swap_backlog_ns = sub_sat(plant->swap_backlog_ns, PLANT_STEP_NS);
	plant->now_us += PLANT_STEP_US;
	note_freezes(plant);
	if (plant->without_policy)
		return;
	if (plant->now_us >= plant->next_full_us)
		decide(plant, true);
	else if (frame_take_marks(plant) || plant->worker_is_done)
		decide(plant, false);
}

void plant_run(struct plant *plant, uint64_t us)
{
	uint64_t end_us = plant->now_us + us;

	while (plant->now_us < end_us)
		step(plant);
}

bool plant_run_until_end(struct plant *plant, const struct plant_leaf *leaf, uint64_t us)
{
	uint64_t end_us = plant->now_us + us;

	while (leaf->populated && plant->now_us < end_us)
		step(plant);
	return !leaf->populated;
}
