// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The first task of a key of which nothing is known goes ahead of its turn once others of the key
 * wait for what it teaches. One of a key does, and another where that one goes away.
 */
#include "tests/unit/admit_fixture.h"

/* Those of key 1 hold 60 MiB each until one of them has run; 7 and 8 are of no key. */
static void queue_behind_wide_ones(struct fixture *f)
{
	submit(f, task(7, 100, 100));
	step(f);
	submit(f, task(8, 100, 100));
	f->now_us += S(1);
}

static void test_the_first_of_an_unknown_key_goes_first(void **data)
{
	struct fixture *f = *data;

	queue_behind_wide_ones(f);
	submit(f, keyed(1, 60, 100));
	assert_int_equal(view(f, 8).position, 1);
	submit(f, keyed(2, 60, 100));
	submit(f, keyed(3, 60, 100));
	assert_int_equal(view(f, 1).position, 1);
	assert_int_equal(view(f, 8).position, 2);
	end_task(f, 7, 100);
	step(f);
	must(f, ADMIT_START, 1);
	assert_null(find(f, ADMIT_START, 2));
	assert_int_equal(view(f, 8).position, 1);
}

static void test_a_scout_that_goes_leaves_its_place_to_the_next(void **data)
{
	struct fixture *f = *data;

	queue_behind_wide_ones(f);
	for (uint64_t id = 1; id <= 3; id++)
		submit(f, keyed(id, 60, 100));
	assert_int_equal(admit_cancel(f->admit, 1), 0);
	assert_int_equal(view(f, 2).position, 1);
	assert_int_equal(admit_hold(f->admit, 2), 0);
	assert_int_equal(view(f, 3).position, 1);
	end_task(f, 7, 100);
	step(f);
	must(f, ADMIT_START, 3);
	assert_int_equal(admit_release(f->admit, 2), 0);
	assert_int_equal(view(f, 8).position, 1);
	/* It taught nothing. */
	admit_exit(f->admit, 3, ADMIT_EXIT_FAILED, 0, f->now_us);
	submit(f, keyed(4, 60, 100));
	assert_int_equal(view(f, 2).position, 1);
}

static void test_a_preview_makes_nobody_a_scout(void **data)
{
	struct fixture *f = *data;
	struct admit_view got;
	struct admit_task t = keyed(2, 60, 100);

	queue_behind_wide_ones(f);
	submit(f, keyed(1, 60, 100));
	t.submit_us = f->now_us;
	assert_int_equal(admit_preview(f->admit, &t, f->now_us, &got), 0);
	assert_int_equal(view(f, 8).position, 1);
}

static void test_no_scout_is_sent_for_a_key_that_is_known(void **data)
{
	struct fixture *f = *data;

	teach(f, 4, 40, 60);
	queue_behind_wide_ones(f);
	submit(f, keyed(1, 60, 100));
	submit(f, keyed(2, 60, 100));
	assert_int_equal(view(f, 8).position, 1);
}

/* Other runs took so much of 100. Requests do not fit beside 7, a quarter of one does. */
static void queue_beside_a_wide_one(struct fixture *f, uint32_t others_mib, uint8_t flags)
{
	struct admit_task t = keyed(1, 60, 100);
	struct admit_key others;

	admit_key_init(&others, 2);
	admit_key_learn(&others, &(struct admit_run){.peak_kib = others_mib * 1024,
						     .run_ms = 1000,
						     .asked_kib = 100 * 1024});
	assert_int_equal(admit_key_import(f->admit, &others), 0);
	submit(f, task(7, 80, 1000));
	step(f);
	t.flags = flags;
	submit(f, t);
	submit(f, keyed(2, 60, 100));
	step(f);
}

static void test_a_scout_without_room_begins_with_a_part(void **data)
{
	struct fixture *f = *data;

	queue_beside_a_wide_one(f, 10, ADMIT_FREEZABLE | ADMIT_RESTARTABLE);
	assert_int_equal(must(f, ADMIT_START, 1)->amount, M(15));
	assert_int_equal(must(f, ADMIT_START, 1)->why.reason, ADMIT_WHY_CANARY);
	assert_null(find(f, ADMIT_START, 2));
	assert_int_equal(view(f, 2).footprint_bytes, M(60));
	f->now_us += S(10);
	end_task(f, 1, 2);
	step(f);
	assert_int_equal(must(f, ADMIT_START, 2)->why.reason, ADMIT_WHY_FITS);
}

static void test_a_scout_with_room_has_its_request(void **data)
{
	struct fixture *f = *data;

	submit(f, task(7, 40, 1000));
	submit(f, keyed(1, 60, 100));
	submit(f, keyed(2, 60, 100));
	step(f);
	assert_int_equal(must(f, ADMIT_START, 1)->amount, M(60));
}

/* Of a key of which nothing is known. */
static struct admit_task fresh(uint64_t id)
{
	struct admit_task t = keyed(id, 80, 100);

	t.key = 4;
	return t;
}

/* Keys of which each has run once, or more often. */
static void teach_keys(struct fixture *f, uint64_t keys, uint32_t runs, uint32_t peak_mib)
{
	const struct admit_run run = {
		.peak_kib = peak_mib * 1024, .run_ms = 100000, .asked_kib = 90 * 1024};

	for (uint64_t id = 10; id < 10 + keys; id++) {
		struct admit_key key;

		admit_key_init(&key, id);
		for (uint32_t i = 0; i < runs; i++)
			admit_key_learn(&key, &run);
		assert_int_equal(admit_key_import(f->admit, &key), 0);
	}
}

static void test_one_alone_begins_with_a_part_though_there_is_room(void **data)
{
	struct fixture *f = *data;

	teach_keys(f, 8, 1, 10);
	submit(f, fresh(1));
	step(f);
	assert_int_equal(must(f, ADMIT_START, 1)->amount, M(20));
	assert_int_equal(must(f, ADMIT_START, 1)->why.reason, ADMIT_WHY_CANARY);
	f->now_us += S(10);
	assert_int_equal(admit_exit(f->admit, 1, ADMIT_EXIT_MEMORY, M(20), f->now_us),
			 ADMIT_REQUEUED);
	assert_int_equal(view(f, 1).footprint_bytes, M(80));
}

/* Then there is one to learn from it. */
static void test_one_that_is_joined_has_its_request(void **data)
{
	struct fixture *f = *data;

	teach_keys(f, 8, 1, 10);
	queue_behind_wide_ones(f);
	submit(f, fresh(1));
	assert_int_equal(view(f, 1).footprint_bytes, M(20));
	submit(f, fresh(2));
	assert_int_equal(view(f, 1).footprint_bytes, M(80));
	assert_int_equal(view(f, 2).footprint_bytes, M(80));
}

static void test_what_ends_here_is_a_first_run_too(void **data)
{
	struct fixture *f = *data;

	for (uint64_t id = 20; id < 28; id++) {
		struct admit_task t = keyed(id, 80, 100);

		t.key = id;
		submit(f, t);
		step(f);
		assert_int_equal(must(f, ADMIT_START, id)->amount, M(80));
		f->now_us += S(100);
		end_task(f, id, 20);
	}
	submit(f, fresh(1));
	assert_int_equal(view(f, 1).footprint_bytes, M(20));
}

static void test_one_alone_has_its_request_where_others_need_theirs(void **data)
{
	struct fixture *f = *data;

	submit(f, fresh(1)); /* nothing is known of any */
	assert_int_equal(view(f, 1).footprint_bytes, M(80));
	assert_int_equal(admit_cancel(f->admit, 1), 0);
	teach_keys(f, 5, 1, 80);
	teach_keys(f, 9, 1, 10);
	submit(f, fresh(3));
	assert_int_equal(view(f, 3).footprint_bytes, M(80));
}

/* Keys that run often and take little do not stand for those that come once and take all. */
static void test_later_runs_say_nothing_of_first_ones(void **data)
{
	struct fixture *f = *data;

	teach(f, ADMIT_KEY_RUNS + 1, 10, 90);
	teach_keys(f, 7, 8, 10);
	submit(f, fresh(1));
	assert_int_equal(view(f, 1).footprint_bytes, M(80));
}

static void test_a_scout_that_may_not_run_twice_has_its_request(void **data)
{
	struct fixture *f = *data;

	queue_beside_a_wide_one(f, 10, 0);
	assert_null(find(f, ADMIT_START, 1));
}

/* Or each first run of such keys would be lost. */
static void test_a_scout_has_its_request_where_others_need_theirs(void **data)
{
	struct fixture *f = *data;

	queue_beside_a_wide_one(f, 40, ADMIT_FREEZABLE | ADMIT_RESTARTABLE);
	assert_null(find(f, ADMIT_START, 1));
}

/* It grows where it can; here 7 has all the rest for long. */
static void test_a_scout_that_needed_more_has_its_request_next_time(void **data)
{
	struct fixture *f = *data;

	queue_beside_a_wide_one(f, 10, ADMIT_FREEZABLE | ADMIT_RESTARTABLE);
	f->now_us += S(10);
	admit_usage(f->admit, 1, M(15), 0, M(15), f->now_us);
	step(f);
	assert_true(must(f, ADMIT_GROW, 1)->amount > M(15));
	assert_int_equal(admit_exit(f->admit, 1, ADMIT_EXIT_MEMORY, M(18), f->now_us),
			 ADMIT_REQUEUED);
	step(f);
	assert_null(find(f, ADMIT_START, 1));
	assert_int_equal(view(f, 1).footprint_bytes, M(60));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_of_an_unknown_key_goes_first),
		TEST(a_scout_that_goes_leaves_its_place_to_the_next),
		TEST(a_preview_makes_nobody_a_scout),
		TEST(no_scout_is_sent_for_a_key_that_is_known),
		TEST(a_scout_without_room_begins_with_a_part),
		TEST(a_scout_with_room_has_its_request),
		TEST(a_scout_has_its_request_where_others_need_theirs),
		TEST(one_alone_begins_with_a_part_though_there_is_room),
		TEST(one_that_is_joined_has_its_request),
		TEST(what_ends_here_is_a_first_run_too),
		TEST(one_alone_has_its_request_where_others_need_theirs),
		TEST(later_runs_say_nothing_of_first_ones),
		TEST(a_scout_that_may_not_run_twice_has_its_request),
		TEST(a_scout_that_needed_more_has_its_request_next_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
