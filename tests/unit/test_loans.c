// SPDX-License-Identifier: GPL-2.0-or-later
/* What is lent, to whom, how it comes back, and the order of donors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_fixture.h"
#include "user/policy/debts.h"
#include "user/policy/donor.h"
#include "user/policy/ladder.h"
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

#define MARGIN (1030 * MIB / 100 * 3) /* of usable, before anything is learned */

/* Swap to hold what is lent, and the hog is at its budget: it keeps all of that itself. */
static void setup_lending(struct fixture *f)
{
	f->config.component[REDIS].lend = true;
	f->config.component[HOG].borrow = true;
	f->frame.host.swap_total_bytes = f->frame.host.swap_free_bytes = GIB;
}

static void assert_near(uint64_t bytes, uint64_t expected)
{
	assert_in_range(bytes, expected - 256 * KIB, expected + 256 * KIB);
}

static uint64_t in_force(const struct fixture *f)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < f->config.component_count; i++)
		sum += fixture_view(f, i).in_force_bytes;
	return sum;
}

static void test_all_that_is_free_above_the_margin_is_lent_at_once(void **data)
{
	struct fixture *f = *data;

	setup_lending(f);
	fixture_use(f, HOG, 560 * MIB);
	fixture_step(f);
	/* The owner keeps its 100 MiB, and half of the margin to grow into. */
	assert_near(fixture_view(f, HOG).in_force_bytes, 930 * MIB - MARGIN);
	assert_near(fixture_view(f, REDIS).in_force_bytes, 100 * MIB + MARGIN / 2);
	assert_near(fixture_view(f, HOG).borrowed_bytes, 330 * MIB - MARGIN);
	assert_near(fixture_view(f, REDIS).lent_bytes, 300 * MIB - MARGIN / 2);
	assert_int_equal(fixture_find(f, ACTION_SET_HIGH, HOG)->amount,
			 fixture_view(f, HOG).in_force_bytes);
	fixture_run(f, 10 * US_PER_SEC);
	/* Whose budget is lent is not held down by its own limit. */
	assert_int_equal(f->frame.component[REDIS].high_bytes, 400 * MIB);
	assert_near(fixture_view(f, HOG).in_force_bytes, 930 * MIB - MARGIN);
	assert_int_equal(f->frame.component[HOG].high_bytes, fixture_view(f, HOG).in_force_bytes);
}

/* What is cleaned off an owner, or what its margin decays by, comes in pieces that are worth no
 * write each. */
static void test_small_pieces_are_lent_once_a_second(void **data)
{
	struct fixture *f = *data;
	uint32_t writes = 0;

	setup_lending(f);
	fixture_use(f, HOG, 560 * MIB);
	fixture_run(f, 10 * US_PER_SEC);
	fixture_use(f, HOG, f->frame.component[HOG].high_bytes - MIB);
	f->frame.host.available_bytes =
		900 * MIB - f->frame.component[HOG].current_bytes + 560 * MIB;
	fixture_run(f, 10 * US_PER_SEC);
	for (int tick = 0; tick < 50; tick++) {
		fixture_use(f, REDIS, f->frame.component[REDIS].current_bytes - 200 * KIB);
		fixture_next(f, 100 * US_PER_MS);
		writes += fixture_find(f, ACTION_SET_HIGH, HOG) != NULL;
	}
	assert_in_range(writes, 4, 6);
	/* Of 10 MiB all but the last second's are. */
	assert_in_range(fixture_view(f, HOG).in_force_bytes - f->frame.component[HOG].high_bytes, 0,
			2 * MIB + 64 * KIB);
}

static void test_what_the_host_has_not_is_not_lent(void **data)
{
	struct fixture *f = *data;

	setup_lending(f);
	fixture_use(f, HOG, 560 * MIB);
	f->frame.host.available_bytes = 230 * MIB; /* 30 MiB of it in reserve: 200 are free */
	fixture_step(f);
	/* 40 of them the hog has in its own budget. */
	assert_near(fixture_view(f, HOG).borrowed_bytes, 160 * MIB - MARGIN);
}

static void test_only_who_runs_may_borrow_and_is_at_its_budget_is_lent_to(void **data)
{
	static const struct {
		bool borrow, runs, lends;
		uint64_t holds;
		bool is_lent;
	} rows[] = {
		{true, true, false, 560 * MIB, true},   {false, true, false, 560 * MIB, false},
		{true, false, false, 560 * MIB, false}, {true, true, false, 20 * MIB, true},
		{true, true, true, 560 * MIB, false},   {true, true, true, 600 * MIB, true},
	};

	(void)data;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		void *row;
		struct fixture *f;

		assert_int_equal(fixture_setup(&row), 0);
		f = row;
		setup_lending(f);
		f->config.component[HOG].borrow = rows[i].borrow;
		f->config.component[HOG].lend = rows[i].lends;
		f->frame.leaf[HOG].populated = rows[i].runs;
		fixture_use(f, HOG, rows[i].holds);
		fixture_step(f);
		if ((fixture_view(f, HOG).borrowed_bytes > 0) != rows[i].is_lent)
			fail_msg("row %zu", i);
		fixture_teardown(&row);
	}
}

static void test_nothing_is_lent_by_who_does_not_lend(void **data)
{
	struct fixture *f = *data;

	f->config.component[HOG].borrow = true;
	fixture_step(f);
	fixture_grow(f, HOG, 560 * MIB, 100 * MIB);
	fixture_run(f, 20 * US_PER_SEC);
	assert_int_equal(fixture_view(f, HOG).borrowed_bytes, 0);
	assert_int_equal(fixture_view(f, REDIS).in_force_bytes, 400 * MIB);
}

/* To who may not be killed: what nobody who runs owns, and what swap holds. */
static void test_what_swap_would_not_hold_is_not_lent(void **data)
{
	struct fixture *f = *data;

	setup_lending(f);
	fixture_use(f, HOG, 560 * MIB);
	f->frame.host.swap_free_bytes = 50 * MIB;
	fixture_step(f);
	assert_int_equal(fixture_view(f, HOG).borrowed_bytes, 80 * MIB);
	f->config.component[HOG].kill = KILL_LAST_RESORT;
	fixture_run(f, 100 * US_PER_MS);
	assert_near(fixture_view(f, HOG).borrowed_bytes, 330 * MIB - MARGIN);
	f->config.component[HOG].kill = KILL_NO;
	f->frame.leaf[REDIS].populated = false;
	fixture_use(f, REDIS, 0);
	fixture_run(f, 100 * US_PER_MS);
	assert_near(fixture_view(f, HOG).borrowed_bytes, 430 * MIB - MARGIN);
}

/* Nothing of it could be paid back, and no more of it is there than before. */
static void test_what_a_leaf_leaves_its_siblings_may_have_for_a_while(void **data)
{
	struct fixture *f = *data;

	setup_lending(f);
	f->frame.host.swap_free_bytes = 0;
	fixture_use(f, HOG, 760 * MIB);
	fixture_run(f, US_PER_SEC);
	assert_near(fixture_view(f, HOG).in_force_bytes, 760 * MIB);
	fixture_use(f, HOG, 640 * MIB);
	fixture_run(f, 4 * US_PER_SEC);
	assert_near(fixture_view(f, HOG).in_force_bytes, 760 * MIB);
	fixture_run(f, 2 * US_PER_SEC);
	assert_near(fixture_view(f, HOG).in_force_bytes, 640 * MIB);
}

/* Most of what is free goes where it will be used. */
static void test_who_grows_is_lent_most(void **data)
{
	struct fixture *f = *data;

	setup_lending(f);
	f->config.component_count = f->frame.component_count = 3;
	fixture_component(f, HOG, "hog", 300 * MIB, 3);
	fixture_component(f, 2, "twin", 300 * MIB, 3);
	f->config.component[2].borrow = true;
	f->frame.leaf_count = 3;
	fixture_use(f, 2, 250 * MIB);
	fixture_step(f);
	assert_near(fixture_view(f, HOG).borrowed_bytes, fixture_view(f, 2).borrowed_bytes);
	fixture_grow(f, 2, 280 * MIB, 20 * MIB);
	assert_in_range(fixture_view(f, 2).borrowed_bytes, 15 * fixture_view(f, HOG).borrowed_bytes,
			17 * fixture_view(f, HOG).borrowed_bytes);
}

static void test_lender_keeps_a_second_of_its_growth(void **data)
{
	struct fixture *f = *data;

	setup_lending(f);
	fixture_use(f, HOG, 560 * MIB);
	fixture_step(f);
	fixture_grow(f, REDIS, 200 * MIB, 40 * MIB);
	assert_near(fixture_view(f, REDIS).in_force_bytes, 240 * MIB + MARGIN / 2);
	assert_int_equal(f->state->component[HOG].loans.owes_since_us, 0);
	fixture_run(f, 5 * US_PER_SEC);
	assert_near(fixture_view(f, REDIS).in_force_bytes, 200 * MIB + MARGIN / 2);
}

/* The hog holds what was lent, but for free_bytes; the owner stands at 100 MiB. */
static void lend_all_but(struct fixture *f, uint64_t free_bytes)
{
	setup_lending(f);
	fixture_use(f, HOG, 930 * MIB - free_bytes);
	fixture_step(f);
	fixture_run(f, US_PER_SEC);
	assert_int_equal(f->state->component[HOG].loans.owes_since_us, 0);
	assert_null(fixture_find(f, ACTION_RECLAIM, HOG));
}

static void test_growing_owner_has_what_it_takes_ahead_and_borrowers_owe_it(void **data)
{
	struct fixture *f = *data;
	const struct action *a;

	lend_all_but(f, 60 * MIB);
	while (!f->state->component[HOG].loans.owes_since_us) {
		assert_true(fixture_view(f, REDIS).current_bytes < 150 * MIB);
		assert_null(fixture_find(f, ACTION_RECLAIM, HOG));
		fixture_use(f, REDIS, f->frame.component[REDIS].current_bytes + 4 * MIB);
		fixture_next(f, 100 * US_PER_MS);
	}
	/* 40 MiB a second. */
	assert_true(fixture_view(f, REDIS).in_force_bytes >=
		    f->frame.component[REDIS].current_bytes + 32 * MIB);
	assert_true(f->frame.component[REDIS].high_bytes >=
		    f->frame.component[REDIS].current_bytes + 16 * MIB);
	assert_true(in_force(f) <= f->config.usable_bytes);
	a = fixture_find(f, ACTION_RECLAIM, HOG);
	assert_non_null(a);
	assert_int_equal(a->why.reason, REASON_OWNER_PAYBACK);
	assert_int_equal(a->why.observed, 870 * MIB - fixture_view(f, HOG).in_force_bytes);
	/* Its limit is not pulled under what it holds. */
	assert_true(f->frame.component[HOG].high_bytes >= 870 * MIB);
	assert_null(fixture_find(f, ACTION_FREEZE, HOG));
}

/* It grows no further, but owes nobody: it stands above what may be lent by what is not free. */
static void test_what_is_held_beyond_a_loan_is_no_debt_while_no_owner_grows(void **data)
{
	struct fixture *f = *data;

	lend_all_but(f, 20 * MIB);
	for (int tick = 0; tick < 100; tick++) {
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_RECLAIM, HOG));
		assert_null(fixture_find(f, ACTION_FREEZE, HOG));
	}
	assert_near(fixture_view(f, HOG).in_force_bytes, 930 * MIB - MARGIN);
	assert_true(f->frame.component[HOG].high_bytes <= 910 * MIB);
}

/* Nobody runs there yet. */
static void test_queued_job_of_an_owner_calls_back_what_it_waits_for(void **data)
{
	struct fixture *f = *data;

	f->frame.leaf[REDIS].populated = false;
	lend_all_but(f, 60 * MIB);
	f->frame.component[REDIS].queued_bytes = 200 * MIB;
	fixture_next(f, 100 * US_PER_MS);
	assert_int_equal(fixture_view(f, REDIS).in_force_bytes, 300 * MIB);
	assert_near(fixture_view(f, HOG).in_force_bytes, 730 * MIB - MARGIN / 2);
	assert_true(f->state->component[HOG].loans.owes_since_us > 0);
	/* It outruns nobody: reclaim has its time. */
	fixture_run(f, 5 * US_PER_SEC);
	assert_int_equal(fixture_view(f, HOG).frozen_leaves, 0);
	f->frame.component[REDIS].queued_bytes = 0;
	fixture_next(f, 100 * US_PER_MS);
	assert_int_equal(f->state->component[HOG].loans.owes_since_us, 0);
}

/* Two lend what they have left, one does not: of each in proportion, since it went over its own. */
static void test_debt_names_the_lenders(void **data)
{
	struct fixture *f = *data;
	struct debt_view debt;
	uint64_t over_us;

	setup_lending(f);
	fixture_component(f, 2, "cache", 100 * MIB, 4);
	fixture_component(f, 3, "keeps", 50 * MIB, 4);
	f->config.component[2].lend = true;
	f->config.component_count = f->frame.component_count = 4;
	f->config.component[HOG].freeze = true;
	fixture_use(f, REDIS, 100 * MIB); /* 300 left */
	fixture_use(f, 2, 0);             /* 100 left */
	fixture_use(f, 3, 0);
	fixture_use(f, HOG, 600 * MIB);
	fixture_step(f);
	policy_debt(f->state, &f->config, HOG, &debt);
	assert_int_equal(debt.bytes, 0);
	assert_int_equal(debt.since_us, 0);
	fixture_use(f, HOG, 680 * MIB);
	fixture_next(f, US_PER_SEC);
	over_us = f->frame.now_us;
	fixture_next(f, US_PER_SEC);
	policy_debt(f->state, &f->config, HOG, &debt);
	assert_int_equal(debt.bytes, 80 * MIB);
	assert_int_equal(debt.since_us, over_us);
	assert_int_equal(debt.from_bytes[REDIS], 60 * MIB);
	assert_int_equal(debt.from_bytes[2], 20 * MIB);
	assert_int_equal(debt.from_bytes[3], 0);
	assert_int_equal(debt.from_bytes[HOG], 0);
	assert_int_equal(debt.owed_bytes, 0);
	assert_int_equal(debt.freeze_at_us, 0);
}

/* The owner grows and nothing is free: the borrower owes, and is frozen after its time. */
static void test_debt_that_is_called_has_a_deadline(void **data)
{
	struct fixture *f = *data;
	struct debt_view debt;

	lend_all_but(f, 40 * MIB);
	for (int tick = 0; tick < 50 && !f->state->component[HOG].loans.owes_since_us; tick++) {
		fixture_use(f, REDIS, f->frame.component[REDIS].current_bytes + 4 * MIB);
		fixture_next(f, 100 * US_PER_MS);
	}
	policy_debt(f->state, &f->config, HOG, &debt);
	assert_true(debt.owed_bytes > 0);
	assert_true(debt.owed_bytes <= debt.bytes);
	assert_int_equal(debt.owed_since_us, f->frame.now_us);
	assert_int_equal(debt.freeze_at_us, f->frame.now_us + PAYBACK_FREEZE_US);
	f->config.component[HOG].freeze = false;
	policy_debt(f->state, &f->config, HOG, &debt);
	assert_int_equal(debt.freeze_at_us, 0);
}

static void test_denied_lease_of_an_owner_calls_back_what_it_was_for(void **data)
{
	struct fixture *f = *data;

	lend_all_but(f, 60 * MIB);
	f->frame.component[REDIS].wanted_bytes = 200 * MIB;
	fixture_next(f, 100 * US_PER_MS);
	assert_true(f->state->component[HOG].loans.owes_since_us > 0);
	f->frame.component[REDIS].wanted_bytes = 0;
	fixture_next(f, 100 * US_PER_MS);
	assert_int_equal(f->state->component[HOG].loans.owes_since_us, 0);
}

/* Nobody lacks it yet, so nobody owes it; but it is not lent on either. */
static void test_promised_memory_of_an_owner_is_not_lent(void **data)
{
	struct fixture *f = *data;
	uint64_t before;

	setup_lending(f);
	fixture_use(f, HOG, 600 * MIB);
	fixture_run(f, US_PER_SEC);
	before = fixture_view(f, HOG).in_force_bytes;
	f->frame.component[REDIS].promised_bytes = 150 * MIB;
	fixture_next(f, 100 * US_PER_MS);
	assert_near(fixture_view(f, HOG).in_force_bytes, before - 150 * MIB);
	assert_true(fixture_view(f, REDIS).in_force_bytes >= 250 * MIB);
	assert_int_equal(f->state->component[HOG].loans.owes_since_us, 0);
}

static void test_slow_owner_gives_its_borrower_time(void **data)
{
	struct fixture *f = *data;

	fixture_use(f, REDIS, 300 * MIB);
	lend_all_but(f, 222 * MIB); /* less what the owner holds above the usual */
	for (int tick = 0; tick < 20; tick++) {
		fixture_use(f, REDIS, f->frame.component[REDIS].current_bytes + 200 * KIB);
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_FREEZE, HOG));
	}
}

static void test_loan_not_needed_goes_back(void **data)
{
	struct fixture *f = *data;

	f->config.component[HOG].lend = true;
	lend_all_but(f, 60 * MIB);
	assert_true(fixture_view(f, HOG).borrowed_bytes > 0);
	fixture_use(f, HOG, 200 * MIB);
	fixture_run(f, 100 * US_PER_MS);
	assert_int_equal(fixture_view(f, HOG).in_force_bytes, 600 * MIB);
	assert_int_equal(fixture_view(f, REDIS).in_force_bytes, 400 * MIB);
}

static uint64_t roll(uint64_t *seed, uint64_t below)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed % below;
}

static uint64_t toward(uint64_t from, uint64_t to, uint64_t step)
{
	if (from < to)
		return from + step < to ? from + step : to;
	return from > to + step ? from - step : to;
}

static void test_never_more_is_in_force_than_there_is(void **data)
{
	struct fixture *f = *data;
	uint64_t seed = 88172645463325252, usable = f->config.usable_bytes;
	uint64_t target[FIXTURE_COMPONENTS] = {100 * MIB, 560 * MIB}, owing = 0;

	setup_lending(f);
	f->config.component[HOG].lend = f->config.component[REDIS].borrow = true;
	for (int tick = 0; tick < 5000; tick++) {
		for (uint32_t i = 0; i < FIXTURE_COMPONENTS; i++) {
			uint64_t held = f->frame.component[i].current_bytes;
			uint64_t other = f->frame.component[1 - i].current_bytes;

			if (!roll(&seed, 32))
				target[i] = roll(&seed, 1030) * MIB;
			held = toward(held, target[i], roll(&seed, 20) * MIB);
			fixture_use(f, i, held + other > usable ? usable - other : held);
		}
		fixture_next(f, 100 * US_PER_MS);
		assert_true(in_force(f) <= usable);
		owing += f->state->component[HOG].loans.owes_since_us > 0;
	}
	assert_true(owing > 0); /* both ways were gone */
}

/* Who lends nothing has all of its budget in force, though the borrower holds a part of that. */
static void test_all_of_a_budget_is_in_force_for_who_does_not_lend(void **data)
{
	struct fixture *f = *data;

	f->config.component[HOG].borrow = true;
	fixture_use(f, HOG, 900 * MIB);
	fixture_step(f);
	for (int tick = 0; tick < 20; tick++) {
		assert_int_equal(fixture_view(f, REDIS).in_force_bytes, 400 * MIB);
		assert_true(in_force(f) <= f->config.usable_bytes);
		fixture_use(f, REDIS, f->frame.component[REDIS].current_bytes + 2 * MIB);
		fixture_next(f, 100 * US_PER_MS);
	}
	assert_true(f->state->component[HOG].loans.owes_since_us > 0);
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
		FIXTURE_TEST(test_all_that_is_free_above_the_margin_is_lent_at_once),
		FIXTURE_TEST(test_small_pieces_are_lent_once_a_second),
		FIXTURE_TEST(test_what_the_host_has_not_is_not_lent),
		FIXTURE_TEST(test_only_who_runs_may_borrow_and_is_at_its_budget_is_lent_to),
		FIXTURE_TEST(test_nothing_is_lent_by_who_does_not_lend),
		FIXTURE_TEST(test_what_swap_would_not_hold_is_not_lent),
		FIXTURE_TEST(test_what_a_leaf_leaves_its_siblings_may_have_for_a_while),
		FIXTURE_TEST(test_who_grows_is_lent_most),
		FIXTURE_TEST(test_lender_keeps_a_second_of_its_growth),
		FIXTURE_TEST(test_growing_owner_has_what_it_takes_ahead_and_borrowers_owe_it),
		FIXTURE_TEST(test_what_is_held_beyond_a_loan_is_no_debt_while_no_owner_grows),
		FIXTURE_TEST(test_queued_job_of_an_owner_calls_back_what_it_waits_for),
		FIXTURE_TEST(test_debt_names_the_lenders),
		FIXTURE_TEST(test_debt_that_is_called_has_a_deadline),
		FIXTURE_TEST(test_denied_lease_of_an_owner_calls_back_what_it_was_for),
		FIXTURE_TEST(test_promised_memory_of_an_owner_is_not_lent),
		FIXTURE_TEST(test_slow_owner_gives_its_borrower_time),
		FIXTURE_TEST(test_loan_not_needed_goes_back),
		FIXTURE_TEST(test_never_more_is_in_force_than_there_is),
		FIXTURE_TEST(test_all_of_a_budget_is_in_force_for_who_does_not_lend),
		cmocka_unit_test(test_donors_are_ranked_in_a_total_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
