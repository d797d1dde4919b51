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
	payoff_begin(&f->state->component[HOG], freed_bytes, f->frame.now_us);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_donor_that_reads_back_twice_is_hot,
						fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_rest_doubles_up_to_ten_minutes, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_cold_pages_make_up_for_it, fixture_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
