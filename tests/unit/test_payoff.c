// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_fixture.h"
#include "user/policy/payoff.h"

static bool is_hot(struct fixture *f)
{
	const struct step step = {
		.state = f->state, .config = &f->config, .now_us = f->frame.now_us};

	return payoff_is_hot(&step, HOG);
}

/* So much is freed of a running component, and so much of it read back in the 10 s after. */
static void reclaimed(struct fixture *f, uint64_t freed_bytes, uint64_t back_bytes)
{
	payoff_begin(&f->state->component[HOG], TIER_MODERATE, freed_bytes, true, f->frame.now_us);
	f->frame.component[HOG].refault_anon += back_bytes / 4096;
	fixture_run(f, 11 * US_PER_SEC);
}

static void test_donor_that_reads_back_twice_is_hot(void **data)
{
	struct fixture *f = *data;

	fixture_run(f, 2 * US_PER_SEC);
	reclaimed(f, 64 * MIB, 60 * MIB);
	assert_false(is_hot(f));
	reclaimed(f, 64 * MIB, 33 * MIB);
	assert_true(is_hot(f));
	fixture_run(f, 30 * US_PER_SEC);
	assert_false(is_hot(f));
}

static void test_rest_doubles_up_to_ten_minutes(void **data)
{
	struct fixture *f = *data;
	uint64_t rest_us = 0;

	fixture_run(f, 2 * US_PER_SEC);
	for (int time = 0; time < 8; time++) {
		reclaimed(f, 64 * MIB, 64 * MIB);
		reclaimed(f, 64 * MIB, 64 * MIB);
		assert_true(f->state->component[HOG].payoff.rest_us >= rest_us);
		rest_us = f->state->component[HOG].payoff.rest_us;
		assert_int_equal(rest_us, (time < 5 ? 30ULL << time : 600) * US_PER_SEC);
	}
}

static void test_cold_pages_make_up_for_it(void **data)
{
	struct fixture *f = *data;

	fixture_run(f, 2 * US_PER_SEC);
	for (int time = 0; time < 6; time++)
		reclaimed(f, 64 * MIB, time % 2 ? 0 : 64 * MIB);
	assert_false(is_hot(f));
	reclaimed(f, 64 * MIB, 32 * MIB); /* half net is good enough */
	reclaimed(f, 64 * MIB, 32 * MIB);
	assert_false(is_hot(f));
}

static struct tier_payoff shown(struct fixture *f, enum tier tier)
{
	return f->state->view[HOG].payoff[tier];
}

/* What was read back is shared by what each tier freed, and is never more than that. */
static void test_what_each_tier_came_to_is_summed_up(void **data)
{
	struct fixture *f = *data;
	struct component_state *cs = &f->state->component[HOG];

	fixture_run(f, 2 * US_PER_SEC);
	payoff_begin(cs, TIER_LIGHT, 16 * MIB, true, f->frame.now_us);
	payoff_begin(cs, TIER_MODERATE, 0, true, f->frame.now_us);
	payoff_begin(cs, TIER_MODERATE, 48 * MIB, false, f->frame.now_us);
	f->frame.component[HOG].refault_anon += 8 * MIB / 4096;
	fixture_run(f, 11 * US_PER_SEC);
	assert_int_equal(shown(f, TIER_LIGHT).reclaims, 1);
	assert_int_equal(shown(f, TIER_LIGHT).freed_bytes, 16 * MIB);
	assert_int_equal(shown(f, TIER_LIGHT).back_bytes, 2 * MIB);
	assert_int_equal(shown(f, TIER_MODERATE).reclaims, 2);
	assert_int_equal(shown(f, TIER_MODERATE).freed_bytes, 48 * MIB);
	assert_int_equal(shown(f, TIER_MODERATE).back_bytes, 6 * MIB);
	reclaimed(f, 10 * MIB, 90 * MIB);
	assert_int_equal(shown(f, TIER_MODERATE).freed_bytes, 58 * MIB);
	assert_int_equal(shown(f, TIER_MODERATE).back_bytes, 16 * MIB);
}

/* A page-out of who stands still says nothing of who runs. */
static void test_page_out_of_a_frozen_leaf_is_not_judged(void **data)
{
	struct fixture *f = *data;

	fixture_run(f, 2 * US_PER_SEC);
	for (int time = 0; time < 3; time++) {
		payoff_begin(&f->state->component[HOG], TIER_MODERATE, 64 * MIB, false,
			     f->frame.now_us);
		f->frame.component[HOG].refault_anon += 64 * MIB / 4096;
		fixture_run(f, 11 * US_PER_SEC);
		assert_false(is_hot(f));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_donor_that_reads_back_twice_is_hot,
						fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_rest_doubles_up_to_ten_minutes, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_cold_pages_make_up_for_it, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_what_each_tier_came_to_is_summed_up,
						fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_page_out_of_a_frozen_leaf_is_not_judged,
						fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
