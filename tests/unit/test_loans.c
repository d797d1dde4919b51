// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_fixture.h"
#include "user/policy/donor.h"
#include "user/policy/loans.h"

static void test_fill_gives_equal_parts_to_equal_weights(void **data)
{
	struct loan_wish wish[] = {{100, 1, 0}, {100, 1, 0}, {100, 1, 0}};

	(void)data;
	loans_fill(wish, 3, 90);
	for (int i = 0; i < 3; i++)
		assert_int_equal(wish[i].got_bytes, 30);
}

static void test_fill_hands_on_what_small_wishes_leave(void **data)
{
	struct loan_wish wish[] = {{10, 1, 0}, {1000, 1, 0}, {1000, 3, 0}};

	(void)data;
	loans_fill(wish, 3, 410);
	assert_int_equal(wish[0].got_bytes, 10);
	assert_in_range(wish[1].got_bytes, 99, 101);
	assert_in_range(wish[2].got_bytes, 298, 301);
}

static void test_fill_never_gives_more_than_wanted_or_there(void **data)
{
	struct loan_wish wish[] = {{7, 5, 0}, {0, 9, 0}, {13, 2, 0}};

	(void)data;
	loans_fill(wish, 3, 1000);
	assert_int_equal(wish[0].got_bytes, 7);
	assert_int_equal(wish[1].got_bytes, 0);
	assert_int_equal(wish[2].got_bytes, 13);
	loans_fill(wish, 3, 0);
	assert_int_equal(wish[0].got_bytes + wish[2].got_bytes, 0);
}

static void setup_lending(struct fixture *f)
{
	f->config.component[REDIS].lend = true;
	f->config.component[HOG].borrow = true;
}

static void test_idle_budget_is_lent_after_a_dwell(void **data)
{
	struct fixture *f = *data;

	setup_lending(f);
	fixture_step(f);
	fixture_grow(f, HOG, 560 * MIB, 400 * MIB);
	assert_int_equal(fixture_view(f, HOG).borrowed_bytes, 0);
	fixture_run(f, 11 * US_PER_SEC);
	assert_true(fixture_view(f, HOG).borrowed_bytes >= 64 * MIB);
	assert_int_equal(fixture_view(f, HOG).borrowed_bytes, fixture_view(f, REDIS).lent_bytes);
	assert_int_equal(f->frame.component[HOG].high_bytes, fixture_view(f, HOG).in_force_bytes);
}

static void test_nothing_is_lent_by_who_does_not_lend(void **data)
{
	struct fixture *f = *data;

	f->config.component[HOG].borrow = true;
	fixture_step(f);
	fixture_grow(f, HOG, 560 * MIB, 100 * MIB);
	fixture_run(f, 20 * US_PER_SEC);
	assert_int_equal(fixture_view(f, HOG).borrowed_bytes, 0);
}

static void test_what_swap_would_not_hold_is_not_lent(void **data)
{
	struct fixture *f = *data;

	setup_lending(f);
	f->frame.host.swap_free_bytes = 0;
	fixture_step(f);
	fixture_grow(f, HOG, 560 * MIB, 400 * MIB);
	fixture_run(f, 11 * US_PER_SEC);
	assert_int_equal(fixture_view(f, HOG).borrowed_bytes, 0);
	f->config.component[HOG].kill = KILL_LAST_RESORT;
	fixture_run(f, US_PER_SEC);
	assert_true(fixture_view(f, HOG).borrowed_bytes > 0);
}

static void test_unused_budget_is_lent_at_once(void **data)
{
	struct fixture *f = *data;

	setup_lending(f);
	fixture_use(f, REDIS, 390 * MIB);
	fixture_step(f);
	fixture_grow(f, HOG, 560 * MIB, 400 * MIB);
	fixture_run(f, 3 * US_PER_SEC);
	assert_int_equal(fixture_view(f, HOG).borrowed_bytes, 0);
	f->frame.leaf[REDIS].populated = false;
	fixture_use(f, REDIS, 0);
	fixture_run(f, 200 * US_PER_MS);
	assert_true(fixture_view(f, HOG).borrowed_bytes >= 64 * MIB);
}

static void test_owner_has_its_budget_back_in_one_step(void **data)
{
	struct fixture *f = *data;
	const struct action *raise;

	setup_lending(f);
	fixture_step(f);
	fixture_grow(f, HOG, 560 * MIB, 100 * MIB);
	fixture_run(f, 15 * US_PER_SEC);
	fixture_use(f, HOG, 660 * MIB);
	fixture_run(f, US_PER_SEC);
	assert_true(fixture_view(f, REDIS).lent_bytes > 0);
	fixture_use(f, REDIS, 390 * MIB);
	fixture_next(f, 100 * US_PER_MS);
	assert_int_equal(fixture_view(f, REDIS).in_force_bytes, 400 * MIB);
	raise = fixture_find(f, ACTION_SET_HIGH, REDIS);
	assert_non_null(raise);
	assert_int_equal(raise->amount, 400 * MIB);
	assert_int_equal(fixture_view(f, HOG).borrowed_bytes, 0);
	/* The borrower owes; its limit is not pulled under what it holds. */
	raise = fixture_find(f, ACTION_SET_HIGH, HOG);
	assert_true(!raise || raise->amount >= 660 * MIB);
	assert_non_null(fixture_find(f, ACTION_RECLAIM, HOG));
}

static void test_borrower_that_does_not_pay_is_frozen(void **data)
{
	struct fixture *f = *data;
	bool frozen = false;

	setup_lending(f);
	fixture_step(f);
	fixture_grow(f, HOG, 560 * MIB, 100 * MIB);
	fixture_run(f, 15 * US_PER_SEC);
	fixture_use(f, HOG, 660 * MIB);
	fixture_run(f, US_PER_SEC);
	fixture_use(f, REDIS, 390 * MIB);
	for (int tick = 0; tick < 100 && !frozen; tick++) {
		const struct action *freeze;

		fixture_next(f, 100 * US_PER_MS);
		freeze = fixture_find(f, ACTION_FREEZE, HOG);
		frozen = freeze != NULL;
		if (frozen)
			assert_int_equal(freeze->why.reason, REASON_OWNER_PAYBACK);
		assert_true(!frozen || tick >= 70);
	}
	assert_true(frozen);
}

static void test_loan_not_needed_goes_back(void **data)
{
	struct fixture *f = *data;

	setup_lending(f);
	fixture_step(f);
	fixture_grow(f, HOG, 560 * MIB, 100 * MIB);
	fixture_run(f, 15 * US_PER_SEC);
	assert_true(fixture_view(f, HOG).borrowed_bytes > 0);
	fixture_use(f, HOG, 200 * MIB);
	fixture_run(f, 15 * US_PER_SEC);
	assert_int_equal(fixture_view(f, HOG).borrowed_bytes, 0);
	assert_int_equal(fixture_view(f, REDIS).lent_bytes, 0);
}

static void test_donors_are_ranked_in_a_total_order(void **data)
{
	static const struct donor_rank ranks[] = {
		{.over_bytes = 9, .priority = 9, .component = 5},
		{.over_bytes = 1, .priority = 1, .component = 4},
		{.over_bytes = 0, .priority = 1, .cold_bytes = 9, .component = 3},
		{.over_bytes = 0, .priority = 1, .cold_bytes = 1, .component = 2},
		{.over_bytes = 0, .priority = 1, .refaults_per_s = 1, .component = 0},
		{.over_bytes = 0, .priority = 1, .refaults_per_s = 1, .component = 1},
		{.over_bytes = 0, .priority = 2, .component = 6},
	};

	(void)data;
	for (size_t a = 0; a < sizeof(ranks) / sizeof(ranks[0]); a++)
		for (size_t b = 0; b < sizeof(ranks) / sizeof(ranks[0]); b++) {
			int by = donor_compare(&ranks[a], &ranks[b]);

			assert_true(a == b ? by == 0 : a < b ? by < 0 : by > 0);
		}
}

#define FIXTURE_TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fill_gives_equal_parts_to_equal_weights),
		cmocka_unit_test(test_fill_hands_on_what_small_wishes_leave),
		cmocka_unit_test(test_fill_never_gives_more_than_wanted_or_there),
		FIXTURE_TEST(test_idle_budget_is_lent_after_a_dwell),
		FIXTURE_TEST(test_nothing_is_lent_by_who_does_not_lend),
		FIXTURE_TEST(test_what_swap_would_not_hold_is_not_lent),
		FIXTURE_TEST(test_unused_budget_is_lent_at_once),
		FIXTURE_TEST(test_owner_has_its_budget_back_in_one_step),
		FIXTURE_TEST(test_borrower_that_does_not_pay_is_frozen),
		FIXTURE_TEST(test_loan_not_needed_goes_back),
		cmocka_unit_test(test_donors_are_ranked_in_a_total_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
