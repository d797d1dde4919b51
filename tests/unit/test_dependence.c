// SPDX-License-Identifier: GPL-2.0-or-later
/* Who waits for what is frozen, told by CPU time: the hog is frozen, and redis may need it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_fixture.h"
#include "user/policy/num.h"

/* What redis uses of one CPU, while the hog runs, and while it stands. */
struct load {
	uint64_t running_permyriad, frozen_permyriad;
	uint64_t alone_us; /* it goes on by itself for so long */
	uint32_t leaf;     /* index into the frame: redis, or the hog's sibling */
};

#define SIBLING 2

static bool hog_stands(const struct fixture *f)
{
	return f->frame.leaf[HOG].frozen;
}

/* A frame us later, with CPU times as the last plan asked for them. */
static void next(struct fixture *f, const struct load *load, uint64_t us)
{
	static uint64_t stood_us;
	uint64_t rate;

	stood_us = hog_stands(f) ? stood_us + us : 0;
	rate = stood_us > load->alone_us ? load->frozen_permyriad : load->running_permyriad;
	f->frame.leaf[load->leaf].cpu_us += mul_div(us, rate, PERMYRIAD_ONE);
	for (uint32_t i = 0; i < f->frame.leaf_count; i++)
		f->frame.leaf[i].cpu_valid = f->plan.looks & PLAN_LOOK_CPU;
	if (!hog_stands(f))
		f->frame.leaf[HOG].cpu_us += us;
	fixture_next(f, us);
}

/* As often as the plan asks for, but at least every 100 ms; until the hog goes on because of redis.
 * Returns when, 0 for not within us. */
static uint64_t run_to_notice(struct fixture *f, const struct load *load, uint64_t us)
{
	uint64_t end_us = f->frame.now_us + us;

	while (f->frame.now_us < end_us) {
		uint64_t wait_us = sub_sat(f->plan.next_us, f->frame.now_us);

		next(f, load, min_u64(max_u64(wait_us, US_PER_MS), 100 * US_PER_MS));
		for (uint32_t i = 0; i < f->plan.action_count; i++)
			if (f->plan.action[i].kind == ACTION_THAW &&
			    f->plan.action[i].why.reason == REASON_DEPENDENCE)
				return f->frame.now_us;
	}
	return 0;
}

/* Up to the edge beside a sibling, with CPU times when they are asked for. */
static void freeze_hog(struct fixture *f, const struct load *load)
{
	uint64_t use = f->frame.component[HOG].current_bytes;

	fixture_sibling(f, HOG, 20 * MIB);
	fixture_step(f);
	while (!hog_stands(f)) {
		use += 6 * MIB;
		assert_true(use < 600 * MIB);
		fixture_use(f, HOG, use);
		next(f, load, 100 * US_PER_MS);
	}
}

static const struct load dependent = {3400, 100, 0, REDIS};

/* Twice with its rates from before the freeze, which bring the breaths forward. */
static void test_dependent_is_noticed_in_three_breaths(void **data)
{
	static const uint64_t alone_us[] = {0, 250 * US_PER_MS};

	(void)data;
	for (size_t i = 0; i < sizeof(alone_us) / sizeof(alone_us[0]); i++) {
		struct load load = dependent;
		struct fixture *f;
		void *row;
		const struct action *thaw;
		uint64_t frozen_us;

		assert_int_equal(fixture_setup(&row), 0);
		f = row;
		load.alone_us = alone_us[i];
		freeze_hog(f, &load);
		frozen_us = f->frame.now_us;
		assert_in_range(run_to_notice(f, &load, 10 * US_PER_SEC), frozen_us + US_PER_SEC,
				frozen_us + 3 * US_PER_SEC);
		thaw = fixture_find_leaf(f, ACTION_THAW, LEAF_OF(HOG));
		assert_non_null(thaw);
		assert_true(thaw->why.observed <= 100);
		assert_in_range(thaw->why.threshold, 3300, 3500);
		fixture_teardown(&row);
	}
}

static void test_who_waits_is_named(void **data)
{
	struct fixture *f = *data;
	const struct action *notice;

	freeze_hog(f, &dependent);
	assert_true(run_to_notice(f, &dependent, 5 * US_PER_SEC) != 0);
	notice = fixture_find_leaf(f, ACTION_NOTICE, LEAF_OF(REDIS));
	assert_non_null(notice);
	assert_int_equal(notice->component, REDIS);
	assert_int_equal(notice->why.reason, REASON_DEPENDENCE);
}

/* For five minutes, and for ten when it is found again. */
static void test_who_is_needed_is_spared_for_minutes(void **data)
{
	struct fixture *f = *data;
	uint64_t spared_us = 300 * US_PER_SEC;

	freeze_hog(f, &dependent);
	for (int time = 0; time < 2; time++) {
		uint64_t noticed_us = run_to_notice(f, &dependent, 30 * US_PER_SEC);

		assert_true(noticed_us != 0);
		while (f->frame.now_us < noticed_us + spared_us - US_PER_SEC) {
			fixture_use(f, HOG, HOG_EDGE + (f->frame.now_us / US_PER_MS % 20) * MIB);
			next(f, &dependent, 100 * US_PER_MS);
			assert_false(hog_stands(f));
		}
		fixture_use(f, HOG, 500 * MIB);
		for (int tick = 0; !hog_stands(f) && tick < 40; tick++) {
			fixture_use(f, HOG, f->frame.component[HOG].current_bytes + 6 * MIB);
			next(f, &dependent, 100 * US_PER_MS);
		}
		assert_true(hog_stands(f));
		spared_us *= 2;
	}
}

static void test_who_does_not_care_is_no_reason(void **data)
{
	/* It works as it did; it has the CPU that the hog took; it fell asleep for good; it hardly
	 * does anything; a half of its work is left. */
	static const struct load rows[] = {
		{3400, 3400, 0, REDIS}, {3400, 9000, 0, REDIS}, {0, 0, 0, REDIS},
		{60, 0, 0, REDIS},      {3400, 1700, 0, REDIS},
	};

	(void)data;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		void *row;
		struct fixture *f;

		assert_int_equal(fixture_setup(&row), 0);
		f = row;
		freeze_hog(f, &rows[i]);
		if (run_to_notice(f, &rows[i], 50 * US_PER_SEC))
			fail_msg("row %zu", i);
		fixture_teardown(&row);
	}
}

/* It stopped when the hog did, by chance: two of its breaths change nothing. */
static void test_coincidence_is_asked_about_once(void **data)
{
	static const struct load works = {3400, 3400, 0, REDIS}, sleeps = {0, 0, 0, REDIS};
	struct fixture *f = *data;
	uint64_t frozen_us, breaths[4] = {0};
	int count = 0;

	freeze_hog(f, &works);
	frozen_us = f->frame.now_us;
	while (count < 4) {
		next(f, &sleeps, 50 * US_PER_MS);
		assert_true(f->frame.now_us < frozen_us + 10 * US_PER_SEC);
		if (fixture_breath(f, ACTION_THAW, LEAF_OF(HOG)))
			breaths[count++] = f->frame.now_us;
	}
	assert_true(breaths[0] - frozen_us < 900 * US_PER_MS);
	assert_true(breaths[1] - breaths[0] >= US_PER_SEC);
	assert_true(breaths[2] - breaths[1] >= US_PER_SEC);
}

/* 20 ms of work in each second, at every phase. */
static void test_work_once_a_second_does_not_keep_step_with_breaths(void **data)
{
	(void)data;
	for (uint64_t phase = 0; phase < US_PER_SEC; phase += 50 * US_PER_MS) {
		static const struct load sleeps = {0, 0, 0, REDIS};
		void *row;
		struct fixture *f;
		uint64_t end_us;

		assert_int_equal(fixture_setup(&row), 0);
		f = row;
		freeze_hog(f, &sleeps);
		end_us = f->frame.now_us + 50 * US_PER_SEC;
		while (f->frame.now_us < end_us) {
			if ((f->frame.now_us + phase) % US_PER_SEC < 25 * US_PER_MS)
				f->frame.leaf[REDIS].cpu_us += 20 * US_PER_MS;
			next(f, &sleeps, 25 * US_PER_MS);
			for (uint32_t i = 0; i < f->plan.action_count; i++)
				if (f->plan.action[i].why.reason == REASON_DEPENDENCE)
					fail_msg("phase %llu", (unsigned long long)phase);
		}
		fixture_teardown(&row);
	}
}

/* Seven of it: in a tenth of a second each works or does not, of itself, for half an hour. */
static void test_work_at_random_is_taken_for_dependence_seldom(void **data)
{
	uint64_t random = 88172645463325252ULL;
	uint32_t noticed = 0;

	(void)data;
	for (uint32_t seed = 0; seed < 7; seed++) {
		static const struct load sleeps = {0, 0, 0, REDIS};
		void *row;
		struct fixture *f;
		uint64_t end_us;

		assert_int_equal(fixture_setup(&row), 0);
		f = row;
		freeze_hog(f, &sleeps);
		end_us = f->frame.now_us + 1800 * US_PER_SEC;
		while (f->frame.now_us < end_us) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			if (random % 5 == 0)
				f->frame.leaf[REDIS].cpu_us += 50 * US_PER_MS;
			next(f, &sleeps, 100 * US_PER_MS);
			for (uint32_t i = 0; i < f->plan.action_count; i++)
				noticed += f->plan.action[i].kind == ACTION_NOTICE &&
					   f->plan.action[i].why.reason == REASON_DEPENDENCE;
		}
		fixture_teardown(&row);
	}
	assert_in_range(noticed, 0, 2);
}

static void test_sibling_counts_too(void **data)
{
	static const struct load sibling = {3400, 100, 0, SIBLING};
	struct fixture *f = *data;

	freeze_hog(f, &sibling);
	assert_true(run_to_notice(f, &sibling, 5 * US_PER_SEC) != 0);
}

/* It stands at the limit of both, which is raised for the breaths of the other. */
static void test_sibling_that_the_limit_held_up_is_not_dependent(void **data)
{
	static const struct load sibling = {3400, 100, 0, SIBLING};
	struct fixture *f = *data;

	freeze_hog(f, &sibling);
	fixture_use(f, HOG, 599 * MIB);
	assert_int_equal(run_to_notice(f, &sibling, 20 * US_PER_SEC), 0);
}

/* Of a lower priority and not protected: then it may wait. */
static void test_who_is_of_less_account_may_wait(void **data)
{
	struct fixture *f = *data;

	f->config.component[REDIS].protect = PROTECT_NONE;
	f->config.component[REDIS].priority = 2;
	freeze_hog(f, &dependent);
	assert_int_equal(run_to_notice(f, &dependent, 30 * US_PER_SEC), 0);
}

/* Without rates from before, as when a freeze comes out of the blue. */
static void test_dependent_is_noticed_without_a_rate_from_before(void **data)
{
	struct fixture *f = *data;
	uint64_t frozen_us;

	fixture_freeze(f);
	frozen_us = f->frame.now_us;
	assert_in_range(run_to_notice(f, &dependent, 10 * US_PER_SEC), frozen_us + 2 * US_PER_SEC,
			frozen_us + 5 * US_PER_SEC);
}

static void test_growth_of_who_is_needed_is_paged_out(void **data)
{
	struct fixture *f = *data;
	const struct action *reclaim = NULL;

	freeze_hog(f, &dependent);
	assert_true(run_to_notice(f, &dependent, 5 * US_PER_SEC) != 0);
	for (int tick = 0; tick < 20 && !reclaim; tick++) {
		fixture_use(f, HOG, f->frame.component[HOG].current_bytes + 2 * MIB);
		next(f, &dependent, 100 * US_PER_MS);
		reclaim = fixture_find(f, ACTION_RECLAIM, HOG);
	}
	assert_non_null(reclaim);
	assert_int_equal(reclaim->leaf, LEAF_OF(HOG));
	assert_int_equal(reclaim->swappiness, -1);
}

/* With swap full whoever is there would be taken for who creeps: it is known who grows. */
static void test_nobody_is_stopped_in_place_of_who_is_needed(void **data)
{
	struct fixture *f = *data;
	uint64_t sibling;

	freeze_hog(f, &dependent);
	sibling = f->frame.leaf[2].cgid;
	assert_true(run_to_notice(f, &dependent, 5 * US_PER_SEC) != 0);
	f->frame.host.swap_free_bytes = 0;
	for (int tick = 0; tick < 30; tick++) {
		fixture_use(f, HOG, f->frame.component[HOG].current_bytes + 2 * MIB);
		next(f, &dependent, 100 * US_PER_MS);
		assert_null(fixture_find_leaf(f, ACTION_FREEZE, sibling));
	}
}

/* Half of the margin is gone, and nothing else stopped it: before the pool is full it stands. */
static void test_spared_leaf_is_stopped_before_the_pool_is_full(void **data)
{
	struct fixture *f = *data;
	bool stopped = false;

	f->config.component[HOG].borrow = true;
	freeze_hog(f, &dependent);
	assert_true(run_to_notice(f, &dependent, 5 * US_PER_SEC) != 0);
	f->frame.host.available_bytes = 40 * MIB;
	f->frame.host.swap_free_bytes = 0;
	for (uint32_t tick = 0; tick < 20 && !stopped; tick++) {
		fixture_use(f, HOG, 620 * MIB + tick * MIB);
		next(f, &dependent, 100 * US_PER_MS);
		stopped = hog_stands(f);
	}
	assert_true(stopped);
}

static void test_cpu_time_is_not_looked_at_while_nobody_grows(void **data)
{
	struct fixture *f = *data;

	fixture_use(f, HOG, HOG_EDGE + MIB);
	for (int tick = 0; tick < 100; tick++)
		fixture_next(f, 100 * US_PER_MS);
	assert_int_equal(f->plan.looks, 0);
	fixture_use(f, HOG, 300 * MIB);
	fixture_run(f, 20 * US_PER_SEC);
	assert_int_equal(f->plan.looks, 0);
}

#define FIXTURE_TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dependent_is_noticed_in_three_breaths),
		FIXTURE_TEST(test_who_waits_is_named),
		FIXTURE_TEST(test_who_is_needed_is_spared_for_minutes),
		cmocka_unit_test(test_who_does_not_care_is_no_reason),
		FIXTURE_TEST(test_coincidence_is_asked_about_once),
		cmocka_unit_test(test_work_once_a_second_does_not_keep_step_with_breaths),
		cmocka_unit_test(test_work_at_random_is_taken_for_dependence_seldom),
		FIXTURE_TEST(test_sibling_counts_too),
		FIXTURE_TEST(test_sibling_that_the_limit_held_up_is_not_dependent),
		FIXTURE_TEST(test_who_is_of_less_account_may_wait),
		FIXTURE_TEST(test_dependent_is_noticed_without_a_rate_from_before),
		FIXTURE_TEST(test_growth_of_who_is_needed_is_paged_out),
		FIXTURE_TEST(test_nobody_is_stopped_in_place_of_who_is_needed),
		FIXTURE_TEST(test_spared_leaf_is_stopped_before_the_pool_is_full),
		FIXTURE_TEST(test_cpu_time_is_not_looked_at_while_nobody_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
