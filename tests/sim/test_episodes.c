// SPDX-License-Identifier: GPL-2.0-or-later
/* Whole episodes on the simulated machine: what the benches and the demo do, in simulated seconds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/sim/invariants.h"
#include "tests/sim/trace.h"
#include "user/plant/plant.h"
#include "user/base/clock.h"
#include "user/base/units.h"

/* The machine of bench-protect. */
static void small_machine(struct plant *plant, uint64_t swap_bytes, uint32_t *ret_cache,
			  uint32_t *ret_ml)
{
	plant_init(plant, 1217 * MIB, 90 * MIB, swap_bytes);
	trace_by_env(plant);
	*ret_cache = plant_add_component(plant, "cache", 3500, 9, PROTECT_WORKING_SET);
	*ret_ml = plant_add_component(plant, "ml_models", 6000, 3, PROTECT_BUDGET);
	plant->config.component[*ret_ml].freeze = true;
	plant->config.component[*ret_ml].borrow = true;
	plant->protected_component = *ret_cache;
	plant_start(plant, 1014 * MIB);
	plant->check = invariants_hold;
}

static void test_hog_beside_protected_cache_is_frozen_before_any_stall(void **data)
{
	struct plant plant;
	struct plant_leaf *redis, *hog;
	uint32_t cache, ml;
	uint64_t before;

	(void)data;
	small_machine(&plant, 256 * MIB, &cache, &ml);
	redis = plant_add_leaf(&plant, cache, 274 * MIB);
	plant_run(&plant, 15 * US_PER_SEC);
	hog = plant_add_leaf(&plant, ml, 4 * MIB);
	hog->phase.target_bytes = 2048 * MIB;
	hog->phase.grow_per_s = 60 * MIB;
	plant_run(&plant, 60 * US_PER_SEC);

	assert_int_not_equal(plant.counts.first_freeze_us, 0);
	assert_int_equal(plant.counts.first_stall_us, 0);
	assert_int_equal(plant_swapped(&plant, cache), 0);
	assert_int_equal(plant.counts.oom, 0);
	assert_int_equal(plant.counts.actions[ACTION_KILL], 0);
	assert_true(hog->populated);
	assert_true(plant.component[cache].min_bytes >= 270 * MIB);

	before = hog->resident_bytes + hog->swapped_bytes;
	plant_exit_leaf(&plant, redis);
	plant_run(&plant, 5 * US_PER_SEC); /* first comes back what it has in swap */
	assert_true(hog->resident_bytes + hog->swapped_bytes > before + 32 * MIB);
	plant_done(&plant);
}

static struct plant_leaf *start_hog(struct plant *plant, uint32_t component, uint64_t rate_per_s)
{
	struct plant_leaf *hog = plant_add_leaf(plant, component, 4 * MIB);

	hog->phase.target_bytes = 2048 * MIB;
	hog->phase.grow_per_s = rate_per_s;
	return hog;
}

static uint64_t held(const struct plant_leaf *leaf)
{
	return leaf->resident_bytes + leaf->swapped_bytes;
}

/* It may not borrow: the kernel holds it at its own limit, and that is nobody else's business. */
static void test_hog_at_its_own_limit_is_left_to_it(void **data)
{
	struct plant plant;
	struct plant_leaf *hog;
	uint32_t cache, ml;
	uint64_t budget;

	(void)data;
	small_machine(&plant, 256 * MIB, &cache, &ml);
	plant_add_leaf(&plant, cache, 274 * MIB);
	plant.config.component[ml].borrow = false;
	hog = plant_add_leaf(&plant, ml, 4 * MIB);
	plant_run(&plant, 15 * US_PER_SEC);
	hog->phase.target_bytes = 2048 * MIB;
	hog->phase.grow_per_s = GIB;
	plant_run(&plant, US_PER_SEC);
	budget = plant.config.component[ml].budget_bytes;
	assert_in_range(hog->resident_bytes, budget - 16 * MIB, budget + 24 * MIB);
	assert_true(hog->swapped_bytes > 0);
	assert_int_equal(plant.counts.actions[ACTION_FREEZE], 0);
	plant_run(&plant, 60 * US_PER_SEC);
	assert_in_range(plant_current(&plant, ml), 0, budget + 24 * MIB);
	assert_int_equal(plant.counts.first_stall_us, 0);
	assert_int_equal(plant.counts.oom + plant.counts.oom_pool, 0);
	plant_done(&plant);
}

static void test_no_swap_freezes_at_critical_and_reclaims_no_anon(void **data)
{
	struct plant plant;
	struct plant_leaf *hog;
	uint32_t cache, ml;

	(void)data;
	small_machine(&plant, 0, &cache, &ml);
	plant_add_leaf(&plant, cache, 274 * MIB);
	plant_run(&plant, 15 * US_PER_SEC);
	hog = start_hog(&plant, ml, 60 * MIB);
	plant_run(&plant, 300 * US_PER_SEC);
	assert_true(hog->populated);
	assert_int_equal(plant.counts.oom, 0);
	assert_int_equal(plant.counts.first_stall_us, 0);
	assert_true(plant.counts.longest_freeze_us <= 61 * US_PER_SEC);
	assert_true(plant.counts.actions[ACTION_RECLAIM] == 0);
	plant_done(&plant);
}

/* RAM and swap do not hold it: it stands still, is let run for moments, and nobody is killed. */
static void test_hog_that_never_fits_cycles_with_deadlines(void **data)
{
	struct plant plant;
	struct plant_leaf *hog, *redis;
	uint32_t cache, ml;
	uint64_t before;

	(void)data;
	small_machine(&plant, 256 * MIB, &cache, &ml);
	redis = plant_add_leaf(&plant, cache, 274 * MIB);
	plant_run(&plant, 15 * US_PER_SEC);
	hog = start_hog(&plant, ml, 60 * MIB);
	plant_sweep(hog);
	plant_run(&plant, 1200 * US_PER_SEC);
	assert_true(hog->populated);
	assert_int_equal(plant.counts.oom + plant.counts.oom_pool, 0);
	assert_int_equal(plant_swapped(&plant, cache), 0);
	assert_true(plant.counts.longest_freeze_us <= 61 * US_PER_SEC);
	assert_true(plant.counts.actions[ACTION_FREEZE] < 40);
	before = held(hog);
	plant_exit_leaf(&plant, redis);
	plant_run(&plant, 5 * US_PER_SEC);
	assert_true(held(hog) > before + 32 * MIB);
	plant_done(&plant);
}

/* What may not be frozen is held by memory.high alone, and that is said. */
static void test_hog_that_may_not_be_frozen_is_noticed(void **data)
{
	struct plant plant;
	uint32_t cache, ml;

	(void)data;
	small_machine(&plant, 64 * MIB, &cache, &ml);
	plant.config.component[ml].freeze = false;
	plant_add_leaf(&plant, cache, 274 * MIB);
	plant_run(&plant, 15 * US_PER_SEC);
	start_hog(&plant, ml, 60 * MIB);
	plant_run(&plant, 120 * US_PER_SEC);
	assert_int_equal(plant.counts.actions[ACTION_FREEZE], 0);
	assert_in_range(plant.counts.actions[ACTION_NOTICE], 1, 3);
	assert_int_equal(plant.counts.first_stall_us, 0);
	plant_done(&plant);
}

static void test_last_resort_kills_one_and_waits(void **data)
{
	struct plant plant;
	uint32_t cache, ml;

	(void)data;
	small_machine(&plant, 64 * MIB, &cache, &ml);
	plant.config.component[ml].freeze = false;
	plant.config.component[ml].kill = KILL_LAST_RESORT;
	plant_add_leaf(&plant, cache, 274 * MIB);
	plant_run(&plant, 15 * US_PER_SEC);
	start_hog(&plant, ml, 60 * MIB);
	plant_run(&plant, 90 * US_PER_SEC);
	assert_int_equal(plant.counts.actions[ACTION_KILL], 1);
	plant_done(&plant);
}

/* Memory taken outside of the pool: the budget is far, the host runs out. */
static void test_host_running_out_stops_the_grower(void **data)
{
	struct plant plant;
	struct plant_leaf *hog;
	uint32_t cache, ml;

	(void)data;
	small_machine(&plant, 256 * MIB, &cache, &ml);
	plant_add_leaf(&plant, cache, 100 * MIB);
	hog = plant_add_leaf(&plant, ml, 4 * MIB);
	plant_run(&plant, 5 * US_PER_SEC);
	plant.system_bytes = 1217 * MIB - 104 * MIB - 200 * MIB;
	plant_run(&plant, 5 * US_PER_SEC);
	hog->phase.target_bytes = 2048 * MIB;
	hog->phase.grow_per_s = 500 * MIB;
	plant_run(&plant, 30 * US_PER_SEC);
	assert_int_not_equal(plant.counts.first_freeze_us, 0);
	assert_int_equal(plant.counts.oom, 0);
	assert_int_equal(plant.counts.first_stall_us, 0);
	assert_int_equal(plant_swapped(&plant, cache), 0);
	plant_done(&plant);
}

/* An owner comes back for what it lent: it gets its budget, and the borrower pays. */
static void test_owner_takes_its_loan_back_within_seconds(void **data)
{
	struct plant plant;
	struct plant_leaf *owner, *borrower;
	uint32_t cache, ml;
	struct component_view view;

	(void)data;
	small_machine(&plant, 1024 * MIB, &cache, &ml);
	owner = plant_add_leaf(&plant, cache, 20 * MIB);
	borrower = plant_add_leaf(&plant, ml, 4 * MIB);
	borrower->phase.target_bytes = 780 * MIB;
	borrower->phase.grow_per_s = 60 * MIB;
	plant_run(&plant, 60 * US_PER_SEC);
	policy_view(plant.state, ml, &view);
	assert_true(view.borrowed_bytes > 100 * MIB);
	assert_true(held(borrower) > view.budget_bytes);

	owner->phase.target_bytes = 340 * MIB;
	owner->phase.grow_per_s = 100 * MIB;
	plant_run(&plant, 10 * US_PER_SEC);
	policy_view(plant.state, cache, &view);
	assert_true(owner->resident_bytes >= 330 * MIB);
	assert_int_equal(plant_swapped(&plant, cache), 0);
	assert_int_equal(plant.counts.first_stall_us, 0);
	plant_run(&plant, 30 * US_PER_SEC);
	policy_view(plant.state, ml, &view);
	assert_true(plant_current(&plant, ml) <= view.in_force_bytes + 8 * MIB);
	plant_done(&plant);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hog_beside_protected_cache_is_frozen_before_any_stall),
		cmocka_unit_test(test_hog_at_its_own_limit_is_left_to_it),
		cmocka_unit_test(test_no_swap_freezes_at_critical_and_reclaims_no_anon),
		cmocka_unit_test(test_hog_that_never_fits_cycles_with_deadlines),
		cmocka_unit_test(test_hog_that_may_not_be_frozen_is_noticed),
		cmocka_unit_test(test_last_resort_kills_one_and_waits),
		cmocka_unit_test(test_host_running_out_stops_the_grower),
		cmocka_unit_test(test_owner_takes_its_loan_back_within_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
