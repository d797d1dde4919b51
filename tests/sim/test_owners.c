// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What owners go through that come back for what they have lent, on the simulated machine, and what
 * it costs their borrowers.
 */
#include "tests/sim/story.h"

/* It lent all it had, and comes back for 250 MB at 200 MB/s. */
static void test_owner_that_comes_back_hardly_waits(void **data)
{
	struct plant plant;
	struct plant_leaf *borrower, *owner;
	uint64_t took_us, began_us, lag_ms;

	(void)data;
	stack(&plant, GIB);
	borrower = plant_add_leaf(&plant, ML, 0);
	borrower->phase = (struct plant_phase){.target_bytes = 960 * MIB,
					       .grow_per_s = 200 * MIB,
					       .hot_bytes = 960 * MIB,
					       .touches_per_s = TOUCHES_PER_S};
	plant_run(&plant, 30 * US_PER_SEC);
	owner = plant_add_leaf(&plant, TRADING, 0);
	for (int time = 0; time < 2; time++) {
		began_us = plant.now_us;
		owner->phase = (struct plant_phase){.target_bytes = 250 * MIB,
						    .grow_per_s = 200 * MIB,
						    .hot_bytes = 250 * MIB,
						    .touches_per_s = TOUCHES_PER_S};
		while (owner->resident_bytes < 250 * MIB)
			plant_run(&plant, PLANT_STEP_US);
		took_us = plant.now_us - began_us;
		lag_ms = took_us > 1250 * US_PER_MS ? took_us / US_PER_MS - 1250 : 0;
		say(time ? "owner's lag, learned, ms" : "owner's lag, first, ms", lag_ms);
		assert_true(lag_ms <= (time ? 300 : 1000));
		plant_run(&plant, 30 * US_PER_SEC);
		assert_int_equal(plant_swapped(&plant, TRADING), 0);
		owner->phase = (struct plant_phase){.target_bytes = 8 * MIB, .grow_per_s = GIB};
		plant_run(&plant, 120 * US_PER_SEC);
	}
	assert_true(borrower->populated && !borrower->frozen);
	assert_int_equal(plant.counts.oom + plant.counts.oom_pool, 0);
	plant_exit_leaf(&plant, borrower);
	assert_nothing_is_left(&plant);
	plant_done(&plant);
}

/*
 * A guest whose processor pages out 40 MB a second while an owner grows, and whose kernel and
 * services hold 150 MB. The borrower uses all that it has, and the owner is gone between its
 * returns.
 */
static void test_owner_that_came_back_once_is_late_no_more(void **data)
{
	struct plant plant;
	struct plant_leaf *borrower, *owner;
	uint64_t began_us, came_us, lag_ms, in_bytes, bytes;

	(void)data;
	stack(&plant, 256 * MIB);
	plant.system_bytes = 150 * MIB;
	plant.reclaim_per_s = 40 * MIB;
	plant.fault_us = 100;
	borrower = plant_add_leaf(&plant, ML, 0);
	borrower->phase = (struct plant_phase){.target_bytes = 913 * MIB,
					       .grow_per_s = 200 * MIB,
					       .hot_bytes = 913 * MIB,
					       .touches_per_s = 100000};
	plant_run(&plant, 15 * US_PER_SEC);
	began_us = plant.now_us;
	in_bytes = plant.counts.swapped_in_bytes;
	for (int time = 0; time < 2; time++) {
		came_us = plant.now_us;
		owner = plant_add_leaf(&plant, TRADING, 0);
		owner->phase = (struct plant_phase){.target_bytes = 250 * MIB,
						    .grow_per_s = 200 * MIB,
						    .hot_bytes = 250 * MIB,
						    .touches_per_s = 1};
		while (owner->resident_bytes < 250 * MIB)
			plant_run(&plant, PLANT_STEP_US);
		lag_ms = (plant.now_us - came_us) / US_PER_MS - 1250;
		bytes = plant_current(&plant, ML);
		say(time ? "slow guest, lag learned, ms" : "slow guest, lag first, ms", lag_ms);
		assert_true(lag_ms <= (time ? 300 : 1000));
		plant_run(&plant, 3 * US_PER_SEC);
		bytes -= plant_current(&plant, ML);
		say("  paged out after it was whole, MiB", bytes / MIB);
		/* What is on its way, and what the reserve of 51 lacks; where its age is not
		 * known 64 may have been asked for while it still ran. */
		assert_true(bytes <= (without_ages ? 80 : 56) * MIB);
		assert_int_equal(plant_swapped(&plant, TRADING), 0);
		plant_exit_leaf(&plant, owner);
		plant_run(&plant, 10 * US_PER_SEC);
		say("  borrower resident, MiB", borrower->resident_bytes / MIB);
	}
	bytes = plant.counts.swapped_in_bytes - in_bytes;
	say("  read back, kB/s", bytes / 1024 * US_PER_SEC / (plant.now_us - began_us));
	assert_int_equal(plant.counts.oom + plant.counts.oom_pool, 0);
	plant_exit_leaf(&plant, borrower);
	assert_nothing_is_left(&plant);
	plant_done(&plant);
}

/* It comes back for 250 MB and stays: the borrower breathes, makes room for itself out of what it
 * has, and goes on within a minute. */
static void test_borrower_goes_on_beside_an_owner_that_stays(void **data)
{
	struct plant plant;
	struct plant_leaf *borrower, *owner;
	uint64_t stood_us = 0, longest_us = 0, began_us;

	(void)data;
	stack(&plant, GIB);
	plant.system_bytes = 150 * MIB;
	plant.reclaim_per_s = 40 * MIB;
	plant.fault_us = 100;
	borrower = busy_leaf(&plant, ML, 913 * MIB, 100000);
	plant_run(&plant, 10 * US_PER_SEC);
	owner = plant_add_leaf(&plant, TRADING, 0);
	owner->phase = (struct plant_phase){.target_bytes = 250 * MIB,
					    .grow_per_s = 200 * MIB,
					    .hot_bytes = 250 * MIB,
					    .touches_per_s = TOUCHES_PER_S};
	began_us = plant.now_us;
	while (plant.now_us < began_us + 180 * US_PER_SEC) {
		plant_run(&plant, PLANT_STEP_US);
		stood_us = borrower->frozen ? stood_us + PLANT_STEP_US : 0;
		longest_us = stood_us > longest_us ? stood_us : longest_us;
	}
	say("beside an owner that stays, longest stand, ms", longest_us / US_PER_MS);
	say("  touches of the borrower", borrower->touches);
	assert_true(longest_us <= 10 * US_PER_SEC);
	assert_true(borrower->touches >= 3000000);
	assert_int_equal(plant_swapped(&plant, TRADING), 0);
	plant_done(&plant);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_owner_that_comes_back_hardly_waits),
		cmocka_unit_test(test_owner_that_came_back_once_is_late_no_more),
		cmocka_unit_test(test_borrower_goes_on_beside_an_owner_that_stays),
	};

	int failed = cmocka_run_group_tests_name("owners with ages", tests, NULL, NULL);

	without_ages = true;
	return failed + cmocka_run_group_tests_name("owners without ages", tests, NULL, NULL);
}
