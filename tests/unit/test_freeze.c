// SPDX-License-Identifier: GPL-2.0-or-later
/* When leaves are frozen, by literal frames; what others freeze and thaw. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_fixture.h"
#include "user/policy/blame.h"
#include "user/policy/freeze.h"

static void test_growing_hog_is_frozen_at_the_emergency_edge(void **data)
{
	struct fixture *f = *data;
	const struct action *freeze;

	fixture_sibling(f, HOG, 20 * MIB);
	fixture_to_the_edge(f);
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

/* Each of some 2,000 leaves is told from the others, however they come and go. */
static void test_of_very_many_leaves_the_one_that_grows_is_stopped(void **data)
{
	struct fixture *f = *data;
	struct leaf_sample *grower;
	const struct action *freeze;
	uint32_t end;

	for (int i = 0; i < 1900; i++)
		fixture_sibling(f, HOG, 64 * KIB);
	fixture_step(f);
	assert_int_equal(f->state->leaf_end, f->frame.leaf_count);
	memmove(&f->frame.leaf[100], &f->frame.leaf[700], 1202 * sizeof(f->frame.leaf[0]));
	f->frame.leaf_count = 1302;
	fixture_next(f, US_PER_SEC);
	for (int i = 0; i < 300; i++) /* in the places of those that went */
		fixture_sibling(f, HOG, 64 * KIB)->cgid = 9000 + (uint64_t)i;
	end = f->state->leaf_end;
	fixture_next(f, US_PER_SEC);
	assert_int_equal(f->state->leaf_end, end);
	grower = &f->frame.leaf[1000];
	while (f->frame.component[HOG].current_bytes < HOG_EDGE) {
		grower->current_bytes += 6 * MIB;
		f->frame.component[HOG].current_bytes += 6 * MIB;
		f->frame.component[HOG].anon_bytes += 6 * MIB;
		fixture_next(f, 100 * US_PER_MS);
	}
	freeze = fixture_find(f, ACTION_FREEZE, HOG);
	assert_non_null(freeze);
	assert_int_equal(freeze->leaf, grower->cgid);
}

enum cost {
	COSTS_NOBODY,
	COSTS_A_SIBLING,
	COSTS_AN_EMPTY_SIBLING,
	COSTS_AN_OWNER_AT_REST,
	COSTS_WHO_LACKS,
	COSTS_THE_LAST_SWAP,
	COSTS_SOME_SWAP,
};

static void add_cost(struct fixture *f, enum cost cost)
{
	if (cost == COSTS_A_SIBLING || cost == COSTS_AN_EMPTY_SIBLING)
		fixture_sibling(f, HOG, 20 * MIB)->populated = cost == COSTS_A_SIBLING;
	if (cost == COSTS_AN_OWNER_AT_REST)
		fixture_use(f, REDIS, 399 * MIB);
	if (cost == COSTS_WHO_LACKS)
		fixture_lack(f, REDIS);
	if (cost == COSTS_THE_LAST_SWAP)
		f->frame.host.swap_free_bytes = 256 * MIB / 16;
	if (cost == COSTS_SOME_SWAP)
		f->frame.host.swap_free_bytes = 256 * MIB / 15;
}

/* On its way from its edge to its limit, and a while there, all stalled. */
static bool is_frozen_at_its_limit(struct fixture *f)
{
	fixture_to_the_edge(f);
	for (int tick = 0; tick < 60; tick++) {
		if (fixture_find(f, ACTION_FREEZE, HOG))
			return true;
		if (f->frame.component[HOG].current_bytes < 600 * MIB)
			fixture_use(f, HOG, f->frame.component[HOG].current_bytes + 3 * MIB);
		f->frame.component[HOG].psi_full_us += 100 * US_PER_MS;
		f->stalls_us[HOG] = 100 * US_PER_MS;
		fixture_next(f, 100 * US_PER_MS);
	}
	return false;
}

static void test_growth_is_stopped_only_where_it_costs_somebody(void **data)
{
	static const struct {
		enum cost cost;
		bool frozen;
	} rows[] = {
		{COSTS_NOBODY, false},           {COSTS_A_SIBLING, true},
		{COSTS_AN_EMPTY_SIBLING, false}, {COSTS_AN_OWNER_AT_REST, false},
		{COSTS_WHO_LACKS, true},         {COSTS_THE_LAST_SWAP, true},
		{COSTS_SOME_SWAP, false},
	};

	(void)data;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		void *row;

		assert_int_equal(fixture_setup(&row), 0);
		add_cost(row, rows[i].cost);
		if (is_frozen_at_its_limit(row) != rows[i].frozen)
			fail_msg("row %zu", i);
		fixture_teardown(&row);
	}
}

/* One stops, and the other goes on with what it gives. */
static void test_of_two_who_lack_at_once_one_is_stopped(void **data)
{
	struct fixture *f = *data;
	uint32_t freezes = 0;

	f->config.component_count = f->frame.component_count = 3;
	f->config.usable_bytes = 1630 * MIB;
	fixture_component(f, 2, "twin", 600 * MIB, 2); /* gives first */
	f->config.component[2].freeze = true;
	f->config.component[2].borrow = f->config.component[HOG].borrow = true;
	f->frame.leaf_count = 3;
	fixture_step(f);
	for (uint64_t mib = 100; mib <= 598; mib += 6) {
		if (!freezes)
			fixture_use(f, 2, mib * MIB);
		fixture_use(f, HOG, mib * MIB);
		fixture_next(f, 100 * US_PER_MS);
		freezes += fixture_find(f, ACTION_FREEZE, 2) != NULL;
		assert_null(fixture_find(f, ACTION_FREEZE, HOG));
	}
	assert_int_equal(freezes, 1);
}

static void test_mark_in_the_fast_lane_freezes_without_psi_or_stat(void **data)
{
	struct fixture *f = *data;
	const struct action *freeze;

	fixture_sibling(f, HOG, 20 * MIB);
	fixture_step(f);
	fixture_grow(f, HOG, 500 * MIB, 60 * MIB);
	fixture_use(f, HOG, HOG_EDGE + MIB);
	fixture_mark(f, HOG, HOG_EDGE + MIB);
	fixture_urgent(f, 30 * US_PER_MS);
	freeze = fixture_find(f, ACTION_FREEZE, HOG);
	assert_non_null(freeze);
	assert_int_equal(freeze->leaf, LEAF_OF(HOG));
	assert_int_equal(freeze->why.reason, REASON_USAGE_MARK);
	assert_int_equal(f->plan.action[0].kind, ACTION_FREEZE);
}

static void burst_from_rest(struct fixture *f)
{
	fixture_step(f);
	fixture_next(f, US_PER_SEC);
	fixture_use(f, HOG, HOG_EDGE + MIB);
	fixture_mark(f, HOG, HOG_EDGE + MIB);
	fixture_urgent(f, 500 * US_PER_MS);
}

static void test_hog_at_rest_is_frozen_by_the_mark_of_its_first_burst(void **data)
{
	struct fixture *f = *data;

	add_cost(f, COSTS_THE_LAST_SWAP);
	burst_from_rest(f);
	assert_non_null(fixture_find(f, ACTION_FREEZE, HOG));
}

/* Who of two grew is not known before leaves are read, which is done at once. */
static void test_first_burst_beside_a_sibling_is_looked_at_again_at_once(void **data)
{
	struct fixture *f = *data;

	fixture_sibling(f, HOG, 20 * MIB);
	burst_from_rest(f);
	assert_null(fixture_find(f, ACTION_FREEZE, HOG));
	assert_int_equal(f->plan.next_us, f->frame.now_us);
	fixture_use(f, HOG, HOG_EDGE + 2 * MIB);
	fixture_next(f, 5 * US_PER_MS);
	assert_non_null(fixture_find_leaf(f, ACTION_FREEZE, LEAF_OF(HOG)));
}

static void test_cache_at_the_mark_is_not_frozen(void **data)
{
	struct fixture *f = *data;

	fixture_sibling(f, HOG, 0);
	fixture_step(f);
	for (int tick = 1; tick <= 40; tick++) {
		f->frame.component[HOG].current_bytes = (100 + 10 * (uint64_t)tick) * MIB;
		f->frame.component[HOG].inactive_file_bytes = 10 * (uint64_t)tick * MIB;
		f->frame.leaf[HOG].current_bytes = f->frame.component[HOG].current_bytes;
		fixture_next(f, 100 * US_PER_MS);
	}
	f->frame.component[HOG].current_bytes = HOG_EDGE + MIB;
	fixture_mark(f, HOG, HOG_EDGE + MIB);
	fixture_urgent(f, 100 * US_PER_MS);
	assert_null(fixture_find(f, ACTION_FREEZE, HOG));
}

static void test_steady_use_at_the_edge_is_left_alone(void **data)
{
	struct fixture *f = *data;

	fixture_sibling(f, HOG, 20 * MIB);
	fixture_use(f, HOG, HOG_EDGE + MIB);
	fixture_step(f);
	for (int tick = 0; tick < 300; tick++) {
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_FREEZE, HOG));
		assert_null(fixture_find(f, ACTION_NOTICE, HOG));
		assert_null(fixture_find(f, ACTION_RECLAIM, HOG));
	}
	assert_int_equal(fixture_view(f, HOG).level, LEVEL_EMERGENCY);
}

static void test_steady_use_is_left_alone_though_swap_is_full(void **data)
{
	struct fixture *f = *data;

	add_cost(f, COSTS_THE_LAST_SWAP);
	fixture_use(f, HOG, HOG_EDGE + MIB);
	fixture_step(f);
	for (int tick = 0; tick < 100; tick++) {
		assert_null(fixture_find(f, ACTION_FREEZE, HOG));
		fixture_next(f, 100 * US_PER_MS);
	}
}

/* The only one that runs there, and swap is full: it is what all wait for. */
static void test_who_stalls_alone_at_the_edge_is_stopped_when_swap_is_full(void **data)
{
	struct fixture *f = *data;
	bool frozen = false;

	add_cost(f, COSTS_THE_LAST_SWAP);
	fixture_use(f, HOG, HOG_EDGE + MIB);
	f->stalls_us[HOG] = 100 * US_PER_MS;
	fixture_step(f);
	assert_null(fixture_find(f, ACTION_FREEZE, HOG));
	for (int tick = 0; tick < 20 && !frozen; tick++) {
		f->frame.component[HOG].psi_full_us += 100 * US_PER_MS;
		fixture_next(f, 100 * US_PER_MS);
		frozen = fixture_find(f, ACTION_FREEZE, HOG) != NULL;
	}
	assert_true(frozen);
}

static void test_who_may_not_be_frozen_is_not(void **data)
{
	struct fixture *f = *data;

	f->config.component[HOG].freeze = false;
	fixture_sibling(f, HOG, 20 * MIB);
	assert_false(is_frozen_at_its_limit(f));
}

static void test_leaf_that_grows_is_chosen_before_the_youngest(void **data)
{
	struct fixture *f = *data;

	fixture_sibling(f, HOG, 20 * MIB)->born_us = 99 * US_PER_SEC;
	fixture_to_the_edge(f);
	assert_non_null(fixture_find_leaf(f, ACTION_FREEZE, LEAF_OF(HOG)));
}

/* Its neighbour in the component works on as it did. */
static void test_neighbour_of_the_grower_is_not_frozen_with_it(void **data)
{
	struct fixture *f = *data;

	fixture_freeze(f);
	assert_int_equal(fixture_view(f, HOG).frozen_leaves, 1);
	for (int tick = 0; tick < 30; tick++) {
		fixture_use(f, HOG, HOG_EDGE + MIB + (uint64_t)(tick % 2) * 256 * KIB);
		f->frame.component[HOG].psi_full_us += 100 * US_PER_MS;
		f->stalls_us[HOG] = 100 * US_PER_MS;
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_FREEZE, HOG));
	}
}

/* At the limit it would look for pages of the first. Else what that one had begun may be all. */
static void test_next_grower_is_stopped_sooner_where_it_would_meet_the_limit(void **data)
{
	static const struct {
		uint64_t per_s;
		uint32_t ticks;
	} rows[] = {{100 * MIB, 2}, {60 * MIB, 3}};

	(void)data;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct leaf_sample *sibling;
		struct fixture *f;
		uint32_t ticks = 0;
		void *row;

		assert_int_equal(fixture_setup(&row), 0);
		f = row;
		fixture_sibling(f, HOG, 10 * MIB); /* the last would be left to run */
		sibling = fixture_freeze(f);
		while (ticks++ < 5 && !fixture_find_leaf(f, ACTION_FREEZE, sibling->cgid)) {
			sibling->current_bytes += rows[i].per_s / 10;
			f->frame.component[HOG].current_bytes += rows[i].per_s / 10;
			f->frame.component[HOG].anon_bytes += rows[i].per_s / 10;
			fixture_next(f, 100 * US_PER_MS);
		}
		assert_int_equal(ticks - 1, rows[i].ticks);
		fixture_teardown(&row);
	}
}

/* All stall at the edge, and none of two grows: none is the cause. */
static void test_who_stands_still_is_not_stopped_for_a_stall(void **data)
{
	struct fixture *f = *data;

	fixture_sibling(f, HOG, 20 * MIB);
	fixture_use(f, HOG, HOG_EDGE + MIB);
	f->stalls_us[HOG] = 100 * US_PER_MS;
	fixture_step(f);
	for (int tick = 0; tick < 40; tick++) {
		f->frame.component[HOG].psi_full_us += 100 * US_PER_MS;
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_FREEZE, HOG));
	}
	assert_int_equal(fixture_view(f, HOG).level, LEVEL_EMERGENCY);
}

static void test_pages_of_a_frozen_leaf_are_for_who_lacks_them(void **data)
{
	struct fixture *f = *data;
	const struct action *reclaim = NULL;

	fixture_use(f, REDIS, 399 * MIB);
	fixture_freeze(f);
	for (int tick = 0; tick < 10; tick++) {
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_RECLAIM, HOG));
	}
	fixture_lack(f, REDIS);
	for (int tick = 0; tick < 10 && !reclaim; tick++) {
		fixture_next(f, 100 * US_PER_MS);
		reclaim = fixture_find(f, ACTION_RECLAIM, HOG);
	}
	assert_non_null(reclaim);
	assert_int_equal(reclaim->leaf, LEAF_OF(HOG));
	assert_int_equal(reclaim->why.reason, REASON_CONTENTION);
	assert_in_range(reclaim->amount, 16 * MIB, 32 * MIB);
	assert_true(reclaim->deadline_us > f->frame.now_us);
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

/* Not before its end, and not after it. */
static void is_kept_for(struct fixture *f, uint64_t us)
{
	uint64_t until_us = f->frame.now_us + us;

	f->frame.leaf[HOG].frozen = f->frame.leaf[HOG].ours = true;
	f->frame.leaf[HOG].kept_until_us = until_us;
	fixture_step(f);
	f->frame.leaf[HOG].kept_until_us = 0; /* told once */
	f->frame.leaf[HOG].kept_asked = false;
	while (!fixture_find(f, ACTION_THAW, HOG)) {
		assert_int_equal(fixture_view(f, HOG).frozen_leaves, 1);
		fixture_next(f, 100 * US_PER_MS);
		assert_true(f->frame.now_us <= until_us);
	}
}

static void test_freeze_that_a_client_asked_the_uwd_before_for_lasts(void **data)
{
	struct fixture *f = *data;
	const uint64_t began_us = f->frame.now_us;

	f->frame.leaf[HOG].kept_asked = true;
	is_kept_for(f, 20 * US_PER_SEC);
	assert_true(f->frame.now_us >= began_us + 17 * US_PER_SEC); /* the margin to the guard's */
	assert_int_equal(fixture_find(f, ACTION_THAW, HOG)->why.reason, REASON_DEADLINE);
}

/* By its own rules, as room is there. */
static void test_freeze_of_the_uwd_before_goes_on_as_its_own(void **data)
{
	struct fixture *f = *data;

	is_kept_for(f, 60 * US_PER_SEC);
	assert_int_equal(fixture_find(f, ACTION_THAW, HOG)->why.reason, REASON_ROOM);
}

static void test_freeze_of_the_uwd_before_that_is_over_is_thawed(void **data)
{
	struct fixture *f = *data;

	f->frame.leaf[HOG].frozen = f->frame.leaf[HOG].ours = true;
	f->frame.leaf[HOG].kept_until_us = f->frame.now_us;
	fixture_step(f);
	assert_int_equal(fixture_find(f, ACTION_THAW, HOG)->why.reason, REASON_STARTUP);
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

	fixture_freeze(f);
	fixture_run(f, 4 * US_PER_SEC);
	f->frame.leaf[HOG].frozen = false;
	fixture_next(f, 100 * US_PER_MS);
	assert_int_equal(fixture_view(f, HOG).frozen_leaves, 0);
}

static void test_failed_freeze_is_forgotten_and_not_repeated_at_once(void **data)
{
	struct fixture *f = *data;

	fixture_freeze(f);
	for (uint32_t i = 0; i < f->frame.outcome_count; i++)
		if (f->frame.outcome[i].kind == ACTION_FREEZE)
			f->frame.outcome[i].result = OUTCOME_FAILED;
	f->frame.leaf[HOG].frozen = false;
	fixture_next(f, 100 * US_PER_MS);
	assert_int_equal(fixture_view(f, HOG).frozen_leaves, 0);
	assert_null(fixture_find(f, ACTION_FREEZE, HOG));
}

#define FIXTURE_TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

static void test_order_in_which_leaves_are_stopped(void **data)
{
	/* Each comes before the next. */
	static const struct leaf_state leaf[] = {
		{.cgid = 1, .growth_per_s = 300 * MIB, .size_bytes = MIB, .born_us = 1},
		{.cgid = 2, .growth_per_s = 20 * MIB, .size_bytes = GIB, .born_us = 2},
		{.cgid = 3, .growth_per_s = 30 * MIB, .size_bytes = GIB, .born_us = 1},
		{.cgid = 4, .growth_per_s = MIB / 2, .size_bytes = GIB, .born_us = 1},
		{.cgid = 5, .growth_per_s = 0, .size_bytes = 100 * MIB, .born_us = 9},
		{.cgid = 6, .growth_per_s = 0, .size_bytes = 120 * MIB, .born_us = 8},
		{.cgid = 7, .growth_per_s = -(int64_t)MIB, .size_bytes = MIB, .born_us = 10},
		{.cgid = 8, .growth_per_s = 0, .size_bytes = MIB, .born_us = 10},
	};
	const size_t count = sizeof(leaf) / sizeof(leaf[0]);

	(void)data;
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < count; k++)
			assert_int_equal(freeze_order(&leaf[i], &leaf[k]) < 0, i < k);
}

/* What is said of leaves decides between the like of them, and not who is stopped for the growth.
 */
static void test_what_is_said_of_leaves_decides_between_their_like(void **data)
{
	static const struct leaf_state grows = {
		.cgid = 1, .growth_per_s = 20 * MIB, .size_bytes = MIB, .priority = 10};
	static const struct leaf_state larger = {
		.cgid = 2, .size_bytes = 500 * MIB, .priority = 10};
	static const struct leaf_state unsaid = {.cgid = 3, .size_bytes = 20 * MIB, .born_us = 9};
	static const struct leaf_state low = {.cgid = 4, .size_bytes = 20 * MIB, .priority = 4};
	static const struct leaf_state high = {.cgid = 5, .size_bytes = 20 * MIB, .priority = 6};
	static const struct leaf_state freezable = {
		.cgid = 6, .size_bytes = 20 * MIB, .priority = 9, .freezable = true};
	const struct leaf_state *stopped[] = {&grows, &larger, &freezable, &low, &unsaid, &high};
	const struct leaf_state *killed[] = {&grows, &larger, &low, &unsaid, &high, &freezable};

	(void)data;
	for (size_t i = 0; i < 6; i++)
		for (size_t k = 0; k < 6; k++) {
			assert_int_equal(freeze_order(stopped[i], stopped[k]) < 0, i < k);
			assert_int_equal(kill_order(killed[i], killed[k]) < 0, i < k);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_in_which_leaves_are_stopped),
		cmocka_unit_test(test_what_is_said_of_leaves_decides_between_their_like),
		FIXTURE_TEST(test_growing_hog_is_frozen_at_the_emergency_edge),
		FIXTURE_TEST(test_of_very_many_leaves_the_one_that_grows_is_stopped),
		FIXTURE_TEST(test_growth_is_stopped_only_where_it_costs_somebody),
		FIXTURE_TEST(test_of_two_who_lack_at_once_one_is_stopped),
		FIXTURE_TEST(test_mark_in_the_fast_lane_freezes_without_psi_or_stat),
		FIXTURE_TEST(test_hog_at_rest_is_frozen_by_the_mark_of_its_first_burst),
		FIXTURE_TEST(test_first_burst_beside_a_sibling_is_looked_at_again_at_once),
		FIXTURE_TEST(test_cache_at_the_mark_is_not_frozen),
		FIXTURE_TEST(test_steady_use_at_the_edge_is_left_alone),
		FIXTURE_TEST(test_steady_use_is_left_alone_though_swap_is_full),
		FIXTURE_TEST(test_who_stalls_alone_at_the_edge_is_stopped_when_swap_is_full),
		FIXTURE_TEST(test_who_may_not_be_frozen_is_not),
		FIXTURE_TEST(test_leaf_that_grows_is_chosen_before_the_youngest),
		FIXTURE_TEST(test_neighbour_of_the_grower_is_not_frozen_with_it),
		FIXTURE_TEST(test_next_grower_is_stopped_sooner_where_it_would_meet_the_limit),
		FIXTURE_TEST(test_who_stands_still_is_not_stopped_for_a_stall),
		FIXTURE_TEST(test_pages_of_a_frozen_leaf_are_for_who_lacks_them),
		FIXTURE_TEST(test_frozen_leaf_of_an_earlier_uwd_is_thawed_at_the_start),
		FIXTURE_TEST(test_freeze_that_a_client_asked_the_uwd_before_for_lasts),
		FIXTURE_TEST(test_freeze_of_the_uwd_before_goes_on_as_its_own),
		FIXTURE_TEST(test_freeze_of_the_uwd_before_that_is_over_is_thawed),
		FIXTURE_TEST(test_freeze_of_another_hand_is_not_ours_at_the_start),
		FIXTURE_TEST(test_freeze_of_another_hand_is_not_ours_later),
		FIXTURE_TEST(test_thaw_by_another_hand_is_accepted),
		FIXTURE_TEST(test_failed_freeze_is_forgotten_and_not_repeated_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
