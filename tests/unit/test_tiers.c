// SPDX-License-Identifier: GPL-2.0-or-later
/* Who gives memory, and how much: for contention, an owner, the host, a client. The last resort. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_fixture.h"

static void add_cache(struct fixture *f, uint32_t i, uint64_t bytes)
{
	f->frame.component[i].inactive_file_bytes = bytes;
	f->frame.component[i].current_bytes += bytes;
}

static void test_fullness_alone_takes_nothing(void **data)
{
	static const uint32_t percents[] = {20, 75, 82, 88, 92, 98};

	(void)data;
	for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
		void *row;
		struct fixture *f;

		assert_int_equal(fixture_setup(&row), 0);
		f = row;
		fixture_use(f, HOG, f->config.component[HOG].budget_bytes / 100 * percents[i]);
		add_cache(f, HOG, 40 * MIB);
		fixture_use(f, REDIS, f->config.component[REDIS].budget_bytes / 100 * percents[i]);
		add_cache(f, REDIS, 80 * MIB);
		f->stalls_us[HOG] = f->stalls_us[REDIS] = 500; /* microseconds: calm */
		fixture_step(f);
		if (fixture_first_reclaim(f, HOG, 20 * US_PER_SEC) ||
		    fixture_first_reclaim(f, REDIS, US_PER_SEC))
			fail_msg("at %u %%", percents[i]);
		fixture_teardown(&row);
	}
}

/* Who runs gives a quarter of its file pages that are not in use, while they are many. */
static void test_who_runs_gives_unused_file_pages_to_who_lacks(void **data)
{
	static const struct {
		uint32_t giver, taker;
		uint64_t unused, swap;
		uint64_t gives;
	} rows[] = {
		{HOG, REDIS, 15 * MIB, 256 * MIB, 0},
		{HOG, REDIS, 16 * MIB, 256 * MIB, 4 * MIB},
		{HOG, REDIS, 40 * MIB, 256 * MIB, 10 * MIB},
		{HOG, REDIS, 60 * MIB, 256 * MIB, 15 * MIB},
		{HOG, REDIS, 15 * MIB, 0, 15 * MIB},
		{REDIS, HOG, 63 * MIB, 256 * MIB, 0},
		{REDIS, HOG, 64 * MIB, 256 * MIB, 16 * MIB},
	};

	(void)data;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		void *row;
		struct fixture *f;
		const struct action *reclaim;

		assert_int_equal(fixture_setup(&row), 0);
		f = row;
		f->frame.host.swap_total_bytes = f->frame.host.swap_free_bytes = rows[i].swap;
		add_cache(f, rows[i].giver, rows[i].unused);
		fixture_lack(f, rows[i].taker);
		fixture_step(f);
		reclaim = fixture_first_reclaim(f, rows[i].giver, 3 * US_PER_SEC);
		if ((reclaim ? reclaim->amount : 0) != rows[i].gives)
			fail_msg("row %zu", i);
		if (reclaim) {
			assert_int_equal(reclaim->tier, TIER_LIGHT);
			assert_int_equal(reclaim->swappiness, 0);
			assert_int_equal(reclaim->leaf, 0);
			assert_int_equal(reclaim->why.reason, REASON_CONTENTION);
		}
		fixture_teardown(&row);
	}
}

static void test_who_runs_is_asked_once_a_second(void **data)
{
	struct fixture *f = *data;
	uint32_t asked = 0;

	add_cache(f, HOG, 200 * MIB);
	fixture_lack(f, REDIS);
	fixture_step(f);
	for (int tick = 0; tick < 100; tick++) {
		fixture_next(f, 100 * US_PER_MS);
		asked += fixture_find(f, ACTION_RECLAIM, HOG) != NULL;
	}
	assert_in_range(asked, 9, 10);
	f->stalls_us[REDIS] = 0;
	fixture_run(f, 2 * US_PER_SEC);
	assert_null(fixture_first_reclaim(f, HOG, 10 * US_PER_SEC));
}

/* To its sibling too, and as much as that lacks. */
static void test_who_stands_still_gives_what_others_lack(void **data)
{
	struct fixture *f = *data;
	struct leaf_sample *sibling = fixture_freeze(f);
	const struct action *reclaim = NULL;

	while (!reclaim && f->frame.component[HOG].current_bytes < 598 * MIB) {
		sibling->current_bytes += 4 * MIB;
		f->frame.component[HOG].current_bytes += 4 * MIB;
		f->frame.component[HOG].anon_bytes += 4 * MIB;
		fixture_next(f, 100 * US_PER_MS);
		reclaim = fixture_find(f, ACTION_RECLAIM, HOG);
	}
	assert_non_null(reclaim);
	assert_int_equal(reclaim->leaf, LEAF_OF(HOG));
	assert_int_equal(reclaim->tier, TIER_MODERATE);
	assert_int_equal(reclaim->swappiness, -1);
	assert_int_equal(reclaim->why.reason, REASON_CONTENTION);
	assert_in_range(reclaim->amount, 16 * MIB, 40 * MIB);
}

/* The hog holds all that it was lent but 18 MiB, and the owner takes as much as it pays. */
static void test_debt_is_reclaimed_harder_after_three_seconds(void **data)
{
	struct fixture *f = *data;
	uint64_t owes_us = 0;
	uint32_t asked = 0;

	f->config.component[REDIS].lend = f->config.component[HOG].borrow = true;
	fixture_use(f, HOG, 912 * MIB);
	fixture_step(f);
	fixture_run(f, US_PER_SEC);
	for (int tick = 0; tick < 70; tick++) {
		const struct action *reclaim;
		bool hard;

		fixture_use(f, REDIS, f->frame.component[REDIS].current_bytes + MIB);
		fixture_use(f, HOG, f->frame.component[HOG].current_bytes - MIB);
		fixture_next(f, 100 * US_PER_MS);
		owes_us = f->state->component[HOG].loans.owes_since_us;
		hard = f->frame.now_us - owes_us >= 3 * US_PER_SEC;
		reclaim = fixture_find(f, ACTION_RECLAIM, HOG);
		if (!reclaim)
			continue;
		asked++;
		assert_int_equal(reclaim->why.reason, REASON_OWNER_PAYBACK);
		assert_int_equal(reclaim->tier, hard ? TIER_AGGRESSIVE : TIER_MODERATE);
		assert_int_equal(reclaim->swappiness, hard ? 100 : -1);
	}
	assert_true(asked > 40);
}

/* Short of its reserve by 10 MiB: it wants 3 % of it all beyond. */
static void short_host(struct fixture *f)
{
	f->frame.host.available_bytes = 20 * MIB;
	fixture_use(f, HOG, 300 * MIB);
	fixture_step(f);
}

static void test_short_host_takes_from_the_first_donor_alone(void **data)
{
	struct fixture *f = *data;
	const struct action *reclaim;

	f->config.component_count = f->frame.component_count = 3;
	fixture_component(f, 2, "twin", 200 * MIB, 4);
	f->frame.leaf_count = 3;
	short_host(f);
	reclaim = fixture_find(f, ACTION_RECLAIM, HOG);
	assert_non_null(reclaim);
	assert_int_equal(reclaim->tier, TIER_AGGRESSIVE);
	assert_int_equal(reclaim->why.reason, REASON_HOST_AVAILABLE);
	assert_in_range(reclaim->amount, 48 * MIB, 49 * MIB);
	for (int tick = 0; tick < 20; tick++) {
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_RECLAIM, REDIS));
		assert_null(fixture_find(f, ACTION_RECLAIM, 2));
	}
	fixture_use(f, 2, 201 * MIB); /* more over its budget than the other */
	fixture_next(f, 100 * US_PER_MS);
	assert_non_null(fixture_find(f, ACTION_RECLAIM, 2));
	assert_null(fixture_find(f, ACTION_RECLAIM, HOG));
	f->frame.host.available_bytes = 100 * MIB; /* short of no more than the target */
	fixture_next(f, 100 * US_PER_MS);
	assert_null(fixture_find(f, ACTION_RECLAIM, 2));
}

static void test_protected_gives_nothing_to_the_host(void **data)
{
	struct fixture *f = *data;

	fixture_use(f, REDIS, 390 * MIB);
	add_cache(f, REDIS, 200 * MIB);
	f->frame.leaf_count = 1;
	f->frame.component[HOG].current_bytes = f->frame.component[HOG].anon_bytes = 0;
	f->frame.host.available_bytes = 20 * MIB;
	fixture_step(f);
	assert_null(fixture_first_reclaim(f, REDIS, 10 * US_PER_SEC));
}

static void test_without_swap_only_file_pages_are_taken(void **data)
{
	struct fixture *f = *data;
	const struct action *reclaim;

	f->frame.host.swap_total_bytes = f->frame.host.swap_free_bytes = 0;
	short_host(f);
	assert_null(fixture_first_reclaim(f, HOG, 5 * US_PER_SEC));
	add_cache(f, HOG, 20 * MIB);
	reclaim = fixture_first_reclaim(f, HOG, 5 * US_PER_SEC);
	assert_non_null(reclaim);
	assert_int_equal(reclaim->swappiness, 0);
	assert_int_equal(reclaim->amount, 20 * MIB);
}

/* What runs on all that it has gives nothing that lasts, to an owner or to the host. */
static void test_hot_donor_is_left_alone_until_it_has_rested(void **data)
{
	struct fixture *f = *data;

	f->config.component[HOG].freeze = false;
	short_host(f);
	f->state->component[HOG].payoff.hot_until_us = f->frame.now_us + 30 * US_PER_SEC;
	assert_null(fixture_first_reclaim(f, HOG, 29 * US_PER_SEC));
	assert_non_null(fixture_first_reclaim(f, HOG, 2 * US_PER_SEC));
}

static void test_hot_debtor_is_not_reclaimed_while_it_runs(void **data)
{
	struct fixture *f = *data;
	uint32_t owing = 0;

	f->config.component[REDIS].lend = f->config.component[HOG].borrow = true;
	f->config.component[HOG].freeze = false;
	fixture_use(f, HOG, 870 * MIB);
	fixture_step(f);
	f->state->component[HOG].payoff.hot_until_us = BYTES_MAX;
	for (int tick = 0; tick < 12; tick++) {
		fixture_use(f, REDIS, f->frame.component[REDIS].current_bytes + 4 * MIB);
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_RECLAIM, HOG));
		owing += f->state->component[HOG].loans.owes_since_us > 0;
	}
	assert_true(owing > 2);
}

static void test_largest_of_several_wishes_is_met(void **data)
{
	struct fixture *f = *data;
	const struct action *reclaim;

	f->frame.request[f->frame.request_count++] = (struct frame_request){
		.kind = REQUEST_RECLAIM, .component = HOG, .amount = 2 * MIB};
	short_host(f);
	reclaim = fixture_find(f, ACTION_RECLAIM, HOG);
	assert_non_null(reclaim);
	assert_int_equal(reclaim->why.reason, REASON_HOST_AVAILABLE);
	assert_in_range(reclaim->amount, 48 * MIB, 49 * MIB);
}

static void test_one_reclaim_at_a_time(void **data)
{
	struct fixture *f = *data;

	short_host(f);
	assert_non_null(fixture_find(f, ACTION_RECLAIM, HOG));
	for (int tick = 0; tick < 15; tick++) {
		f->frame.outcome_count = 0;
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_RECLAIM, HOG));
	}
}

static void test_reclaim_whose_outcome_never_comes_is_given_up(void **data)
{
	struct fixture *f = *data;
	bool again = false;

	short_host(f);
	for (int tick = 0; tick < 100 && !again; tick++) {
		f->frame.outcome_count = 0;
		fixture_next(f, 100 * US_PER_MS);
		again = fixture_find(f, ACTION_RECLAIM, HOG) != NULL;
	}
	assert_true(again);
}

static void test_donor_that_gives_little_twice_rests_for_30_s(void **data)
{
	struct fixture *f = *data;
	uint32_t asked = 0;
	uint64_t last_us = 0, gap_us = 0;

	short_host(f);
	for (int tick = 0; tick < 400; tick++) {
		if (fixture_find(f, ACTION_RECLAIM, HOG)) {
			asked++;
			if (last_us && f->frame.now_us - last_us > gap_us)
				gap_us = f->frame.now_us - last_us;
			last_us = f->frame.now_us;
		}
		for (uint32_t i = 0; i < f->frame.outcome_count; i++)
			if (f->frame.outcome[i].kind == ACTION_RECLAIM)
				f->frame.outcome[i].done = 0;
		fixture_next(f, 100 * US_PER_MS);
	}
	assert_in_range(asked, 3, 4);
	assert_in_range(gap_us, 30 * US_PER_SEC, 31 * US_PER_SEC);
}

static void test_client_reclaim_is_done_in_parts(void **data)
{
	struct fixture *f = *data;
	uint64_t sum = 0;

	fixture_step(f);
	f->frame.component[HOG].anon_bytes = f->frame.component[HOG].current_bytes = 300 * MIB;
	f->frame.request[f->frame.request_count++] = (struct frame_request){
		.kind = REQUEST_RECLAIM, .component = HOG, .amount = 150 * MIB};
	for (int tick = 0; tick < 20; tick++) {
		const struct action *reclaim;

		fixture_next(f, 100 * US_PER_MS);
		reclaim = fixture_find(f, ACTION_RECLAIM, HOG);
		if (reclaim) {
			assert_true(reclaim->amount <= 64 * MIB);
			assert_int_equal(reclaim->why.reason, REASON_REQUEST);
			sum += reclaim->amount;
		}
	}
	assert_int_equal(sum, 150 * MIB);
}

/* What is asked of one leaf while it stands still is not taken from others. */
static void test_client_reclaim_of_a_leaf_is_of_a_frozen_one(void **data)
{
	struct fixture *f = *data;

	fixture_step(f);
	f->frame.component[HOG].anon_bytes = f->frame.component[HOG].current_bytes = 300 * MIB;
	f->frame.request[f->frame.request_count++] = (struct frame_request){
		.kind = REQUEST_RECLAIM, .component = HOG, .leaf = 4711, .amount = 150 * MIB};
	for (int tick = 0; tick < 20; tick++) {
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_RECLAIM, HOG));
	}
}

/* Over the edge, all stalled, nothing that may be frozen. */
static void press_hopelessly(struct fixture *f, uint64_t us, uint32_t *ret_kills)
{
	*ret_kills = 0;
	for (uint64_t t = 0; t < us; t += 100 * US_PER_MS) {
		f->frame.component[HOG].psi_some_us += 95 * US_PER_MS;
		f->frame.component[HOG].psi_full_us += 95 * US_PER_MS;
		fixture_next(f, 100 * US_PER_MS);
		*ret_kills += fixture_find(f, ACTION_KILL, HOG) != NULL;
	}
}

static void test_kill_only_where_the_configuration_says_so(void **data)
{
	struct fixture *f = *data;
	uint32_t kills;

	f->config.component[HOG].freeze = false;
	fixture_use(f, HOG, 588 * MIB);
	fixture_step(f);
	press_hopelessly(f, 90 * US_PER_SEC, &kills);
	assert_int_equal(kills, 0);
}

static void test_last_resort_waits_for_the_full_condition_and_between_kills(void **data)
{
	struct fixture *f = *data;
	uint32_t kills;

	f->config.component[HOG].freeze = false;
	f->config.component[HOG].kill = KILL_LAST_RESORT;
	fixture_use(f, HOG, 588 * MIB);
	fixture_step(f);
	press_hopelessly(f, 30 * US_PER_SEC, &kills);
	assert_int_equal(kills, 0);
	press_hopelessly(f, 12 * US_PER_SEC, &kills);
	assert_int_equal(kills, 1);
	press_hopelessly(f, 5 * US_PER_SEC, &kills);
	assert_int_equal(kills, 0);
	press_hopelessly(f, 10 * US_PER_SEC, &kills);
	assert_int_equal(kills, 1);
}

static void test_freeze_comes_before_the_kill(void **data)
{
	struct fixture *f = *data;
	uint32_t kills;

	f->config.component[HOG].kill = KILL_LAST_RESORT;
	f->frame.host.swap_free_bytes = 0;
	fixture_use(f, HOG, 588 * MIB);
	fixture_step(f);
	press_hopelessly(f, 50 * US_PER_SEC, &kills);
	assert_int_equal(kills, 0);
	assert_int_equal(fixture_view(f, HOG).frozen_leaves, 1);
}

/* An owner takes 1.5 MiB a second by right, and the hog, which must not be frozen, pays nothing. */
static uint64_t owe_for(struct fixture *f, uint64_t us)
{
	uint64_t since_us = 0;

	f->config.component[REDIS].lend = f->config.component[HOG].borrow = true;
	f->config.component[HOG].freeze = false;
	f->config.component[HOG].kill = KILL_LAST_RESORT;
	fixture_use(f, HOG, 800 * MIB);
	fixture_step(f);
	for (uint64_t t = 0; t < us; t += 100 * US_PER_MS) {
		fixture_use(f, REDIS, f->frame.component[REDIS].current_bytes + MIB * 3 / 20);
		fixture_next(f, 100 * US_PER_MS);
		if (!since_us)
			since_us = f->state->component[HOG].loans.owes_since_us;
		if (fixture_find(f, ACTION_KILL, HOG))
			return f->frame.now_us - since_us;
	}
	assert_int_equal(f->state->component[HOG].loans.owes_since_us, since_us);
	return 0;
}

static void test_debtor_is_killed_after_a_minute_without_room_for_the_owner(void **data)
{
	struct fixture *f = *data;

	f->frame.host.available_bytes = 35 * MIB; /* 30 MiB of it in reserve */
	assert_int_equal(owe_for(f, 70 * US_PER_SEC), 60 * US_PER_SEC);
}

static void test_debtor_is_not_killed_while_the_host_has_room_for_the_owner(void **data)
{
	struct fixture *f = *data;

	f->frame.host.available_bytes = 50 * MIB;
	assert_int_equal(owe_for(f, 70 * US_PER_SEC), 0);
}

#define FIXTURE_TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_fullness_alone_takes_nothing),
		FIXTURE_TEST(test_who_runs_gives_unused_file_pages_to_who_lacks),
		FIXTURE_TEST(test_who_runs_is_asked_once_a_second),
		FIXTURE_TEST(test_who_stands_still_gives_what_others_lack),
		FIXTURE_TEST(test_debt_is_reclaimed_harder_after_three_seconds),
		FIXTURE_TEST(test_short_host_takes_from_the_first_donor_alone),
		FIXTURE_TEST(test_protected_gives_nothing_to_the_host),
		FIXTURE_TEST(test_without_swap_only_file_pages_are_taken),
		FIXTURE_TEST(test_hot_donor_is_left_alone_until_it_has_rested),
		FIXTURE_TEST(test_hot_debtor_is_not_reclaimed_while_it_runs),
		FIXTURE_TEST(test_largest_of_several_wishes_is_met),
		FIXTURE_TEST(test_one_reclaim_at_a_time),
		FIXTURE_TEST(test_reclaim_whose_outcome_never_comes_is_given_up),
		FIXTURE_TEST(test_donor_that_gives_little_twice_rests_for_30_s),
		FIXTURE_TEST(test_client_reclaim_is_done_in_parts),
		FIXTURE_TEST(test_client_reclaim_of_a_leaf_is_of_a_frozen_one),
		FIXTURE_TEST(test_kill_only_where_the_configuration_says_so),
		FIXTURE_TEST(test_last_resort_waits_for_the_full_condition_and_between_kills),
		FIXTURE_TEST(test_freeze_comes_before_the_kill),
		FIXTURE_TEST(test_debtor_is_killed_after_a_minute_without_room_for_the_owner),
		FIXTURE_TEST(test_debtor_is_not_killed_while_the_host_has_room_for_the_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
