// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Leaves come and go.
 */
#include "user/plant/memory.h"

#include "user/base/units.h"
#include "user/policy/num.h"

struct plant_leaf *plant_add_leaf(struct plant *plant, uint32_t component, uint64_t bytes)
{
	struct plant_leaf *leaf = &plant->leaf[plant->leaf_count];

	if (plant->leaf_count >= PLANT_LEAVES_MAX)
		return NULL;
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

	if (!leaf)
		return NULL;
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
	outcomes_paged_in(plant, leaf);
	leaf->program = NULL;
	leaf->phase = (struct plant_phase){0};
	leaf->debt_ns = 0;
}

void plant_page_in(struct plant *plant, struct plant_leaf *leaf)
{
	leaf->paging_in = true;
	leaf->page_in_began_us = plant->now_us;
}
