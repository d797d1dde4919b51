// SPDX-License-Identifier: GPL-2.0-or-later
/* Breaths of what stands frozen: how often, how long, with how much memory, and for a lock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_fixture.h"
#include "user/policy/freeze.h"

/* Until the leaf breathes; returns the time of it, 0 for not within us. */
static uint64_t run_to_breath(struct fixture *f, uint64_t us)
{
	uint64_t end_us = f->frame.now_us + us;

	while (f->frame.now_us < end_us) {
		fixture_next(f, 100 * US_PER_MS);
		if (fixture_breath(f, ACTION_THAW, LEAF_OF(HOG)))
			return f->frame.now_us;
	}
	return 0;
}

/* One breath in which the leaf takes so much; returns when it began. */
static uint64_t breathe(struct fixture *f, uint64_t takes)
{
	uint64_t began_us = run_to_breath(f, 60 * US_PER_SEC);

	assert_true(began_us != 0);
	fixture_use(f, HOG, f->frame.component[HOG].current_bytes + takes);
	fixture_next(f, 100 * US_PER_MS);
	assert_non_null(fixture_breath(f, ACTION_FREEZE, LEAF_OF(HOG)));
	return began_us;
}

static void test_frozen_leaf_breathes_a_tenth_of_each_second(void **data)
{
	struct fixture *f = *data;
	uint64_t last_us;

	fixture_freeze(f);
	last_us = f->frame.now_us;
	for (int breath = 0; breath < 20; breath++) {
		uint64_t began_us = breathe(f, 0);

		assert_in_range(began_us - last_us, US_PER_SEC, 1500 * US_PER_MS);
		last_us = began_us;
	}
}

static void hand_over(struct fixture *f)
{
	f->frame.request[0] = (struct frame_request){.kind = REQUEST_HAND_OVER};
	f->frame.request_count = 1;
	fixture_next(f, 10 * US_PER_MS);
	f->frame.request_count = 0;
}

/* Who follows finds what stands, and would let it run on. */
static void test_breath_ends_where_another_uwd_follows(void **data)
{
	struct fixture *f = *data;
	uint64_t deadline_us;

	fixture_freeze(f);
	deadline_us = leaf_find(f->state, LEAF_OF(HOG))->deadline_us;
	assert_true(run_to_breath(f, 60 * US_PER_SEC) != 0);
	hand_over(f);
	assert_non_null(fixture_breath(f, ACTION_FREEZE, LEAF_OF(HOG)));
	assert_int_equal(fixture_breath(f, ACTION_FREEZE, LEAF_OF(HOG))->deadline_us, deadline_us);
}

static void test_nothing_else_is_stopped_where_another_uwd_follows(void **data)
{
	struct fixture *f = *data;

	fixture_step(f);
	hand_over(f);
	assert_null(fixture_find_leaf(f, ACTION_FREEZE, LEAF_OF(HOG)));
	assert_null(fixture_breath(f, ACTION_FREEZE, LEAF_OF(HOG)));
	fixture_freeze(f);
	hand_over(f); /* it stands, and goes on standing */
	assert_null(fixture_breath(f, ACTION_FREEZE, LEAF_OF(HOG)));
	assert_null(fixture_breath(f, ACTION_THAW, LEAF_OF(HOG)));
}

/* One at a time and with pauses, and none is left out. */
static void test_many_that_are_frozen_take_turns_to_breathe(void **data)
{
	struct fixture *f = *data;
	uint32_t breaths[8] = {0};

	fixture_step(f);
	for (uint32_t k = 0; k < 8; k++)
		fixture_sibling(f, HOG, 20 * MIB);
	fixture_next(f, 100 * US_PER_MS);
	for (uint32_t k = 0; k < 8; k++) {
		struct step step = fixture_ask(f);

		f->plan.action_count = 0;
		assert_true(freeze_leaf(&step, leaf_find(f->state, f->frame.leaf[2 + k].cgid),
					FREEZE_DONOR, 60 * US_PER_SEC,
					(struct why){REASON_HOST_AVAILABLE, 0, 0}));
		f->frame.leaf[2 + k].frozen = true;
	}
	f->frame.host.available_bytes = 60 * MIB;
	fixture_lack(f, REDIS);
	for (int tick = 0; tick < 160; tick++) {
		uint32_t running = 0;

		fixture_next(f, 100 * US_PER_MS);
		for (uint32_t k = 0; k < 8; k++) {
			running += !f->frame.leaf[2 + k].frozen;
			breaths[k] +=
				fixture_breath(f, ACTION_THAW, f->frame.leaf[2 + k].cgid) != NULL;
		}
		assert_true(running <= 1);
	}
	for (uint32_t k = 0; k < 8; k++)
		assert_in_range(breaths[k], 2, 5);
}

/* It is one freeze: of one term, counted once, and of one age. */
static void test_breath_is_no_thaw(void **data)
{
	struct fixture *f = *data;
	const struct action *again;
	uint64_t frozen_us, last_thaw_us;

	fixture_freeze(f);
	frozen_us = f->frame.now_us;
	last_thaw_us = f->state->last_thaw_us;
	assert_true(run_to_breath(f, 2 * US_PER_SEC) != 0);
	assert_int_equal(fixture_view(f, HOG).frozen_leaves, 1);
	fixture_next(f, 100 * US_PER_MS);
	again = fixture_breath(f, ACTION_FREEZE, LEAF_OF(HOG));
	assert_non_null(again);
	assert_int_equal(again->deadline_us, frozen_us + 60 * US_PER_SEC);
	assert_int_equal(fixture_view(f, HOG).frozen_leaves, 1);
	assert_int_equal(f->state->component[HOG].freeze_next, 1);
	assert_int_equal(f->state->last_thaw_us, last_thaw_us);
	fixture_use(f, HOG, 300 * MIB);
	assert_in_range(fixture_run_to_thaw(f, 10 * US_PER_SEC), frozen_us + 2 * US_PER_SEC,
			frozen_us + 2500 * US_PER_MS);
}

static void test_who_only_grows_in_breaths_has_fewer(void **data)
{
	struct fixture *f = *data;
	uint64_t began_us, last_us, wait_us = US_PER_SEC;

	fixture_freeze(f);
	last_us = breathe(f, 2 * MIB);
	for (int breath = 0; breath < 4; breath++) {
		began_us = breathe(f, breath < 3 ? 2 * MIB : 0);
		wait_us *= 2;
		assert_in_range(began_us - last_us, wait_us, wait_us + 500 * US_PER_MS);
		last_us = began_us;
	}
	assert_in_range(breathe(f, 0) - last_us, 8 * US_PER_SEC, 9 * US_PER_SEC);
}

/* 16 MiB for all its breaths; after that the end of its term is its only one. */
static void test_breaths_all_together_have_a_bound(void **data)
{
	struct fixture *f = *data;
	uint64_t frozen_us, held;

	fixture_freeze(f);
	frozen_us = f->frame.now_us;
	held = f->frame.component[HOG].current_bytes;
	for (int breath = 0; breath < 4; breath++)
		breathe(f, 4 * MIB);
	assert_int_equal(f->frame.component[HOG].current_bytes, held + 16 * MIB);
	assert_int_equal(run_to_breath(f, frozen_us + 57 * US_PER_SEC - f->frame.now_us), 0);
	assert_in_range(fixture_run_to_thaw(f, 2 * US_PER_SEC), frozen_us + 58 * US_PER_SEC,
			frozen_us + 59 * US_PER_SEC);
	assert_int_equal(fixture_find(f, ACTION_THAW, HOG)->why.reason, REASON_DEADLINE);
}

/* 300 MiB of its 570 are out: it would fault all the time. */
static void test_who_lies_in_swap_breathes_seldom(void **data)
{
	struct fixture *f = *data;
	uint64_t last_us;

	f->config.component[REDIS].borrow = true;
	fixture_use(f, REDIS, 399 * MIB);
	fixture_freeze(f);
	fixture_lack(f, REDIS);
	last_us = breathe(f, 0);
	fixture_use(f, HOG, 271 * MIB);
	f->frame.leaf[HOG].swap_bytes = 200 * MIB;
	f->frame.host.available_bytes = 60 * MIB;
	last_us = breathe(f, 0);
	assert_in_range(breathe(f, 0) - last_us, 8 * US_PER_SEC, 9 * US_PER_SEC);
}

/* Its limit is where it stands: the kernel would have it wait. */
static void test_breath_has_a_little_room_below_the_limit(void **data)
{
	struct fixture *f = *data;
	const struct action *high;

	fixture_freeze(f);
	fixture_use(f, HOG, 599 * MIB);
	f->state->leaf[HOG].breath.most_bytes = 640 * MIB;
	assert_true(run_to_breath(f, 2 * US_PER_SEC) != 0);
	high = fixture_breath(f, ACTION_SET_HIGH, 0);
	assert_non_null(high);
	assert_int_equal(high->amount, 615 * MIB);
	fixture_use(f, HOG, 603 * MIB);
	fixture_next(f, 100 * US_PER_MS);
	high = fixture_breath(f, ACTION_SET_HIGH, 0);
	assert_non_null(high);
	assert_int_equal(high->amount, 603 * MIB);
}

/* More than its 16 MiB: not to the end of its tenth of a second. */
static void test_breath_of_a_fast_grower_is_cut(void **data)
{
	struct fixture *f = *data;

	fixture_freeze(f);
	assert_true(run_to_breath(f, 2 * US_PER_SEC) != 0);
	assert_true(f->plan.next_us <= f->frame.now_us + 25 * US_PER_MS);
	f->frame.component[HOG].current_bytes += 20 * MIB;
	fixture_next(f, 25 * US_PER_MS);
	assert_non_null(fixture_breath(f, ACTION_FREEZE, LEAF_OF(HOG)));
}

/* The brake leaves the component alone meanwhile, and when the host is short it ends the breath. */
static void test_breath_costs_no_sibling_a_freeze(void **data)
{
	struct fixture *f = *data;
	struct leaf_sample *sibling = fixture_freeze(f);

	f->frame.host.swap_free_bytes = 0;
	assert_true(run_to_breath(f, 2 * US_PER_SEC) != 0);
	fixture_use(f, HOG, HOG_EDGE + 10 * MIB);
	f->frame.host.available_bytes = 20 * MIB;
	fixture_urgent(f, 25 * US_PER_MS);
	assert_null(fixture_find_leaf(f, ACTION_FREEZE, sibling->cgid));
	assert_non_null(fixture_find_leaf(f, ACTION_FREEZE, LEAF_OF(HOG)));
}

/* It waits at the limit in its breath, and that is nobody's lack: it is not paged out for itself.
 */
static void test_stalls_of_a_breath_are_no_contention(void **data)
{
	struct fixture *f = *data;

	fixture_freeze(f);
	fixture_use(f, HOG, 592 * MIB);
	fixture_run(f, 4 * US_PER_SEC);
	f->state->leaf[HOG].breath.most_bytes = 640 * MIB;
	for (int tick = 0; tick < 40; tick++) {
		bool runs = !f->frame.leaf[HOG].frozen;

		f->stalls_us[HOG] = runs ? 50 * US_PER_MS : 0;
		if (runs)
			fixture_use(f, HOG, f->frame.component[HOG].current_bytes + 2 * MIB);
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find_leaf(f, ACTION_RECLAIM, LEAF_OF(HOG)));
	}
}

static void test_client_freeze_has_no_breath(void **data)
{
	struct fixture *f = *data;

	fixture_step(f);
	f->frame.request[f->frame.request_count++] = (struct frame_request){
		.kind = REQUEST_FREEZE, .component = HOG, .leaf = LEAF_OF(HOG)};
	fixture_next(f, 100 * US_PER_MS);
	assert_non_null(fixture_find_leaf(f, ACTION_FREEZE, LEAF_OF(HOG)));
	assert_int_equal(f->plan.looks, 0);
	assert_int_equal(run_to_breath(f, 50 * US_PER_SEC), 0);
}

/* ---- locks ---- */

static void wait_for_lock(struct fixture *f, uint32_t waiters)
{
	f->frame.locks_valid = true;
	f->frame.leaf[HOG].lock_waiters = waiters;
}

static void test_locks_are_looked_at_only_beside_a_freeze(void **data)
{
	struct fixture *f = *data;

	fixture_run(f, US_PER_SEC);
	assert_int_equal(f->plan.looks, 0);
	fixture_freeze(f);
	assert_true(f->plan.looks & PLAN_LOOK_LOCKS);
	assert_int_equal(f->plan.next_us, f->frame.now_us);
}

/* Who breathes every sixteen seconds is not worth a look at everybody ten times in each. */
static void test_cpu_time_is_looked_at_around_breaths(void **data)
{
	struct fixture *f = *data;
	uint32_t looks = 0;

	fixture_freeze(f);
	for (int breath = 0; breath < 4; breath++)
		breathe(f, 2 * MIB);
	for (int tick = 0; tick < 150; tick++) {
		fixture_next(f, 100 * US_PER_MS);
		looks += f->plan.looks & PLAN_LOOK_CPU;
		assert_true(f->plan.looks & PLAN_LOOK_LOCKS);
	}
	assert_int_equal(looks, 0);
	for (int tick = 0; tick < 15; tick++) {
		fixture_next(f, 100 * US_PER_MS);
		looks += f->plan.looks & PLAN_LOOK_CPU;
	}
	assert_in_range(looks, 5, 10);
}

/* Seen in the frame after: it is not the one, and another that grows is. */
static void test_holder_of_a_contended_lock_is_not_the_one(void **data)
{
	struct fixture *f = *data;
	struct leaf_sample *sibling = fixture_freeze(f);
	const struct action *thaw;

	wait_for_lock(f, 2);
	fixture_next(f, US_PER_MS);
	thaw = fixture_find_leaf(f, ACTION_THAW, LEAF_OF(HOG));
	assert_non_null(thaw);
	assert_int_equal(thaw->why.reason, REASON_LOCK);
	assert_int_equal(thaw->why.observed, 2);
	for (int tick = 0; tick < 8; tick++) {
		sibling->current_bytes += 6 * MIB;
		f->frame.component[HOG].current_bytes += 6 * MIB;
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find_leaf(f, ACTION_FREEZE, LEAF_OF(HOG)));
		if (fixture_find_leaf(f, ACTION_FREEZE, sibling->cgid))
			return;
	}
	fail_msg("nobody else was stopped");
}

static void test_holder_is_stopped_once_its_lock_is_free(void **data)
{
	struct fixture *f = *data;

	fixture_freeze(f);
	wait_for_lock(f, 1);
	fixture_next(f, US_PER_MS);
	assert_non_null(fixture_find_leaf(f, ACTION_THAW, LEAF_OF(HOG)));
	wait_for_lock(f, 0);
	fixture_grow(f, HOG, HOG_EDGE + 20 * MIB, 12 * MIB);
	assert_int_equal(fixture_view(f, HOG).frozen_leaves, 1);
	assert_true(f->frame.leaf[HOG].frozen);
}

/* It cannot ward off the freezer by holding one for ever. */
static void test_holder_is_spared_three_times_in_a_row(void **data)
{
	struct fixture *f = *data;
	uint32_t spared = 0, freezes = 0;

	fixture_freeze(f);
	wait_for_lock(f, 1);
	for (uint32_t tick = 0; tick < 100; tick++) {
		const struct action *thaw;

		fixture_use(f, HOG, HOG_EDGE + MIB + tick * MIB / 4);
		fixture_next(f, 100 * US_PER_MS);
		thaw = fixture_find_leaf(f, ACTION_THAW, LEAF_OF(HOG));
		freezes += fixture_find_leaf(f, ACTION_FREEZE, LEAF_OF(HOG)) != NULL;
		if (thaw && f->state->leaf[HOG].breath_until_us == 0)
			spared++;
	}
	assert_int_equal(spared, 3);
	assert_true(freezes >= 3);
	assert_int_equal(fixture_view(f, HOG).frozen_leaves, 1);
}

/* Long frozen, then somebody waits: at once, until the lock is free, and then it stands again. */
static void test_frozen_holder_runs_while_its_lock_is_waited_for(void **data)
{
	struct fixture *f = *data;
	const struct action *thaw;

	fixture_freeze(f);
	wait_for_lock(f, 0);
	fixture_run(f, 800 * US_PER_MS);
	wait_for_lock(f, 1);
	fixture_next(f, 100 * US_PER_MS);
	thaw = fixture_find_leaf(f, ACTION_THAW, LEAF_OF(HOG));
	assert_non_null(thaw);
	assert_int_equal(thaw->why.reason, REASON_LOCK);
	for (int tick = 0; tick < 6; tick++) {
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_breath(f, ACTION_FREEZE, LEAF_OF(HOG)));
	}
	wait_for_lock(f, 0);
	fixture_next(f, 25 * US_PER_MS);
	assert_non_null(fixture_breath(f, ACTION_FREEZE, LEAF_OF(HOG)));
}

/* Two seconds at a time, and pauses that double: it cannot run on behind a lock. */
static void test_lock_that_is_never_free_does_not_undo_the_freeze(void **data)
{
	struct fixture *f = *data;
	uint64_t ran_us = 0, from_us = f->frame.now_us;

	fixture_freeze(f);
	wait_for_lock(f, 0);
	fixture_run(f, 800 * US_PER_MS);
	wait_for_lock(f, 1);
	while (f->frame.now_us < from_us + 55 * US_PER_SEC) {
		fixture_next(f, 100 * US_PER_MS);
		ran_us += f->frame.leaf[HOG].frozen ? 0 : 100 * US_PER_MS;
	}
	assert_in_range(ran_us, 10 * US_PER_SEC, 25 * US_PER_SEC);
}

/* Its pages are on their way back, which nobody waits for then. */
static void test_lock_does_not_wait_for_a_page_in(void **data)
{
	struct fixture *f = *data;

	fixture_freeze(f);
	wait_for_lock(f, 0);
	fixture_use(f, HOG, 300 * MIB);
	f->frame.leaf[HOG].swap_bytes = 96 * MIB;
	for (int tick = 0; tick < 100 && !fixture_find(f, ACTION_PAGE_IN, HOG); tick++)
		fixture_next(f, 100 * US_PER_MS);
	assert_non_null(fixture_find(f, ACTION_PAGE_IN, HOG));
	f->frame.outcome_count = 0;
	wait_for_lock(f, 1);
	fixture_next(f, 100 * US_PER_MS);
	assert_non_null(fixture_find_leaf(f, ACTION_THAW, LEAF_OF(HOG)));
}

/* What goes out of it for an owner would come back in a breath. */
static void test_who_pays_an_owner_back_has_no_breath_for_three_seconds(void **data)
{
	struct fixture *f = *data;
	uint64_t frozen_us;

	f->config.component[REDIS].lend = f->config.component[HOG].borrow = true;
	f->frame.host.swap_total_bytes = f->frame.host.swap_free_bytes = GIB;
	fixture_use(f, HOG, 870 * MIB);
	fixture_step(f);
	fixture_run(f, US_PER_SEC);
	for (int tick = 0; tick < 5 && !fixture_find(f, ACTION_FREEZE, HOG); tick++) {
		fixture_use(f, REDIS, f->frame.component[REDIS].current_bytes + 15 * MIB);
		fixture_next(f, 100 * US_PER_MS);
	}
	assert_int_equal(fixture_find(f, ACTION_FREEZE, HOG)->why.reason, REASON_OWNER_PAYBACK);
	frozen_us = f->frame.now_us;
	while (!fixture_breath(f, ACTION_THAW, LEAF_OF(HOG))) {
		assert_true(f->frame.now_us - frozen_us < 6 * US_PER_SEC);
		/* The owner goes on taking what it is paid. */
		fixture_use(f, REDIS, f->frame.component[REDIS].current_bytes + 2 * MIB);
		fixture_use(f, HOG, f->frame.component[HOG].current_bytes - 2 * MIB);
		fixture_next(f, 100 * US_PER_MS);
	}
	assert_true(f->frame.now_us - frozen_us >= 3 * US_PER_SEC);
}

#define FIXTURE_TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_frozen_leaf_breathes_a_tenth_of_each_second),
		FIXTURE_TEST(test_breath_ends_where_another_uwd_follows),
		FIXTURE_TEST(test_nothing_else_is_stopped_where_another_uwd_follows),
		FIXTURE_TEST(test_many_that_are_frozen_take_turns_to_breathe),
		FIXTURE_TEST(test_breath_is_no_thaw),
		FIXTURE_TEST(test_who_only_grows_in_breaths_has_fewer),
		FIXTURE_TEST(test_breaths_all_together_have_a_bound),
		FIXTURE_TEST(test_who_lies_in_swap_breathes_seldom),
		FIXTURE_TEST(test_breath_has_a_little_room_below_the_limit),
		FIXTURE_TEST(test_breath_of_a_fast_grower_is_cut),
		FIXTURE_TEST(test_breath_costs_no_sibling_a_freeze),
		FIXTURE_TEST(test_stalls_of_a_breath_are_no_contention),
		FIXTURE_TEST(test_client_freeze_has_no_breath),
		FIXTURE_TEST(test_locks_are_looked_at_only_beside_a_freeze),
		FIXTURE_TEST(test_cpu_time_is_looked_at_around_breaths),
		FIXTURE_TEST(test_holder_of_a_contended_lock_is_not_the_one),
		FIXTURE_TEST(test_holder_is_stopped_once_its_lock_is_free),
		FIXTURE_TEST(test_holder_is_spared_three_times_in_a_row),
		FIXTURE_TEST(test_frozen_holder_runs_while_its_lock_is_waited_for),
		FIXTURE_TEST(test_lock_that_is_never_free_does_not_undo_the_freeze),
		FIXTURE_TEST(test_lock_does_not_wait_for_a_page_in),
		FIXTURE_TEST(test_who_pays_an_owner_back_has_no_breath_for_three_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
