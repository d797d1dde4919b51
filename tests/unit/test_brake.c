// SPDX-License-Identifier: GPL-2.0-or-later
/* Who answers for a host that runs out and for a protected component that stalls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_fixture.h"

static void stall_event(struct fixture *f, enum event_kind kind)
{
	f->frame.event[f->frame.event_count++] = (struct frame_event){
		.kind = kind,
		.component = REDIS,
		.at_us = f->frame.now_us,
		.observed = 5 * US_PER_MS,
		.threshold = 5 * US_PER_MS,
	};
}

static void test_host_about_to_run_out_stops_the_grower(void **data)
{
	struct fixture *f = *data;
	const struct action *freeze;

	fixture_step(f);
	fixture_grow(f, HOG, 200 * MIB, 100 * MIB);
	assert_null(fixture_find(f, ACTION_FREEZE, HOG));
	f->frame.host.available_bytes = 150 * MIB;
	fixture_use(f, HOG, 210 * MIB);
	fixture_next(f, 100 * US_PER_MS);
	freeze = fixture_find(f, ACTION_FREEZE, HOG);
	assert_non_null(freeze);
	assert_int_equal(freeze->why.reason, REASON_HOST_AVAILABLE);
	assert_true(freeze->why.observed < freeze->why.threshold);
}

static void test_growth_that_the_limit_will_end_is_no_alarm(void **data)
{
	struct fixture *f = *data;

	fixture_step(f);
	fixture_grow(f, HOG, 400 * MIB, 1000 * MIB);
	f->frame.host.available_bytes = 300 * MIB;
	fixture_next(f, 100 * US_PER_MS);
	assert_null(fixture_find(f, ACTION_FREEZE, HOG));
}

static void test_burst_of_a_protected_stall_with_evidence_stops_the_donor(void **data)
{
	struct fixture *f = *data;
	const struct action *freeze;

	fixture_step(f);
	fixture_grow(f, HOG, 300 * MIB, 30 * MIB);
	f->frame.host.available_bytes = 140 * MIB;
	stall_event(f, EVENT_STALL_BURST);
	fixture_urgent(f, 10 * US_PER_MS);
	freeze = fixture_find(f, ACTION_FREEZE, HOG);
	assert_non_null(freeze);
	assert_int_equal(freeze->why.reason, REASON_PROTECTED_STALL);
	assert_int_equal(freeze->why.observed, 5 * US_PER_MS);
}

static void test_stall_without_evidence_in_memory_is_a_false_alarm(void **data)
{
	struct fixture *f = *data;

	fixture_step(f);
	fixture_run(f, US_PER_SEC);
	stall_event(f, EVENT_STALL_BURST);
	fixture_urgent(f, 10 * US_PER_MS);
	assert_null(fixture_find(f, ACTION_FREEZE, HOG));
}

static void test_first_stall_acts_only_when_the_host_is_short(void **data)
{
	struct fixture *f = *data;

	fixture_step(f);
	fixture_grow(f, HOG, 300 * MIB, 30 * MIB);
	f->frame.host.available_bytes = 300 * MIB;
	stall_event(f, EVENT_STALL_FIRST);
	fixture_urgent(f, 10 * US_PER_MS);
	assert_null(fixture_find(f, ACTION_FREEZE, HOG));
	f->frame.host.available_bytes = 120 * MIB;
	stall_event(f, EVENT_STALL_FIRST);
	fixture_urgent(f, 10 * US_PER_MS);
	assert_non_null(fixture_find(f, ACTION_FREEZE, HOG));
}

/* The stall comes before its cause shows: a hog has hardly begun. */
static void test_stall_without_a_grower_yet_is_watched_closely(void **data)
{
	struct fixture *f = *data;
	const struct action *freeze = NULL;
	uint64_t stalled_us;

	fixture_step(f);
	fixture_next(f, US_PER_SEC);
	f->frame.host.available_bytes = 120 * MIB;
	stall_event(f, EVENT_STALL_FIRST);
	fixture_urgent(f, 900 * US_PER_MS);
	assert_null(fixture_find(f, ACTION_FREEZE, HOG));
	stalled_us = f->frame.now_us;
	while (!freeze && f->frame.now_us < stalled_us + 100 * US_PER_MS) {
		assert_int_equal(f->plan.next_us, f->frame.now_us + 5 * US_PER_MS);
		fixture_use(f, HOG, f->frame.component[HOG].current_bytes + 2 * MIB);
		fixture_next(f, 5 * US_PER_MS);
		freeze = fixture_find(f, ACTION_FREEZE, HOG);
	}
	assert_non_null(freeze);
	assert_int_equal(f->frame.now_us, stalled_us + 5 * US_PER_MS);
}

/* With a fifth of the machine left a burst needs a grower beside it, and is not forgotten
 * meanwhile. */
static void test_burst_waits_for_its_grower_to_show(void **data)
{
	struct fixture *f = *data;
	const struct action *freeze;

	fixture_step(f);
	fixture_next(f, US_PER_SEC);
	f->frame.host.available_bytes = 300 * MIB;
	stall_event(f, EVENT_STALL_BURST);
	fixture_urgent(f, 900 * US_PER_MS);
	assert_null(fixture_find(f, ACTION_FREEZE, HOG));
	assert_int_equal(f->plan.next_us, f->frame.now_us + 5 * US_PER_MS);
	fixture_use(f, HOG, f->frame.component[HOG].current_bytes + 2 * MIB);
	fixture_next(f, 5 * US_PER_MS);
	freeze = fixture_find(f, ACTION_FREEZE, HOG);
	assert_non_null(freeze);
	assert_int_equal(freeze->why.observed, 5 * US_PER_MS);
}

/* A look 5 ms after another is too soon to say that growth has ended. */
static void test_burst_right_after_a_look_still_knows_the_grower(void **data)
{
	struct fixture *f = *data;

	fixture_step(f);
	fixture_next(f, US_PER_SEC);
	f->frame.host.available_bytes = 300 * MIB;
	fixture_use(f, HOG, f->frame.component[HOG].current_bytes + 20 * MIB);
	stall_event(f, EVENT_STALL_FIRST);
	fixture_urgent(f, 500 * US_PER_MS);
	assert_null(fixture_find(f, ACTION_FREEZE, HOG));
	fixture_use(f, HOG, f->frame.component[HOG].current_bytes + MIB / 2);
	stall_event(f, EVENT_STALL_BURST);
	fixture_urgent(f, 5 * US_PER_MS);
	assert_non_null(fixture_find(f, ACTION_FREEZE, HOG));
}

static void test_stalls_on_and_on_are_not_watched_all_the_time(void **data)
{
	struct fixture *f = *data;
	uint64_t looks = 0;

	fixture_step(f);
	f->frame.host.available_bytes = 300 * MIB;
	for (int i = 0; i < 20; i++) {
		stall_event(f, EVENT_STALL_BURST);
		fixture_urgent(f, 100 * US_PER_MS);
		looks += f->plan.next_us == f->frame.now_us + 5 * US_PER_MS;
	}
	assert_in_range(looks, 2, 5);
}

static void test_watch_for_a_cause_ends(void **data)
{
	struct fixture *f = *data;

	fixture_step(f);
	f->frame.host.available_bytes = 120 * MIB;
	stall_event(f, EVENT_STALL_FIRST);
	fixture_urgent(f, 100 * US_PER_MS);
	for (int i = 0; i < 40; i++)
		fixture_next(f, 5 * US_PER_MS);
	assert_true(f->plan.next_us >= f->frame.now_us + 100 * US_PER_MS);
	assert_null(fixture_find(f, ACTION_FREEZE, HOG));
}

static void test_stall_at_its_own_limit_is_nobody_elses_fault(void **data)
{
	struct fixture *f = *data;

	fixture_use(f, REDIS, 398 * MIB);
	fixture_step(f);
	fixture_grow(f, HOG, 300 * MIB, 30 * MIB);
	f->frame.host.available_bytes = 140 * MIB;
	stall_event(f, EVENT_STALL_BURST);
	fixture_urgent(f, 10 * US_PER_MS);
	assert_null(fixture_find(f, ACTION_FREEZE, HOG));
}

static void test_donor_is_not_thawed_while_the_protected_stalls(void **data)
{
	struct fixture *f = *data;

	fixture_step(f);
	fixture_grow(f, HOG, 300 * MIB, 30 * MIB);
	f->frame.host.available_bytes = 140 * MIB;
	stall_event(f, EVENT_STALL_BURST);
	fixture_urgent(f, 10 * US_PER_MS);
	assert_non_null(fixture_find(f, ACTION_FREEZE, HOG));
	f->frame.host.available_bytes = 700 * MIB;
	for (int tick = 0; tick < 60; tick++) {
		f->frame.component[REDIS].psi_some_us += 10 * US_PER_MS;
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_THAW, HOG));
	}
	fixture_run(f, 2 * US_PER_SEC);
	fixture_next(f, 100 * US_PER_MS);
	assert_int_equal(fixture_view(f, HOG).frozen_leaves, 0);
}

/* What waits in its queue takes nothing: who runs there is not stopped for it. */
static void test_who_waits_in_a_queue_takes_not_the_last(void **data)
{
	struct fixture *f = *data;

	f->frame.host.swap_total_bytes = f->frame.host.swap_free_bytes = 0;
	fixture_step(f);
	f->frame.component[HOG].queued_bytes = 500 * MIB;
	fixture_grow(f, HOG, 300 * MIB, 20 * MIB);
	f->frame.host.available_bytes = 350 * MIB;
	for (int i = 0; i < 20; i++) {
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_FREEZE, HOG));
	}
}

static void test_no_host_sample_is_no_alarm(void **data)
{
	struct fixture *f = *data;

	f->frame.host.valid = false;
	fixture_step(f);
	fixture_grow(f, HOG, 300 * MIB, 100 * MIB);
	assert_null(fixture_find(f, ACTION_FREEZE, HOG));
}

static void test_short_host_reclaims_from_the_unprotected(void **data)
{
	struct fixture *f = *data;
	const struct action *reclaim = NULL;

	fixture_step(f);
	f->frame.host.available_bytes = 20 * MIB;
	for (int tick = 0; tick < 5 && !reclaim; tick++) {
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_RECLAIM, REDIS));
		reclaim = fixture_find(f, ACTION_RECLAIM, HOG);
	}
	assert_non_null(reclaim);
	assert_int_equal(reclaim->why.reason, REASON_HOST_AVAILABLE);
}

#define FIXTURE_TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_host_about_to_run_out_stops_the_grower),
		FIXTURE_TEST(test_growth_that_the_limit_will_end_is_no_alarm),
		FIXTURE_TEST(test_burst_of_a_protected_stall_with_evidence_stops_the_donor),
		FIXTURE_TEST(test_stall_without_evidence_in_memory_is_a_false_alarm),
		FIXTURE_TEST(test_first_stall_acts_only_when_the_host_is_short),
		FIXTURE_TEST(test_stall_without_a_grower_yet_is_watched_closely),
		FIXTURE_TEST(test_burst_waits_for_its_grower_to_show),
		FIXTURE_TEST(test_burst_right_after_a_look_still_knows_the_grower),
		FIXTURE_TEST(test_stalls_on_and_on_are_not_watched_all_the_time),
		FIXTURE_TEST(test_watch_for_a_cause_ends),
		FIXTURE_TEST(test_stall_at_its_own_limit_is_nobody_elses_fault),
		FIXTURE_TEST(test_donor_is_not_thawed_while_the_protected_stalls),
		FIXTURE_TEST(test_who_waits_in_a_queue_takes_not_the_last),
		FIXTURE_TEST(test_no_host_sample_is_no_alarm),
		FIXTURE_TEST(test_short_host_reclaims_from_the_unprotected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
