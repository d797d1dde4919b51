// SPDX-License-Identifier: GPL-2.0-or-later
/* How far back ended jobs go, under clocks that are wrong. One is on disk: it ended at OLDEST_US.
 */
#include "tests/unit/store_fixture.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/jobs/aging.h"

#define HOUR_US   (3600 * US_PER_SEC)
#define DAY_US    (24 * HOUR_US)
#define AGE_US    (90 * DAY_US)
#define OLDEST_US (20000 * DAY_US) /* in October 2024 */
#define START_US  (5 * HOUR_US)    /* on the clock that nobody sets */

static struct store *store_with_one(void **state)
{
	static const struct job_spec spec = {.component = "c", .cwd = "/", .index = JOB_NO_INDEX};
	struct store *store = open_store(*state);
	struct job job = {.id = 1, .state = JOB_QUEUED, .index = JOB_NO_INDEX};
	struct job_result result = {.state = JOB_DONE, .end_us = OLDEST_US};
	unsigned long size = job_pack(&spec, false, NULL, 0);
	AUTO_FREE char *pack = malloc(size);
	struct store_new new = {
		.job = &job, .component = "c", .key = "", .pack = pack, .pack_size = size};

	job_pack(&spec, false, pack, size);
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(store_add(store, &new), 0);
	assert_int_equal(store_end(store, &job, &result), 0);
	assert_int_equal(store_commit(store), 0);
	return store;
}

static void test_aging_is_by_age_while_little_is_too_old(void **state)
{
	struct store *store = store_with_one(state);
	struct aging aging = {0};
	uint64_t wall_us = OLDEST_US + AGE_US + HOUR_US;

	assert_int_equal(aging_cut(&aging, store, AGE_US, START_US, wall_us), OLDEST_US + HOUR_US);
	assert_int_equal(aging_cut(&aging, store, AGE_US, START_US + HOUR_US, wall_us + HOUR_US),
			 OLDEST_US + 2 * HOUR_US);
	store_close(store);
}

static void test_aging_follows_a_far_clock_slowly(void **state)
{
	struct store *store = store_with_one(state);
	struct aging aging = {0};
	uint64_t wall_us = OLDEST_US + AGE_US + 200 * DAY_US;

	assert_int_equal(aging_cut(&aging, store, AGE_US, START_US, wall_us), OLDEST_US + DAY_US);
	assert_int_equal(aging_cut(&aging, store, AGE_US, START_US + HOUR_US, wall_us + HOUR_US),
			 OLDEST_US + 2 * DAY_US);
	store_close(store);
}

static void test_aging_takes_no_notice_of_a_clock_that_is_set_meanwhile(void **state)
{
	struct store *store = store_with_one(state);
	struct aging aging = {0};
	uint64_t wall_us = OLDEST_US + AGE_US / 2, now_us = START_US;

	assert_int_equal(aging_cut(&aging, store, AGE_US, now_us, wall_us), OLDEST_US - AGE_US / 2);
	now_us += HOUR_US;
	assert_int_equal(aging_cut(&aging, store, AGE_US, now_us, wall_us + AGE_US),
			 OLDEST_US - AGE_US / 2 + HOUR_US);
	/* Set back it holds at once, as nothing is lost by waiting. */
	assert_int_equal(aging_cut(&aging, store, AGE_US, now_us, wall_us - DAY_US),
			 OLDEST_US - AGE_US / 2 - DAY_US);
	/* And the next day it counts as it stands. */
	now_us += DAY_US;
	assert_int_equal(aging_cut(&aging, store, AGE_US, now_us, wall_us + AGE_US),
			 OLDEST_US + DAY_US);
	store_close(store);
}

static void test_aging_of_a_clock_of_1970_forgets_nothing(void **state)
{
	struct store *store = store_with_one(state);
	struct aging aging = {0};

	assert_int_equal(aging_cut(&aging, store, AGE_US, START_US, HOUR_US), 0);
	assert_int_equal(aging_cut(&aging, store, AGE_US, START_US + HOUR_US, OLDEST_US + AGE_US),
			 0);
	store_close(store);
}

static void test_aging_counts_from_now_where_nothing_is_remembered(void **state)
{
	struct store *store = open_store(*state);
	struct aging aging = {0};
	uint64_t oldest_us = 0;

	assert_int_equal(store_oldest(store, &oldest_us), 0);
	assert_int_equal(oldest_us, INT64_MAX);
	assert_int_equal(aging_cut(&aging, store, AGE_US, START_US, OLDEST_US), OLDEST_US - AGE_US);
	store_close(store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_aging_is_by_age_while_little_is_too_old),
		TEST(test_aging_follows_a_far_clock_slowly),
		TEST(test_aging_takes_no_notice_of_a_clock_that_is_set_meanwhile),
		TEST(test_aging_of_a_clock_of_1970_forgets_nothing),
		TEST(test_aging_counts_from_now_where_nothing_is_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
