// SPDX-License-Identifier: GPL-2.0-or-later
/* memory.min, memory.low, memory.high and the marks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_fixture.h"

static void test_start_brings_limits_to_the_configuration(void **data)
{
	struct fixture *f = *data;
	const struct action *a;

	f->frame.component[HOG].high_bytes = BYTES_MAX;
	f->frame.component[HOG].low_bytes = 77 * MIB;
	fixture_step(f);
	a = fixture_find(f, ACTION_SET_HIGH, HOG);
	assert_non_null(a);
	assert_int_equal(a->amount, 600 * MIB);
	assert_int_equal(a->why.reason, REASON_BUDGET);
	a = fixture_find(f, ACTION_SET_LOW, HOG);
	assert_non_null(a);
	assert_int_equal(a->amount, 0);
	a = fixture_find(f, ACTION_SET_LOW, REDIS);
	assert_non_null(a);
	assert_int_equal(a->amount, 400 * MIB);
}

static void test_limits_in_place_are_not_written(void **data)
{
	struct fixture *f = *data;

	fixture_step(f);
	for (int tick = 0; tick < 100; tick++) {
		fixture_next(f, 100 * US_PER_MS);
		for (uint32_t i = 0; i < f->plan.action_count; i++)
			assert_int_equal(f->plan.action[i].kind, ACTION_ARM_MARK);
	}
}

static void test_min_follows_the_working_set_ahead(void **data)
{
	struct fixture *f = *data;

	fixture_step(f);
	assert_in_range(f->frame.component[REDIS].min_bytes, 100 * MIB, 104 * MIB);
	for (int tick = 0; tick < 25; tick++) {
		fixture_use(f, REDIS, f->frame.component[REDIS].current_bytes + 10 * MIB);
		fixture_next(f, 100 * US_PER_MS);
		assert_true(f->frame.component[REDIS].min_bytes >=
			    f->frame.component[REDIS].current_bytes);
	}
	assert_true(f->frame.component[REDIS].min_bytes <= 400 * MIB);
	assert_int_equal(f->frame.component[HOG].min_bytes, 0);
}

static void test_min_leaves_cold_cache_out_and_stays_within_the_budget(void **data)
{
	struct fixture *f = *data;

	f->frame.component[REDIS].current_bytes = 600 * MIB;
	f->frame.component[REDIS].inactive_file_bytes = 500 * MIB;
	fixture_step(f);
	assert_in_range(f->frame.component[REDIS].min_bytes, 100 * MIB, 104 * MIB);
	f->frame.component[REDIS].inactive_file_bytes = 0;
	fixture_run(f, US_PER_SEC);
	assert_int_equal(f->frame.component[REDIS].min_bytes, 400 * MIB);
}

/* Of 300 MB 120 lay untouched for a minute, and others may be worse off for them. */
static void test_min_leaves_out_what_is_idle_for_long(void **data)
{
	struct fixture *f = *data;

	fixture_use(f, REDIS, 300 * MIB);
	fixture_step(f);
	assert_true(f->frame.component[REDIS].min_bytes >= 300 * MIB);
	f->frame.component[REDIS].ages = (struct ages_sample){.valid = true,
							      .hot_bytes = 160 * MIB,
							      .cold_anon_bytes = 140 * MIB,
							      .long_bytes = 120 * MIB};
	fixture_run(f, 29 * US_PER_SEC);
	assert_true(f->frame.component[REDIS].min_bytes >= 300 * MIB);
	fixture_run(f, 5 * US_PER_SEC);
	assert_in_range(f->frame.component[REDIS].min_bytes, 180 * MIB, 190 * MIB);
	/* It is in use again, or nobody tells any more. */
	f->frame.component[REDIS].ages.valid = false;
	fixture_next(f, US_PER_SEC);
	assert_true(f->frame.component[REDIS].min_bytes >= 300 * MIB);
}

static void test_min_is_lowered_after_half_a_minute(void **data)
{
	struct fixture *f = *data;

	fixture_use(f, REDIS, 300 * MIB);
	fixture_step(f);
	fixture_use(f, REDIS, 100 * MIB);
	fixture_run(f, 29 * US_PER_SEC);
	assert_true(f->frame.component[REDIS].min_bytes >= 300 * MIB);
	fixture_run(f, 5 * US_PER_SEC);
	assert_true(f->frame.component[REDIS].min_bytes < 110 * MIB);
}

static void test_min_of_who_does_not_run_is_let_go(void **data)
{
	struct fixture *f = *data;

	fixture_step(f);
	assert_in_range(f->frame.component[REDIS].min_bytes, 100 * MIB, 104 * MIB);
	f->frame.leaf[REDIS].populated = false;
	fixture_run(f, 31 * US_PER_SEC);
	assert_int_equal(f->frame.component[REDIS].min_bytes, 0);
}

static void test_min_never_promises_more_than_the_host_has(void **data)
{
	struct fixture *f = *data;

	f->config.component[HOG].protect = PROTECT_WORKING_SET;
	f->frame.host.total_bytes = 800 * MIB;
	fixture_use(f, REDIS, 400 * MIB);
	fixture_use(f, HOG, 600 * MIB);
	fixture_step(f);
	fixture_run(f, US_PER_SEC);
	assert_true(f->frame.component[REDIS].min_bytes + f->frame.component[HOG].min_bytes <=
		    640 * MIB);
	assert_true(f->frame.component[REDIS].min_bytes > 200 * MIB);
}

static void test_high_is_not_lowered_under_a_growing_group(void **data)
{
	struct fixture *f = *data;

	f->frame.component[HOG].high_bytes = 900 * MIB;
	f->config.component[HOG].freeze = false;
	fixture_use(f, HOG, 700 * MIB);
	fixture_step(f);
	fixture_use(f, HOG, 702 * MIB);
	fixture_next(f, 100 * US_PER_MS);
	for (int tick = 0; tick < 70; tick++) {
		fixture_use(f, HOG, f->frame.component[HOG].current_bytes + 2 * MIB);
		fixture_next(f, 100 * US_PER_MS);
		assert_int_equal(f->frame.component[HOG].high_bytes, 900 * MIB);
	}
}

/* It outgrows its budget and little is free, twice the margin of 31 MiB: its limit comes down at
 * once to as far ahead as it gets until that is written, and no lower. */
static void test_high_of_who_outgrows_its_budget_follows_it_when_little_is_free(void **data)
{
	struct fixture *f = *data;
	const struct action *lower = NULL;
	uint64_t held;

	f->config.component[REDIS].lend = f->config.component[HOG].borrow = true;
	f->config.component[HOG].freeze = false;
	f->frame.component[HOG].high_bytes = 900 * MIB;
	f->frame.host.swap_free_bytes = 17 * MIB; /* nothing is lent for want of swap */
	fixture_use(f, REDIS, 240 * MIB);
	fixture_use(f, HOG, 640 * MIB);
	fixture_step(f);
	while (!lower) {
		held = f->frame.component[HOG].current_bytes + 2 * MIB;
		assert_true(held < 734 * MIB);
		fixture_use(f, HOG, held);
		fixture_next(f, 100 * US_PER_MS);
		lower = fixture_find(f, ACTION_SET_HIGH, HOG);
		assert_true(!lower || held > 726 * MIB); /* 64 MiB are free */
	}
	assert_in_range(lower->amount, held + 10 * MIB, held + 50 * MIB);
}

static void test_high_of_a_quiet_group_goes_down_to_what_it_holds(void **data)
{
	struct fixture *f = *data;

	f->frame.component[HOG].high_bytes = 900 * MIB;
	f->config.component[HOG].freeze = false;
	f->frame.host.swap_free_bytes = 0;
	fixture_use(f, HOG, 700 * MIB);
	fixture_step(f);
	fixture_run(f, 20 * US_PER_SEC);
	assert_in_range(f->frame.component[HOG].high_bytes, 700 * MIB, 720 * MIB);
}

/* Its files came back for a higher limit: a lower one would drop them again, and so on. */
static void test_high_of_who_missed_files_is_left_for_a_while(void **data)
{
	struct fixture *f = *data;

	f->frame.component[HOG].high_bytes = 900 * MIB;
	f->config.component[HOG].freeze = false;
	f->frame.host.swap_free_bytes = 0;
	fixture_use(f, HOG, 700 * MIB);
	fixture_step(f);
	f->state->component[HOG].signal.files_missed_us = f->frame.now_us;
	fixture_run(f, 119 * US_PER_SEC);
	assert_int_equal(f->frame.component[HOG].high_bytes, 900 * MIB);
	fixture_run(f, 20 * US_PER_SEC);
	assert_in_range(f->frame.component[HOG].high_bytes, 700 * MIB, 720 * MIB);
}

static void test_failed_write_is_tried_again(void **data)
{
	struct fixture *f = *data;
	uint32_t tries = 0;

	for (int tick = 0; tick < 100; tick++) {
		f->frame.component[HOG].high_bytes = BYTES_MAX;
		fixture_next(f, 100 * US_PER_MS);
		tries += fixture_find(f, ACTION_SET_HIGH, HOG) != NULL;
	}
	assert_in_range(tries, 3, 6);
}

static void test_mark_is_the_next_edge_above_use(void **data)
{
	static const struct {
		uint64_t use_mib, mark_mib;
	} rows[] = {{100, 420}, {430, 480}, {490, 510}, {520, 540}, {545, 570}};
	struct fixture *f = *data;
	const struct action *a;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fixture_use(f, HOG, rows[i].use_mib * MIB);
		policy_init(f->state);
		fixture_step(f);
		a = fixture_find(f, ACTION_ARM_MARK, HOG);
		assert_non_null(a);
		assert_int_equal(a->amount, rows[i].mark_mib * MIB);
	}
}

static void test_mark_counts_cold_cache_on_top_of_the_edge(void **data)
{
	struct fixture *f = *data;

	f->frame.component[HOG].current_bytes = 150 * MIB;
	f->frame.component[HOG].inactive_file_bytes = 50 * MIB;
	fixture_step(f);
	assert_int_equal(fixture_find(f, ACTION_ARM_MARK, HOG)->amount, 470 * MIB);
}

static void test_mark_comes_early_when_the_host_is_short(void **data)
{
	struct fixture *f = *data;
	const struct action *a;

	f->frame.host.available_bytes = 130 * MIB;
	fixture_step(f);
	a = fixture_find(f, ACTION_ARM_MARK, HOG);
	assert_non_null(a);
	assert_in_range(a->amount, 140 * MIB, 160 * MIB);
}

/* Nothing can be made free any more where swap is full: half of the 100 MiB that the pool has left
 * would be gone, though the host has 800. */
static void test_mark_comes_early_in_a_pool_that_is_full_with_swap(void **data)
{
	static const struct {
		uint64_t swap_free, at_least, at_most;
	} rows[] = {{256 * MIB, 410 * MIB, 420 * MIB}, {0, 140 * MIB, 160 * MIB}};

	(void)data;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		void *row;
		struct fixture *f;

		assert_int_equal(fixture_setup(&row), 0);
		f = row;
		f->config.usable_bytes = 300 * MIB;
		f->frame.host.available_bytes = 830 * MIB;
		f->frame.host.swap_free_bytes = rows[i].swap_free;
		fixture_step(f);
		assert_in_range(fixture_find(f, ACTION_ARM_MARK, HOG)->amount, rows[i].at_least,
				rows[i].at_most);
		fixture_teardown(&row);
	}
}

static void test_mark_is_armed_again_only_when_it_fired_or_moved(void **data)
{
	struct fixture *f = *data;

	fixture_step(f);
	fixture_next(f, US_PER_SEC);
	assert_null(fixture_find(f, ACTION_ARM_MARK, HOG));
	fixture_use(f, HOG, 421 * MIB);
	fixture_mark(f, HOG, 420 * MIB);
	fixture_urgent(f, 100 * US_PER_MS);
	assert_non_null(fixture_find(f, ACTION_ARM_MARK, HOG));
	assert_true(fixture_find(f, ACTION_ARM_MARK, HOG)->amount > 421 * MIB);
}

#define FIXTURE_TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_start_brings_limits_to_the_configuration),
		FIXTURE_TEST(test_limits_in_place_are_not_written),
		FIXTURE_TEST(test_min_follows_the_working_set_ahead),
		FIXTURE_TEST(test_min_leaves_out_what_is_idle_for_long),
		FIXTURE_TEST(test_min_leaves_cold_cache_out_and_stays_within_the_budget),
		FIXTURE_TEST(test_min_is_lowered_after_half_a_minute),
		FIXTURE_TEST(test_min_of_who_does_not_run_is_let_go),
		FIXTURE_TEST(test_min_never_promises_more_than_the_host_has),
		FIXTURE_TEST(test_high_is_not_lowered_under_a_growing_group),
		FIXTURE_TEST(test_high_of_who_outgrows_its_budget_follows_it_when_little_is_free),
		FIXTURE_TEST(test_high_of_a_quiet_group_goes_down_to_what_it_holds),
		FIXTURE_TEST(test_high_of_who_missed_files_is_left_for_a_while),
		FIXTURE_TEST(test_failed_write_is_tried_again),
		FIXTURE_TEST(test_mark_is_the_next_edge_above_use),
		FIXTURE_TEST(test_mark_counts_cold_cache_on_top_of_the_edge),
		FIXTURE_TEST(test_mark_comes_early_when_the_host_is_short),
		FIXTURE_TEST(test_mark_comes_early_in_a_pool_that_is_full_with_swap),
		FIXTURE_TEST(test_mark_is_armed_again_only_when_it_fired_or_moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
