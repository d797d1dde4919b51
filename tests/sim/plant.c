// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The machine as a whole: how it is set up, who is on it, and time, which goes round from the
 * leaves over reclaim and stalls to a frame, the policy and its plan. What memory does stands in
 * plant_pages.c and plant_reclaim.c, what leaves do in plant_program.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/plant_memory.h"
#include "user/base/clock.h"
#include "user/base/units.h"
#include "user/policy/num.h"
#include "user/sense/ages.h"

#define RECLAIM_CHUNK (8 * MIB)
/* memory.high or memory.reclaim on a frozen group: about 1 s for 100 MB, on 6.1 to 7.x. */
#define RECLAIM_DEFAULT (100 * MIB)
/* The swap disk of the measurements: 150 MB/s. */
#define SWAP_DEFAULT      (150 * MIB)
#define SWAP_IOPS_DEFAULT 8000
/* 240 MB came back by faults, one page at a time, in 52 s on 6.12: 61,440 waits. */
#define FAULT_DEFAULT_US 846

void plant_init(struct plant *plant, uint64_t total_bytes, uint64_t system_bytes,
		uint64_t swap_bytes)
{
	memset(plant, 0, sizeof(*plant));
	plant->total_bytes = total_bytes;
	plant->system_bytes = system_bytes;
	plant->swap_bytes = swap_bytes;
	plant->reclaim_per_s = RECLAIM_DEFAULT;
	plant->swap_bytes_per_s = SWAP_DEFAULT;
	plant->swap_iops = SWAP_IOPS_DEFAULT;
	plant->fault_us = FAULT_DEFAULT_US;
	plant->pool_max_bytes = PLANT_ALL;
	plant->protected_component = COMPONENT_NONE;
	plant->now_us = 100 * US_PER_SEC;
	plant->state = malloc(policy_state_size());
	plant->frame = calloc(1, sizeof(*plant->frame));
	plant->ages = calloc(1, sizeof(*plant->ages));
	if (!plant->state || !plant->frame || !plant->ages)
		abort();
	ages_init(plant->ages, "pool", PLANT_PAGE);
	policy_init(plant->state);
	plant->config.reserve_permyriad = 300;
	plant->config.rest_period_us = US_PER_SEC;
	plant->config.pressed_period_us = 100 * US_PER_MS;
	plant->config.policy = (struct policy_conf){
		.edge_pct = {0, 70, 80, 85, 90, 95},
		.hysteresis_pct = 3,
		.dwell_us = 10 * US_PER_SEC,
		.freeze_max_us = 60 * US_PER_SEC,
		.freeze_dwell_us = 2 * US_PER_SEC,
		.freeze_budget = 6,
		.freeze_window_us = 300 * US_PER_SEC,
		.kill_after_us = 10 * US_PER_SEC,
		.kill_delay_us = 15 * US_PER_SEC,
		.reclaim_chunk_bytes = RECLAIM_CHUNK,
		.reclaim_deadline_us = 2 * US_PER_SEC,
		.clean_interval_us = 6 * US_PER_SEC,
		.clean_target_permyriad = 10,
		.stall_burst_us = 5 * US_PER_MS,
		.stall_window_us = 50 * US_PER_MS,
	};
}

void plant_done(struct plant *plant)
{
	free(plant->state);
	free(plant->frame);
	free(plant->ages);
}

uint32_t plant_add_component(struct plant *plant, const char *name, uint32_t share_permyriad,
			     uint32_t priority, enum protect protect)
{
	struct component *c = &plant->config.component[plant->config.component_count];

	snprintf(c->name, sizeof(c->name), "%s", name);
	c->share_permyriad = share_permyriad;
	c->priority = priority;
	c->protect = protect;
	c->lend = true;
	return plant->config.component_count++;
}

static void set_limits(struct plant *plant)
{
	for (uint32_t i = 0; i < plant->config.component_count; i++) {
		const struct component *c = &plant->config.component[i];
		struct plant_component *to = &plant->component[i];

		to->high_bytes = plant->without_policy ? PLANT_ALL : c->budget_bytes;
		if (!plant->without_policy && c->protect != PROTECT_NONE)
			to->low_bytes = c->budget_bytes;
	}
}

void plant_start(struct plant *plant, uint64_t usable_bytes)
{
	if (config_resolve(&plant->config, usable_bytes))
		abort();
	set_limits(plant);
	if (!plant->without_policy)
		plant->pool_max_bytes = usable_bytes;
	plant->next_full_us = plant->without_policy ? PLANT_FOREVER : plant->now_us;
}

struct plant_leaf *plant_add_leaf(struct plant *plant, uint32_t component, uint64_t bytes)
{
	struct plant_leaf *leaf = &plant->leaf[plant->leaf_count];

	if (plant->leaf_count >= PLANT_LEAVES_MAX)
		abort();
	*leaf = (struct plant_leaf){
		.cgid = 1000 + plant->leaf_count++,
		.component = component,
		.populated = true,
		.born_us = plant->now_us,
		.processes = 1,
		.looked_us = {plant->now_us, plant->now_us, plant->now_us, plant->now_us},
		.phase = {.target_bytes = bytes, .grow_per_s = 100 * MIB},
	};
	pages_add(plant, leaf, PART_REST, bytes);
	return leaf;
}

struct plant_leaf *plant_add_job(struct plant *plant, uint32_t component,
				 const struct plant_phase *program, uint32_t count)
{
	struct plant_leaf *leaf = plant_add_leaf(plant, component, 0);

	leaf->program = program;
	leaf->phase_count = count;
	leaf->phase = program[0];
	leaf->phase_began_us = plant->now_us;
	return leaf;
}

void plant_add_cache(struct plant *plant, struct plant_leaf *leaf, uint64_t bytes)
{
	pages_add(plant, leaf, PART_FILE, min_u64(bytes, plant_free(plant)));
}

void plant_sweep(struct plant_leaf *leaf)
{
	leaf->phase.hot_bytes = PLANT_ALL;
	leaf->phase.touches_per_s = max_u64(leaf->phase.grow_per_s / PLANT_PAGE, 1);
	leaf->phase.in_order = true;
}

void plant_exit_leaf(struct plant *plant, struct plant_leaf *leaf)
{
	for (enum plant_part part = 0; part < PART__COUNT; part++)
		pages_free(plant, leaf, part, PLANT_ALL / 2);
	leaf->part[PART_FILE_HOT].out = 0;
	leaf->ended_us = plant->now_us + PLANT_STEP_US;
	leaf->populated = leaf->paging_in = false;
	actions_paged_in(plant, leaf);
	leaf->program = NULL;
	leaf->phase = (struct plant_phase){0};
	leaf->debt_ns = 0;
}

void plant_page_in(struct plant *plant, struct plant_leaf *leaf)
{
	leaf->paging_in = true;
	leaf->page_in_began_us = plant->now_us;
}

uint64_t plant_current(const struct plant *plant, uint32_t component)
{
	return plant->component[component].current_bytes;
}

uint64_t plant_swapped(const struct plant *plant, uint32_t component)
{
	return plant->component[component].swapped_bytes;
}

uint64_t plant_free(const struct plant *plant)
{
	return sub_sat(plant->total_bytes, plant->system_bytes + plant->pool_bytes);
}

uint64_t plant_available(const struct plant *plant)
{
	uint64_t bytes = plant_free(plant);

	for (uint32_t i = 0; i < plant->leaf_count; i++)
		bytes += plant->leaf[i].cache_bytes;
	return bytes;
}

uint64_t plant_swap_free(const struct plant *plant)
{
	return sub_sat(plant->swap_bytes, plant->swapped_bytes);
}

/* ---- time ---- */

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
