// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_fixture.h"
#include "user/policy/freeze.h"
#include "user/policy/idle.h"

static struct step step_of(struct fixture *f)
{
	return (struct step){.state = f->state,
			     .config = &f->config,
			     .frame = &f->frame,
			     .plan = &f->plan,
			     .now_us = f->frame.now_us};
}

/* As sense has it when the file was read in this frame; the rest of the component is hot. */
static void tell(struct fixture *f, uint32_t i, uint64_t cold_anon_mb, uint64_t cold_file_mb)
{
	struct leaf_sample *leaf = fixture_leaf(f, LEAF_OF(i));

	leaf->ages = (struct ages_sample){
		.valid = true,
		.looked_us = f->frame.now_us,
		.read_us = f->frame.now_us,
		.hot_bytes = leaf->current_bytes - (cold_anon_mb + cold_file_mb) * MIB,
		.cold_anon_bytes = cold_anon_mb * MIB,
		.cold_file_bytes = cold_file_mb * MIB,
	};
	frame_sum_ages(&f->frame);
}

static bool is_wanted(const struct fixture *f, uint32_t i)
{
	return f->plan.ages_wanted >> i & 1;
}

/* ---- whose ages are asked for ---- */

static void test_at_rest_nobody_is_asked_about(void **data)
{
	struct fixture *f = *data;

	fixture_run(f, 10 * US_PER_SEC);
	assert_int_equal(f->plan.ages_wanted, 0);
}

static void test_borrower_is_asked_about_where_memory_is_short(void **data)
{
	struct fixture *f = *data;

	f->config.component[HOG].borrow = f->config.component[REDIS].lend = true;
	fixture_use(f, HOG, 640 * MIB);
	fixture_run(f, 130 * US_PER_SEC); /* it has grown, and that is long ago */
	assert_false(is_wanted(f, HOG));  /* more than a quarter is free */
	fixture_use(f, HOG, 700 * MIB);
	fixture_next(f, US_PER_SEC);
	assert_true(is_wanted(f, HOG));
	assert_false(is_wanted(f, REDIS)); /* it is within its right */
	/* A minute after, too. */
	fixture_use(f, HOG, 200 * MIB);
	fixture_run(f, 50 * US_PER_SEC);
	assert_true(is_wanted(f, HOG));
	fixture_run(f, 80 * US_PER_SEC);
	assert_false(is_wanted(f, HOG));
}

static void test_all_are_asked_about_near_the_margin(void **data)
{
	struct fixture *f = *data;

	fixture_use(f, HOG, 560 * MIB);
	fixture_use(f, REDIS, 390 * MIB);
	f->frame.host.available_bytes = 60 * MIB;
	fixture_next(f, US_PER_SEC);
	assert_true(is_wanted(f, HOG));
	assert_true(is_wanted(f, REDIS));
}

/* ---- what is known ---- */

static void test_unknown_ages_leave_all_as_it_was(void **data)
{
	struct fixture *f = *data;
	struct step step;
	const struct leaf_state *leaf;

	fixture_leaf(f, LEAF_OF(HOG))->swap_bytes = 30 * MIB;
	fixture_run(f, 2 * US_PER_SEC);
	step = step_of(f);
	leaf = leaf_find(f->state, LEAF_OF(HOG));
	assert_false(idle_is_known(&step, HOG));
	assert_int_equal(idle_cold_bytes(&step, HOG, false), 0);
	assert_int_equal(idle_long_bytes(&step, HOG), 0);
	assert_int_equal(idle_hot_bytes(leaf), 130 * MIB);
	assert_int_equal(idle_missing_bytes(leaf), 30 * MIB);
}

static void test_cold_bytes_reach_as_far_as_swap(void **data)
{
	struct fixture *f = *data;
	struct step step;

	tell(f, HOG, 60, 10);
	fixture_next(f, US_PER_SEC);
	step = step_of(f);
	assert_true(idle_is_known(&step, HOG));
	assert_int_equal(idle_cold_bytes(&step, HOG, false), 70 * MIB);
	assert_int_equal(idle_cold_bytes(&step, HOG, true), 10 * MIB);
	f->frame.host.swap_free_bytes = 20 * MIB;
	fixture_next(f, US_PER_SEC);
	step = step_of(f);
	assert_int_equal(idle_cold_bytes(&step, HOG, false), 30 * MIB);
}

/* A reading comes every second at most, reclaims sooner. */
static void test_freed_bytes_are_not_counted_twice(void **data)
{
	struct fixture *f = *data;
	struct step step;

	tell(f, HOG, 60, 0);
	fixture_next(f, US_PER_SEC);
	idle_note_freed(&f->state->component[HOG], 40 * MIB, f->frame.now_us);
	fixture_next(f, 100 * US_PER_MS);
	step = step_of(f);
	assert_int_equal(idle_cold_bytes(&step, HOG, false), 20 * MIB);
	tell(f, HOG, 25, 0);
	fixture_next(f, 100 * US_PER_MS);
	step = step_of(f);
	assert_int_equal(idle_cold_bytes(&step, HOG, false), 25 * MIB);
}

static void test_hot_set_grows_with_the_leaf(void **data)
{
	struct fixture *f = *data;
	struct leaf_sample *sample = fixture_leaf(f, LEAF_OF(HOG));
	const struct leaf_state *leaf;

	tell(f, HOG, 60, 0);
	fixture_next(f, US_PER_SEC);
	leaf = leaf_find(f->state, LEAF_OF(HOG));
	assert_int_equal(idle_hot_bytes(leaf), 40 * MIB);
	fixture_use(f, HOG, 130 * MIB);
	sample->current_bytes = 130 * MIB;
	fixture_next(f, US_PER_SEC);
	assert_int_equal(idle_hot_bytes(leaf), 70 * MIB);
	/* The cold went out, and then some of the hot. */
	sample->current_bytes = 70 * MIB;
	sample->swap_bytes = 60 * MIB;
	fixture_next(f, US_PER_SEC);
	assert_int_equal(idle_missing_bytes(leaf), 0);
	sample->current_bytes = 69 * MIB;
	sample->swap_bytes = 61 * MIB;
	fixture_next(f, US_PER_SEC);
	assert_int_equal(idle_missing_bytes(leaf), MIB);
	sample->current_bytes = 50 * MIB;
	sample->swap_bytes = 80 * MIB;
	fixture_next(f, US_PER_SEC);
	assert_int_equal(idle_missing_bytes(leaf), 80 * MIB);
	/* Of what was out when the file was read nothing is known. */
	sample->ages.read_us = f->frame.now_us;
	sample->ages.hot_bytes = 50 * MIB;
	fixture_next(f, US_PER_SEC);
	assert_int_equal(idle_missing_bytes(leaf), 80 * MIB);
}

/* ---- what is decided by it ---- */

/* The borrower holds 800 of its 600 MB, and the owner takes its own back. */
static void owner_comes_back(struct fixture *f, uint64_t cold_anon_mb)
{
	f->config.component[HOG].borrow = f->config.component[REDIS].lend = true;
	f->config.component[HOG].freeze = false;
	f->frame.host.available_bytes = 120 * MIB;
	fixture_use(f, HOG, 800 * MIB);
	fixture_leaf(f, LEAF_OF(HOG))->current_bytes = 800 * MIB;
	fixture_run(f, 2 * US_PER_SEC);
	for (uint64_t mb = 104; mb <= 180; mb += 4) {
		fixture_use(f, REDIS, mb * MIB);
		f->frame.host.available_bytes -= 4 * MIB;
		if (cold_anon_mb)
			tell(f, HOG, cold_anon_mb - 1, 0);
		fixture_next(f, 100 * US_PER_MS);
		if (fixture_find(f, ACTION_RECLAIM, HOG))
			return;
	}
}

static void test_donor_is_asked_for_its_cold_bytes_alone(void **data)
{
	struct fixture *f = *data;
	const struct action *action;

	owner_comes_back(f, 8);
	action = fixture_find(f, ACTION_RECLAIM, HOG);
	assert_non_null(action);
	assert_in_range(action->amount, 1, 7 * MIB);
}

static void test_donor_without_cold_bytes_is_not_asked(void **data)
{
	struct fixture *f = *data;

	owner_comes_back(f, 1);
	assert_null(fixture_find(f, ACTION_RECLAIM, HOG));
}

static void test_donor_of_unknown_ages_is_asked(void **data)
{
	struct fixture *f = *data;

	owner_comes_back(f, 0);
	assert_non_null(fixture_find(f, ACTION_RECLAIM, HOG));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_at_rest_nobody_is_asked_about),
		CASE(test_borrower_is_asked_about_where_memory_is_short),
		CASE(test_all_are_asked_about_near_the_margin),
		CASE(test_unknown_ages_leave_all_as_it_was),
		CASE(test_cold_bytes_reach_as_far_as_swap),
		CASE(test_freed_bytes_are_not_counted_twice),
		CASE(test_hot_set_grows_with_the_leaf),
		CASE(test_donor_is_asked_for_its_cold_bytes_alone),
		CASE(test_donor_without_cold_bytes_is_not_asked),
		CASE(test_donor_of_unknown_ages_is_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
