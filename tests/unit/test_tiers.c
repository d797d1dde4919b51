// SPDX-License-Identifier: GPL-2.0-or-later
/* What is reclaimed at each level, and the last resort. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_fixture.h"

/* A component at percent of its budget, held there until its level is that of the band. */
static void hold_at(struct fixture *f, uint32_t i, uint32_t percent)
{
	fixture_use(f, i, f->config.component[i].budget_bytes / 100 * percent);
	fixture_step(f);
}

static const struct action *first_reclaim(struct fixture *f, uint32_t i, uint64_t us)
{
	for (uint64_t t = 0; t < us; t += 100 * US_PER_MS) {
		fixture_next(f, 100 * US_PER_MS);
		if (fixture_find(f, ACTION_RECLAIM, i))
			return fixture_find(f, ACTION_RECLAIM, i);
	}
	return NULL;
}

static void add_cache(struct fixture *f, uint32_t i, uint64_t bytes)
{
	f->frame.component[i].inactive_file_bytes = bytes;
	f->frame.component[i].current_bytes += bytes;
}

static void test_normal_is_left_alone(void **data)
{
	struct fixture *f = *data;

	add_cache(f, HOG, 100 * MIB);
	fixture_step(f);
	assert_null(first_reclaim(f, HOG, 20 * US_PER_SEC));
}

static void test_low_takes_a_hundredth_of_cold_file_pages(void **data)
{
	struct fixture *f = *data;
	const struct action *reclaim;

	hold_at(f, HOG, 75);
	add_cache(f, HOG, 50 * MIB);
	reclaim = first_reclaim(f, HOG, 10 * US_PER_SEC);
	assert_non_null(reclaim);
	assert_int_equal(reclaim->tier, TIER_LIGHT);
	assert_int_equal(reclaim->swappiness, 0);
	assert_true(reclaim->amount <= 500 * MIB / 100);
}

static void test_low_without_cache_has_nothing_to_take(void **data)
{
	struct fixture *f = *data;

	hold_at(f, HOG, 75);
	assert_null(first_reclaim(f, HOG, 20 * US_PER_SEC));
}

static void test_high_takes_at_most_three_percent(void **data)
{
	struct fixture *f = *data;
	const struct action *reclaim;

	hold_at(f, HOG, 88);
	reclaim = first_reclaim(f, HOG, 3 * US_PER_SEC);
	assert_non_null(reclaim);
	assert_int_equal(reclaim->tier, TIER_MODERATE);
	assert_true(reclaim->amount <= 528 * MIB * 3 / 100);
}

static void test_critical_takes_down_to_the_target(void **data)
{
	struct fixture *f = *data;
	const struct action *reclaim;

	hold_at(f, HOG, 92);
	reclaim = fixture_find(f, ACTION_RECLAIM, HOG);
	assert_non_null(reclaim);
	assert_int_equal(reclaim->tier, TIER_AGGRESSIVE);
	assert_in_range(reclaim->amount, 59 * MIB, 61 * MIB);
	assert_int_equal(fixture_view(f, HOG).tier, TIER_AGGRESSIVE);
}

static void test_protected_gives_only_cold_file_pages(void **data)
{
	struct fixture *f = *data;
	const struct action *reclaim;

	hold_at(f, REDIS, 92);
	assert_null(first_reclaim(f, REDIS, 5 * US_PER_SEC));
	add_cache(f, REDIS, 20 * MIB);
	assert_null(first_reclaim(f, REDIS, 5 * US_PER_SEC));
	add_cache(f, REDIS, 80 * MIB);
	reclaim = first_reclaim(f, REDIS, 5 * US_PER_SEC);
	assert_non_null(reclaim);
	assert_int_equal(reclaim->swappiness, 0);
	assert_true(reclaim->amount <= 20 * MIB);
}

static void test_without_swap_only_file_pages_are_taken(void **data)
{
	struct fixture *f = *data;
	const struct action *reclaim;

	f->frame.host.swap_total_bytes = f->frame.host.swap_free_bytes = 0;
	hold_at(f, HOG, 92);
	assert_null(first_reclaim(f, HOG, 5 * US_PER_SEC));
	add_cache(f, HOG, 20 * MIB);
	reclaim = first_reclaim(f, HOG, 5 * US_PER_SEC);
	assert_non_null(reclaim);
	assert_int_equal(reclaim->swappiness, 0);
}

static void test_one_reclaim_at_a_time(void **data)
{
	struct fixture *f = *data;

	hold_at(f, HOG, 92);
	assert_non_null(fixture_find(f, ACTION_RECLAIM, HOG));
	for (int tick = 0; tick < 15; tick++) {
		f->frame.outcome_count = 0;
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_RECLAIM, HOG));
	}
}

static void test_reclaim_whose_outcome_never_comes_is_given_up(void **data)
{
	struct fixture *f = *data;
	bool again = false;

	hold_at(f, HOG, 92);
	for (int tick = 0; tick < 100 && !again; tick++) {
		f->frame.outcome_count = 0;
		fixture_next(f, 100 * US_PER_MS);
		again = fixture_find(f, ACTION_RECLAIM, HOG) != NULL;
	}
	assert_true(again);
}

static void test_donor_that_gives_little_twice_rests_for_30_s(void **data)
{
	struct fixture *f = *data;
	uint32_t asked = 0;
	uint64_t last_us = 0, gap_us = 0;

	hold_at(f, HOG, 92);
	for (int tick = 0; tick < 400; tick++) {
		if (fixture_find(f, ACTION_RECLAIM, HOG)) {
			asked++;
			if (last_us && f->frame.now_us - last_us > gap_us)
				gap_us = f->frame.now_us - last_us;
			last_us = f->frame.now_us;
		}
		for (uint32_t i = 0; i < f->frame.outcome_count; i++)
			if (f->frame.outcome[i].kind == ACTION_RECLAIM)
				f->frame.outcome[i].done = 0;
		fixture_next(f, 100 * US_PER_MS);
	}
	assert_in_range(asked, 3, 4);
	assert_in_range(gap_us, 30 * US_PER_SEC, 31 * US_PER_SEC);
}

static void test_client_reclaim_is_done_in_parts(void **data)
{
	struct fixture *f = *data;
	uint64_t sum = 0;

	fixture_step(f);
	f->frame.component[HOG].anon_bytes = f->frame.component[HOG].current_bytes = 300 * MIB;
	f->frame.request[f->frame.request_count++] = (struct frame_request){
		.kind = REQUEST_RECLAIM, .component = HOG, .amount = 150 * MIB};
	for (int tick = 0; tick < 20; tick++) {
		const struct action *reclaim;

		fixture_next(f, 100 * US_PER_MS);
		reclaim = fixture_find(f, ACTION_RECLAIM, HOG);
		if (reclaim) {
			assert_true(reclaim->amount <= 64 * MIB);
			assert_int_equal(reclaim->why.reason, REASON_REQUEST);
			sum += reclaim->amount;
		}
	}
	assert_int_equal(sum, 150 * MIB);
}

/* What is asked of one leaf while it stands still is not taken from others. */
static void test_client_reclaim_of_a_leaf_is_of_a_frozen_one(void **data)
{
	struct fixture *f = *data;

	fixture_step(f);
	f->frame.component[HOG].anon_bytes = f->frame.component[HOG].current_bytes = 300 * MIB;
	f->frame.request[f->frame.request_count++] = (struct frame_request){
		.kind = REQUEST_RECLAIM, .component = HOG, .leaf = 4711, .amount = 150 * MIB};
	for (int tick = 0; tick < 20; tick++) {
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_RECLAIM, HOG));
	}
}

/* Over the edge, all stalled, nothing that may be frozen. */
static void press_hopelessly(struct fixture *f, uint64_t us, uint32_t *ret_kills)
{
	*ret_kills = 0;
	for (uint64_t t = 0; t < us; t += 100 * US_PER_MS) {
		f->frame.component[HOG].psi_some_us += 95 * US_PER_MS;
		f->frame.component[HOG].psi_full_us += 95 * US_PER_MS;
		fixture_next(f, 100 * US_PER_MS);
		*ret_kills += fixture_find(f, ACTION_KILL, HOG) != NULL;
	}
}

static void test_kill_only_where_the_configuration_says_so(void **data)
{
	struct fixture *f = *data;
	uint32_t kills;

	f->config.component[HOG].freeze = false;
	hold_at(f, HOG, 98);
	press_hopelessly(f, 90 * US_PER_SEC, &kills);
	assert_int_equal(kills, 0);
}

static void test_last_resort_waits_for_the_full_condition_and_between_kills(void **data)
{
	struct fixture *f = *data;
	uint32_t kills;

	f->config.component[HOG].freeze = false;
	f->config.component[HOG].kill = KILL_LAST_RESORT;
	hold_at(f, HOG, 98);
	press_hopelessly(f, 30 * US_PER_SEC, &kills);
	assert_int_equal(kills, 0);
	press_hopelessly(f, 12 * US_PER_SEC, &kills);
	assert_int_equal(kills, 1);
	press_hopelessly(f, 5 * US_PER_SEC, &kills);
	assert_int_equal(kills, 0);
	press_hopelessly(f, 10 * US_PER_SEC, &kills);
	assert_int_equal(kills, 1);
}

static void test_freeze_comes_before_the_kill(void **data)
{
	struct fixture *f = *data;
	uint32_t kills;

	f->config.component[HOG].kill = KILL_LAST_RESORT;
	hold_at(f, HOG, 98);
	press_hopelessly(f, 50 * US_PER_SEC, &kills);
	assert_int_equal(kills, 0);
	assert_int_equal(fixture_view(f, HOG).frozen_leaves, 1);
}

#define FIXTURE_TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_normal_is_left_alone),
		FIXTURE_TEST(test_low_takes_a_hundredth_of_cold_file_pages),
		FIXTURE_TEST(test_low_without_cache_has_nothing_to_take),
		FIXTURE_TEST(test_high_takes_at_most_three_percent),
		FIXTURE_TEST(test_critical_takes_down_to_the_target),
		FIXTURE_TEST(test_protected_gives_only_cold_file_pages),
		FIXTURE_TEST(test_without_swap_only_file_pages_are_taken),
		FIXTURE_TEST(test_one_reclaim_at_a_time),
		FIXTURE_TEST(test_reclaim_whose_outcome_never_comes_is_given_up),
		FIXTURE_TEST(test_donor_that_gives_little_twice_rests_for_30_s),
		FIXTURE_TEST(test_client_reclaim_is_done_in_parts),
		FIXTURE_TEST(test_client_reclaim_of_a_leaf_is_of_a_frozen_one),
		FIXTURE_TEST(test_kill_only_where_the_configuration_says_so),
		FIXTURE_TEST(test_last_resort_waits_for_the_full_condition_and_between_kills),
		FIXTURE_TEST(test_freeze_comes_before_the_kill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
