// SPDX-License-Identifier: GPL-2.0-or-later
/* Who changes places with whom, when, and when not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_fixture.h"
#include "user/policy/freeze.h"
#include "user/policy/turns.h"

#define HOUR_US (3600 * US_PER_SEC)

/* The leaf of the hog stands still with what it holds and 100 MiB in swap; another one runs. */
static struct leaf_sample *one_waits(struct fixture *f, uint64_t holds, uint64_t runs_on)
{
	struct leaf_sample *runner = fixture_sibling(f, HOG, 20 * MIB);

	f->frame.host.swap_total_bytes = GIB;
	f->frame.host.swap_free_bytes = 700 * MIB;
	fixture_to_the_edge(f);
	assert_non_null(fixture_find_leaf(f, ACTION_FREEZE, LEAF_OF(HOG)));
	runner->current_bytes = runs_on;
	f->frame.leaf[HOG].swap_bytes = 100 * MIB;
	fixture_use(f, HOG, runs_on + holds);
	return runner;
}

/* Until the runner is stopped; its action, or NULL. Breaths of who waits pass. */
static const struct action *run_to_change(struct fixture *f, const struct leaf_sample *runner,
					  uint64_t us)
{
	for (uint64_t t = 0; t < us; t += 100 * US_PER_MS) {
		const struct action *freeze;

		fixture_next(f, 100 * US_PER_MS);
		freeze = fixture_find_leaf(f, ACTION_FREEZE, runner->cgid);
		if (freeze)
			return freeze;
	}
	return NULL;
}

static void test_quantum_is_twenty_times_the_change(void **data)
{
	(void)data;
	/* 100 MiB out and in at 100 MiB a second: two seconds. */
	assert_int_equal(turns_quantum(100 * MIB, 100 * MIB), 40 * US_PER_SEC);
	assert_int_equal(turns_quantum(MIB, 100 * MIB), 10 * US_PER_SEC);
	assert_int_equal(turns_quantum(0, 0), 10 * US_PER_SEC);
}

static void test_who_had_its_turn_makes_place(void **data)
{
	struct fixture *f = *data;
	const struct leaf_sample *runner = one_waits(f, 80 * MIB, 480 * MIB);
	uint64_t waited_from_us = f->frame.now_us;
	const struct action *freeze = run_to_change(f, runner, HOUR_US), *reclaim;

	assert_non_null(freeze);
	assert_int_equal(freeze->why.reason, REASON_TURN);
	assert_true(freeze->why.observed >= freeze->why.threshold);
	assert_true(f->frame.now_us - waited_from_us >= freeze->why.threshold);
	assert_true(f->frame.now_us - waited_from_us < freeze->why.threshold + US_PER_SEC);

	/* What the other one lacks is taken from it, and not from who is next. */
	reclaim = fixture_find(f, ACTION_RECLAIM, HOG);
	if (!reclaim) {
		fixture_next(f, 100 * US_PER_MS);
		reclaim = fixture_find(f, ACTION_RECLAIM, HOG);
	}
	assert_non_null(reclaim);
	assert_int_equal(reclaim->leaf, runner->cgid);
}

static void test_next_goes_on_in_the_room_that_was_made(void **data)
{
	struct fixture *f = *data;
	struct leaf_sample *runner = one_waits(f, 80 * MIB, 480 * MIB);

	assert_non_null(run_to_change(f, runner, HOUR_US));
	runner->current_bytes = 200 * MIB;
	runner->swap_bytes = 280 * MIB;
	fixture_use(f, HOG, 280 * MIB);
	for (int tick = 0; tick < 10 && !fixture_find(f, ACTION_PAGE_IN, HOG); tick++)
		fixture_next(f, 100 * US_PER_MS);
	assert_int_equal(fixture_find(f, ACTION_PAGE_IN, HOG)->leaf, LEAF_OF(HOG));
	/* The outcome of the page-in is in the next frame. */
	fixture_next(f, 100 * US_PER_MS);
	assert_non_null(fixture_find_leaf(f, ACTION_THAW, LEAF_OF(HOG)));
	assert_null(fixture_find_leaf(f, ACTION_THAW, runner->cgid));
}

/* No room comes about: it is given up, and who ran goes on. */
static void test_change_that_fails_is_given_up(void **data)
{
	struct fixture *f = *data;
	const struct leaf_sample *runner = one_waits(f, 80 * MIB, 480 * MIB);
	struct step step;
	int tick;

	assert_non_null(run_to_change(f, runner, HOUR_US));
	f->frame.host.swap_free_bytes = 0;
	for (tick = 0; tick < 6000 && !fixture_find_leaf(f, ACTION_THAW, runner->cgid); tick++)
		fixture_next(f, 100 * US_PER_MS);
	assert_true(tick < 600);
	step = fixture_ask(f);
	assert_false(turns_is_changing(&step));
}

/* What was to make place went to somebody else: those who have room now would wait for nothing. */
static void test_change_that_nobody_can_make_place_for_is_given_up_at_once(void **data)
{
	struct fixture *f = *data;
	struct leaf_sample *runner = one_waits(f, 80 * MIB, 480 * MIB);
	struct step step;

	assert_non_null(run_to_change(f, runner, HOUR_US));
	runner->current_bytes = 20 * MIB;
	runner->swap_bytes = 460 * MIB;
	fixture_sibling(f, HOG, 440 * MIB);
	fixture_use(f, HOG, 540 * MIB);
	step = fixture_ask(f);
	assert_true(turns_is_changing(&step));
	fixture_next(f, 100 * US_PER_MS);
	assert_false(turns_is_changing(&step));
}

/* One more stands still with so much. */
static void one_stands(struct fixture *f, struct leaf_sample *sample)
{
	struct leaf_state *leaf = leaf_find(f->state, sample->cgid);

	sample->frozen = sample->ours = true;
	sample->swap_bytes = 100 * MIB; /* or there were room for it */
	leaf->cause = FREEZE_PRESSURE;
	leaf->frozen_us = leaf->waits_since_us = f->frame.now_us;
	leaf->deadline_us = f->frame.now_us + HOUR_US;
	leaf->breath.frozen_us = leaf->breath.stood_us = leaf->frozen_us;
	leaf->breath.next_us = UINT64_MAX;
}

/* It could give at once, but what the change costs pays no sooner than if somebody who runs had to:
 * unless nobody does, or does with as much. */
static void test_turn_at_the_cost_of_who_stands_waits_for_the_quantum_too(void **data)
{
	static const struct {
		uint64_t runs_on, stands_with;
		bool changes;
	} rows[] = {
		{380 * MIB, 100 * MIB, false},
		{20 * MIB, 460 * MIB, true},
	};

	(void)data;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool changed = false;
		void *row;
		struct fixture *f;
		struct leaf_sample *stander;

		assert_int_equal(fixture_setup(&row), 0);
		f = row;
		stander = fixture_sibling(f, HOG, rows[i].stands_with);
		one_waits(f, 80 * MIB, rows[i].runs_on);
		one_stands(f, stander);
		leaf_find(f->state, LEAF_OF(HOG))->rise_from_bytes = 180 * MIB; /* all of it */
		fixture_use(f, HOG, 80 * MIB + rows[i].runs_on + rows[i].stands_with);
		for (int tick = 0; tick < 200 && !changed; tick++) {
			struct step step;

			fixture_next(f, 100 * US_PER_MS);
			step = fixture_ask(f);
			changed = turns_is_changing(&step);
		}
		if (changed != rows[i].changes)
			fail_msg("row %zu: %s", i, changed ? "changes" : "waits");
		fixture_teardown(&row);
	}
}

/* Nothing is begun that cannot end, and nobody is stopped for who is not to go on. */
static void test_no_change_without_its_conditions(void **data)
{
	static const struct {
		const char *name;
		uint64_t holds, runs_on, swap_free;
		bool freezable, by_client;
	} rows[] = {
		{"swap is short", 80 * MIB, 480 * MIB, 60 * MIB, true, false},
		{"the other one holds less than its part", 360 * MIB, 200 * MIB, 700 * MIB, true,
		 false},
		{"the other one may not be stopped", 80 * MIB, 480 * MIB, 700 * MIB, false, false},
		{"a client wants it to stand still", 80 * MIB, 480 * MIB, 700 * MIB, true, true},
	};

	(void)data;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		void *row;
		struct fixture *f;
		const struct leaf_sample *runner;

		assert_int_equal(fixture_setup(&row), 0);
		f = row;
		runner = one_waits(f, rows[i].holds, rows[i].runs_on);
		f->frame.host.swap_free_bytes = rows[i].swap_free;
		f->config.component[HOG].freeze = rows[i].freezable;
		if (rows[i].by_client) {
			struct leaf_state *leaf = leaf_find(f->state, LEAF_OF(HOG));

			leaf->cause = FREEZE_CLIENT;
			leaf->deadline_us = f->frame.now_us + HOUR_US;
		}
		if (run_to_change(f, runner, 300 * US_PER_SEC))
			fail_msg("%s", rows[i].name);
		fixture_teardown(&row);
	}
}

/* Where all stand still, one goes on into what the others hold, without a quantum. */
static void test_somebody_runs(void **data)
{
	struct fixture *f = *data;
	struct leaf_sample *runner = one_waits(f, 80 * MIB, 480 * MIB);
	struct leaf_state *state = leaf_find(f->state, runner->cgid);
	uint64_t stopped_us;

	fixture_run(f, US_PER_SEC);
	runner->frozen = runner->ours = true;
	runner->swap_bytes = 100 * MIB;
	state->cause = FREEZE_PRESSURE;
	state->frozen_us = state->waits_since_us = stopped_us = f->frame.now_us;
	state->deadline_us = stopped_us + 60 * US_PER_SEC;
	for (int tick = 0; tick < 100 && !fixture_find(f, ACTION_RECLAIM, HOG); tick++)
		fixture_next(f, 100 * US_PER_MS);
	assert_non_null(fixture_find(f, ACTION_RECLAIM, HOG));
	assert_true(f->frame.now_us - stopped_us <= 2 * US_PER_SEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quantum_is_twenty_times_the_change),
		cmocka_unit_test_setup_teardown(test_who_had_its_turn_makes_place, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_next_goes_on_in_the_room_that_was_made,
						fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_change_that_fails_is_given_up, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(
			test_change_that_nobody_can_make_place_for_is_given_up_at_once,
			fixture_setup, fixture_teardown),
		cmocka_unit_test(test_turn_at_the_cost_of_who_stands_waits_for_the_quantum_too),
		cmocka_unit_test(test_no_change_without_its_conditions),
		cmocka_unit_test_setup_teardown(test_somebody_runs, fixture_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
