// SPDX-License-Identifier: GPL-2.0-or-later
/* The pool's memory.min: the sum of its components', at every instant. */
#include "tests/unit/act_fixture.h"

static void set_min(struct fixture *f, uint64_t bytes)
{
	plan(f, (struct action){.kind = ACTION_SET_MIN, .amount = bytes});
}

static void test_raise_reaches_the_pool_first(void **state)
{
	struct fixture *f = *state;

	set_min(f, 30 * MIB);
	assert_int_equal(f->fake.value[CG_MIN], 30 * MIB);
	assert_int_equal(f->fake.pool_min, 30 * MIB);
	assert_int_equal(f->fake.pool_min_at_write, 30 * MIB);
	assert_int_equal(f->fake.min_at_pool_write, 0);
}

static void test_lowering_reaches_the_pool_last(void **state)
{
	struct fixture *f = *state;

	set_min(f, 30 * MIB);
	set_min(f, 10 * MIB);
	assert_int_equal(f->fake.pool_min, 10 * MIB);
	assert_int_equal(f->fake.pool_min_at_write, 30 * MIB);
	assert_int_equal(f->fake.min_at_pool_write, 10 * MIB);
}

static void test_raise_that_fails_leaves_the_pool_as_it_was(void **state)
{
	struct fixture *f = *state;

	set_min(f, 30 * MIB);
	f->fake.error[CG_MIN] = -EIO;
	set_min(f, 50 * MIB);
	assert_int_equal(f->fake.value[CG_MIN], 30 * MIB);
	assert_int_equal(f->fake.pool_min, 30 * MIB);
}

static void test_groups_that_nobody_tracks_count(void **state)
{
	struct fixture *f = *state;

	tmp_pool_group(&f->pool, "left");
	tmp_pool_write(&f->pool, "left", "memory.min", "7340032");
	sync_names(f->act, "jobs", NULL);
	set_min(f, 30 * MIB);
	assert_int_equal(f->fake.pool_min, 37 * MIB);
}

static void test_what_another_wrote_is_mended_within_a_second(void **state)
{
	static const uint64_t wrong[] = {0, 500 * MIB};
	static const struct plan nothing;
	struct fixture *f = *state;

	set_min(f, 30 * MIB);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		f->fake.now_us += US_PER_SEC;
		act_plan(f->act, &nothing);
		f->fake.pool_min = wrong[i];
		f->fake.now_us += US_PER_SEC - 1;
		act_plan(f->act, &nothing);
		assert_int_equal(f->fake.pool_min, wrong[i]);
		f->fake.now_us++;
		act_plan(f->act, &nothing);
		assert_int_equal(f->fake.pool_min, 30 * MIB);
	}
}

static void test_what_is_there_and_not_wanted_goes_in_time(void **state)
{
	static const struct plan nothing;
	struct fixture *f = *state;

	act_plan(f->act, &nothing);
	f->fake.pool_min = 500 * MIB;
	for (uint32_t i = 0; i < 20; i++) {
		assert_int_equal(f->fake.pool_min, 500 * MIB);
		f->fake.now_us += US_PER_SEC;
		act_plan(f->act, &nothing);
	}
	assert_int_equal(f->fake.pool_min, 0);
}

static void test_a_new_uwd_takes_back_what_is_too_much(void **state)
{
	static const struct plan nothing;
	struct fixture *f = *state;

	f->fake.pool_min = 500 * MIB;
	act_plan(f->act, &nothing);
	assert_int_equal(f->fake.pool_min, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_raise_reaches_the_pool_first),
		TEST(test_lowering_reaches_the_pool_last),
		TEST(test_raise_that_fails_leaves_the_pool_as_it_was),
		TEST(test_groups_that_nobody_tracks_count),
		TEST(test_what_another_wrote_is_mended_within_a_second),
		TEST(test_what_is_there_and_not_wanted_goes_in_time),
		TEST(test_a_new_uwd_takes_back_what_is_too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
