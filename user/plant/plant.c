// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The machine as a whole and how it is set up. Who is on it is in leaves.c, what memory does in
 * pages.c and reclaim.c, what leaves do in program.c, how time passes in run.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/plant/memory.h"
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

int plant_init(struct plant *plant, uint64_t total_bytes, uint64_t system_bytes,
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
		return -ENOMEM;
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
	return 0;
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

int plant_start(struct plant *plant, uint64_t usable_bytes)
{
	if (config_resolve(&plant->config, usable_bytes))
		return -EINVAL;
	set_limits(plant);
	if (!plant->without_policy)
		plant->pool_max_bytes = plant->config.usable_bytes;
	plant->next_full_us = plant->without_policy ? PLANT_FOREVER : plant->now_us;
	return 0;
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
