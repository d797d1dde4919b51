// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_fixture.h"

#include "user/policy/cleanup.h"

/* A hog of a type that holds 500M, so much of it inactive file pages, with little free. */
static void hold(struct fixture *f, enum component_type type, uint64_t file_bytes)
{
	struct component_sample *c = &f->frame.component[HOG];

	f->config.component[HOG].type = type;
	fixture_use(f, HOG, 500 * MIB);
	c->anon_bytes = 500 * MIB - file_bytes;
	c->inactive_file_bytes = file_bytes;
	f->frame.host.available_bytes = 200 * MIB;
}

/* It is known what of it lay untouched. */
static void know(struct fixture *f, uint64_t cold_anon_bytes, uint64_t cold_file_bytes)
{
	f->frame.component[HOG].ages = (struct ages_sample){
		.valid = true,
		.read_us = f->frame.now_us,
		.hot_bytes = 500 * MIB - cold_anon_bytes - cold_file_bytes,
		.cold_anon_bytes = cold_anon_bytes,
		.cold_file_bytes = cold_file_bytes,
	};
}

/* The first reclaim within us, or one of nothing. */
static struct action first_reclaim(struct fixture *f, uint64_t us)
{
	uint64_t end_us = f->frame.now_us + us;

	while (f->frame.now_us < end_us) {
		const struct action *a;

		fixture_next(f, 100 * US_PER_MS);
		a = fixture_find(f, ACTION_RECLAIM, HOG);
		if (a)
			return *a;
	}
	return (struct action){.kind = ACTION_RECLAIM};
}

static void test_what_goes_first_is_of_the_type(void **data)
{
	static const struct {
		enum component_type type;
		uint64_t file_bytes;
		bool known;
		int32_t swappiness;
		uint64_t at_most;
	} rows[] = {
		{TYPE_OTHER, 100 * MIB, false, 0, 25 * MIB},
		{TYPE_FEED, 100 * MIB, false, 0, 64 * MIB},
		{TYPE_FEED, 100 * MIB, true, 0, 20 * MIB},
		{TYPE_MODELS, 100 * MIB, false, CLEANUP_ANON_FIRST, 5 * MIB},
		{TYPE_MODELS, 100 * MIB, true, CLEANUP_ANON_FIRST, 30 * MIB},
		{TYPE_DATABASE, 100 * MIB, false, 0, 25 * MIB},
		{TYPE_CACHE, 100 * MIB, false, CLEANUP_BY_AGE, 5 * MIB},
		{TYPE_CACHE, 100 * MIB, true, CLEANUP_BY_AGE, 50 * MIB},
	};

	(void)data;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture *f;
		struct action a;

		assert_int_equal(fixture_setup((void **)&f), 0);
		f->config.component[HOG].clean = CLEAN_NO;
		hold(f, rows[i].type, rows[i].file_bytes);
		if (rows[i].known)
			know(f, 30 * MIB, 20 * MIB);
		fixture_lack(f, REDIS);
		a = first_reclaim(f, 3 * US_PER_SEC);
		assert_int_equal(a.why.reason, REASON_CONTENTION);
		assert_int_equal(a.swappiness, rows[i].swappiness);
		assert_in_range(a.amount, MIB, rows[i].at_most);
		fixture_teardown((void **)&f);
	}
}

/* With no swap, or no right to, there is nothing but files. */
static void test_type_never_swaps_what_may_not_be(void **data)
{
	struct fixture *f = *data;
	struct action a;

	hold(f, TYPE_MODELS, 100 * MIB);
	f->config.component[HOG].clean = CLEAN_YES;
	f->frame.host.swap_total_bytes = f->frame.host.swap_free_bytes = 0;
	a = first_reclaim(f, 20 * US_PER_SEC);
	assert_int_equal(a.swappiness, 0);
	assert_true(a.amount <= 100 * MIB);
}

/* So near to the floor the kernel may take something else. */
static void test_protected_feed_gives_a_part_of_its_files(void **data)
{
	struct fixture *f = *data;
	struct step step;

	hold(f, TYPE_FEED, 100 * MIB);
	fixture_step(f);
	step = fixture_ask(f);
	assert_int_equal(cleanup_file_bytes(&step, HOG), 84 * MIB);
	f->config.component[HOG].protect = PROTECT_WORKING_SET;
	assert_int_equal(cleanup_file_bytes(&step, HOG), 25 * MIB);
}

static void test_database_keeps_what_it_works_on(void **data)
{
	struct fixture *f = *data;
	struct step step;

	hold(f, TYPE_DATABASE, 40 * MIB);
	fixture_step(f);
	step = fixture_ask(f);
	assert_int_equal(cleanup_spare_bytes(&step, HOG), 40 * MIB);
	know(f, 10 * MIB, 5 * MIB);
	fixture_next(f, 100 * US_PER_MS);
	step = fixture_ask(f);
	assert_int_equal(cleanup_spare_bytes(&step, HOG), 15 * MIB);
	f->config.component[HOG].type = TYPE_OTHER;
	assert_true(cleanup_spare_bytes(&step, HOG) > 500 * MIB);
}

/* A host that is short takes from it no more than that, frozen or not. */
static void test_database_standing_still_keeps_it_too(void **data)
{
	struct fixture *f = *data;
	uint64_t taken = 0;

	hold(f, TYPE_DATABASE, 0);
	know(f, 8 * MIB, 0);
	fixture_step(f);
	f->frame.request[0] = (struct frame_request){
		.kind = REQUEST_FREEZE, .component = HOG, .leaf = LEAF_OF(HOG)};
	f->frame.request_count = 1;
	f->frame.host.available_bytes = 20 * MIB;
	for (int i = 0; i < 20; i++) {
		const struct action *a;

		fixture_next(f, 100 * US_PER_MS);
		a = fixture_find(f, ACTION_RECLAIM, HOG);
		if (a)
			taken = a->amount > taken ? a->amount : taken;
	}
	assert_in_range(taken, MIB, 8 * MIB);
}

static void test_calm_is_cleaned_by_a_hundredth_at_an_interval(void **data)
{
	struct fixture *f = *data;
	struct action first, second;
	uint64_t first_us;

	hold(f, TYPE_FEED, 200 * MIB);
	first = first_reclaim(f, 10 * US_PER_SEC);
	first_us = f->frame.now_us;
	assert_int_equal(first.why.reason, REASON_CLEANUP);
	assert_int_equal(first.tier, TIER_LIGHT);
	assert_int_equal(first.swappiness, 0);
	assert_in_range(first.amount, 4 * MIB, 5 * MIB);
	assert_int_equal(first.why.threshold, 10);
	second = first_reclaim(f, 10 * US_PER_SEC);
	assert_int_equal(second.why.reason, REASON_CLEANUP);
	assert_int_equal(f->frame.now_us - first_us, 6 * US_PER_SEC);
}

/* Of 160 MB of files that lie untouched a hundredth of all would take minutes. */
static void test_what_nobody_comes_back_to_goes_by_a_twentieth(void **data)
{
	struct fixture *f = *data;

	hold(f, TYPE_FEED, 200 * MIB);
	know(f, 0, 160 * MIB);
	assert_in_range(first_reclaim(f, 10 * US_PER_SEC).amount, 8 * MIB - 64 * KIB, 8 * MIB);
	f->config.component[HOG].type = TYPE_MODELS; /* of which files go last, */
	know(f, 100 * MIB, 160 * MIB);               /* and ten seconds are not long */
	assert_in_range(first_reclaim(f, 10 * US_PER_SEC).amount, 4 * MIB, 5 * MIB);
	f->frame.component[HOG].ages.long_bytes = 160 * MIB;
	f->frame.component[HOG].ages.cold_anon_bytes = 160 * MIB;
	assert_in_range(first_reclaim(f, 10 * US_PER_SEC).amount, 7 * MIB, 8 * MIB);
}

static void test_near_the_target_less_is_taken_and_beyond_it_nothing(void **data)
{
	struct fixture *f = *data;
	struct action a;

	hold(f, TYPE_FEED, 200 * MIB);
	f->stalls_us[HOG] = 50; /* of each 100 ms: half of the target */
	a = first_reclaim(f, 20 * US_PER_SEC);
	assert_int_equal(a.why.reason, REASON_CLEANUP);
	assert_int_equal(a.why.observed, 5);
	assert_in_range(a.amount, 2 * MIB, 5 * MIB / 2);
	f->stalls_us[HOG] = 100;
	first_reclaim(f, 6 * US_PER_SEC);
	assert_int_equal(first_reclaim(f, 30 * US_PER_SEC).amount, 0);
}

static void test_who_reads_it_back_is_cleaned_half_as_often_then_not(void **data)
{
	struct fixture *f = *data;
	uint64_t count = 0, end_us;

	hold(f, TYPE_FEED, 200 * MIB);
	end_us = f->frame.now_us + 60 * US_PER_SEC;
	while (f->frame.now_us < end_us) {
		const struct action *a = fixture_find(f, ACTION_RECLAIM, HOG);

		if (a)
			f->frame.component[HOG].refault_file += a->amount / 4096;
		count += a != NULL;
		fixture_next(f, 100 * US_PER_MS);
	}
	assert_in_range(count, 3, 5); /* of ten */
	assert_true(fixture_view(f, HOG).payoff[TIER_LIGHT].back_bytes > 0);
}

static void test_who_is_cleaned_is_said_by_type_and_configuration(void **data)
{
	static const struct {
		enum component_type type;
		enum clean_rule clean;
		bool roomy, protected, on;
	} rows[] = {
		{TYPE_FEED, CLEAN_AUTO, false, false, true},
		{TYPE_MODELS, CLEAN_AUTO, false, false, true},
		{TYPE_CACHE, CLEAN_AUTO, false, false, true},
		{TYPE_OTHER, CLEAN_AUTO, false, false, false},
		{TYPE_DATABASE, CLEAN_AUTO, false, false, false},
		{TYPE_FEED, CLEAN_AUTO, true, false, false},
		{TYPE_OTHER, CLEAN_YES, true, false, true},
		{TYPE_FEED, CLEAN_NO, false, false, false},
		{TYPE_FEED, CLEAN_YES, false, true, false},
	};
	struct fixture *f = *data;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct component *c = &f->config.component[HOG];
		struct step step;

		hold(f, rows[i].type, 200 * MIB);
		f->frame.host.available_bytes = rows[i].roomy ? 900 * MIB : 200 * MIB;
		c->clean = rows[i].clean;
		c->protect = rows[i].protected ? PROTECT_WORKING_SET : PROTECT_NONE;
		fixture_next(f, 100 * US_PER_MS);
		step = fixture_ask(f);
		assert_int_equal(cleanup_is_on(&step, HOG), rows[i].on);
	}
}

/* Anonymous pages that no look has found old stay behind all files. */
static void test_ages_are_awaited_where_anonymous_pages_go_first(void **data)
{
	struct fixture *f = *data;
	struct action a;

	f->config.component[REDIS].clean = CLEAN_NO;
	hold(f, TYPE_MODELS, 200 * MIB);
	assert_int_equal(first_reclaim(f, 5 * US_PER_SEC).amount, 0);
	assert_int_equal(f->plan.ages_wanted, 0);
	assert_int_equal(first_reclaim(f, 20 * US_PER_SEC).amount, 0);
	assert_int_equal(f->plan.ages_wanted, 1U << HOG);
	know(f, 50 * MIB, 0);
	a = first_reclaim(f, US_PER_SEC);
	assert_int_equal(a.why.reason, REASON_CLEANUP);
	assert_int_equal(a.swappiness, CLEANUP_ANON_FIRST);
}

/* Beside it there may be groups that have no anonymous page, of which files would go. */
static void test_models_are_cleaned_by_the_leaf_with_most_cold_pages(void **data)
{
	struct fixture *f = *data;
	struct leaf_sample *leaf = fixture_leaf(f, LEAF_OF(HOG));
	struct action a;

	hold(f, TYPE_MODELS, 200 * MIB);
	f->frame.leaf[f->frame.leaf_count++] = *leaf;
	f->frame.leaf[f->frame.leaf_count - 1].cgid += 1000;
	leaf->ages = (struct ages_sample){.valid = true, .cold_anon_bytes = 2 * MIB};
	f->frame.leaf[f->frame.leaf_count - 1].ages =
		(struct ages_sample){.valid = true, .cold_anon_bytes = 3 * MIB};
	know(f, 5 * MIB, 0);
	a = first_reclaim(f, 20 * US_PER_SEC);
	assert_int_equal(a.swappiness, CLEANUP_ANON_FIRST);
	assert_int_equal(a.leaf, LEAF_OF(HOG) + 1000);
	assert_in_range(a.amount, 2 * MIB, 3 * MIB);
}

static void test_ages_that_nobody_tells_are_awaited_once(void **data)
{
	struct fixture *f = *data;
	uint64_t first_us;

	hold(f, TYPE_CACHE, 200 * MIB);
	assert_int_equal(first_reclaim(f, 40 * US_PER_SEC).amount, 0);
	assert_true(first_reclaim(f, 10 * US_PER_SEC).amount > 0);
	first_us = f->frame.now_us;
	assert_true(first_reclaim(f, 10 * US_PER_SEC).amount > 0);
	assert_int_equal(f->frame.now_us - first_us, 6 * US_PER_SEC);
}

static void test_a_feed_needs_no_ages(void **data)
{
	struct fixture *f = *data;

	hold(f, TYPE_FEED, 200 * MIB);
	assert_true(first_reclaim(f, 10 * US_PER_SEC).amount > 0);
	assert_int_equal(f->plan.ages_wanted, 0);
}

/* A look costs time of the processor: one that gets nothing to clean, or a week apart, has none. */
static void test_ages_are_asked_for_when_a_cleanup_is_due(void **data)
{
	struct fixture *f = *data;
	uint64_t asked = 0;

	hold(f, TYPE_MODELS, 200 * MIB);
	f->config.policy.clean_interval_us = 600 * US_PER_SEC;
	know(f, 50 * MIB, 0);
	for (int s = 0; s < 1800; s++) {
		fixture_next(f, US_PER_SEC);
		asked += f->plan.ages_wanted >> HOG & 1;
	}
	assert_in_range(asked, 60, 200);
	f->frame.host.swap_free_bytes = 0; /* now nothing may go */
	fixture_run(f, 120 * US_PER_SEC);
	f->config.policy.clean_interval_us = 6 * US_PER_SEC;
	fixture_run(f, 30 * US_PER_SEC);
	assert_int_equal(f->plan.ages_wanted, 0);
}

/* Half of swap stays for who is in need. */
static void test_cold_pages_fill_half_of_swap_at_most(void **data)
{
	struct fixture *f = *data;

	hold(f, TYPE_MODELS, 0);
	assert_int_equal(first_reclaim(f, 60 * US_PER_SEC).swappiness, CLEANUP_ANON_FIRST);
	f->frame.host.swap_free_bytes = f->frame.host.swap_total_bytes / 2;
	fixture_next(f, 100 * US_PER_MS);
	assert_int_equal(first_reclaim(f, 60 * US_PER_SEC).amount, 0);
}

int main(void)
{
#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_goes_first_is_of_the_type),
		WITH_FIXTURE(test_type_never_swaps_what_may_not_be),
		WITH_FIXTURE(test_protected_feed_gives_a_part_of_its_files),
		WITH_FIXTURE(test_database_keeps_what_it_works_on),
		WITH_FIXTURE(test_database_standing_still_keeps_it_too),
		WITH_FIXTURE(test_calm_is_cleaned_by_a_hundredth_at_an_interval),
		WITH_FIXTURE(test_what_nobody_comes_back_to_goes_by_a_twentieth),
		WITH_FIXTURE(test_near_the_target_less_is_taken_and_beyond_it_nothing),
		WITH_FIXTURE(test_who_reads_it_back_is_cleaned_half_as_often_then_not),
		WITH_FIXTURE(test_who_is_cleaned_is_said_by_type_and_configuration),
		WITH_FIXTURE(test_cold_pages_fill_half_of_swap_at_most),
		WITH_FIXTURE(test_ages_are_awaited_where_anonymous_pages_go_first),
		WITH_FIXTURE(test_models_are_cleaned_by_the_leaf_with_most_cold_pages),
		WITH_FIXTURE(test_ages_that_nobody_tells_are_awaited_once),
		WITH_FIXTURE(test_a_feed_needs_no_ages),
		WITH_FIXTURE(test_ages_are_asked_for_when_a_cleanup_is_due),
	};

	return cmocka_run_group_tests_name("cleanup", tests, NULL, NULL);
}
