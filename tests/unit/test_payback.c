// SPDX-License-Identifier: GPL-2.0-or-later
/* How what was lent comes back: when its borrower is stopped, how much is called, in which pieces.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_fixture.h"
#include "user/policy/loans.h"

/* The hog borrowed all that was lent, but for free_bytes; the owner stands at 100 MiB. */
static void lend_all_but(struct fixture *f, uint64_t free_bytes)
{
	f->config.component[REDIS].lend = true;
	f->config.component[HOG].borrow = true;
	f->frame.host.swap_total_bytes = f->frame.host.swap_free_bytes = GIB;
	fixture_use(f, HOG, 930 * MIB - free_bytes);
	fixture_step(f);
	fixture_run(f, US_PER_SEC);
	assert_int_equal(f->state->component[HOG].loans.owes_since_us, 0);
	assert_null(fixture_find(f, ACTION_RECLAIM, HOG));
}

static void test_borrower_is_frozen_at_once_when_an_owner_outruns_what_is_free(void **data)
{
	struct fixture *f = *data;
	const struct action *freeze = NULL;

	lend_all_but(f, 60 * MIB);
	for (int tick = 0; tick < 3 && !freeze; tick++) {
		fixture_use(f, REDIS, f->frame.component[REDIS].current_bytes + 15 * MIB);
		fixture_next(f, 100 * US_PER_MS);
		freeze = fixture_find(f, ACTION_FREEZE, HOG);
	}
	assert_non_null(freeze);
	assert_int_equal(freeze->why.reason, REASON_OWNER_PAYBACK);
}

/* What an owner takes is there, since the borrower pays as much, but never all that it owes. */
static void test_borrower_that_does_not_pay_is_frozen_after_eight_seconds(void **data)
{
	struct fixture *f = *data;
	uint64_t owes_us = 0, frozen_us = 0;

	lend_all_but(f, 18 * MIB);
	for (int tick = 0; tick < 120 && !frozen_us; tick++) {
		const struct action *freeze;

		fixture_use(f, REDIS, f->frame.component[REDIS].current_bytes + MIB);
		fixture_use(f, HOG, f->frame.component[HOG].current_bytes - MIB);
		fixture_next(f, 100 * US_PER_MS);
		freeze = fixture_find(f, ACTION_FREEZE, HOG);
		if (!owes_us)
			owes_us = f->state->component[HOG].loans.owes_since_us;
		if (freeze) {
			assert_int_equal(freeze->why.reason, REASON_OWNER_PAYBACK);
			frozen_us = f->frame.now_us;
		}
	}
	assert_true(owes_us > 0);
	assert_int_equal(frozen_us, owes_us + 8 * US_PER_SEC);
}

/* Its pages are in use: to take them from it while it runs has not paid, so it stops first. */
static void test_debtor_that_is_hot_is_frozen_before_anything_is_taken(void **data)
{
	struct fixture *f = *data;

	lend_all_but(f, 60 * MIB);
	f->state->component[HOG].payoff.hot_until_us = BYTES_MAX;
	while (!fixture_find(f, ACTION_FREEZE, HOG)) {
		assert_true(f->frame.component[REDIS].current_bytes < 150 * MIB);
		assert_null(fixture_find(f, ACTION_RECLAIM, HOG));
		fixture_use(f, REDIS, f->frame.component[REDIS].current_bytes + 4 * MIB);
		fixture_next(f, 100 * US_PER_MS);
	}
	assert_int_equal(fixture_find(f, ACTION_FREEZE, HOG)->why.reason, REASON_OWNER_PAYBACK);
	assert_int_equal(f->state->component[HOG].loans.owes_since_us, f->frame.now_us);
}

/* The owner takes 40 MiB a second of 60; so much of what the hog holds is known to be cold, and so
 * many pages it reads back. */
static const struct action *owner_returns_beside(struct fixture *f, uint64_t cold_bytes,
						 uint64_t refaults_per_s)
{
	const struct action *freeze = NULL;

	lend_all_but(f, 60 * MIB);
	f->frame.leaf[HOG].ages = (struct ages_sample){
		.valid = true,
		.looked_us = f->frame.now_us,
		.cold_anon_bytes = cold_bytes,
		.hot_bytes = 870 * MIB - cold_bytes,
		.read_us = f->frame.now_us,
	};
	frame_sum_ages(&f->frame);
	f->state->component[HOG].signal.refaults_per_s = refaults_per_s;
	f->state->component[HOG].signal.rate_at_us = f->frame.now_us;
	for (int tick = 0; tick < 8 && !freeze; tick++) {
		fixture_use(f, REDIS, f->frame.component[REDIS].current_bytes + 4 * MIB);
		fixture_next(f, 100 * US_PER_MS);
		freeze = fixture_find(f, ACTION_FREEZE, HOG);
	}
	assert_true(f->state->component[HOG].loans.owes_since_us > 0);
	return freeze;
}

static uint64_t free_now(const struct fixture *f)
{
	return f->config.usable_bytes - f->frame.component[REDIS].current_bytes -
	       f->frame.component[HOG].current_bytes;
}

/* The owner takes 150 MiB a second: its page-out is in nobody's way as long as the next fifth of a
 * second's is free, and in a hurry then. */
static void test_page_out_gives_way_to_an_owner_as_long_as_free_memory_lasts(void **data)
{
	struct fixture *f = *data;
	bool paging_out = false;

	lend_all_but(f, 160 * MIB);
	while (free_now(f) > 15 * MIB) {
		const struct action *reclaim;
		bool patient;

		fixture_use(f, REDIS, f->frame.component[REDIS].current_bytes + 15 * MIB);
		fixture_next(f, 100 * US_PER_MS);
		reclaim = fixture_find(f, ACTION_RECLAIM, HOG);
		paging_out |= reclaim && reclaim->leaf;
		patient = f->plan.pace[HOG] == PACE_PATIENT;
		if (!paging_out || free_now(f) < 28 * MIB)
			assert_false(patient);
		else if (free_now(f) > 44 * MIB)
			assert_true(patient);
		assert_int_equal(f->plan.pace[REDIS], PACE_OWN);
	}
	assert_true(paging_out);
}

/* It can give nothing while it runs, and what is free lasts no two seconds. */
static void test_debtor_without_cold_pages_is_frozen_before_the_owner_outruns_it(void **data)
{
	struct fixture *f = *data;
	const struct action *freeze = owner_returns_beside(f, 0, 0);

	assert_non_null(freeze);
	assert_int_equal(freeze->why.reason, REASON_OWNER_PAYBACK);
}

static void test_debtor_that_pays_from_cold_pages_runs_on(void **data)
{
	assert_null(owner_returns_beside(*data, 200 * MIB, 500));
}

/* Pages that it has not come to for want of others are cold by their age, and wanted. */
static void test_debtor_that_waits_for_its_pages_is_frozen_whatever_their_age(void **data)
{
	assert_non_null(owner_returns_beside(*data, 200 * MIB, 2500));
}

/* Its last burst took 80 MiB of what was free then; 100 are. */
static void test_owner_that_comes_back_calls_for_no_more_than_it_took_before(void **data)
{
	struct fixture *f = *data;
	struct margin_state *m = &f->state->component[REDIS].margin;

	lend_all_but(f, 100 * MIB);
	m->largest_bytes = m->before_bytes = 80 * MIB;
	for (int tick = 0; tick < 8; tick++) {
		fixture_use(f, REDIS, f->frame.component[REDIS].current_bytes + 10 * MIB);
		fixture_next(f, 100 * US_PER_MS);
		assert_int_equal(f->state->component[HOG].loans.owes_since_us, 0);
	}
	/* It takes more than it ever did. */
	for (int tick = 0; tick < 2; tick++) {
		fixture_use(f, REDIS, f->frame.component[REDIS].current_bytes + 10 * MIB);
		fixture_next(f, 100 * US_PER_MS);
	}
	assert_true(f->state->component[HOG].loans.owes_since_us > 0);
}

static void test_payback_goes_on_in_pieces(void **data)
{
	struct fixture *f = *data;
	const struct action *a;

	lend_all_but(f, 20 * MIB);
	fixture_use(f, REDIS, f->frame.component[REDIS].current_bytes + 15 * MIB);
	fixture_next(f, 100 * US_PER_MS);
	a = fixture_find(f, ACTION_RECLAIM, HOG);
	assert_non_null(a);
	assert_true(loans_owed(&(struct step){.state = f->state}, HOG) > 40 * MIB);
	assert_true(a->amount <= 16 * MIB);
}

/* An owner comes back, and of two that borrowed the smaller one is stopped, which grows. */
static struct leaf_sample *stop_the_smaller(struct fixture *f, uint64_t bytes)
{
	struct leaf_sample *small;

	lend_all_but(f, 60 * MIB);
	small = fixture_sibling(f, HOG, bytes);
	fixture_run(f, US_PER_SEC);
	while (!fixture_find(f, ACTION_FREEZE, HOG)) {
		assert_true(f->frame.component[REDIS].current_bytes < 300 * MIB);
		small->current_bytes += MIB;
		fixture_use(f, HOG, f->frame.component[HOG].current_bytes);
		fixture_use(f, REDIS, f->frame.component[REDIS].current_bytes + 4 * MIB);
		fixture_next(f, 100 * US_PER_MS);
	}
	assert_true(small->frozen);
	assert_false(f->frame.leaf[HOG].frozen);
	return small;
}

static void owner_goes_on(struct fixture *f)
{
	fixture_use(f, REDIS, f->frame.component[REDIS].current_bytes + MIB);
	fixture_next(f, 100 * US_PER_MS);
}

static void test_who_stands_still_with_nothing_left_does_not_pay_for_all(void **data)
{
	struct fixture *f = *data;
	struct leaf_sample *small = stop_the_smaller(f, 20 * MIB);

	small->swap_bytes = 19 * MIB;
	small->current_bytes = MIB;
	fixture_use(f, HOG, f->frame.component[HOG].current_bytes - 19 * MIB);
	for (int tick = 0; tick < 100 && !f->frame.leaf[HOG].frozen; tick++)
		owner_goes_on(f);
	assert_true(f->frame.leaf[HOG].frozen);
}

/* What the next reclaim of the debtor is to take it from, if the last of such brought nothing. */
static uint64_t next_asked(struct fixture *f, uint64_t gives_nothing)
{
	const struct action *a;

	do {
		for (uint32_t i = 0; i < f->frame.outcome_count; i++)
			if (f->frame.outcome[i].leaf == gives_nothing)
				f->frame.outcome[i].done = 0;
		owner_goes_on(f);
		a = fixture_find(f, ACTION_RECLAIM, HOG);
	} while (!a);
	return a->leaf;
}

static void test_who_stands_still_and_gives_nothing_is_passed_over(void **data)
{
	struct fixture *f = *data;
	const struct leaf_sample *small = stop_the_smaller(f, 20 * MIB);
	uint64_t asked = small->cgid;

	for (int reclaims = 0; reclaims < 4 && asked == small->cgid; reclaims++)
		asked = next_asked(f, small->cgid);
	assert_int_not_equal(asked, small->cgid);
}

/* It has come back by then: what it gave before it went on says nothing of what it has now. */
static void test_who_is_stopped_again_is_judged_anew(void **data)
{
	struct fixture *f = *data;
	struct leaf_sample *small = stop_the_smaller(f, 20 * MIB);
	struct leaf_state *leaf = NULL;

	for (uint32_t i = 0; i < f->state->leaf_end; i++)
		if (f->state->leaf[i].cgid == small->cgid)
			leaf = &f->state->leaf[i];
	fixture_use(f, REDIS, 100 * MIB);
	assert_true(fixture_run_to_thaw(f, 120 * US_PER_SEC));
	fixture_next(f, 100 * US_PER_MS);
	assert_int_equal(leaf->cause, FREEZE_NOT);
	leaf->short_count = 1;
	for (int tick = 0; tick < 3000 && leaf->cause == FREEZE_NOT; tick++) {
		small->current_bytes += MIB;
		fixture_use(f, HOG, f->frame.component[HOG].current_bytes);
		fixture_use(f, REDIS, f->frame.component[REDIS].current_bytes + 4 * MIB);
		fixture_next(f, 100 * US_PER_MS);
	}
	assert_int_not_equal(leaf->cause, FREEZE_NOT);
	assert_int_equal(leaf->short_count, 0);
}

#define FIXTURE_TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_borrower_is_frozen_at_once_when_an_owner_outruns_what_is_free),
		FIXTURE_TEST(test_borrower_that_does_not_pay_is_frozen_after_eight_seconds),
		FIXTURE_TEST(test_debtor_that_is_hot_is_frozen_before_anything_is_taken),
		FIXTURE_TEST(test_page_out_gives_way_to_an_owner_as_long_as_free_memory_lasts),
		FIXTURE_TEST(test_debtor_without_cold_pages_is_frozen_before_the_owner_outruns_it),
		FIXTURE_TEST(test_debtor_that_pays_from_cold_pages_runs_on),
		FIXTURE_TEST(test_debtor_that_waits_for_its_pages_is_frozen_whatever_their_age),
		FIXTURE_TEST(test_owner_that_comes_back_calls_for_no_more_than_it_took_before),
		FIXTURE_TEST(test_payback_goes_on_in_pieces),
		FIXTURE_TEST(test_who_stands_still_with_nothing_left_does_not_pay_for_all),
		FIXTURE_TEST(test_who_stands_still_and_gives_nothing_is_passed_over),
		FIXTURE_TEST(test_who_is_stopped_again_is_judged_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
