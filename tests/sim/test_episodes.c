// SPDX-License-Identifier: GPL-2.0-or-later
/* Whole episodes on the toy machine: what the benches and the demo do, in simulated seconds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/sim/invariants.h"
#include "tests/sim/machine.h"
#include "user/base/clock.h"
#include "user/base/units.h"

/* The machine of bench-protect. */
static void small_machine(struct sim *sim, uint64_t swap_bytes, uint32_t *ret_cache,
			  uint32_t *ret_ml)
{
	sim_init(sim, 1217 * MIB, 90 * MIB, swap_bytes);
	sim->trace = getenv("SIM_TRACE") != NULL;
	*ret_cache = sim_add_component(sim, "cache", 3500, 9, PROTECT_WORKING_SET);
	*ret_ml = sim_add_component(sim, "ml_models", 6000, 3, PROTECT_BUDGET);
	sim->config.component[*ret_ml].freeze = true;
	sim->config.component[*ret_ml].borrow = true;
	sim->protected_component = *ret_cache;
	sim_start(sim, 1014 * MIB);
	sim->check = invariants_hold;
}

static void test_hog_beside_protected_cache_is_frozen_before_any_stall(void **data)
{
	struct sim sim;
	struct sim_leaf *redis, *hog;
	uint32_t cache, ml;
	uint64_t before;

	(void)data;
	small_machine(&sim, 256 * MIB, &cache, &ml);
	redis = sim_add_leaf(&sim, cache, 274 * MIB);
	sim_run(&sim, 15 * US_PER_SEC);
	hog = sim_add_leaf(&sim, ml, 4 * MIB);
	hog->target_bytes = 2048 * MIB;
	hog->rate_per_s = 60 * MIB;
	sim_run(&sim, 60 * US_PER_SEC);

	assert_int_not_equal(sim.counts.first_freeze_us, 0);
	assert_int_equal(sim.counts.first_stall_us, 0);
	assert_int_equal(sim_swapped(&sim, cache), 0);
	assert_int_equal(sim.counts.oom, 0);
	assert_int_equal(sim.counts.actions[ACTION_KILL], 0);
	assert_true(hog->populated);
	assert_true(sim.component[cache].min_bytes >= 270 * MIB);

	before = hog->resident_bytes + hog->swapped_bytes;
	sim_exit_leaf(&sim, redis);
	sim_run(&sim, 3 * US_PER_SEC);
	assert_true(hog->resident_bytes + hog->swapped_bytes > before + 32 * MIB);
	sim_done(&sim);
}

static struct sim_leaf *start_hog(struct sim *sim, uint32_t component, uint64_t rate_per_s)
{
	struct sim_leaf *hog = sim_add_leaf(sim, component, 4 * MIB);

	hog->target_bytes = 2048 * MIB;
	hog->rate_per_s = rate_per_s;
	return hog;
}

static uint64_t held(const struct sim_leaf *leaf)
{
	return leaf->resident_bytes + leaf->swapped_bytes;
}

static void test_hog_at_full_speed_overruns_its_edge_by_little(void **data)
{
	struct sim sim;
	struct sim_leaf *hog;
	uint32_t cache, ml;
	uint64_t edge;

	(void)data;
	small_machine(&sim, 256 * MIB, &cache, &ml);
	sim_add_leaf(&sim, cache, 274 * MIB);
	sim.config.component[ml].borrow = false;
	hog = sim_add_leaf(&sim, ml, 4 * MIB);
	sim_run(&sim, 15 * US_PER_SEC);
	hog->target_bytes = 2048 * MIB;
	hog->rate_per_s = GIB;
	sim_run(&sim, 2 * US_PER_SEC);
	edge = sim.config.component[ml].budget_bytes / 100 * 95;
	/* One step of the machine past the mark, and one in which the freezer takes effect. */
	assert_in_range(held(hog), edge - 16 * MIB, edge + 24 * MIB);
	assert_int_equal(sim.counts.first_stall_us, 0);
	sim_done(&sim);
}

static void test_no_swap_freezes_at_critical_and_reclaims_no_anon(void **data)
{
	struct sim sim;
	struct sim_leaf *hog;
	uint32_t cache, ml;

	(void)data;
	small_machine(&sim, 0, &cache, &ml);
	sim_add_leaf(&sim, cache, 274 * MIB);
	sim_run(&sim, 15 * US_PER_SEC);
	hog = start_hog(&sim, ml, 60 * MIB);
	sim_run(&sim, 300 * US_PER_SEC);
	assert_true(hog->populated);
	assert_int_equal(sim.counts.oom, 0);
	assert_int_equal(sim.counts.first_stall_us, 0);
	assert_true(sim.counts.longest_freeze_us <= 61 * US_PER_SEC);
	assert_true(sim.counts.actions[ACTION_RECLAIM] == 0);
	sim_done(&sim);
}

/* Nothing is ever free for it: frozen, on probation, throttled; never without a deadline. */
static void test_hog_that_never_fits_cycles_with_deadlines(void **data)
{
	struct sim sim;
	struct sim_leaf *hog, *redis;
	uint32_t cache, ml;
	uint64_t before;

	(void)data;
	small_machine(&sim, 256 * MIB, &cache, &ml);
	redis = sim_add_leaf(&sim, cache, 274 * MIB);
	sim_run(&sim, 15 * US_PER_SEC);
	hog = start_hog(&sim, ml, 60 * MIB);
	hog->sweeps = true;
	sim_run(&sim, 1200 * US_PER_SEC);
	assert_true(hog->populated);
	assert_int_equal(sim.counts.oom, 0);
	assert_int_equal(sim_swapped(&sim, cache), 0);
	assert_true(sim.counts.longest_freeze_us <= 61 * US_PER_SEC);
	assert_true(sim.counts.actions[ACTION_FREEZE] < 40);
	before = held(hog);
	sim_exit_leaf(&sim, redis);
	sim_run(&sim, 5 * US_PER_SEC);
	assert_true(held(hog) > before + 32 * MIB);
	sim_done(&sim);
}

/* What may not be frozen is held by memory.high alone, and that is said. */
static void test_hog_that_may_not_be_frozen_is_noticed(void **data)
{
	struct sim sim;
	uint32_t cache, ml;

	(void)data;
	small_machine(&sim, 64 * MIB, &cache, &ml);
	sim.config.component[ml].freeze = false;
	sim_add_leaf(&sim, cache, 274 * MIB);
	sim_run(&sim, 15 * US_PER_SEC);
	start_hog(&sim, ml, 60 * MIB);
	sim_run(&sim, 120 * US_PER_SEC);
	assert_int_equal(sim.counts.actions[ACTION_FREEZE], 0);
	assert_in_range(sim.counts.actions[ACTION_NOTICE], 1, 3);
	assert_int_equal(sim.counts.first_stall_us, 0);
	sim_done(&sim);
}

static void test_last_resort_kills_one_and_waits(void **data)
{
	struct sim sim;
	uint32_t cache, ml;

	(void)data;
	small_machine(&sim, 64 * MIB, &cache, &ml);
	sim.config.component[ml].freeze = false;
	sim.config.component[ml].kill = KILL_LAST_RESORT;
	sim_add_leaf(&sim, cache, 274 * MIB);
	sim_run(&sim, 15 * US_PER_SEC);
	start_hog(&sim, ml, 60 * MIB);
	sim_run(&sim, 90 * US_PER_SEC);
	assert_int_equal(sim.counts.actions[ACTION_KILL], 1);
	sim_done(&sim);
}

/* Memory taken outside of the pool: the budget is far, the host runs out. */
static void test_host_running_out_stops_the_grower(void **data)
{
	struct sim sim;
	struct sim_leaf *hog;
	uint32_t cache, ml;

	(void)data;
	small_machine(&sim, 256 * MIB, &cache, &ml);
	sim_add_leaf(&sim, cache, 100 * MIB);
	hog = sim_add_leaf(&sim, ml, 4 * MIB);
	sim_run(&sim, 5 * US_PER_SEC);
	sim.system_bytes = 1217 * MIB - 104 * MIB - 200 * MIB;
	sim_run(&sim, 5 * US_PER_SEC);
	hog->target_bytes = 2048 * MIB;
	hog->rate_per_s = 500 * MIB;
	sim_run(&sim, 30 * US_PER_SEC);
	assert_int_not_equal(sim.counts.first_freeze_us, 0);
	assert_int_equal(sim.counts.oom, 0);
	assert_int_equal(sim.counts.first_stall_us, 0);
	assert_int_equal(sim_swapped(&sim, cache), 0);
	sim_done(&sim);
}

/* An owner comes back for what it lent: it gets its budget, and the borrower pays. */
static void test_owner_takes_its_loan_back_within_seconds(void **data)
{
	struct sim sim;
	struct sim_leaf *owner, *borrower;
	uint32_t cache, ml;
	struct component_view view;

	(void)data;
	small_machine(&sim, 1024 * MIB, &cache, &ml);
	owner = sim_add_leaf(&sim, cache, 20 * MIB);
	borrower = sim_add_leaf(&sim, ml, 4 * MIB);
	borrower->target_bytes = 780 * MIB;
	borrower->rate_per_s = 60 * MIB;
	sim_run(&sim, 60 * US_PER_SEC);
	policy_view(sim.state, ml, &view);
	assert_true(view.borrowed_bytes > 100 * MIB);
	assert_true(held(borrower) > view.budget_bytes);

	owner->target_bytes = 340 * MIB;
	owner->rate_per_s = 100 * MIB;
	sim_run(&sim, 10 * US_PER_SEC);
	policy_view(sim.state, cache, &view);
	assert_true(owner->resident_bytes >= 330 * MIB);
	assert_int_equal(sim_swapped(&sim, cache), 0);
	assert_int_equal(sim.counts.first_stall_us, 0);
	sim_run(&sim, 30 * US_PER_SEC);
	policy_view(sim.state, ml, &view);
	assert_true(sim_current(&sim, ml) <= view.in_force_bytes + 8 * MIB);
	sim_done(&sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hog_beside_protected_cache_is_frozen_before_any_stall),
		cmocka_unit_test(test_hog_at_full_speed_overruns_its_edge_by_little),
		cmocka_unit_test(test_no_swap_freezes_at_critical_and_reclaims_no_anon),
		cmocka_unit_test(test_hog_that_never_fits_cycles_with_deadlines),
		cmocka_unit_test(test_hog_that_may_not_be_frozen_is_noticed),
		cmocka_unit_test(test_last_resort_kills_one_and_waits),
		cmocka_unit_test(test_host_running_out_stops_the_grower),
		cmocka_unit_test(test_owner_takes_its_loan_back_within_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
