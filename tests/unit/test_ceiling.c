// SPDX-License-Identifier: GPL-2.0-or-later
/* When the pool may hold more than usable, how much, and when no more. */
#include "tests/unit/policy_fixture.h"

/* The hog holds all but free_bytes; the host has 270 MiB beyond usable. */
static void lend_all_but(struct fixture *f, uint64_t free_bytes)
{
	f->config.component[REDIS].lend = true;
	f->config.component[HOG].borrow = true;
	f->frame.host.swap_total_bytes = f->frame.host.swap_free_bytes = GIB;
	fixture_use(f, HOG, 930 * MIB - free_bytes);
	f->frame.host.available_bytes = 270 * MIB;
	fixture_step(f);
	fixture_run(f, US_PER_SEC);
	assert_null(fixture_find(f, ACTION_SET_MAX, HOG));
}

static const struct action *owner_takes(struct fixture *f, uint64_t per_tick)
{
	for (int tick = 0; tick < 3; tick++) {
		fixture_use(f, REDIS, f->frame.component[REDIS].current_bytes + per_tick);
		f->frame.host.available_bytes -= per_tick;
		fixture_next(f, 100 * US_PER_MS);
		if (fixture_find(f, ACTION_SET_MAX, HOG))
			return fixture_find(f, ACTION_SET_MAX, HOG);
	}
	return NULL;
}

static void test_what_is_owed_may_be_held_beyond_usable(void **data)
{
	struct fixture *f = *data;
	const struct action *a;

	lend_all_but(f, 60 * MIB);
	a = owner_takes(f, 15 * MIB);
	assert_non_null(a);
	assert_int_equal(a->why.reason, REASON_OWNER_PAYBACK);
	assert_int_equal(a->amount, f->config.usable_bytes + a->why.observed);
}

/* A hundredth of it stays free, and what the pool may take of it anyway. */
static void test_no_more_than_the_host_has(void **data)
{
	struct fixture *f = *data;
	const struct action *a;
	uint64_t held, to_come;

	lend_all_but(f, 60 * MIB);
	f->frame.host.available_bytes = 95 * MIB;
	a = owner_takes(f, 15 * MIB);
	assert_non_null(a);
	held = f->frame.component[REDIS].current_bytes + f->frame.component[HOG].current_bytes;
	to_come = f->config.usable_bytes - held;
	assert_int_equal(a->amount, f->config.usable_bytes + f->frame.host.available_bytes -
					    to_come - f->frame.host.total_bytes / 100);
}

static void test_host_without_spare_memory_gives_none(void **data)
{
	struct fixture *f = *data;

	lend_all_but(f, 60 * MIB);
	f->frame.host.available_bytes = 68 * MIB;
	assert_null(owner_takes(f, 15 * MIB));
}

static const struct action *pay_back_to(struct fixture *f, uint64_t hog_bytes)
{
	fixture_use(f, HOG, hog_bytes);
	for (int tick = 0; tick < 100; tick++) {
		fixture_next(f, 100 * US_PER_MS);
		if (fixture_find(f, ACTION_SET_MAX, HOG))
			return fixture_find(f, ACTION_SET_MAX, HOG);
	}
	return NULL;
}

static void test_ceiling_comes_down_when_all_is_paid_and_below_it(void **data)
{
	struct fixture *f = *data;
	const struct action *a;

	lend_all_but(f, 60 * MIB);
	assert_non_null(owner_takes(f, 15 * MIB));
	/* The owner is content, but the pool holds all of usable. */
	fixture_use(f, HOG,
		    f->config.usable_bytes - 20 * MIB - f->frame.component[REDIS].current_bytes);
	fixture_run(f, 10 * US_PER_SEC);
	assert_true(f->state->ceiling.raised);
	a = pay_back_to(f, 500 * MIB);
	assert_non_null(a);
	assert_int_equal(a->amount, f->config.usable_bytes);
	assert_int_equal(a->why.reason, REASON_ROOM);
}

static void test_lowering_that_failed_is_tried_again(void **data)
{
	struct fixture *f = *data;

	lend_all_but(f, 60 * MIB);
	assert_non_null(owner_takes(f, 15 * MIB));
	assert_non_null(pay_back_to(f, 500 * MIB));
	for (uint32_t i = 0; i < f->frame.outcome_count; i++)
		if (f->frame.outcome[i].kind == ACTION_SET_MAX)
			f->frame.outcome[i].result = OUTCOME_FAILED;
	fixture_next(f, 100 * US_PER_MS);
	assert_non_null(fixture_find(f, ACTION_SET_MAX, HOG));
	fixture_next(f, 100 * US_PER_MS);
	assert_null(fixture_find(f, ACTION_SET_MAX, HOG));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_owed_may_be_held_beyond_usable),
		TEST(no_more_than_the_host_has),
		TEST(host_without_spare_memory_gives_none),
		TEST(ceiling_comes_down_when_all_is_paid_and_below_it),
		TEST(lowering_that_failed_is_tried_again),
	};

	return cmocka_run_group_tests_name("ceiling", tests, NULL, NULL);
}
