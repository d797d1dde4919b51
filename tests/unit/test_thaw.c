// SPDX-License-Identifier: GPL-2.0-or-later
/* The ways out of a freeze: room, pages that come back, the deadline, a side effect. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_fixture.h"

/* A breath that goes on when a term ends has its own end first. */
#define BREATH_ENDS_US (300 * US_PER_MS)

static void test_leaf_is_thawed_after_the_dwell_into_room(void **data)
{
	struct fixture *f = *data;
	uint64_t frozen_us;

	fixture_freeze(f);
	frozen_us = f->frame.now_us;
	fixture_use(f, HOG, 480 * MIB);
	assert_int_equal(fixture_run_to_thaw(f, 10 * US_PER_SEC), frozen_us + 2 * US_PER_SEC);
	assert_int_equal(fixture_find(f, ACTION_THAW, HOG)->why.reason, REASON_ROOM);
	fixture_next(f, 100 * US_PER_MS);
	assert_int_equal(fixture_view(f, HOG).frozen_leaves, 0);
}

/* With its swapped pages and a second of its growth, 60 MiB; the host with a fifth on top. */
static void test_leaf_is_thawed_only_where_its_swap_fits(void **data)
{
	static const struct {
		uint64_t holds, swapped, available;
		bool thawed;
	} rows[] = {
		{480 * MIB, 40 * MIB, 500 * MIB, true},   {480 * MIB, 80 * MIB, 500 * MIB, false},
		{300 * MIB, 80 * MIB, 500 * MIB, true},   {300 * MIB, 200 * MIB, 500 * MIB, true},
		{300 * MIB, 200 * MIB, 290 * MIB, false},
	};

	(void)data;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		void *row;
		struct fixture *f;

		assert_int_equal(fixture_setup(&row), 0);
		f = row;
		fixture_freeze(f);
		fixture_use(f, HOG, rows[i].holds);
		f->frame.leaf[HOG].swap_bytes = rows[i].swapped;
		f->frame.host.available_bytes = rows[i].available;
		if ((fixture_run_to_thaw(f, 20 * US_PER_SEC) != 0) != rows[i].thawed)
			fail_msg("row %zu", i);
		fixture_teardown(&row);
	}
}

/* Runs until its pages are asked back; no thaw comes before. */
static const struct action *run_to_page_in(struct fixture *f)
{
	for (int tick = 0; tick < 100; tick++) {
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_THAW, HOG));
		if (fixture_find(f, ACTION_PAGE_IN, HOG))
			return fixture_find(f, ACTION_PAGE_IN, HOG);
	}
	return NULL;
}

static void test_swapped_pages_are_back_before_the_thaw(void **data)
{
	struct fixture *f = *data;
	const struct action *page_in;

	fixture_freeze(f);
	fixture_use(f, HOG, 300 * MIB);
	f->frame.leaf[HOG].swap_bytes = 96 * MIB;
	page_in = run_to_page_in(f);
	assert_non_null(page_in);
	assert_int_equal(page_in->leaf, LEAF_OF(HOG));
	assert_int_equal(page_in->amount, 96 * MIB);
	assert_int_equal(page_in->deadline_us, f->frame.now_us + 4 * US_PER_SEC);

	/* Not taken again meanwhile, and not asked for twice. */
	f->frame.outcome_count = 0;
	fixture_lack(f, REDIS);
	for (int tick = 0; tick < 20; tick++) {
		struct outcome outcome = f->frame.outcome[0];

		fixture_next(f, 100 * US_PER_MS);
		f->frame.outcome_count = 0;
		f->frame.outcome[0] = outcome;
		assert_null(fixture_find(f, ACTION_RECLAIM, HOG));
		assert_null(fixture_find(f, ACTION_PAGE_IN, HOG));
		assert_null(fixture_find(f, ACTION_THAW, HOG));
	}
}

/* Of 540 MB, 80 of which are out, it works on no more than is there: the rest need not come back.
 */
static void test_cold_pages_are_not_waited_for(void **data)
{
	struct fixture *f = *data;

	fixture_freeze(f);
	f->frame.leaf[HOG].ages = (struct ages_sample){.valid = true,
						       .read_us = f->frame.now_us,
						       .hot_bytes = 450 * MIB,
						       .cold_anon_bytes = 90 * MIB};
	fixture_use(f, HOG, 560 * MIB);
	fixture_next(f, US_PER_SEC);
	fixture_use(f, HOG, 480 * MIB);
	f->frame.leaf[HOG].swap_bytes = 80 * MIB;
	for (int tick = 0; tick < 200 && f->frame.leaf[HOG].frozen; tick++) {
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_PAGE_IN, HOG));
	}
	assert_false(f->frame.leaf[HOG].frozen);
}

/* At 160 MiB a second, as a swap disk gives them; the outcome comes with the last. */
static void bring_back(struct fixture *f, uint64_t bytes)
{
	struct outcome outcome = {0};

	for (uint32_t i = 0; i < f->frame.outcome_count; i++)
		if (f->frame.outcome[i].kind == ACTION_PAGE_IN)
			outcome = f->frame.outcome[i];
	assert_int_equal(outcome.kind, ACTION_PAGE_IN);
	for (uint64_t piece; bytes; bytes -= piece) {
		piece = bytes < 16 * MIB ? bytes : 16 * MIB;
		fixture_use(f, HOG, f->frame.component[HOG].current_bytes + piece);
		f->frame.outcome_count = bytes == piece;
		f->frame.outcome[0] = outcome;
		fixture_next(f, 100 * US_PER_MS);
		assert_true(bytes == piece || !fixture_find(f, ACTION_THAW, HOG));
		assert_true(bytes == piece || !fixture_find(f, ACTION_RECLAIM, HOG));
	}
}

/* Its slots of swap stay taken, and count no more: there would not be room for them twice. */
static void test_leaf_is_thawed_when_its_pages_are_back(void **data)
{
	struct fixture *f = *data;
	uint64_t back_us;

	fixture_freeze(f);
	fixture_use(f, HOG, 300 * MIB);
	f->frame.leaf[HOG].swap_bytes = 130 * MIB;
	assert_non_null(run_to_page_in(f));
	bring_back(f, 130 * MIB);
	back_us = f->frame.now_us;
	while (!fixture_find(f, ACTION_THAW, HOG)) {
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_PAGE_IN, HOG));
		assert_null(fixture_find(f, ACTION_RECLAIM, HOG));
		assert_true(f->frame.now_us <= back_us + US_PER_SEC);
	}
}

/* Else whoever it was brought back for would be stopped again for what we did. */
static void test_what_is_brought_back_is_no_growth(void **data)
{
	struct fixture *f = *data;
	const struct signal *hog = &f->state->component[HOG].signal;

	fixture_freeze(f);
	fixture_use(f, HOG, 300 * MIB);
	f->frame.leaf[HOG].swap_bytes = 130 * MIB;
	assert_non_null(run_to_page_in(f));
	bring_back(f, 130 * MIB);
	assert_true(hog->held_bytes >= 430 * MIB);
	assert_true(hog->slope_per_s <= (int64_t)MIB);
	assert_int_equal(hog->step_per_s, 0);
}

/* Somebody grows beside it, and that alone is growth, however the frames fall. */
static void test_growth_beside_what_is_brought_back_is_seen(void **data)
{
	struct fixture *f = *data;
	const struct signal *hog = &f->state->component[HOG].signal;
	struct leaf_sample *sibling = fixture_freeze(f);

	fixture_use(f, HOG, 300 * MIB);
	f->frame.leaf[HOG].swap_bytes = 130 * MIB;
	assert_non_null(run_to_page_in(f));
	f->frame.outcome_count = 0; /* it goes on */
	for (int tick = 0; tick < 6; tick++) {
		fixture_use(f, HOG, f->frame.component[HOG].current_bytes + 8 * MIB);
		fixture_urgent(f, 60 * US_PER_MS);
		assert_int_equal(hog->step_per_s, 0);
		sibling->current_bytes += 2 * MIB;
		f->frame.component[HOG].current_bytes += 2 * MIB;
		fixture_use(f, HOG, f->frame.component[HOG].current_bytes + 6 * MIB);
		fixture_next(f, 40 * US_PER_MS);
		f->frame.outcome_count = 0;
		assert_in_range(hog->slope_per_s + (int64_t)MIB, 0, 25 * MIB);
	}
	assert_in_range(hog->slope_per_s, 15 * MIB, 25 * MIB);
}

static void test_pages_that_others_took_since_are_brought_back_again(void **data)
{
	struct fixture *f = *data;

	fixture_use(f, REDIS, 399 * MIB);
	fixture_freeze(f);
	fixture_use(f, HOG, 300 * MIB);
	f->frame.leaf[HOG].swap_bytes = 96 * MIB;
	assert_non_null(run_to_page_in(f));
	f->stalls_us[REDIS] = 50 * US_PER_MS;
	f->config.component[REDIS].borrow = true; /* it would take more than its own, */
	f->frame.host.available_bytes = 30 * MIB; /* and nothing is free */
	bring_back(f, 96 * MIB);
	assert_non_null(fixture_find_leaf(f, ACTION_RECLAIM, LEAF_OF(HOG)));
	f->stalls_us[REDIS] = 0;
	f->frame.host.available_bytes = 900 * MIB;
	assert_non_null(run_to_page_in(f));
}

/* It would stand still again at once, and what came back for it go out. */
static void test_leaf_stands_on_where_a_sibling_took_the_room_meanwhile(void **data)
{
	struct fixture *f = *data;
	struct leaf_sample *sibling = fixture_freeze(f);

	fixture_use(f, HOG, 300 * MIB);
	f->frame.leaf[HOG].swap_bytes = 96 * MIB;
	assert_non_null(run_to_page_in(f));
	sibling->current_bytes += 190 * MIB;
	fixture_use(f, HOG, f->frame.component[HOG].current_bytes + 190 * MIB);
	bring_back(f, 96 * MIB);
	for (int tick = 0; tick < 20; tick++) {
		assert_null(fixture_find_leaf(f, ACTION_THAW, LEAF_OF(HOG)));
		fixture_next(f, 100 * US_PER_MS);
	}
}

static void test_page_in_without_an_outcome_is_not_waited_for(void **data)
{
	struct fixture *f = *data;
	uint64_t asked_us, thawed_us = 0;

	fixture_freeze(f);
	fixture_use(f, HOG, 300 * MIB);
	f->frame.leaf[HOG].swap_bytes = 96 * MIB;
	assert_non_null(run_to_page_in(f));
	asked_us = f->frame.now_us;
	while (!thawed_us && f->frame.now_us < asked_us + 10 * US_PER_SEC) {
		f->frame.outcome_count = 0;
		fixture_next(f, 100 * US_PER_MS);
		if (fixture_find(f, ACTION_THAW, HOG))
			thawed_us = f->frame.now_us;
	}
	assert_in_range(thawed_us, asked_us + 4 * US_PER_SEC, asked_us + 5 * US_PER_SEC);
}

/* Who grows already goes first: 50 MiB a second for five seconds would leave no room. */
static void test_leaf_is_not_thawed_where_a_sibling_grows_into_the_room(void **data)
{
	struct fixture *f = *data;
	struct leaf_sample *sibling = fixture_freeze(f);

	fixture_use(f, HOG, 280 * MIB);
	fixture_run(f, US_PER_SEC);
	for (int tick = 0; tick < 30; tick++) {
		sibling->current_bytes += 5 * MIB;
		f->frame.component[HOG].current_bytes += 5 * MIB;
		f->frame.component[HOG].anon_bytes += 5 * MIB;
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_THAW, HOG));
	}
	assert_true(fixture_run_to_thaw(f, 5 * US_PER_SEC) != 0);
}

/* The other one would borrow more than there is. */
static void test_what_others_lack_keeps_nobody_from_its_own(void **data)
{
	static const struct {
		uint64_t budget;
		bool thawed;
	} rows[] = {{600 * MIB, true}, {310 * MIB, false}};

	(void)data;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		void *row;
		struct fixture *f;

		assert_int_equal(fixture_setup(&row), 0);
		f = row;
		fixture_freeze(f);
		f->config.usable_bytes = 760 * MIB;
		f->config.component[HOG].budget_bytes = rows[i].budget;
		f->config.component[HOG].borrow = true;
		fixture_lack(f, REDIS);
		fixture_use(f, HOG, 300 * MIB);
		if ((fixture_run_to_thaw(f, 20 * US_PER_SEC) != 0) != rows[i].thawed)
			fail_msg("row %zu", i);
		fixture_teardown(&row);
	}
}

/* What it gave up was lent at once, but nobody holds it. */
static void test_what_is_free_is_room_though_it_is_lent(void **data)
{
	struct fixture *f = *data;
	uint64_t frozen_us;

	f->config.component[HOG].lend = f->config.component[REDIS].borrow = true;
	fixture_use(f, REDIS, 400 * MIB);
	fixture_freeze(f);
	frozen_us = f->frame.now_us;
	fixture_use(f, HOG, 300 * MIB);
	fixture_next(f, 100 * US_PER_MS);
	assert_true(fixture_view(f, HOG).in_force_bytes < 330 * MIB);
	assert_int_equal(fixture_run_to_thaw(f, 10 * US_PER_SEC), frozen_us + 2 * US_PER_SEC);
}

/* Alone it may go on by halves: its pages come back as it misses them. */
static void test_leaf_alone_is_thawed_without_pages_that_do_not_fit(void **data)
{
	struct fixture *f = *data;
	struct leaf_sample *sibling = fixture_freeze(f);
	uint64_t frozen_us = f->frame.now_us;

	sibling->populated = false;
	sibling->current_bytes = 0;
	fixture_use(f, HOG, 480 * MIB);
	f->frame.leaf[HOG].swap_bytes = 200 * MIB;
	assert_int_equal(fixture_run_to_thaw(f, 10 * US_PER_SEC), frozen_us + 2 * US_PER_SEC);
}

/* Others still need it to stand: it runs for a fifth of a second, and stands again. */
static void test_deadline_without_room_is_a_breath(void **data)
{
	struct fixture *f = *data;
	const struct action *again;
	uint64_t frozen_us, thaw_us;

	fixture_freeze(f);
	frozen_us = f->frame.now_us;
	for (int breath = 0; breath < 3; breath++) {
		thaw_us = fixture_run_to_thaw(f, 70 * US_PER_SEC);
		assert_in_range(thaw_us, frozen_us + 58 * US_PER_SEC,
				frozen_us + 58 * US_PER_SEC + BREATH_ENDS_US);
		assert_int_equal(fixture_find(f, ACTION_THAW, HOG)->why.reason, REASON_DEADLINE);
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_FREEZE, HOG));
		fixture_next(f, 100 * US_PER_MS);
		again = fixture_find_leaf(f, ACTION_FREEZE, LEAF_OF(HOG));
		assert_non_null(again);
		assert_int_equal(again->deadline_us, f->frame.now_us + 60 * US_PER_SEC);
		assert_int_equal(fixture_view(f, HOG).frozen_leaves, 1);
		frozen_us = f->frame.now_us;
	}
	/* It is one freeze still. */
	assert_int_equal(f->state->component[HOG].freeze_next, 1);
}

static void test_deadline_without_room_and_without_others_is_a_thaw(void **data)
{
	struct fixture *f = *data;
	struct leaf_sample *sibling = fixture_freeze(f);
	uint64_t frozen_us = f->frame.now_us;

	sibling->populated = false;
	assert_in_range(fixture_run_to_thaw(f, 70 * US_PER_SEC), frozen_us + 58 * US_PER_SEC,
			frozen_us + 58 * US_PER_SEC + BREATH_ENDS_US);
	assert_int_equal(fixture_find(f, ACTION_THAW, HOG)->why.reason, REASON_DEADLINE);
	for (int tick = 0; tick < 50; tick++) {
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_FREEZE, HOG));
	}
	assert_int_equal(fixture_view(f, HOG).frozen_leaves, 0);
	assert_false(fixture_view(f, HOG).squeezed);
}

static void test_breath_beside_nobody_any_more_does_not_end(void **data)
{
	struct fixture *f = *data;
	struct leaf_sample *sibling = fixture_freeze(f);

	assert_true(fixture_run_to_thaw(f, 70 * US_PER_SEC) != 0);
	sibling->populated = false;
	for (int tick = 0; tick < 50; tick++) {
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_FREEZE, HOG));
	}
}

static void test_client_thaw_within_a_breath_holds(void **data)
{
	struct fixture *f = *data;

	fixture_freeze(f);
	assert_true(fixture_run_to_thaw(f, 70 * US_PER_SEC) != 0);
	fixture_next(f, 100 * US_PER_MS);
	f->frame.request[f->frame.request_count++] = (struct frame_request){
		.kind = REQUEST_THAW, .component = HOG, .leaf = LEAF_OF(HOG)};
	for (int tick = 0; tick < 40; tick++) {
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find_leaf(f, ACTION_FREEZE, LEAF_OF(HOG)));
	}
}

static void test_breath_into_room_does_not_end(void **data)
{
	struct fixture *f = *data;

	fixture_freeze(f);
	assert_true(fixture_run_to_thaw(f, 70 * US_PER_SEC) != 0);
	fixture_use(f, HOG, 300 * MIB);
	for (int tick = 0; tick < 50; tick++) {
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_FREEZE, HOG));
	}
}

/* The freezes of a component are not forbidden by their number: they last, but beside four times
 * the room that is needed. */
static void test_spent_budget_of_freezes_makes_each_last_its_term(void **data)
{
	struct fixture *f = *data;
	static const struct {
		uint64_t holds, us;
	} lasts[] = {
		{480 * MIB, 2 * US_PER_SEC},
		{480 * MIB, 58 * US_PER_SEC},
		{480 * MIB, 58 * US_PER_SEC},
		{301 * MIB, 2 * US_PER_SEC},
	};

	f->config.policy.freeze_budget = 2;
	f->config.policy.freeze_window_us = US_PER_SEC * 3600;
	fixture_sibling(f, HOG, 20 * MIB);
	fixture_step(f);
	for (size_t i = 0; i < sizeof(lasts) / sizeof(lasts[0]); i++) {
		uint64_t frozen_us;

		fixture_use(f, HOG, 301 * MIB);
		fixture_run(f, 30 * US_PER_SEC); /* so that it is no relapse */
		fixture_grow(f, HOG, HOG_EDGE + MIB, 60 * MIB);
		assert_non_null(fixture_find_leaf(f, ACTION_FREEZE, LEAF_OF(HOG)));
		frozen_us = f->frame.now_us;
		fixture_use(f, HOG, lasts[i].holds);
		assert_int_equal(fixture_run_to_thaw(f, 70 * US_PER_SEC), frozen_us + lasts[i].us);
		assert_int_equal(fixture_find(f, ACTION_THAW, HOG)->why.reason, REASON_ROOM);
	}
}

static void test_high_is_raised_before_the_thaw(void **data)
{
	struct fixture *f = *data;
	uint32_t raise = 0, thaw = 0;

	f->config.component[HOG].borrow = true;
	fixture_use(f, REDIS, 399 * MIB);
	fixture_freeze(f);
	assert_int_equal(fixture_run_to_thaw(f, 4 * US_PER_SEC), 0);
	f->config.component[REDIS].lend = true;
	f->frame.leaf[REDIS].populated = false;
	fixture_use(f, REDIS, 0);
	assert_true(fixture_run_to_thaw(f, 2 * US_PER_SEC) != 0);
	for (uint32_t i = 0; i < f->plan.action_count; i++) {
		if (f->plan.action[i].kind == ACTION_SET_HIGH && f->plan.action[i].component == HOG)
			raise = i + 1;
		if (f->plan.action[i].kind == ACTION_THAW)
			thaw = i + 1;
	}
	assert_true(raise && raise < thaw);
}

static void test_freeze_that_makes_others_stall_is_undone_for_good(void **data)
{
	struct fixture *f = *data;
	const struct action *thaw = NULL;

	fixture_freeze(f);
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
	fixture_grow(f, HOG, HOG_EDGE + MIB, 60 * MIB);
	assert_null(fixture_find(f, ACTION_FREEZE, HOG));
}

#define FIXTURE_TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_leaf_is_thawed_after_the_dwell_into_room),
		FIXTURE_TEST(test_leaf_is_thawed_only_where_its_swap_fits),
		FIXTURE_TEST(test_swapped_pages_are_back_before_the_thaw),
		FIXTURE_TEST(test_cold_pages_are_not_waited_for),
		FIXTURE_TEST(test_leaf_is_thawed_when_its_pages_are_back),
		FIXTURE_TEST(test_leaf_stands_on_where_a_sibling_took_the_room_meanwhile),
		FIXTURE_TEST(test_what_is_brought_back_is_no_growth),
		FIXTURE_TEST(test_growth_beside_what_is_brought_back_is_seen),
		FIXTURE_TEST(test_pages_that_others_took_since_are_brought_back_again),
		FIXTURE_TEST(test_page_in_without_an_outcome_is_not_waited_for),
		FIXTURE_TEST(test_leaf_is_not_thawed_where_a_sibling_grows_into_the_room),
		cmocka_unit_test(test_what_others_lack_keeps_nobody_from_its_own),
		FIXTURE_TEST(test_what_is_free_is_room_though_it_is_lent),
		FIXTURE_TEST(test_leaf_alone_is_thawed_without_pages_that_do_not_fit),
		FIXTURE_TEST(test_deadline_without_room_is_a_breath),
		FIXTURE_TEST(test_deadline_without_room_and_without_others_is_a_thaw),
		FIXTURE_TEST(test_breath_beside_nobody_any_more_does_not_end),
		FIXTURE_TEST(test_client_thaw_within_a_breath_holds),
		FIXTURE_TEST(test_breath_into_room_does_not_end),
		FIXTURE_TEST(test_spent_budget_of_freezes_makes_each_last_its_term),
		FIXTURE_TEST(test_high_is_raised_before_the_thaw),
		FIXTURE_TEST(test_freeze_that_makes_others_stall_is_undone_for_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
