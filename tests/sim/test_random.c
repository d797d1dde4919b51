// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Seeded random load on random machines: leaves come, grow, shrink, sweep, fill with cache and go,
 * and the invariants hold after every step. SIM_SEEDS=N runs more seeds, SIM_SEED=N one of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/sim/invariants.h"
#include "user/plant/plant.h"
#include "tests/sim/random.h"
#include "tests/sim/trace.h"
#include "user/base/clock.h"
#include "user/base/units.h"

#define SEEDS_DEFAULT 60
#define EPISODE_S     180

static void make_machine(struct plant *plant, struct random *r)
{
	uint64_t total = (1 + roll(r, 24)) * GIB;
	uint32_t count = 2 + (uint32_t)roll(r, 5), left = 9700;
	char name[16];

	plant_init(plant, total, total / 16, roll(r, 4) ? total / 4 : 0);
	plant->config.policy.freeze_max_us = (5 + roll(r, 55)) * US_PER_SEC;
	plant->config.policy.freeze_budget = (uint32_t)roll(r, 12);
	plant->reclaim_per_s = (20 + roll(r, 300)) * MIB;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t share = i + 1 == count ? left : left / 4 + (uint32_t)roll(r, left / 2);
		uint32_t index;
		struct component *c;

		left -= share;
		snprintf(name, sizeof(name), "c%u", i);
		index = plant_add_component(plant, name, share, 1 + (uint32_t)roll(r, 10),
					    (enum protect)roll(r, PROTECT__COUNT));
		c = &plant->config.component[index];
		c->freeze = roll(r, 2);
		c->kill = roll(r, 4) ? KILL_NO : KILL_LAST_RESORT;
		c->lend = roll(r, 4) != 0;
		c->borrow = roll(r, 2);
	}
	plant_start(plant, total / 6 * 5);
	plant->check = invariants_hold;
}

static void change_load(struct plant *plant, struct random *r)
{
	uint32_t component = (uint32_t)roll(r, plant->config.component_count);
	uint64_t budget = plant->config.component[component].budget_bytes;
	struct plant_leaf *leaf;

	if (plant->leaf_count < PLANT_LEAVES_MAX && roll(r, 3) == 0)
		leaf = plant_add_leaf(plant, component, roll(r, 16 * MIB));
	else if (plant->leaf_count)
		leaf = &plant->leaf[roll(r, plant->leaf_count)];
	else
		return;
	if (roll(r, 8) == 0) {
		plant_exit_leaf(plant, leaf);
		return;
	}
	leaf->phase.target_bytes = roll(r, budget + budget / 2);
	leaf->phase.grow_per_s = (1 + roll(r, 1000)) * MIB;
	leaf->phase.touches_per_s = leaf->phase.hot_bytes = 0;
	if (roll(r, 2))
		plant_sweep(leaf);
	if (roll(r, 4) == 0 && plant_free(plant) > budget / 8 &&
	    plant_current(plant, component) + budget / 10 < plant->component[component].high_bytes)
		plant_add_cache(plant, leaf, roll(r, budget / 10));
}

static void request_something(struct plant *plant, struct random *r)
{
	struct frame_request *request = &plant->frame->request[0];
	uint32_t component = (uint32_t)roll(r, plant->config.component_count);

	if (roll(r, 10) || !plant->config.component[component].freeze)
		return;
	*request = (struct frame_request){
		.kind = (enum request_kind)roll(r, REQUEST__COUNT),
		.component = component,
	};
	request->amount =
		request->kind == REQUEST_RECLAIM ? roll(r, 300 * MIB) : roll(r, 10 * US_PER_SEC);
	plant->frame->request_count = 1;
}

static uint64_t run_seed(uint64_t seed)
{
	struct random r = {seed * 2654435761U + 1};
	struct plant plant;
	uint64_t hash, set = 0;

	make_machine(&plant, &r);
	trace_by_env(&plant);
	for (uint32_t s = 0; s < EPISODE_S; s++) {
		if (roll(&r, 3) == 0)
			change_load(&plant, &r);
		request_something(&plant, &r);
		plant_run(&plant, US_PER_SEC);
	}
	assert_int_equal(plant.counts.dropped, 0);
	for (int kind = ACTION_SET_MIN; kind <= ACTION_SET_HIGH; kind++)
		set += plant.counts.actions[kind];
	if (getenv("SIM_VERBOSE"))
		fprintf(stderr, " %llu writes of limits, %u components\n", (unsigned long long)set,
			plant.config.component_count);
	/* Limits follow slowly: fewer than one write a second and component, or 5 s and leaf. */
	assert_true(set < EPISODE_S * (plant.config.component_count + plant.leaf_count / 5));

	/* And nothing stays frozen for longer than its lease. */
	for (uint32_t i = 0; i < plant.leaf_count; i++)
		plant_exit_leaf(&plant, &plant.leaf[i]);
	plant_run(&plant, 15 * US_PER_SEC);
	for (uint32_t i = 0; i < plant.leaf_count; i++)
		assert_false(plant.leaf[i].frozen);
	hash = plant.counts.plan_hash;
	plant_done(&plant);
	return hash;
}

static void test_random_load_keeps_invariants(void **data)
{
	uint64_t only = number_of("SIM_SEED", 0), seeds = number_of("SIM_SEEDS", SEEDS_DEFAULT);

	(void)data;
	for (uint64_t seed = only ? only : 1; seed <= (only ? only : seeds); seed++) {
		if (getenv("SIM_VERBOSE"))
			fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
		run_seed(seed);
	}
}

static void test_same_load_gives_same_plans(void **data)
{
	(void)data;
	for (uint64_t seed = 1; seed <= 5; seed++)
		assert_true(run_seed(seed) == run_seed(seed));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_load_keeps_invariants),
		cmocka_unit_test(test_same_load_gives_same_plans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
