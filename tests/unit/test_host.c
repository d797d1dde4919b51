// SPDX-License-Identifier: GPL-2.0-or-later
/* The fixture's host: 1300M, of which 30M are kept back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_fixture.h"

#include "user/policy/conditions.h"
#include "user/policy/host.h"

#define CALLS_BYTES (25 * MIB)
#define STOPS_BYTES (10 * MIB)
#define KILLS_BYTES (5 * MIB)
#define CALM_BYTES  (200 * MIB)

/* Ticks of 100 ms in which so much of the host is available, and its tasks stall for shares of the
 * time, up to the first action of a kind on a component; how long that took, or 0. */
static uint64_t until(struct fixture *f, uint64_t available_bytes, uint32_t some_pct,
		      uint32_t full_pct, uint64_t us, enum action_kind kind, uint32_t component)
{
	f->frame.host.available_bytes = available_bytes;
	for (uint64_t t = 100 * US_PER_MS; t <= us; t += 100 * US_PER_MS) {
		f->frame.host.psi_some_us += some_pct * US_PER_MS;
		f->frame.host.psi_full_us += full_pct * US_PER_MS;
		fixture_next(f, 100 * US_PER_MS);
		if (kind != ACTION__COUNT && fixture_find(f, kind, component))
			return t;
	}
	return 0;
}

static enum host_stage stage_after(struct fixture *f, uint64_t available_bytes, uint32_t some_pct,
				   uint32_t full_pct, uint64_t us)
{
	struct step step;

	until(f, available_bytes, some_pct, full_pct, us, ACTION__COUNT, 0);
	step = fixture_ask(f);
	return host_stage(&step);
}

static void test_stages_go_up_and_back_one_at_a_time(void **data)
{
	struct fixture *f = *data;

	assert_int_equal(stage_after(f, CALM_BYTES, 0, 0, 5 * US_PER_SEC), HOST_CALM);
	assert_int_equal(stage_after(f, CALLS_BYTES, 50, 50, 1800 * US_PER_MS), HOST_CALM);
	assert_int_equal(stage_after(f, CALLS_BYTES, 50, 50, 5 * US_PER_SEC), HOST_CALLS);
	assert_int_equal(stage_after(f, STOPS_BYTES, 50, 0, 5 * US_PER_SEC), HOST_STOPS);
	assert_int_equal(stage_after(f, KILLS_BYTES, 50, 50, 6 * US_PER_SEC), HOST_KILLS);
	assert_int_equal(stage_after(f, 90 * MIB, 0, 0, 60 * US_PER_SEC), HOST_KILLS);
	assert_int_equal(stage_after(f, CALM_BYTES, 0, 0, 11 * US_PER_SEC), HOST_STOPS);
	assert_int_equal(stage_after(f, CALM_BYTES, 0, 0, 10 * US_PER_SEC), HOST_CALLS);
	assert_int_equal(stage_after(f, CALM_BYTES, 0, 0, 10 * US_PER_SEC), HOST_CALM);
}

/* That little is free harms nobody by itself. */
static void test_nobody_is_stopped_where_nobody_waits(void **data)
{
	struct fixture *f = *data;

	fixture_use(f, HOG, 300 * MIB);
	assert_int_equal(stage_after(f, KILLS_BYTES, 0, 0, 30 * US_PER_SEC), HOST_CALLS);
	assert_int_equal(stage_after(f, KILLS_BYTES, 50, 0, 30 * US_PER_SEC), HOST_STOPS);
}

static void test_what_is_told_is_a_level_with_the_hosts_numbers(void **data)
{
	struct fixture *f = *data;
	struct component_view view;

	until(f, CALM_BYTES, 0, 0, US_PER_SEC, ACTION__COUNT, 0);
	assert_int_equal(fixture_view(f, REDIS).level, LEVEL_NORMAL);
	until(f, CALLS_BYTES, 0, 0, 4 * US_PER_SEC, ACTION__COUNT, 0);
	view = fixture_view(f, REDIS);
	assert_int_equal(view.level, LEVEL_HIGH);
	assert_int_equal(view.why.reason, REASON_HOST_AVAILABLE);
	assert_int_equal(view.why.observed, CALLS_BYTES);
	assert_in_range(view.why.threshold, 29 * MIB, 30 * MIB);
}

/* The borrower owes, though no owner grows. */
static void test_loans_are_called_by_the_host_too(void **data)
{
	struct fixture *f = *data;

	f->config.component[REDIS].lend = f->config.component[HOG].borrow = true;
	f->config.component[HOG].freeze = false;
	fixture_use(f, HOG, 700 * MIB);
	until(f, CALM_BYTES, 0, 0, 5 * US_PER_SEC, ACTION__COUNT, 0);
	assert_int_equal(f->state->component[HOG].loans.owes_since_us, 0);
	until(f, CALLS_BYTES, 0, 0, 3 * US_PER_SEC, ACTION__COUNT, 0);
	assert_int_not_equal(f->state->component[HOG].loans.owes_since_us, 0);
	until(f, CALM_BYTES, 0, 0, 12 * US_PER_SEC, ACTION__COUNT, 0);
	assert_int_equal(f->state->component[HOG].loans.owes_since_us, 0);
}

/* A hog that stands within its budget and does not grow; somebody outside took the memory. */
/* Redis takes 10 MiB more, and then nothing: what it has may be free again soon. */
static void test_pages_in_use_are_spared_for_a_while_after_somebody_took_memory(void **data)
{
	static const struct {
		uint64_t after_us;
		bool spared;
	} rows[] = {{100 * US_PER_MS, false}, {4 * US_PER_SEC, true}, {8 * US_PER_SEC, false}};

	(void)data;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		void *row;
		struct fixture *f;
		struct step step;

		assert_int_equal(fixture_setup(&row), 0);
		f = row;
		for (int tick = 0; tick < 5; tick++) {
			fixture_use(f, REDIS, f->frame.component[REDIS].current_bytes + 2 * MIB);
			fixture_next(f, 100 * US_PER_MS);
		}
		fixture_run(f, rows[i].after_us);
		step = fixture_ask(f);
		assert_int_equal(host_spares_hot(&step), rows[i].spared);
		fixture_teardown(&row);
	}
}

static void test_lowest_priority_stops_within_its_budget_and_is_paged_out(void **data)
{
	struct fixture *f = *data;
	const struct action *freeze, *reclaim;
	uint64_t us;

	fixture_use(f, HOG, 300 * MIB);
	until(f, CALM_BYTES, 0, 0, 5 * US_PER_SEC, ACTION__COUNT, 0);
	assert_int_equal(until(f, CALLS_BYTES, 50, 0, 4 * US_PER_SEC, ACTION_FREEZE, HOG), 0);
	us = until(f, STOPS_BYTES, 50, 0, 10 * US_PER_SEC, ACTION_FREEZE, HOG);
	assert_in_range(us, 1900 * US_PER_MS, 3 * US_PER_SEC);
	freeze = fixture_find(f, ACTION_FREEZE, HOG);
	assert_int_equal(freeze->why.reason, REASON_HOST_AVAILABLE);
	assert_int_equal(freeze->why.observed, STOPS_BYTES);
	assert_in_range(freeze->why.threshold, 14 * MIB, 15 * MIB);
	assert_int_not_equal(until(f, STOPS_BYTES, 50, 0, 3 * US_PER_SEC, ACTION_RECLAIM, HOG), 0);
	reclaim = fixture_find(f, ACTION_RECLAIM, HOG);
	assert_int_equal(reclaim->leaf, LEAF_OF(HOG));
	assert_int_equal(until(f, STOPS_BYTES, 50, 0, 20 * US_PER_SEC, ACTION_FREEZE, REDIS), 0);

	/* What was paged out helped, though not enough to go back: nobody else stops. */
	f->config.component[REDIS].protect = PROTECT_NONE;
	f->config.component[REDIS].freeze = true;
	assert_int_equal(until(f, CALLS_BYTES, 50, 0, 20 * US_PER_SEC, ACTION_FREEZE, REDIS), 0);
	us = until(f, CALM_BYTES, 0, 0, 30 * US_PER_SEC, ACTION_THAW, HOG);
	assert_in_range(us, 10 * US_PER_SEC, 12 * US_PER_SEC);
}

static void test_last_resort_takes_its_time_and_only_who_may_be_killed(void **data)
{
	struct fixture *f = *data;
	const struct action *kill;
	uint64_t us;

	fixture_use(f, HOG, 300 * MIB);
	until(f, KILLS_BYTES, 50, 50, 60 * US_PER_SEC, ACTION__COUNT, 0);
	assert_null(fixture_find(f, ACTION_KILL, HOG));
	f->config.component[HOG].kill = KILL_LAST_RESORT;
	until(f, CALM_BYTES, 0, 0, 60 * US_PER_SEC, ACTION__COUNT, 0);
	us = until(f, KILLS_BYTES, 50, 50, 60 * US_PER_SEC, ACTION_KILL, HOG);
	assert_in_range(us, 16 * US_PER_SEC, 20 * US_PER_SEC); /* three stages, and 10 s */
	kill = fixture_find(f, ACTION_KILL, HOG);
	assert_int_equal(kill->why.reason, REASON_HOST_AVAILABLE);
	assert_in_range(kill->why.threshold, 7 * MIB, 8 * MIB);
	assert_null(fixture_find(f, ACTION_KILL, REDIS));
	/* It helped: the way back is long, and nobody else is killed on it. */
	assert_int_equal(until(f, 50 * MIB, 50, 50, 60 * US_PER_SEC, ACTION_KILL, HOG), 0);
	assert_int_equal(stage_after(f, 50 * MIB, 50, 50, US_PER_SEC), HOST_KILLS);
}

static struct conditions looked_at(struct fixture *f, struct host_view *ret_view)
{
	struct conditions all;

	host_view_of(f->state, &f->config, ret_view);
	conditions_of_host(ret_view, f->frame.now_us, &all);
	return all;
}

static void test_who_looks_sees_each_stage_with_its_numbers(void **data)
{
	struct fixture *f = *data;
	struct host_view view;
	struct conditions all;

	stage_after(f, CALM_BYTES, 0, 0, 5 * US_PER_SEC);
	all = looked_at(f, &view);
	assert_int_equal(view.stage, HOST_CALM);
	assert_int_equal(all.count, 5);
	for (uint32_t i = 0; i < all.count; i++)
		assert_false(condition_is_met(&all.condition[i]));
	assert_int_equal(all.condition[0].threshold / MIB, 29); /* 2.91 % of usable */

	stage_after(f, STOPS_BYTES, 50, 0, 10 * US_PER_SEC);
	all = looked_at(f, &view);
	assert_int_equal(view.stage, HOST_STOPS);
	assert_int_equal(all.count, 6);
	assert_string_equal(all.condition[1].text, "reached");
	assert_true(condition_is_met(&all.condition[2])); /* some wait, */
	assert_int_equal(all.condition[2].observed, 5000);
	assert_false(condition_is_met(&all.condition[4])); /* not all of them */
	assert_string_equal(all.condition[5].leads_to, "a stage back");
	assert_int_equal(all.condition[5].threshold, all.condition[0].threshold + 65 * MIB);
	assert_false(condition_is_met(&all.condition[5]));
}

int main(void)
{
#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		WITH_FIXTURE(test_stages_go_up_and_back_one_at_a_time),
		WITH_FIXTURE(test_nobody_is_stopped_where_nobody_waits),
		WITH_FIXTURE(test_what_is_told_is_a_level_with_the_hosts_numbers),
		WITH_FIXTURE(test_loans_are_called_by_the_host_too),
		WITH_FIXTURE(test_pages_in_use_are_spared_for_a_while_after_somebody_took_memory),
		WITH_FIXTURE(test_lowest_priority_stops_within_its_budget_and_is_paged_out),
		WITH_FIXTURE(test_last_resort_takes_its_time_and_only_who_may_be_killed),
		WITH_FIXTURE(test_who_looks_sees_each_stage_with_its_numbers),
	};

	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
