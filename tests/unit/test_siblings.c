// SPDX-License-Identifier: GPL-2.0-or-later
/* memory.low of leaves beside one that grows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_fixture.h"

/* The hog at use_mib, of which a leaf that stands still holds holds_mib, and another one a little;
 * its own leaf grows by grows_mib a second for two seconds. */
static struct leaf_sample *grow_beside(struct fixture *f, uint64_t holds_mib, uint64_t use_mib,
				       uint64_t grows_mib)
{
	struct leaf_sample *sibling = fixture_sibling(f, HOG, holds_mib * MIB);

	fixture_sibling(f, HOG, MIB);

	fixture_use(f, HOG, use_mib * MIB - 2 * grows_mib * MIB);
	fixture_step(f);
	fixture_run(f, 6 * US_PER_SEC); /* the first write is that of nothing */
	for (int tick = 0; tick < 20; tick++) {
		fixture_use(f, HOG, f->frame.component[HOG].current_bytes + grows_mib * MIB / 10);
		fixture_next(f, 100 * US_PER_MS);
	}
	return sibling;
}

static uint64_t low_of(const struct fixture *f, uint64_t cgid)
{
	for (uint32_t i = 0; i < f->state->leaf_end; i++)
		if (f->state->leaf[i].cgid == cgid)
			return f->state->leaf[i].low_bytes;
	return BYTES_MAX;
}

static void test_leaves_beside_a_growing_one_are_sheltered_near_the_limit(void **data)
{
	static const struct {
		uint64_t use_mib, grows_mib;
		bool sibling_runs;
		uint64_t low;
	} rows[] = {
		{500, 10, true, 60 * MIB}, {500, 0, true, 0}, /* nobody grows */
		{440, 10, true, 0}, /* under three quarters of its limit */
		{460, 10, true, 60 * MIB}, {500, 10, false, 0}, /* nobody runs there */
	};

	(void)data;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		void *row;
		struct fixture *f;
		struct leaf_sample *sibling;

		assert_int_equal(fixture_setup(&row), 0);
		f = row;
		sibling = grow_beside(f, 60, rows[i].use_mib, rows[i].grows_mib);
		sibling->populated = rows[i].sibling_runs;
		fixture_run(f, 6 * US_PER_SEC);
		if (low_of(f, sibling->cgid) != rows[i].low)
			fail_msg("row %zu: %llu", i, (unsigned long long)low_of(f, sibling->cgid));
		fixture_teardown(&row);
	}
}

static void test_low_is_written_for_the_leaf_and_not_for_who_grows(void **data)
{
	struct fixture *f = *data;
	struct leaf_sample *sibling = fixture_sibling(f, HOG, 60 * MIB + 100 * KIB);
	const struct action *a = NULL;

	fixture_use(f, HOG, 480 * MIB);
	fixture_step(f);
	fixture_run(f, 6 * US_PER_SEC);
	for (int tick = 0; tick < 20 && !a; tick++) {
		fixture_use(f, HOG, f->frame.component[HOG].current_bytes + MIB);
		fixture_next(f, 100 * US_PER_MS);
		a = fixture_find_leaf(f, ACTION_SET_LOW, sibling->cgid);
	}
	assert_non_null(a);
	assert_int_equal(a->component, HOG);
	assert_int_equal(a->amount, 60 * MIB);
	assert_int_equal(a->why.reason, REASON_WORKING_SET);
	assert_int_equal(low_of(f, LEAF_OF(HOG)), 0);
	assert_int_equal(low_of(f, LEAF_OF(REDIS)), 0);
}

/* Of 60 MB it works on 20. */
static void test_low_is_what_the_leaf_works_on_where_that_is_known(void **data)
{
	struct fixture *f = *data;
	struct leaf_sample *sibling = grow_beside(f, 60, 500, 10);

	assert_int_equal(low_of(f, sibling->cgid), 60 * MIB);
	sibling->ages = (struct ages_sample){.valid = true,
					     .read_us = f->frame.now_us,
					     .hot_bytes = 20 * MIB,
					     .cold_anon_bytes = 40 * MIB};
	fixture_run(f, 6 * US_PER_SEC);
	assert_int_equal(low_of(f, sibling->cgid), 20 * MIB);
	sibling->ages.valid = false;
	fixture_run(f, 6 * US_PER_SEC);
	assert_int_equal(low_of(f, sibling->cgid), 60 * MIB);
}

static void test_leaf_alone_is_not_sheltered(void **data)
{
	struct fixture *f = *data;

	fixture_use(f, HOG, 480 * MIB);
	fixture_step(f);
	for (int tick = 0; tick < 50; tick++) {
		fixture_use(f, HOG, f->frame.component[HOG].current_bytes + MIB);
		fixture_next(f, 100 * US_PER_MS);
	}
	fixture_run(f, 10 * US_PER_SEC);
	assert_int_equal(low_of(f, LEAF_OF(HOG)), 0);
}

static void test_shelter_lasts_a_minute_after_growth(void **data)
{
	struct fixture *f = *data;
	struct leaf_sample *sibling = grow_beside(f, 60, 500, 10);

	fixture_run(f, 59 * US_PER_SEC);
	assert_int_equal(low_of(f, sibling->cgid), 60 * MIB);
	assert_int_equal(low_of(f, LEAF_OF(HOG)), 439 * MIB); /* it stands still by now */
	fixture_run(f, 3 * US_PER_SEC);
	assert_int_equal(low_of(f, sibling->cgid), 0);
	assert_int_equal(low_of(f, LEAF_OF(HOG)), 0);
}

/* Who stands still gives, and who runs has all that is in force to itself, though it grows. */
static void test_all_is_for_who_runs_beside_one_that_stands_frozen(void **data)
{
	struct fixture *f = *data;
	struct leaf_sample *sibling = fixture_freeze(f);

	for (int breath = 0; breath < 3; breath++)
		fixture_run(f, 50 * US_PER_SEC);
	assert_int_equal(low_of(f, sibling->cgid), 600 * MIB);
	assert_int_equal(low_of(f, LEAF_OF(HOG)), 0);
	for (int tick = 0; tick < 60; tick++) {
		sibling->current_bytes += 400 * KIB;
		fixture_use(f, HOG, f->frame.component[HOG].current_bytes);
		fixture_next(f, 100 * US_PER_MS);
		assert_int_equal(low_of(f, sibling->cgid), 600 * MIB);
	}
	/* The other goes on into room: each has what it holds. */
	fixture_use(f, HOG, 480 * MIB);
	assert_true(fixture_run_to_thaw(f, 70 * US_PER_SEC) != 0);
	fixture_run(f, 6 * US_PER_SEC);
	assert_int_equal(low_of(f, sibling->cgid), sibling->current_bytes / MIB * MIB);
}

static void test_small_changes_are_not_written_and_others_not_often(void **data)
{
	static const struct {
		uint64_t from_mib, to_mib;
		uint32_t writes;
	} rows[] = {
		{60, 61, 0},   {60, 63, 0},   {60, 64, 1}, {60, 57, 0}, {60, 56, 1},
		{160, 169, 0}, {160, 170, 1}, {32, 35, 0}, {32, 36, 1},
	};

	(void)data;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		void *row;
		struct fixture *f;
		struct leaf_sample *sibling;
		uint32_t writes = 0;

		assert_int_equal(fixture_setup(&row), 0);
		f = row;
		sibling = grow_beside(f, rows[i].from_mib, 500, 10);
		assert_int_equal(low_of(f, sibling->cgid), rows[i].from_mib * MIB);
		sibling->current_bytes = rows[i].to_mib * MIB;
		for (int tick = 0; tick < 100; tick++) {
			fixture_next(f, 100 * US_PER_MS);
			writes += fixture_find_leaf(f, ACTION_SET_LOW, sibling->cgid) != NULL;
		}
		if (writes != rows[i].writes)
			fail_msg("row %zu: %u", i, writes);
		fixture_teardown(&row);
	}
}

/* Its use swings by half of it, and memory.low follows each five seconds at most. */
static void test_swinging_use_is_followed_slowly(void **data)
{
	struct fixture *f = *data;
	struct leaf_sample *sibling = grow_beside(f, 60, 500, 10);
	uint32_t writes = 0;

	for (int tick = 0; tick < 200; tick++) {
		sibling->current_bytes = tick / 10 % 2 ? 90 * MIB : 60 * MIB;
		fixture_next(f, 100 * US_PER_MS);
		writes += fixture_find_leaf(f, ACTION_SET_LOW, sibling->cgid) != NULL;
	}
	assert_in_range(writes, 1, 5);
}

/* What was brought back for it would go out again before the next write was due. */
static void test_who_goes_on_is_sheltered_at_once(void **data)
{
	struct fixture *f = *data;
	struct leaf_sample *sibling = fixture_freeze(f);
	uint64_t end_us;

	fixture_run(f, 10 * US_PER_SEC);
	assert_int_equal(low_of(f, LEAF_OF(HOG)), 0);
	assert_int_equal(low_of(f, sibling->cgid), 600 * MIB);
	fixture_use(f, HOG, 480 * MIB);
	assert_true(fixture_run_to_thaw(f, 70 * US_PER_SEC) != 0);
	for (end_us = f->frame.now_us + US_PER_SEC; !low_of(f, LEAF_OF(HOG));) {
		fixture_next(f, 100 * US_PER_MS);
		assert_true(f->frame.now_us <= end_us);
	}
}

/* Beside who reads files the kernel takes those, and not what stands still. */
static void test_who_stands_still_is_kept_while_there_are_spare_files(void **data)
{
	struct fixture *f = *data;

	fixture_freeze(f);
	fixture_run(f, 10 * US_PER_SEC);
	assert_int_equal(low_of(f, LEAF_OF(HOG)), 0);
	f->frame.component[HOG].inactive_file_bytes = 33 * MIB;
	f->frame.component[HOG].current_bytes += 33 * MIB; /* or there were room for it */
	fixture_run(f, 200 * US_PER_MS);
	assert_true(low_of(f, LEAF_OF(HOG)) > 400 * MIB);
	f->frame.component[HOG].inactive_file_bytes = 10 * MIB;
	f->frame.component[HOG].current_bytes -= 23 * MIB;
	fixture_run(f, 200 * US_PER_MS);
	assert_int_equal(low_of(f, LEAF_OF(HOG)), 0);
}

/* They go before what anybody works with, though it grows: none stands still beside it. */
static void test_who_grows_is_kept_while_there_are_spare_files(void **data)
{
	struct fixture *f = *data;
	struct leaf_sample *sibling = grow_beside(f, 60, 460, 10);

	assert_int_equal(low_of(f, LEAF_OF(HOG)), 0);
	f->frame.component[HOG].inactive_file_bytes = 33 * MIB;
	for (int tick = 0; tick < 60; tick++) {
		fixture_use(f, HOG, f->frame.component[HOG].current_bytes + MIB / 5);
		fixture_next(f, 100 * US_PER_MS);
	}
	assert_true(low_of(f, LEAF_OF(HOG)) >= 400 * MIB);
	assert_true(low_of(f, sibling->cgid) >= 60 * MIB);
}

static uint32_t lows_of_leaves(const struct fixture *f)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < f->plan.action_count; i++)
		count += f->plan.action[i].kind == ACTION_SET_LOW && f->plan.action[i].leaf;
	return count;
}

/* Twelve siblings are sheltered as one begins to grow, at a limit at their heels all but at once.
 */
static void test_what_can_wait_is_written_one_by_one(void **data)
{
	static const struct {
		uint64_t use_mib;
		uint32_t most; /* a step */
	} rows[] = {{460, 1}, {590, 8}};

	(void)data;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t most = 0, sum = 0;
		struct fixture *f;
		void *row;

		assert_int_equal(fixture_setup(&row), 0);
		f = row;
		for (int sibling = 0; sibling < 12; sibling++)
			fixture_sibling(f, HOG, 10 * MIB);
		fixture_use(f, HOG, rows[i].use_mib * MIB - 20 * MIB);
		fixture_step(f);
		fixture_run(f, 6 * US_PER_SEC);
		for (int tick = 0; tick < 40; tick++) {
			uint32_t lows;

			if (tick < 20)
				fixture_use(f, HOG, f->frame.component[HOG].current_bytes + MIB);
			fixture_next(f, 100 * US_PER_MS);
			lows = lows_of_leaves(f);
			most = lows > most ? lows : most;
			sum += lows;
		}
		assert_int_equal(most, rows[i].most);
		assert_in_range(sum, 12, 13);
		fixture_teardown(&row);
	}
}

/* What an earlier uwd wrote is not known: each leaf is written once, eight of them a step. */
static void test_first_frames_bring_every_leaf_to_nothing(void **data)
{
	struct fixture *f = *data;
	uint32_t late;

	for (int i = 0; i < 18; i++)
		fixture_sibling(f, HOG, MIB);
	fixture_step(f);
	assert_int_equal(lows_of_leaves(f), 8);
	fixture_next(f, 100 * US_PER_MS);
	assert_int_equal(lows_of_leaves(f), 8);
	fixture_next(f, 100 * US_PER_MS);
	assert_int_equal(lows_of_leaves(f), 4);
	late = f->frame.leaf_count;
	fixture_sibling(f, HOG, MIB); /* made since: it has none */
	for (int tick = 0; tick < 100; tick++) {
		fixture_next(f, 100 * US_PER_MS);
		assert_int_equal(lows_of_leaves(f), 0);
	}
	assert_int_equal(low_of(f, f->frame.leaf[late].cgid), 0);
}

#define FIXTURE_TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

/* At any time, but not while it stands still; a sibling's shelter may be more. */
static void test_what_is_leased_for_good_is_kept_for_its_leaf(void **data)
{
	struct fixture *f = *data;
	struct leaf_sample *leaf = fixture_sibling(f, HOG, 60 * MIB);
	const struct action *a;

	fixture_use(f, HOG, 200 * MIB);
	fixture_step(f);
	fixture_run(f, 6 * US_PER_SEC);
	assert_int_equal(low_of(f, leaf->cgid), 0);
	leaf->leased_bytes = 100 * MIB + 5;
	fixture_step(f);
	a = fixture_find_leaf(f, ACTION_SET_LOW, leaf->cgid);
	assert_non_null(a);
	assert_int_equal(a->amount, 100 * MIB);
	assert_int_equal(a->why.reason, REASON_LEASE);
	assert_int_equal(a->why.observed, 100 * MIB + 5);
	fixture_run(f, 6 * US_PER_SEC);
	leaf->frozen = true;
	fixture_run(f, 6 * US_PER_SEC);
	assert_int_equal(low_of(f, leaf->cgid), 0);
	leaf->frozen = false;
	fixture_run(f, 6 * US_PER_SEC);
	assert_int_equal(low_of(f, leaf->cgid), 100 * MIB);
	leaf->leased_bytes = 0;
	fixture_run(f, 6 * US_PER_SEC);
	assert_int_equal(low_of(f, leaf->cgid), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_leaves_beside_a_growing_one_are_sheltered_near_the_limit),
		FIXTURE_TEST(test_low_is_written_for_the_leaf_and_not_for_who_grows),
		FIXTURE_TEST(test_low_is_what_the_leaf_works_on_where_that_is_known),
		FIXTURE_TEST(test_leaf_alone_is_not_sheltered),
		FIXTURE_TEST(test_shelter_lasts_a_minute_after_growth),
		FIXTURE_TEST(test_all_is_for_who_runs_beside_one_that_stands_frozen),
		FIXTURE_TEST(test_small_changes_are_not_written_and_others_not_often),
		FIXTURE_TEST(test_swinging_use_is_followed_slowly),
		FIXTURE_TEST(test_who_goes_on_is_sheltered_at_once),
		FIXTURE_TEST(test_who_stands_still_is_kept_while_there_are_spare_files),
		FIXTURE_TEST(test_who_grows_is_kept_while_there_are_spare_files),
		cmocka_unit_test(test_what_can_wait_is_written_one_by_one),
		FIXTURE_TEST(test_first_frames_bring_every_leaf_to_nothing),
		FIXTURE_TEST(test_what_is_leased_for_good_is_kept_for_its_leaf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
