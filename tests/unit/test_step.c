// SPDX-License-Identifier: GPL-2.0-or-later
/* The step as a whole: purity, reload, hostile frames, a full plan, the next tick. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_fixture.h"
#include "user/policy/conditions.h"
#include "user/policy/checkpoint.h"

static void test_equal_states_and_frames_give_equal_plans(void **data)
{
	struct fixture *f = *data;
	struct policy_state *twin = malloc(policy_state_size());
	struct plan *plan = calloc(1, sizeof(*plan));

	assert_non_null(twin);
	assert_non_null(plan);
	policy_init(twin);
	fixture_sibling(f, HOG, 20 * MIB);
	for (int tick = 0; tick < 200; tick++) {
		f->frame.now_us += 100 * US_PER_MS;
		fixture_use(f, HOG, 100 * MIB + (uint64_t)tick * 4 * MIB);
		memset(&f->plan, 0, sizeof(f->plan));
		memset(plan, 0, sizeof(*plan));
		policy_step(twin, &f->config, &f->frame, plan);
		fixture_step(f);
		assert_memory_equal(plan, &f->plan, sizeof(*plan));
		assert_memory_equal(twin, f->state, policy_state_size());
	}
	free(plan);
	free(twin);
}

static void test_rest_ticks_slowly_and_pressure_fast(void **data)
{
	struct fixture *f = *data;

	fixture_step(f);
	assert_int_equal(f->plan.next_us, f->frame.now_us + US_PER_SEC);
	fixture_use(f, HOG, 520 * MIB);
	fixture_run(f, 200 * US_PER_MS);
	assert_int_equal(f->plan.next_us, f->frame.now_us + 100 * US_PER_MS);
}

static void test_urgent_frames_do_not_put_off_the_full_one(void **data)
{
	struct fixture *f = *data;
	uint64_t due;

	fixture_step(f);
	due = f->plan.next_us;
	for (int i = 0; i < 5; i++) {
		fixture_urgent(f, 100 * US_PER_MS);
		assert_true(f->plan.next_us <= due);
	}
}

static void test_mark_without_a_known_leaf_looks_again_at_once(void **data)
{
	struct fixture *f = *data;

	f->frame.leaf_count = 1;
	f->frame.host.swap_free_bytes = 0; /* so that its growth costs all */
	fixture_step(f);
	fixture_next(f, US_PER_SEC);
	fixture_use(f, HOG, 580 * MIB);
	fixture_mark(f, HOG, 570 * MIB);
	fixture_urgent(f, 100 * US_PER_MS);
	assert_int_equal(f->plan.next_us, f->frame.now_us);
	f->frame.leaf_count = 2;
	fixture_use(f, HOG, 590 * MIB);
	fixture_next(f, 5 * US_PER_MS);
	assert_non_null(fixture_find(f, ACTION_FREEZE, HOG));
}

static void test_reload_keeps_what_is_known_by_name(void **data)
{
	struct fixture *f = *data;
	struct component redis = f->config.component[REDIS], hog = f->config.component[HOG];

	fixture_freeze(f);
	assert_int_equal(fixture_view(f, HOG).frozen_leaves, 1);

	/* hog comes first now, and a new component stands between. */
	f->config.component_count = f->frame.component_count = 3;
	f->config.component[0] = hog;
	f->config.component[2] = redis;
	strcpy(f->config.component[1].name, "new");
	f->config.component[1].protect = PROTECT_NONE;
	f->frame.component[2] = f->frame.component[REDIS];
	f->frame.component[0] = f->frame.component[HOG];
	f->frame.component[1] = (struct component_sample){0};
	f->frame.leaf[HOG].component = f->frame.leaf[2].component = 0;
	f->frame.leaf[REDIS].component = 2;
	f->frame.outcome_count = 0;
	f->frame.now_us += 100 * US_PER_MS;
	policy_step(f->state, &f->config, &f->frame, &f->plan);
	assert_int_equal(fixture_view(f, 0).frozen_leaves, 1);
	assert_int_equal(fixture_view(f, 0).level, LEVEL_EMERGENCY);
	assert_int_equal(fixture_view(f, 1).frozen_leaves, 0);
	assert_int_equal(fixture_view(f, 2).level, LEVEL_NORMAL);
	for (uint32_t i = 0; i < f->plan.action_count; i++)
		assert_int_not_equal(f->plan.action[i].kind, ACTION_THAW);
}

static void test_reload_with_every_slot_taken_matches_all(void **data)
{
	struct fixture *f = *data;

	f->config.component_count = f->frame.component_count = UW_COMPONENTS_MAX;
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++) {
		fixture_component(f, i, "x", 10 * MIB, 5);
		snprintf(f->config.component[i].name, UW_NAME_LEN, "c%u", i);
	}
	fixture_step(f);
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++)
		snprintf(f->config.component[i].name, UW_NAME_LEN, "c%u",
			 (i * 7 + 3) % (UW_COMPONENTS_MAX + 1));
	f->frame.now_us += US_PER_SEC;
	policy_step(f->state, &f->config, &f->frame, &f->plan);
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++)
		assert_int_equal(fixture_view(f, i).budget_bytes, 10 * MIB);
}

static void test_component_made_anew_starts_over(void **data)
{
	struct fixture *f = *data;
	const struct action *mark;

	f->frame.component[HOG].cgid = 7;
	f->frame.component[REDIS].cgid = 8;
	fixture_freeze(f);
	fixture_run(f, US_PER_SEC);
	assert_int_equal(fixture_view(f, HOG).frozen_leaves, 1);
	assert_null(fixture_find(f, ACTION_ARM_MARK, HOG)); /* it stands */

	/* Removed and made anew: empty, without limits, its totals at nothing. */
	f->state->component[HOG].thresholds.shift_permyriad = -150;
	f->frame.component[HOG] = (struct component_sample){
		.valid = f->frame.component[HOG].valid, .cgid = 9, .high_bytes = BYTES_MAX};
	f->frame.leaf_count = 1;
	fixture_next(f, 100 * US_PER_MS);
	mark = fixture_find(f, ACTION_ARM_MARK, HOG);
	assert_non_null(mark);
	assert_non_null(fixture_find(f, ACTION_SET_HIGH, HOG));
	assert_int_equal(f->frame.component[HOG].high_bytes, 600 * MIB);
	assert_int_equal(fixture_view(f, HOG).level, LEVEL_NORMAL);
	assert_int_equal(fixture_view(f, HOG).frozen_leaves, 0);
	assert_int_equal(f->state->component[HOG].thresholds.shift_permyriad,
			 -150); /* learned of it */
	assert_null(fixture_find(f, ACTION_ARM_MARK, REDIS));

	/* Absent for a moment is not made anew. */
	f->frame.component[HOG].cgid = 0;
	fixture_next(f, 100 * US_PER_MS);
	f->frame.component[HOG].cgid = 9;
	fixture_next(f, 100 * US_PER_MS);
	assert_null(fixture_find(f, ACTION_ARM_MARK, HOG));
}

static void test_full_plan_counts_and_goes_on_in_the_next(void **data)
{
	struct fixture *f = *data;

	f->config.component_count = f->frame.component_count = UW_COMPONENTS_MAX;
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++) {
		fixture_component(f, i, "x", 10 * MIB, 5);
		snprintf(f->config.component[i].name, UW_NAME_LEN, "c%u", i);
		fixture_use(f, i, 2 * MIB);
		f->config.component[i].protect = PROTECT_WORKING_SET;
		f->frame.component[i].high_bytes = BYTES_MAX;
	}
	f->frame.leaf_count = UW_COMPONENTS_MAX;
	fixture_step(f);
	assert_int_equal(f->plan.action_count, PLAN_ACTIONS_MAX);
	assert_true(f->plan.actions_dropped > 0);
	for (int tick = 0; tick < 10; tick++) {
		fixture_next(f, 100 * US_PER_MS);
	}
	assert_int_equal(f->plan.actions_dropped, 0);
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++) {
		assert_int_equal(f->frame.component[i].high_bytes, 10 * MIB);
		assert_int_equal(f->frame.component[i].low_bytes, 10 * MIB);
	}
}

static void test_empty_frame_decides_nothing(void **data)
{
	struct fixture *f = *data;
	static struct frame empty;

	empty.now_us = 1000;
	policy_step(f->state, &f->config, &empty, &f->plan);
	assert_int_equal(f->plan.action_count, 0);
}

static void test_time_that_goes_back_is_no_time(void **data)
{
	struct fixture *f = *data;

	fixture_step(f);
	f->frame.now_us -= 50 * US_PER_SEC;
	fixture_step(f);
	assert_int_equal(f->plan.next_us, 101 * US_PER_SEC);
}

/* As a uwd wrote it that had room for 256 leaves. */
static void test_state_of_before_there_were_so_many_leaves_is_taken(void **data)
{
	struct fixture *f = *data;
	uint64_t layout = policy_layout_of(256);
	uint32_t less = (FRAME_LEAVES_MAX - 256) * sizeof(struct leaf_state);
	uint32_t bytes = policy_layout_bytes(layout);
	struct policy_state *old = calloc(1, policy_state_size());

	fixture_freeze(f);
	f->state->turn.leaf = 5;
	assert_int_equal(bytes, policy_state_size() - less);
	assert_int_equal(policy_layout_bytes(policy_layout()), policy_state_size());
	assert_int_equal(policy_layout_bytes(layout + 1), 0);
	memcpy(old, f->state, offsetof(struct policy_state, leaf[256]));
	memcpy(&old->leaf[256], &f->state->watch,
	       sizeof(*old) - offsetof(struct policy_state, watch));
	policy_renew(old, layout);
	assert_memory_equal(old, f->state, policy_state_size());
	policy_renew(old, policy_layout());
	assert_memory_equal(old, f->state, policy_state_size());
	free(old);
}

static uint64_t roll(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* What is neither true nor false no frame can hold: that is no value in C. */
static void make_flags(struct frame *frame, uint64_t *seed)
{
	frame->locks_valid = roll(seed) % 2;
	for (uint32_t i = 0; i < FIXTURE_COMPONENTS; i++) {
		struct ages_sample *ages = &frame->component[i].ages;

		ages->valid = ages->held = roll(seed) % 2;
	}
	for (uint32_t i = 0; i < FRAME_LEAVES_MAX; i++) {
		struct leaf_sample *leaf = &frame->leaf[i];

		leaf->populated = leaf->frozen = leaf->ours = i % 2;
		leaf->kept_asked = leaf->cpu_valid = leaf->ages.valid = leaf->ages.held = i % 2;
	}
}

/* Frames of random bytes where only the counts make sense. */
static void test_random_bytes_are_survived(void **data)
{
	struct fixture *f = *data;
	uint64_t seed = 88172645463325252;

	for (int round = 0; round < 2000; round++) {
		uint64_t *words = (uint64_t *)&f->frame;

		for (size_t i = 0; i < sizeof(f->frame) / sizeof(*words); i += 1 + roll(&seed) % 40)
			words[i] = roll(&seed) >> roll(&seed) % 64;
		f->frame.kind = roll(&seed) % 2 ? FRAME_FULL : FRAME_URGENT;
		f->frame.host.valid = roll(&seed) % 2;
		f->frame.leaves_valid = roll(&seed) % 2;
		f->frame.component_count = FIXTURE_COMPONENTS;
		make_flags(&f->frame, &seed);
		f->frame.now_us = f->frame.now_us % (1ULL << 40);
		policy_step(f->state, &f->config, &f->frame, &f->plan);
		assert_true(f->plan.action_count <= PLAN_ACTIONS_MAX);
	}
}

static void test_view_of_no_component_is_empty(void **data)
{
	struct fixture *f = *data;
	struct component_view view;

	fixture_step(f);
	policy_view(f->state, UW_COMPONENTS_MAX, &view);
	assert_int_equal(view.budget_bytes, 0);
	assert_true(view.time_to_limit_us == TTL_NEVER);
}

/* Who looks at a condition that is not met, or is, is told by how much. */
static void test_each_condition_says_how_far_it_is(void **data)
{
	static const struct {
		uint32_t some, full;
		const char *critical, *high, *medium;
	} rows[] = {
		{0, 50, "19.5 points more", "4.5 points more", "10 points more"},
		{1250, 2300, "3 points over it", "18 points over it", "2.5 points over it"},
	};
	struct fixture *f = *data;
	struct component_view view;
	struct conditions all;

	fixture_step(f);
	policy_view(f->state, HOG, &view);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		view.some_permyriad = rows[i].some;
		view.full_permyriad = rows[i].full;
		conditions_of(&f->config.policy, &f->config.component[HOG], &view, f->frame.now_us,
			      &all);
		for (uint32_t k = 0; k < all.count; k++)
			assert_true(*all.condition[k].text);
		assert_string_equal(all.condition[5].text, rows[i].critical);
		assert_string_equal(all.condition[6].text, rows[i].high);
		assert_string_equal(all.condition[7].text, rows[i].medium);
	}
}

/* A second of growth after a start says nothing of when the limit is reached. */
static void test_time_to_limit_is_told_when_it_has_come_some_way(void **data)
{
	struct fixture *f = *data;
	struct component_view view;

	fixture_step(f);
	for (uint64_t mib = 0; mib <= 120; mib += 2) {
		fixture_use(f, HOG, (10 + mib) * MIB);
		fixture_next(f, 100 * US_PER_MS);
		policy_view(f->state, HOG, &view);
		if (mib <= 50)
			assert_true(view.time_to_limit_us == TTL_NEVER);
	}
	assert_in_range(view.time_to_limit_us, 15 * US_PER_SEC, 30 * US_PER_SEC);
}

#define FIXTURE_TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_equal_states_and_frames_give_equal_plans),
		FIXTURE_TEST(test_state_of_before_there_were_so_many_leaves_is_taken),
		FIXTURE_TEST(test_rest_ticks_slowly_and_pressure_fast),
		FIXTURE_TEST(test_urgent_frames_do_not_put_off_the_full_one),
		FIXTURE_TEST(test_mark_without_a_known_leaf_looks_again_at_once),
		FIXTURE_TEST(test_reload_keeps_what_is_known_by_name),
		FIXTURE_TEST(test_reload_with_every_slot_taken_matches_all),
		FIXTURE_TEST(test_component_made_anew_starts_over),
		FIXTURE_TEST(test_full_plan_counts_and_goes_on_in_the_next),
		FIXTURE_TEST(test_empty_frame_decides_nothing),
		FIXTURE_TEST(test_time_that_goes_back_is_no_time),
		FIXTURE_TEST(test_random_bytes_are_survived),
		FIXTURE_TEST(test_view_of_no_component_is_empty),
		FIXTURE_TEST(test_each_condition_says_how_far_it_is),
		FIXTURE_TEST(test_time_to_limit_is_told_when_it_has_come_some_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
