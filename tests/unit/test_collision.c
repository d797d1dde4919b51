// SPDX-License-Identifier: GPL-2.0-or-later
/* Of leaves that grow at the same time, when one is stopped before they meet, and when not. */
#include "tests/unit/policy_fixture.h"
#include "user/policy/freeze.h"
#include "user/policy/turns.h"

struct pair {
	struct leaf_sample *first, *second;
};

/* Two leaves of the hog, with nothing in them yet; all that it may have is free. */
static struct pair two_begin(struct fixture *f)
{
	struct pair pair = {.first = &f->frame.leaf[HOG]};

	f->config.component[HOG].borrow = f->config.component[REDIS].lend = true;
	f->frame.host.swap_total_bytes = f->frame.host.swap_free_bytes = GIB;
	fixture_use(f, HOG, 2 * MIB);
	fixture_run(f, US_PER_SEC);
	pair.second = fixture_sibling(f, HOG, MIB);
	pair.second->born_us = f->frame.now_us;
	return pair;
}

/* Both by as much each tenth of a second, the second leaf until the first holds bytes. */
static const struct action *grow_both(struct fixture *f, struct pair *pair, uint64_t first_per_tick,
				      uint64_t second_per_tick, uint64_t bytes)
{
	while (pair->first->current_bytes < bytes) {
		pair->second->current_bytes += second_per_tick;
		fixture_use(f, HOG,
			    pair->first->current_bytes + first_per_tick +
				    pair->second->current_bytes);
		fixture_next(f, 100 * US_PER_MS);
		if (fixture_find(f, ACTION_FREEZE, HOG))
			return fixture_find(f, ACTION_FREEZE, HOG);
	}
	return NULL;
}

static void test_younger_of_two_is_stopped_at_half_of_what_was_free(void **data)
{
	struct fixture *f = *data;
	struct pair pair = two_begin(f);
	const struct action *freeze = grow_both(f, &pair, 20 * MIB, 20 * MIB, 500 * MIB);

	assert_non_null(freeze);
	assert_int_equal(freeze->leaf, pair.second->cgid);
	assert_int_equal(freeze->why.reason, REASON_CONTENTION);
	assert_true(freeze->why.observed > freeze->why.threshold);
	assert_in_range(f->frame.component[HOG].current_bytes, 400 * MIB, 520 * MIB);
}

static void test_who_grows_alone_is_not_stopped(void **data)
{
	struct fixture *f = *data;
	struct pair pair = two_begin(f);

	assert_null(grow_both(f, &pair, 20 * MIB, 0, 600 * MIB));
}

/* Reclaim keeps pace with it. */
static void test_slow_growth_is_left_to_reclaim(void **data)
{
	struct fixture *f = *data;
	struct pair pair = two_begin(f);

	assert_null(grow_both(f, &pair, 4 * MIB, 4 * MIB, 350 * MIB));
}

/* A service of long standing that takes a little more is not expected to double. */
static void test_what_was_held_before_does_not_count(void **data)
{
	struct fixture *f = *data;
	struct pair pair = two_begin(f);

	pair.second->current_bytes = 300 * MIB;
	fixture_use(f, HOG, 600 * MIB);
	fixture_run(f, 2 * US_PER_SEC);
	assert_null(grow_both(f, &pair, 8 * MIB, 8 * MIB, 364 * MIB));
}

/* How far it had come when it was stopped is known for its turn. */
static void test_stopped_leaf_is_expected_to_grow_on(void **data)
{
	struct fixture *f = *data;
	struct pair pair = two_begin(f);
	const struct leaf_state *leaf;

	assert_non_null(grow_both(f, &pair, 20 * MIB, 20 * MIB, 500 * MIB));
	fixture_run(f, 500 * US_PER_MS);
	leaf = leaf_find(f->state, pair.second->cgid);
	assert_int_equal(leaf->size_bytes - leaf->rise_from_bytes, pair.second->current_bytes);
}

static void test_component_that_may_not_be_frozen_is_left_alone(void **data)
{
	struct fixture *f = *data;
	struct pair pair = two_begin(f);

	f->config.component[HOG].freeze = false;
	assert_null(grow_both(f, &pair, 20 * MIB, 20 * MIB, 400 * MIB));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(younger_of_two_is_stopped_at_half_of_what_was_free),
		TEST(who_grows_alone_is_not_stopped),
		TEST(slow_growth_is_left_to_reclaim),
		TEST(what_was_held_before_does_not_count),
		TEST(stopped_leaf_is_expected_to_grow_on),
		TEST(component_that_may_not_be_frozen_is_left_alone),
	};

	return cmocka_run_group_tests_name("collision", tests, NULL, NULL);
}
