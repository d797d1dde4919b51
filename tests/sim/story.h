/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine for stories: one of 1217 MB with the standard configuration, its service, and jobs. */
#ifndef UW_TEST_STORY_H
#define UW_TEST_STORY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/sim/invariants.h"
#include "tests/sim/plant_fixture.h"
#include "tests/sim/trace.h"

/* The components of the standard configuration, all of which lend. */
enum {
	TRADING,
	ML,
	DATABASE,
	CACHE,
};

/* The second time round: as where the kernel tells no ages, and refaults decide. */
static bool without_ages;

static inline void stack(struct plant *plant, uint64_t swap_bytes)
{
	plant_init(plant, 1217 * MIB, 90 * MIB, swap_bytes);
	trace_by_env(plant);
	plant->config.reserve_permyriad = 500;
	plant_add_component(plant, "trading_data", 3500, 10, PROTECT_WORKING_SET);
	plant_add_component(plant, "ml_models", 2500, 5, PROTECT_NONE);
	plant_add_component(plant, "database", 2500, 8, PROTECT_BUDGET);
	plant_add_component(plant, "cache", 1000, 4, PROTECT_NONE);
	plant->config.component[ML].freeze = plant->config.component[ML].borrow = true;
	plant->config.component[CACHE].freeze = plant->config.component[CACHE].borrow = true;
	plant->protected_component = TRADING;
	plant_start(plant, 1014 * MIB);
	plant->check = invariants_hold;
	plant->without_ages = without_ages;
}

static inline struct plant_leaf *service(struct plant *plant)
{
	struct plant_leaf *leaf = plant_add_leaf(plant, TRADING, 0);

	leaf->phase = (struct plant_phase){.target_bytes = 240 * MIB,
					   .grow_per_s = 200 * MIB,
					   .hot_bytes = 240 * MIB,
					   .touches_per_s = TOUCHES_PER_S};
	plant_run(plant, 10 * US_PER_SEC);
	return leaf;
}

/* A job that fills bytes and works on all of them for so long. */
static inline void job_of(struct plant_phase program[2], uint64_t bytes, uint64_t seconds)
{
	program[0] = (struct plant_phase){
		.target_bytes = bytes, .grow_per_s = 200 * MIB, .hot_bytes = bytes};
	program[1] = (struct plant_phase){.target_bytes = bytes,
					  .hot_bytes = bytes,
					  .touches_per_s = TOUCHES_PER_S,
					  .touches = seconds * TOUCHES_PER_S};
}

static inline uint64_t alone_us(uint64_t bytes, uint64_t seconds)
{
	return bytes / (200 * MIB / US_PER_MS) * US_PER_MS + seconds * US_PER_SEC;
}

static inline uint64_t took_percent(const struct plant_leaf *leaf, uint64_t of_us)
{
	return (leaf->ended_us - leaf->born_us) * 100 / of_us;
}

static inline void assert_nothing_was_hurt(const struct plant *plant)
{
	assert_int_equal(plant_swapped(plant, TRADING), 0);
	assert_int_equal(plant->counts.first_stall_us, 0);
	assert_int_equal(plant->counts.oom + plant->counts.oom_pool, 0);
	assert_int_equal(plant->counts.actions[ACTION_KILL], 0);
}

/* A minute after all is over. */
static inline void assert_nothing_is_left(struct plant *plant)
{
	plant_run(plant, 60 * US_PER_SEC);
	for (uint32_t i = 0; i < plant->config.component_count; i++) {
		struct component_view view;

		policy_view(plant->state, i, &view);
		assert_int_equal(view.frozen_leaves, 0);
		assert_false(view.squeezed);
	}
	for (uint32_t i = 0; i < plant->leaf_count; i++)
		assert_false(plant->leaf[i].populated && plant->leaf[i].frozen);
}

#endif
