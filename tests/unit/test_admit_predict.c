// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/admit_fixture.h"
#include "user/policy/admit/predict.h"

/* 16 runs of key 1, by the size of their input, 1 to 16 MiB in no order. */
static void teach_inputs(struct fixture *f, uint32_t run_s, uint32_t run_s_a_mib)
{
	struct admit_key key;

	admit_key_init(&key, 1);
	for (uint32_t i = 0; i < 16; i++) {
		uint32_t input = 1 + i * 7 % 16;

		admit_key_learn(&key,
				&(struct admit_run){.peak_kib = 40 * 1024,
						    .input_kib = input * 1024,
						    .run_ms = (run_s + input * run_s_a_mib) * 1000,
						    .asked_kib = 90 * 1024,
						    .declared_s = 1000});
	}
	assert_int_equal(admit_key_import(f->admit, &key), 0);
}

static uint64_t run_s_by_input(struct fixture *f, uint64_t id, uint64_t input_mib)
{
	struct admit_task t = keyed(id, 90, 1000);

	t.input_bytes = M(input_mib);
	submit(f, t);
	return view(f, id).run_us / US_PER_SEC;
}

static void test_a_time_that_grows_with_the_input_is_told_by_it(void **data)
{
	struct fixture *f = *data;

	teach_inputs(f, 10, 20);
	assert_int_equal(run_s_by_input(f, 1, 8), 170);
	assert_int_equal(run_s_by_input(f, 2, 3), 70);
	/* Twice the longest, 330 s, at most; and without an input as the last two. */
	assert_int_equal(run_s_by_input(f, 3, 1000), 660);
	assert_int_equal(run_s_by_input(f, 4, 0), (10 + 20 * 3 + 10 + 20 * 10) / 2);
}

static void test_a_time_that_does_not_is_learned_as_ever(void **data)
{
	struct fixture *f = *data;

	teach_inputs(f, 10, 0);
	assert_int_equal(run_s_by_input(f, 1, 1000), 10);
}

/* They say 1000 to 8000 s and take a tenth; the last two took 100 and 800. */
static void test_a_share_of_what_is_declared_is_learned_where_it_says_more(void **data)
{
	struct fixture *f = *data;
	struct admit_key key;

	admit_key_init(&key, 1);
	for (uint32_t i = 0; i < 8; i++)
		admit_key_learn(&key, &(struct admit_run){.peak_kib = 40 << 10,
							  .run_ms = (1 + i * 3 % 8) * 100000,
							  .asked_kib = 90 << 10,
							  .declared_s = (1 + i * 3 % 8) * 1000});
	assert_int_equal(admit_key_import(f->admit, &key), 0);
	submit(f, keyed(1, 90, 5000));
	assert_int_equal(view(f, 1).run_us / US_PER_SEC, 500);
}

/* 4 MiB a MiB of input, and 4: 36 at 8, 1.01, and 2 MiB. */
static void test_a_footprint_that_grows_with_the_input_is_told_by_it(void **data)
{
	struct fixture *f = *data;
	struct admit_task t = keyed(1, 90, 1000);
	struct admit_key key;

	admit_key_init(&key, 1);
	for (uint32_t i = 0; i < 16; i++) {
		uint32_t input = 1 + i * 7 % 16;

		admit_key_learn(&key, &(struct admit_run){.peak_kib = (4 + input * 4) * 1024,
							  .input_kib = input * 1024,
							  .run_ms = 10000,
							  .asked_kib = 90 * 1024,
							  .declared_s = 1000});
	}
	assert_int_equal(admit_key_import(f->admit, &key), 0);
	t.input_bytes = M(8);
	submit(f, t);
	assert_in_range(view(f, 1).footprint_bytes, M(38), M(40));
	assert_int_equal(view(f, 1).told.peak_by, ADMIT_PEAK_INPUT);
	assert_int_equal(view(f, 1).told.run_by, ADMIT_RUN_RECENT);
	assert_int_equal(view(f, 1).told.runs, 15);
	assert_in_range(view(f, 1).told.peak_error, 1, 100);
	submit(f, keyed(2, 90, 1000));
	assert_in_range(view(f, 2).footprint_bytes, M(68), M(85));
	assert_int_equal(view(f, 2).told.peak_by, ADMIT_PEAK_QUANTILE);
	assert_true(view(f, 2).told.peak_error > view(f, 1).told.peak_error);
}

/* 20 MiB up to 16 MiB of input and 80 beyond, which is no line. */
static void test_a_footprint_that_jumps_with_the_input_is_that_of_those_nearest(void **data)
{
	static const uint32_t input_mib[2] = {6, 40};
	struct fixture *f = *data;
	struct admit_key key;

	admit_key_init(&key, 1);
	for (uint32_t i = 0; i < 40; i++) {
		uint32_t input = 1 + i * 7 % 40;

		admit_key_learn(&key, &(struct admit_run){.peak_kib = (input > 16 ? 80 : 20) * 1024,
							  .input_kib = input * 1024,
							  .run_ms = 10000,
							  .asked_kib = 90 * 1024,
							  .declared_s = 1000});
	}
	assert_int_equal(admit_key_import(f->admit, &key), 0);
	for (uint32_t i = 0; i < 2; i++) {
		struct admit_task t = keyed(i + 1, 90, 1000);
		uint64_t most = i ? M(80) : M(20);

		t.input_bytes = M(input_mib[i]);
		submit(f, t);
		assert_in_range(view(f, i + 1).footprint_bytes, most + M(2), most + M(3));
		assert_string_equal(admit_peak_by_name(view(f, i + 1).told.peak_by), "near");
	}
	submit(f, keyed(3, 90, 1000));
	assert_int_equal(view(f, 3).told.peak_by, ADMIT_PEAK_QUANTILE);
}

/* One in five names no input: what tells by it is used by none. */
static void test_inputs_that_are_not_all_known_tell_nothing(void **data)
{
	struct fixture *f = *data;
	struct admit_task t = keyed(1, 90, 1000);
	struct admit_key key;

	admit_key_init(&key, 1);
	for (uint32_t i = 0; i < 20; i++)
		admit_key_learn(&key, &(struct admit_run){.peak_kib = (i % 2 ? 80 : 20) * 1024,
							  .input_kib = i % 5 ? 1 + i % 2 : 0,
							  .run_ms = 10000,
							  .asked_kib = 90 * 1024});
	assert_int_equal(admit_key_import(f->admit, &key), 0);
	t.input_bytes = M(1);
	submit(f, t);
	assert_int_equal(view(f, 1).told.peak_by, ADMIT_PEAK_QUANTILE);
}

/*
 * Each takes 900 s of 1000 or 90 of 100 in turn, so that the last two say 495 and the share says
 * more from the third on that is tried; what waits hears of it though the mean stays as it is.
 */
static void test_a_key_that_turns_to_another_way_tells_its_queued_tasks(void **data)
{
	struct fixture *f = *data;

	submit(f, keyed(99, 90, 1000));
	for (uint64_t id = 1; id <= 8; id++) {
		uint64_t declared = id % 2 ? 1000 : 100;
		struct admit_task t = keyed(id, 90, declared);

		t.priority = 9;
		submit(f, t);
		admit_started(f->admit, id, M(90), f->now_us);
		f->now_us += S(declared) * 9 / 10;
		end_task(f, id, 60);
		admit_supply(f->admit, &f->supply, f->now_us);
	}
	assert_int_equal(view(f, 99).run_us / US_PER_SEC, 900);
}

/* It never foresees what comes: all of these would fail in what was learned. */
static void test_where_learning_does_not_help_it_is_the_request(void **data)
{
	const struct admit_run run = {.peak_kib = 88 << 10, .run_ms = 1000, .asked_kib = 90 << 10};
	const struct admit_digest digest = {.base_bytes = M(10), .last_bytes = M(10)};
	const struct admit_wish wish = {.request_bytes = M(90)};
	struct admit_score score = {0};
	struct admit_estimate estimate;
	struct admit_key key;

	(void)data;
	admit_key_init(&key, 1);
	for (int i = 0; i < 2; i++)
		admit_score_learn(&score, &key, &digest, &run);
	admit_key_estimate(&key, &digest, &score, &wish, 0, false, &estimate);
	assert_int_equal(estimate.bytes, M(12) - M(10) / 128); /* too few to say */
	admit_score_learn(&score, &key, &digest, &run);
	admit_key_estimate(&key, &digest, &score, &wish, 0, false, &estimate);
	assert_int_equal(score.peak_by, ADMIT_PEAK_REQUEST);
	assert_int_equal(estimate.bytes, M(90));
}

static void expect_told(struct fixture *f, uint64_t id, enum admit_peak_by peak,
			enum admit_run_by run)
{
	assert_string_equal(admit_peak_by_name(view(f, id).told.peak_by), admit_peak_by_name(peak));
	assert_string_equal(admit_run_by_name(view(f, id).told.run_by), admit_run_by_name(run));
}

/* Nothing known; known, but it may not start again, so that it has all that it asked for. */
static void test_it_is_told_what_an_estimate_is_of(void **data)
{
	struct fixture *f = *data;
	struct admit_task t = keyed(3, 90, 1000);

	submit(f, keyed(1, 90, 1000));
	expect_told(f, 1, ADMIT_PEAK_REQUEST, ADMIT_RUN_DECLARED);
	teach_inputs(f, 10, 0);
	submit(f, keyed(2, 90, 1000));
	expect_told(f, 2, ADMIT_PEAK_QUANTILE, ADMIT_RUN_RECENT);
	t.flags = 0;
	submit(f, t);
	expect_told(f, 3, ADMIT_PEAK_REQUEST, ADMIT_RUN_RECENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_time_that_grows_with_the_input_is_told_by_it),
		TEST(a_time_that_does_not_is_learned_as_ever),
		TEST(a_share_of_what_is_declared_is_learned_where_it_says_more),
		TEST(where_learning_does_not_help_it_is_the_request),
		TEST(a_footprint_that_grows_with_the_input_is_told_by_it),
		TEST(a_footprint_that_jumps_with_the_input_is_that_of_those_nearest),
		TEST(inputs_that_are_not_all_known_tell_nothing),
		TEST(a_key_that_turns_to_another_way_tells_its_queued_tasks),
		TEST(it_is_told_what_an_estimate_is_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
