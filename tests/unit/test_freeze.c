// SPDX-License-Identifier: GPL-2.0-or-later
/* When leaves are frozen and thawed, by literal frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_fixture.h"

#define EDGE (600 * MIB / 100 * 95)

/* Up to the emergency edge at 60 MiB/s; the last plan is that of the crossing. */
static void grow_to_the_edge(struct fixture *f)
{
	fixture_step(f);
	fixture_grow(f, HOG, EDGE + MIB, 60 * MIB);
}

static void test_growing_hog_is_frozen_at_the_emergency_edge(void **data)
{
	struct fixture *f = *data;
	const struct action *freeze;

	grow_to_the_edge(f);
	freeze = fixture_find(f, ACTION_FREEZE, HOG);
	assert_non_null(freeze);
	assert_int_equal(freeze->leaf, LEAF_OF(HOG));
	assert_int_equal(freeze->tier, TIER_FREEZE);
	assert_int_equal(freeze->why.reason, REASON_USAGE);
	assert_int_equal(freeze->why.threshold, 9500);
	assert_int_equal(freeze->deadline_us, f->frame.now_us + 60 * US_PER_SEC);
	assert_int_equal(fixture_view(f, HOG).frozen_leaves, 1);
	assert_int_equal(fixture_view(f, HOG).thaw_by_us, freeze->deadline_us);
}

static void test_mark_in_the_fast_lane_freezes_without_psi_or_stat(void **data)
{
	struct fixture *f = *data;
	const struct action *freeze;

	fixture_step(f);
	fixture_grow(f, HOG, 500 * MIB, 60 * MIB);
	fixture_use(f, HOG, EDGE + MIB);
	fixture_mark(f, HOG, EDGE + MIB);
	fixture_urgent(f, 30 * US_PER_MS);
	freeze = fixture_find(f, ACTION_FREEZE, HOG);
	assert_non_null(freeze);
	assert_int_equal(freeze->why.reason, REASON_USAGE_MARK);
	assert_int_equal(f->plan.action[0].kind, ACTION_FREEZE);
}

static void test_hog_at_rest_is_frozen_by_the_mark_of_its_first_burst(void **data)
{
	struct fixture *f = *data;

	fixture_step(f);
	fixture_next(f, US_PER_SEC);
	fixture_use(f, HOG, EDGE + MIB);
	fixture_mark(f, HOG, EDGE + MIB);
	fixture_urgent(f, 500 * US_PER_MS);
	assert_non_null(fixture_find(f, ACTION_FREEZE, HOG));
}

static void test_cache_at_the_mark_is_not_frozen(void **data)
{
	struct fixture *f = *data;

	fixture_step(f);
	for (int tick = 1; tick <= 40; tick++) {
		f->frame.component[HOG].current_bytes = (100 + 10 * (uint64_t)tick) * MIB;
		f->frame.component[HOG].inactive_file_bytes = 10 * (uint64_t)tick * MIB;
		fixture_next(f, 100 * US_PER_MS);
	}
	f->frame.component[HOG].current_bytes = EDGE + MIB;
	fixture_mark(f, HOG, EDGE + MIB);
	fixture_urgent(f, 100 * US_PER_MS);
	assert_null(fixture_find(f, ACTION_FREEZE, HOG));
}

static void test_steady_use_at_the_edge_is_left_alone(void **data)
{
	struct fixture *f = *data;

	fixture_use(f, HOG, EDGE + MIB);
	fixture_step(f);
	for (int tick = 0; tick < 300; tick++) {
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_FREEZE, HOG));
		assert_null(fixture_find(f, ACTION_NOTICE, HOG));
	}
	assert_int_equal(fixture_view(f, HOG).level, LEVEL_EMERGENCY);
}

static void test_who_may_not_be_frozen_is_not(void **data)
{
	struct fixture *f = *data;

	f->config.component[HOG].freeze = false;
	grow_to_the_edge(f);
	assert_null(fixture_find(f, ACTION_FREEZE, HOG));
}

static void test_leaf_that_grows_is_chosen_before_the_youngest(void **data)
{
	struct fixture *f = *data;
	const struct action *freeze = NULL;

	f->frame.leaf_count = 3;
	f->frame.leaf[2] = (struct leaf_sample){
		.cgid = 900, .component = HOG, .populated = true, .born_us = 99 * US_PER_SEC};
	grow_to_the_edge(f);
	freeze = fixture_find(f, ACTION_FREEZE, HOG);
	assert_non_null(freeze);
	assert_int_equal(freeze->leaf, LEAF_OF(HOG));
}

/* Its neighbour in the component works on as it did. */
static void test_neighbour_of_the_grower_is_not_frozen_with_it(void **data)
{
	struct fixture *f = *data;

	f->frame.leaf_count = 3;
	f->frame.leaf[2] = (struct leaf_sample){
		.cgid = 900, .component = HOG, .populated = true, .born_us = 99 * US_PER_SEC};
	grow_to_the_edge(f);
	assert_int_equal(fixture_view(f, HOG).frozen_leaves, 1);
	for (int tick = 0; tick < 30; tick++) {
		fixture_use(f, HOG, EDGE + MIB + (uint64_t)(tick % 2) * 256 * KIB);
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_FREEZE, HOG));
	}
}

static void test_pages_of_a_frozen_leaf_are_reclaimed(void **data)
{
	struct fixture *f = *data;
	const struct action *reclaim = NULL;

	grow_to_the_edge(f);
	for (int tick = 0; tick < 10 && !reclaim; tick++) {
		fixture_next(f, 100 * US_PER_MS);
		reclaim = fixture_find(f, ACTION_RECLAIM, HOG);
	}
	assert_non_null(reclaim);
	assert_int_equal(reclaim->leaf, LEAF_OF(HOG));
	assert_true(reclaim->amount <= 64 * MIB);
	assert_true(reclaim->deadline_us > f->frame.now_us);
}

/* Runs until a thaw; returns the time of it, 0 for none within us. */
static uint64_t run_to_thaw(struct fixture *f, uint64_t us)
{
	uint64_t end_us = f->frame.now_us + us;

	while (f->frame.now_us < end_us) {
		fixture_next(f, 100 * US_PER_MS);
		if (fixture_find(f, ACTION_THAW, HOG))
			return f->frame.now_us;
	}
	return 0;
}

static void test_leaf_is_thawed_after_the_dwell_into_room(void **data)
{
	struct fixture *f = *data;
	uint64_t frozen_us;

	grow_to_the_edge(f);
	frozen_us = f->frame.now_us;
	fixture_use(f, HOG, 480 * MIB);
	assert_int_equal(run_to_thaw(f, 10 * US_PER_SEC), frozen_us + 2 * US_PER_SEC);
	assert_int_equal(fixture_find(f, ACTION_THAW, HOG)->why.reason, REASON_ROOM);
	fixture_next(f, 100 * US_PER_MS);
	assert_int_equal(fixture_view(f, HOG).frozen_leaves, 0);
}

static void test_leaf_is_not_thawed_when_its_swap_does_not_fit_the_host(void **data)
{
	struct fixture *f = *data;

	grow_to_the_edge(f);
	fixture_use(f, HOG, 480 * MIB);
	f->frame.leaf[HOG].swap_bytes = 200 * MIB;
	f->frame.host.available_bytes = 120 * MIB;
	for (int tick = 0; tick < 100; tick++) {
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_THAW, HOG));
	}
}

static void test_deadline_without_room_squeezes_before_the_thaw(void **data)
{
	struct fixture *f = *data;
	uint64_t frozen_us, thaw_us;
	const struct component_sample *hog = &f->frame.component[HOG];

	f->frame.host.swap_free_bytes = 0;
	grow_to_the_edge(f);
	frozen_us = f->frame.now_us;
	thaw_us = run_to_thaw(f, 70 * US_PER_SEC);
	assert_in_range(thaw_us, frozen_us + 55 * US_PER_SEC, frozen_us + 60 * US_PER_SEC);
	assert_int_equal(fixture_find(f, ACTION_THAW, HOG)->why.reason, REASON_DEADLINE);
	assert_true(fixture_view(f, HOG).squeezed);
	assert_in_range(hog->high_bytes, hog->current_bytes, hog->current_bytes + 8 * MIB);
}

static void test_hog_that_still_presses_after_probation_is_frozen_again(void **data)
{
	struct fixture *f = *data;
	uint64_t thaw_us, again_us = 0;

	f->frame.host.swap_free_bytes = 0;
	grow_to_the_edge(f);
	thaw_us = run_to_thaw(f, 70 * US_PER_SEC);
	fixture_use(f, HOG, f->frame.component[HOG].high_bytes);
	while (!again_us && f->frame.now_us < thaw_us + 20 * US_PER_SEC) {
		f->frame.component[HOG].psi_some_us += 100 * US_PER_MS;
		f->frame.component[HOG].psi_full_us += 100 * US_PER_MS;
		fixture_next(f, 100 * US_PER_MS);
		if (fixture_find(f, ACTION_FREEZE, HOG))
			again_us = f->frame.now_us;
	}
	assert_in_range(again_us, thaw_us + 4 * US_PER_SEC, thaw_us + 11 * US_PER_SEC);
	assert_false(fixture_view(f, HOG).squeezed);
}

static void test_spent_budget_of_freezes_throttles_and_says_so(void **data)
{
	struct fixture *f = *data;
	uint32_t freezes = 1, notices = 0;

	f->frame.host.swap_free_bytes = 0;
	f->config.policy.freeze_budget = 2;
	f->config.policy.freeze_window_us = US_PER_SEC * 3600;
	grow_to_the_edge(f);
	for (int tick = 0; tick < 3000; tick++) {
		struct leaf_sample *leaf = &f->frame.leaf[HOG];

		if (!leaf->frozen) {
			fixture_use(f, HOG, f->frame.component[HOG].high_bytes);
			f->frame.component[HOG].psi_full_us += 100 * US_PER_MS;
			f->frame.component[HOG].psi_some_us += 100 * US_PER_MS;
		}
		fixture_next(f, 100 * US_PER_MS);
		freezes += fixture_find(f, ACTION_FREEZE, HOG) != NULL;
		notices += fixture_find(f, ACTION_NOTICE, HOG) != NULL;
	}
	assert_int_equal(freezes, 2);
	assert_in_range(notices, 2, 5);
	assert_true(fixture_view(f, HOG).squeezed);
	assert_false(f->frame.leaf[HOG].frozen);
	/* Room ends it within a tick. */
	fixture_use(f, HOG, 300 * MIB);
	fixture_next(f, 100 * US_PER_MS);
	assert_false(fixture_view(f, HOG).squeezed);
	assert_int_equal(f->frame.component[HOG].high_bytes, 600 * MIB);
}

static void test_high_is_raised_before_the_thaw(void **data)
{
	struct fixture *f = *data;
	uint32_t raise = 0, thaw = 0;

	f->config.component[HOG].borrow = true;
	grow_to_the_edge(f);
	assert_non_null(fixture_find(f, ACTION_FREEZE, HOG));
	fixture_run(f, 4 * US_PER_SEC);
	f->config.component[REDIS].lend = true;
	f->frame.leaf[REDIS].populated = false;
	fixture_use(f, REDIS, 0);
	assert_true(run_to_thaw(f, 2 * US_PER_SEC) != 0);
	for (uint32_t i = 0; i < f->plan.action_count; i++) {
		if (f->plan.action[i].kind == ACTION_SET_HIGH && f->plan.action[i].component == HOG)
			raise = i + 1;
		if (f->plan.action[i].kind == ACTION_THAW)
			thaw = i + 1;
	}
	assert_true(raise && raise < thaw);
}

static void test_frozen_leaf_of_an_earlier_uwd_is_thawed_at_the_start(void **data)
{
	struct fixture *f = *data;
	const struct action *thaw;

	f->frame.leaf[HOG].frozen = f->frame.leaf[HOG].ours = true;
	fixture_step(f);
	thaw = fixture_find(f, ACTION_THAW, HOG);
	assert_non_null(thaw);
	assert_int_equal(thaw->why.reason, REASON_STARTUP);
}

static void stays_frozen(struct fixture *f)
{
	for (int tick = 0; tick < 50; tick++) {
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_THAW, HOG));
	}
	assert_int_equal(fixture_view(f, HOG).frozen_leaves, 0);
}

static void test_freeze_of_another_hand_is_not_ours_at_the_start(void **data)
{
	struct fixture *f = *data;

	f->frame.leaf[HOG].frozen = true;
	fixture_step(f);
	assert_null(fixture_find(f, ACTION_THAW, HOG));
	stays_frozen(f);
}

static void test_freeze_of_another_hand_is_not_ours_later(void **data)
{
	struct fixture *f = *data;

	fixture_step(f);
	f->frame.leaf[HOG].frozen = true;
	stays_frozen(f);
}

static void test_thaw_by_another_hand_is_accepted(void **data)
{
	struct fixture *f = *data;

	grow_to_the_edge(f);
	fixture_run(f, 4 * US_PER_SEC);
	f->frame.leaf[HOG].frozen = false;
	fixture_next(f, 100 * US_PER_MS);
	assert_int_equal(fixture_view(f, HOG).frozen_leaves, 0);
}

static void test_failed_freeze_is_forgotten_and_not_repeated_at_once(void **data)
{
	struct fixture *f = *data;

	grow_to_the_edge(f);
	assert_non_null(fixture_find(f, ACTION_FREEZE, HOG));
	for (uint32_t i = 0; i < f->frame.outcome_count; i++)
		if (f->frame.outcome[i].kind == ACTION_FREEZE)
			f->frame.outcome[i].result = OUTCOME_FAILED;
	f->frame.leaf[HOG].frozen = false;
	fixture_next(f, 100 * US_PER_MS);
	assert_int_equal(fixture_view(f, HOG).frozen_leaves, 0);
	assert_null(fixture_find(f, ACTION_FREEZE, HOG));
}

static void request(struct fixture *f, enum request_kind kind, uint64_t amount)
{
	f->frame.request[f->frame.request_count++] =
		(struct frame_request){.kind = kind, .component = HOG, .amount = amount};
}

static void test_client_freeze_lasts_as_asked_and_no_longer(void **data)
{
	struct fixture *f = *data;
	uint64_t asked_us;

	fixture_step(f);
	request(f, REQUEST_FREEZE, 7 * US_PER_SEC);
	fixture_next(f, 100 * US_PER_MS);
	assert_non_null(fixture_find(f, ACTION_FREEZE, HOG));
	assert_int_equal(fixture_find(f, ACTION_FREEZE, HOG)->why.reason, REASON_REQUEST);
	asked_us = f->frame.now_us;
	assert_int_equal(run_to_thaw(f, 20 * US_PER_SEC), asked_us + 7 * US_PER_SEC);
}

static void test_client_does_not_touch_the_freeze_of_another_hand(void **data)
{
	struct fixture *f = *data;

	fixture_step(f);
	f->frame.leaf[HOG].frozen = true;
	fixture_next(f, 100 * US_PER_MS);
	request(f, REQUEST_FREEZE, 7 * US_PER_SEC);
	fixture_next(f, 100 * US_PER_MS);
	assert_null(fixture_find(f, ACTION_FREEZE, HOG));
	request(f, REQUEST_THAW, 0);
	fixture_next(f, 100 * US_PER_MS);
	assert_null(fixture_find(f, ACTION_THAW, HOG));
}

static void test_client_thaw_ends_any_freeze_and_holds(void **data)
{
	struct fixture *f = *data;

	grow_to_the_edge(f);
	fixture_next(f, 100 * US_PER_MS);
	request(f, REQUEST_THAW, 0);
	fixture_next(f, 100 * US_PER_MS);
	assert_non_null(fixture_find(f, ACTION_THAW, HOG));
	for (int tick = 0; tick < 40; tick++) {
		fixture_use(f, HOG, f->frame.component[HOG].current_bytes + 500 * KIB);
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_FREEZE, HOG));
	}
}

static void test_freeze_that_makes_others_stall_is_undone_for_good(void **data)
{
	struct fixture *f = *data;
	const struct action *thaw = NULL;

	grow_to_the_edge(f);
	for (int tick = 0; tick < 25 && !thaw; tick++) {
		f->frame.component[REDIS].psi_some_us += 60 * US_PER_MS;
		f->frame.component[REDIS].psi_full_us += 60 * US_PER_MS;
		fixture_next(f, 100 * US_PER_MS);
		thaw = fixture_find(f, ACTION_THAW, HOG);
	}
	assert_non_null(thaw);
	assert_int_equal(thaw->why.reason, REASON_SIDE_EFFECT);
	fixture_use(f, HOG, 400 * MIB);
	fixture_run(f, 60 * US_PER_SEC);
	fixture_grow(f, HOG, EDGE + MIB, 60 * MIB);
	assert_null(fixture_find(f, ACTION_FREEZE, HOG));
}

#define FIXTURE_TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_growing_hog_is_frozen_at_the_emergency_edge),
		FIXTURE_TEST(test_mark_in_the_fast_lane_freezes_without_psi_or_stat),
		FIXTURE_TEST(test_hog_at_rest_is_frozen_by_the_mark_of_its_first_burst),
		FIXTURE_TEST(test_cache_at_the_mark_is_not_frozen),
		FIXTURE_TEST(test_steady_use_at_the_edge_is_left_alone),
		FIXTURE_TEST(test_who_may_not_be_frozen_is_not),
		FIXTURE_TEST(test_leaf_that_grows_is_chosen_before_the_youngest),
		FIXTURE_TEST(test_neighbour_of_the_grower_is_not_frozen_with_it),
		FIXTURE_TEST(test_pages_of_a_frozen_leaf_are_reclaimed),
		FIXTURE_TEST(test_leaf_is_thawed_after_the_dwell_into_room),
		FIXTURE_TEST(test_leaf_is_not_thawed_when_its_swap_does_not_fit_the_host),
		FIXTURE_TEST(test_deadline_without_room_squeezes_before_the_thaw),
		FIXTURE_TEST(test_hog_that_still_presses_after_probation_is_frozen_again),
		FIXTURE_TEST(test_spent_budget_of_freezes_throttles_and_says_so),
		FIXTURE_TEST(test_high_is_raised_before_the_thaw),
		FIXTURE_TEST(test_frozen_leaf_of_an_earlier_uwd_is_thawed_at_the_start),
		FIXTURE_TEST(test_freeze_of_another_hand_is_not_ours_at_the_start),
		FIXTURE_TEST(test_freeze_of_another_hand_is_not_ours_later),
		FIXTURE_TEST(test_client_does_not_touch_the_freeze_of_another_hand),
		FIXTURE_TEST(test_thaw_by_another_hand_is_accepted),
		FIXTURE_TEST(test_failed_freeze_is_forgotten_and_not_repeated_at_once),
		FIXTURE_TEST(test_client_freeze_lasts_as_asked_and_no_longer),
		FIXTURE_TEST(test_client_thaw_ends_any_freeze_and_holds),
		FIXTURE_TEST(test_freeze_that_makes_others_stall_is_undone_for_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
