// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "user/model/leaf_index.h"

struct thing {
	uint32_t other;
	uint64_t id;
};

static struct thing things[FRAME_LEAVES_MAX];
static struct leaf_index index_of;

#define IDS LEAF_IDS(things, id)

static void fill(uint32_t count)
{
	memset(things, 0, sizeof(things));
	for (uint32_t i = 0; i < count; i++)
		things[i].id = 5000 + 3ULL * i;
}

static void test_each_is_found_at_its_place(void **data)
{
	static const uint32_t counts[] = {0, 1, 2, 31, 32, 33, FRAME_LEAVES_MAX};

	(void)data;
	for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
		fill(counts[k]);
		leaf_index_build(&index_of, IDS, counts[k], counts[k]);
		for (uint32_t i = 0; i < counts[k]; i++)
			assert_int_equal(leaf_index_find(&index_of, IDS, 5000 + 3ULL * i), i);
		assert_int_equal(leaf_index_find(&index_of, IDS, 5001), LEAF_NONE);
		assert_int_equal(leaf_index_find(&index_of, IDS, 0), LEAF_NONE);
	}
}

static void test_nothing_is_found_in_one_that_was_never_built(void **data)
{
	static const struct leaf_index none;

	(void)data;
	fill(1);
	assert_int_equal(leaf_index_find(&none, IDS, 5000), LEAF_NONE);
}

/* Free slots have no id, and are nobody's. */
static void test_what_has_no_id_is_passed_over(void **data)
{
	(void)data;
	fill(10);
	things[4].id = 0;
	leaf_index_build(&index_of, IDS, 10, 10);
	assert_int_equal(leaf_index_find(&index_of, IDS, 0), LEAF_NONE);
	assert_int_equal(leaf_index_find(&index_of, IDS, 5000 + 3 * 4), LEAF_NONE);
	assert_int_equal(leaf_index_find(&index_of, IDS, 5000 + 3 * 9), 9);
}

static void test_one_that_comes_is_found_and_one_that_goes_is_not(void **data)
{
	(void)data;
	fill(10);
	leaf_index_build(&index_of, IDS, 10, 11);
	things[10].id = 77;
	assert_int_equal(leaf_index_find(&index_of, IDS, 77), LEAF_NONE);
	assert_true(leaf_index_add(&index_of, IDS, 10));
	assert_int_equal(leaf_index_find(&index_of, IDS, 77), 10);
	things[3].id = 0;
	assert_int_equal(leaf_index_find(&index_of, IDS, 5000 + 3 * 3), LEAF_NONE);
	for (uint32_t i = 4; i < 10; i++)
		assert_int_equal(leaf_index_find(&index_of, IDS, 5000 + 3ULL * i), i);
}

static void test_of_two_with_one_id_the_first_is_found(void **data)
{
	(void)data;
	fill(10);
	things[7].id = things[2].id;
	leaf_index_build(&index_of, IDS, 10, 10);
	assert_int_equal(leaf_index_find(&index_of, IDS, things[7].id), 2);
}

/* Ids that all hash to one place, as far as its bits go, are found all the same. */
static void test_ids_that_collide_are_found(void **data)
{
	(void)data;
	memset(things, 0, sizeof(things));
	for (uint32_t i = 0; i < 40; i++)
		things[i].id = ((uint64_t)i + 1) << 56;
	leaf_index_build(&index_of, IDS, 40, 40);
	for (uint32_t i = 0; i < 40; i++)
		assert_int_equal(leaf_index_find(&index_of, IDS, things[i].id), i);
}

static void test_one_too_many_finds_no_room(void **data)
{
	static struct leaf_index none;

	(void)data;
	fill(40);
	assert_false(leaf_index_add(&none, IDS, 0));
	leaf_index_build(&index_of, IDS, 32, 32);
	assert_false(leaf_index_add(&index_of, IDS, 32));
	assert_int_equal(leaf_index_find(&index_of, IDS, 5000 + 3 * 32), LEAF_NONE);
	leaf_index_build(&index_of, IDS, 33, 33);
	assert_int_equal(leaf_index_find(&index_of, IDS, 5000 + 3 * 32), 32);
	assert_true(leaf_index_add(&index_of, IDS, 33));
}

/* Few leaves touch few of its pages. */
static void test_few_touch_no_more_than_they_need(void **data)
{
	(void)data;
	fill(5);
	memset(&index_of, 0xff, sizeof(index_of));
	leaf_index_build(&index_of, IDS, 5, 5);
	assert_int_equal(index_of.mask, 63);
	assert_int_equal(index_of.place[64], UINT16_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_is_found_at_its_place),
		cmocka_unit_test(test_nothing_is_found_in_one_that_was_never_built),
		cmocka_unit_test(test_what_has_no_id_is_passed_over),
		cmocka_unit_test(test_one_that_comes_is_found_and_one_that_goes_is_not),
		cmocka_unit_test(test_of_two_with_one_id_the_first_is_found),
		cmocka_unit_test(test_ids_that_collide_are_found),
		cmocka_unit_test(test_one_too_many_finds_no_room),
		cmocka_unit_test(test_few_touch_no_more_than_they_need),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
