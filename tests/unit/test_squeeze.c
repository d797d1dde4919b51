// SPDX-License-Identifier: GPL-2.0-or-later
/* Who may not be frozen: memory.high far below what it holds, and its ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_fixture.h"
#include "user/policy/freeze.h"

/* A borrower with swap full, so that its growth costs all. */
static void setup_borrower(struct fixture *f)
{
	f->config.component[REDIS].lend = f->config.component[HOG].borrow = true;
	f->config.component[HOG].freeze = false;
	f->frame.host.swap_free_bytes = 0;
	fixture_use(f, HOG, 800 * MIB);
	fixture_step(f);
}

/* To where 20 MiB of the pool are left. */
static void squeeze(struct fixture *f)
{
	setup_borrower(f);
	while (!fixture_view(f, HOG).squeezed) {
		assert_true(f->frame.component[HOG].current_bytes < 910 * MIB);
		fixture_use(f, HOG, f->frame.component[HOG].current_bytes + 5 * MIB);
		fixture_next(f, 100 * US_PER_MS);
	}
}

static void test_who_eats_into_the_margin_is_squeezed_and_told(void **data)
{
	struct fixture *f = *data;
	const struct action *high, *notice;
	uint64_t held;

	squeeze(f);
	held = f->frame.component[HOG].current_bytes;
	high = fixture_find(f, ACTION_SET_HIGH, HOG);
	assert_int_equal(high->amount, held - held / 6);
	assert_int_equal(high->deadline_us, f->frame.now_us + 15 * US_PER_SEC);
	assert_int_equal(high->why.reason, REASON_ROOM);
	assert_int_equal(high->why.observed, 930 * MIB - held);
	assert_true(high->why.observed < high->why.threshold);
	notice = fixture_find(f, ACTION_NOTICE, HOG);
	assert_non_null(notice);
	assert_int_equal(notice->why.reason, REASON_ROOM);
	assert_true(held <= 905 * MIB); /* as soon as the margin of 30.9 MiB was touched */
	/* Nothing else writes over it. */
	for (int tick = 0; tick < 90; tick++) {
		fixture_next(f, 100 * US_PER_MS);
		assert_int_equal(f->frame.component[HOG].high_bytes, held - held / 6);
	}
}

/* Each row lacks one of the conditions. */
static void test_others_are_not_squeezed(void **data)
{
	static const struct {
		const char *who;
		bool freeze;
		uint64_t to_mib, budget_mib, swap_free;
	} rows[] = {
		{"may be frozen", true, 895, 600, 0},
		{"leaves the margin", false, 890, 600, 0},
		{"costs nobody", false, 910, 600, 256 * MIB},
	};

	(void)data;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		void *row;
		struct fixture *f;

		assert_int_equal(fixture_setup(&row), 0);
		f = row;
		f->config.component[HOG].budget_bytes = rows[i].budget_mib * MIB;
		setup_borrower(f);
		f->config.component[HOG].freeze = rows[i].freeze;
		f->frame.host.swap_free_bytes = rows[i].swap_free;
		for (uint64_t mib = 805; mib <= rows[i].to_mib; mib += 5) {
			fixture_use(f, HOG, mib * MIB);
			fixture_next(f, 100 * US_PER_MS);
			if (fixture_view(f, HOG).squeezed)
				fail_msg("%s at %llu", rows[i].who, (unsigned long long)mib);
		}
		fixture_teardown(&row);
	}
}

/* What swap does not hold cannot be paid back to it: else it takes the last, and somebody is
 * killed.
 */
static void test_who_takes_the_last_of_a_full_machine_by_right_is_squeezed_too(void **data)
{
	struct fixture *f = *data;

	f->config.component[HOG].budget_bytes = 915 * MIB;
	squeeze(f);
	assert_true(f->frame.component[HOG].current_bytes <= 905 * MIB);
}

/* What it stopped with stays: who comes or breathes beside it finds memory.high far below, and is
 * stopped all the same. */
static void test_who_stands_still_in_a_full_machine_is_squeezed_until_there_is_room(void **data)
{
	struct fixture *f = *data;
	struct leaf_sample *newcomer;

	setup_borrower(f);
	f->config.component[HOG].freeze = true;
	while (!fixture_find(f, ACTION_FREEZE, HOG)) {
		assert_true(f->frame.component[HOG].current_bytes < 925 * MIB);
		fixture_use(f, HOG, f->frame.component[HOG].current_bytes + 5 * MIB);
		fixture_next(f, 100 * US_PER_MS);
		assert_false(fixture_view(f, HOG).squeezed);
	}
	fixture_use(f, HOG, 910 * MIB);
	fixture_run(f, US_PER_SEC);
	assert_true(fixture_view(f, HOG).squeezed);
	assert_int_equal(fixture_view(f, HOG).frozen_leaves, 1);
	newcomer = fixture_sibling(f, HOG, 4 * MIB);
	for (int tick = 0; tick < 30 && !fixture_find_leaf(f, ACTION_FREEZE, newcomer->cgid);
	     tick++) {
		newcomer->current_bytes += MIB;
		fixture_use(f, HOG, f->frame.component[HOG].current_bytes + MIB);
		fixture_next(f, 100 * US_PER_MS);
	}
	assert_non_null(fixture_find_leaf(f, ACTION_FREEZE, newcomer->cgid));
	f->frame.host.swap_free_bytes = 256 * MIB;
	fixture_use(f, HOG, 700 * MIB);
	fixture_run(f, US_PER_SEC);
	assert_false(fixture_view(f, HOG).squeezed);
}

/* It is paged out by what the owner needs, and no more than that. */
static void test_who_was_stopped_for_an_owner_is_not_squeezed(void **data)
{
	struct fixture *f = *data;

	setup_borrower(f);
	f->config.component[HOG].freeze = true;
	while (!fixture_find(f, ACTION_FREEZE, HOG)) {
		fixture_use(f, HOG, f->frame.component[HOG].current_bytes + 5 * MIB);
		fixture_next(f, 100 * US_PER_MS);
	}
	leaf_find(f->state, LEAF_OF(HOG))->cause = FREEZE_PAYBACK;
	fixture_use(f, HOG, 910 * MIB);
	fixture_run(f, US_PER_SEC);
	assert_int_equal(fixture_view(f, HOG).frozen_leaves, 1);
	assert_false(fixture_view(f, HOG).squeezed);
}

/* It was thawed by hand a moment ago: it is frozen again soon enough. */
static void test_who_may_be_frozen_later_is_not_squeezed_meanwhile(void **data)
{
	struct fixture *f = *data;

	setup_borrower(f);
	f->config.component[HOG].freeze = true;
	leaf_find(f->state, LEAF_OF(HOG))->spared_until_us = BYTES_MAX;
	for (uint64_t mib = 805; mib <= 910; mib += 5) {
		fixture_use(f, HOG, mib * MIB);
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_FREEZE, HOG));
		assert_false(fixture_view(f, HOG).squeezed);
	}
}

/* Begun while swap took for it what it holds above its limit: when swap takes no more the kernel
 * lets it go on, up to the end of the pool. Who may be frozen is, in place of that. */
static void test_squeeze_becomes_harder_when_swap_has_filled_up(void **data)
{
	struct fixture *f = *data;
	struct component_state *hog = &f->state->component[HOG];
	const struct action *high;
	uint64_t held;

	squeeze(f);
	held = f->frame.component[HOG].current_bytes;
	hog->squeeze_bytes = held - held / 8;
	f->config.component[HOG].freeze = true;
	leaf_find(f->state, LEAF_OF(HOG))->spared_until_us = BYTES_MAX;
	fixture_run(f, US_PER_SEC);
	assert_int_equal(f->frame.component[HOG].high_bytes, held - held / 8);
	f->config.component[HOG].freeze = false;
	fixture_next(f, 100 * US_PER_MS);
	high = fixture_find(f, ACTION_SET_HIGH, HOG);
	assert_non_null(high);
	assert_int_equal(high->amount, held - held / 6);
	assert_int_equal(high->deadline_us, f->frame.now_us + 15 * US_PER_SEC);
}

static void test_squeeze_ends_when_there_is_room(void **data)
{
	struct fixture *f = *data;
	const struct action *high;

	squeeze(f);
	f->frame.host.swap_free_bytes = 256 * MIB; /* so that it is lent to again */
	fixture_use(f, HOG, 700 * MIB);
	fixture_next(f, 100 * US_PER_MS);
	assert_false(fixture_view(f, HOG).squeezed);
	high = fixture_find(f, ACTION_SET_HIGH, HOG);
	assert_non_null(high);
	assert_int_equal(high->deadline_us, 0);
	assert_int_equal(high->amount, fixture_view(f, HOG).in_force_bytes);
}

/* It is within its budget, but the host has not what it would take. */
static void test_squeeze_does_not_end_while_the_host_is_short(void **data)
{
	struct fixture *f = *data;

	squeeze(f);
	f->frame.host.available_bytes = 50 * MIB; /* 30 MiB of it in reserve */
	fixture_use(f, HOG, 500 * MIB);
	fixture_run(f, 5 * US_PER_SEC);
	assert_true(fixture_view(f, HOG).squeezed);
	f->frame.host.available_bytes = 70 * MIB;
	fixture_next(f, 100 * US_PER_MS);
	assert_false(fixture_view(f, HOG).squeezed);
}

static void test_squeeze_ends_with_who_it_was_for(void **data)
{
	struct fixture *f = *data;

	squeeze(f);
	f->frame.leaf[HOG].populated = false;
	fixture_next(f, 100 * US_PER_MS);
	assert_false(fixture_view(f, HOG).squeezed);
	assert_int_equal(f->frame.component[HOG].high_bytes, fixture_view(f, HOG).in_force_bytes);
}

static void test_squeeze_without_room_begins_anew_before_its_deadline(void **data)
{
	struct fixture *f = *data;
	uint64_t began_us, high_bytes;
	uint32_t writes = 0, notices = 0;

	squeeze(f);
	began_us = f->frame.now_us;
	high_bytes = f->frame.component[HOG].high_bytes;
	while (f->frame.now_us < began_us + 100 * US_PER_SEC) {
		const struct action *high;

		fixture_next(f, 100 * US_PER_MS);
		assert_true(fixture_view(f, HOG).squeezed);
		if (f->frame.now_us == began_us + 15 * US_PER_SEC) /* it gives a little */
			fixture_use(f, HOG, f->frame.component[HOG].current_bytes - 8 * MIB);
		high = fixture_find(f, ACTION_SET_HIGH, HOG);
		if (high) {
			assert_int_equal(high->amount, high_bytes);
			assert_int_equal(high->deadline_us, f->frame.now_us + 15 * US_PER_SEC);
			assert_int_equal((f->frame.now_us - began_us) % (10 * US_PER_SEC), 0);
			writes++;
		}
		notices += fixture_find(f, ACTION_NOTICE, HOG) != NULL;
	}
	assert_int_equal(writes, 10);
	assert_int_equal(notices, 1); /* one a minute, and the first was before */
}

/* All stalled at the limit for ten seconds, and reclaim finds nothing. */
static void stick(struct fixture *f, bool *ret_frozen, bool *ret_told)
{
	*ret_frozen = *ret_told = false;
	fixture_use(f, HOG, 596 * MIB);
	f->stalls_us[HOG] = 60 * US_PER_MS;
	fixture_step(f);
	for (int tick = 0; tick < 100; tick++) {
		const struct action *notice;

		f->frame.component[HOG].psi_full_us += 60 * US_PER_MS;
		fixture_next(f, 100 * US_PER_MS);
		*ret_frozen |= fixture_find(f, ACTION_FREEZE, HOG) != NULL;
		notice = fixture_find(f, ACTION_NOTICE, HOG);
		*ret_told |= notice && notice->why.reason == REASON_LIVELOCK;
	}
}

/* Nobody grows: whoever was stopped, the others would have no more of it. */
static void test_who_is_stuck_beside_another_is_told_of(void **data)
{
	struct fixture *f = *data;
	bool frozen, told;

	fixture_sibling(f, HOG, 20 * MIB);
	stick(f, &frozen, &told);
	assert_false(frozen);
	assert_true(told);
}

static void test_who_is_stuck_alone_is_told_of(void **data)
{
	struct fixture *f = *data;
	bool frozen, told;

	stick(f, &frozen, &told);
	assert_false(frozen);
	assert_true(told);
}

#define FIXTURE_TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_who_eats_into_the_margin_is_squeezed_and_told),
		FIXTURE_TEST(test_others_are_not_squeezed),
		FIXTURE_TEST(test_who_takes_the_last_of_a_full_machine_by_right_is_squeezed_too),
		FIXTURE_TEST(
			test_who_stands_still_in_a_full_machine_is_squeezed_until_there_is_room),
		FIXTURE_TEST(test_who_was_stopped_for_an_owner_is_not_squeezed),
		FIXTURE_TEST(test_who_may_be_frozen_later_is_not_squeezed_meanwhile),
		FIXTURE_TEST(test_squeeze_becomes_harder_when_swap_has_filled_up),
		FIXTURE_TEST(test_squeeze_ends_when_there_is_room),
		FIXTURE_TEST(test_squeeze_does_not_end_while_the_host_is_short),
		FIXTURE_TEST(test_squeeze_ends_with_who_it_was_for),
		FIXTURE_TEST(test_squeeze_without_room_begins_anew_before_its_deadline),
		FIXTURE_TEST(test_who_is_stuck_beside_another_is_told_of),
		FIXTURE_TEST(test_who_is_stuck_alone_is_told_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
