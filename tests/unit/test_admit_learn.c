// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/admit_fixture.h"
#include "user/policy/admit/predict.h"

static void test_first_of_a_key_gets_its_request_and_teaches(void **data)
{
	struct fixture *f = *data;

	submit(f, keyed(1, 90, 1000));
	submit(f, keyed(2, 90, 1000));
	step(f);
	assert_int_equal(must(f, ADMIT_START, 1)->amount, M(90));
	assert_int_equal(must(f, ADMIT_START, 1)->why.reason, ADMIT_WHY_CANARY);
	assert_int_equal(view(f, 2).footprint_bytes, M(90));
	f->now_us += S(100);
	end_task(f, 1, 10);
	admit_supply(f->admit, &f->supply, f->now_us);
	/* 1.01 + 0 spread + .02 / 1 */
	assert_int_equal(view(f, 2).footprint_bytes / KIB, M(10) * 103 / 100 / KIB);
	assert_int_equal(view(f, 2).run_us / US_PER_SEC, 100);
	assert_false(view(f, 2).canary);
}

/* Or each of thousands that wait would be estimated again for each that ends. */
static void test_a_run_like_those_before_leaves_the_queue_alone(void **data)
{
	struct fixture *f = *data;

	teach(f, 64, 60, 90);
	for (uint64_t id = 1; id <= 3; id++)
		submit(f, keyed(id, 90, 1000));
	admit_supply(f->admit, &f->supply, f->now_us);
	step(f);
	f->now_us += S(100);
	end_task(f, 1, 60);
	assert_true(admit_next_us(f->admit, f->now_us) > f->now_us + S(1));
	step(f);
	f->now_us += S(200);
	end_task(f, 2, 60);
	assert_int_equal(admit_next_us(f->admit, f->now_us), f->now_us + S(1));
}

static void test_a_running_peak_that_stands_still_teaches_siblings(void **data)
{
	struct fixture *f = *data;

	submit(f, keyed(1, 60, 1000));
	submit(f, keyed(2, 60, 1000));
	step(f);
	for (uint32_t i = 0; i < 40; i++) {
		f->now_us += S(1);
		admit_usage(f->admit, 1, M(i < 10 ? i + 1 : 10U), 0, M(10), f->now_us);
	}
	step(f);
	must(f, ADMIT_START, 2);
	assert_true(view(f, 2).footprint_bytes < M(14));
}

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

/* 4 MiB a MiB of input, and 4: 36 at 8, and 1.01. */
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
	assert_in_range(view(f, 1).footprint_bytes, M(36), M(38));
	assert_int_equal(view(f, 1).told.peak_by, ADMIT_PEAK_INPUT);
	assert_int_equal(view(f, 1).told.run_by, ADMIT_RUN_RECENT);
	assert_int_equal(view(f, 1).told.runs, 8);
	assert_in_range(view(f, 1).told.peak_error, 1, 100);
	submit(f, keyed(2, 90, 1000));
	assert_in_range(view(f, 2).footprint_bytes, M(68), M(85));
	assert_int_equal(view(f, 2).told.peak_by, ADMIT_PEAK_QUANTILE);
	assert_true(view(f, 2).told.peak_error > view(f, 1).told.peak_error);
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

	(void)data;
	for (int i = 0; i < 2; i++)
		admit_score_learn(&score, &digest, &run);
	admit_key_estimate(&digest, &score, &wish, 0, false, &estimate);
	assert_in_range(estimate.bytes, M(10), M(11)); /* too few to say */
	admit_score_learn(&score, &digest, &run);
	admit_key_estimate(&digest, &score, &wish, 0, false, &estimate);
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

static void test_requests_that_vary_are_learned_as_shares(void **data)
{
	struct fixture *f = *data;
	struct admit_key key;

	admit_key_init(&key, 1);
	for (uint32_t i = 1; i <= 8; i++)
		admit_key_learn(&key, &(struct admit_run){.peak_kib = i * 512,
							  .run_ms = 1000,
							  .asked_kib = i * 1024});
	assert_int_equal(admit_key_import(f->admit, &key), 0);
	submit(f, keyed(1, 80, 10));
	/* Half of it, and 1.01: the share never rose. */
	assert_int_equal(view(f, 1).footprint_bytes / MIB, 40);
}

/* 60 MiB, and each fourth only 20: that others were low is no reason for a margin. */
static void test_a_key_whose_higher_runs_are_alike_has_little_on_top(void **data)
{
	struct fixture *f = *data;
	struct admit_key key;

	admit_key_init(&key, 1);
	for (uint32_t i = 0; i < 16; i++)
		admit_key_learn(&key, &(struct admit_run){.peak_kib = (i % 4 ? 60 : 20) * 1024,
							  .run_ms = 100000,
							  .asked_kib = 90 * 1024});
	assert_int_equal(admit_key_import(f->admit, &key), 0);
	submit(f, keyed(1, 90, 100));
	/* 1.01 and .3 / 16; 67 with all of the spread */
	assert_in_range(view(f, 1).footprint_bytes / KIB, 60 * 1024, 62 * 1024);
}

static void test_what_may_not_run_twice_has_its_request(void **data)
{
	struct fixture *f = *data;
	struct admit_task t = keyed(1, 90, 100);

	teach(f, 20, 10, 90);
	t.flags = 0;
	submit(f, t);
	step(f);
	assert_int_equal(must(f, ADMIT_START, 1)->amount, M(90));
	admit_usage(f->admit, 1, M(10), 0, M(10), f->now_us);
	assert_int_equal(admit_exit(f->admit, 1, ADMIT_EXIT_MEMORY, M(90), f->now_us), ADMIT_GONE);
}

static void test_growth_takes_free_memory_at_once(void **data)
{
	struct fixture *f = *data;

	teach(f, 64, 10, 90);
	submit(f, keyed(1, 90, 100));
	step(f);
	admit_usage(f->admit, 1, must(f, ADMIT_START, 1)->amount, 0, 0, f->now_us);
	step(f);
	assert_int_equal(must(f, ADMIT_GROW, 1)->why.reason, ADMIT_WHY_OUTGREW);
	assert_true(must(f, ADMIT_GROW, 1)->amount > M(12));
	assert_int_equal(view(f, 1).footprint_bytes, must(f, ADMIT_GROW, 1)->amount);
}

/* 1 fills its 11 MiB while 2 holds all the rest. */
static uint64_t outgrow(struct fixture *f)
{
	struct admit_task rest = task(2, 88, 100000);

	teach(f, 64, 11, 90);
	submit(f, keyed(1, 90, 1000));
	step(f);
	rest.request_bytes = M(100) - view(f, 1).footprint_bytes;
	submit(f, rest);
	step(f);
	must(f, ADMIT_START, 2);
	f->now_us += S(600);
	admit_usage(f->admit, 1, view(f, 1).footprint_bytes, 0, 0, f->now_us);
	step(f);
	return must(f, ADMIT_THROTTLE, 1)->until_us;
}

static void test_growth_without_room_throttles_pauses_and_goes_on(void **data)
{
	struct fixture *f = *data;
	uint64_t until = outgrow(f);

	assert_int_equal(until, f->now_us + S(10));
	submit(f, task(3, 1, 10000));
	f->now_us = until - 1;
	step(f);
	assert_int_equal(f->got.count, 1); /* 3 waits behind the growth */
	assert_int_equal(must(f, ADMIT_WAIT, 3)->why.reason, ADMIT_WHY_GROWTH_FIRST);
	f->now_us = until;
	step(f);
	assert_int_equal(must(f, ADMIT_FREEZE, 1)->for_id, 0);
	assert_int_equal(view(f, 1).state, ADMIT_PAUSED);
	assert_int_equal(admit_frozen(f->admit, 1, f->now_us), 0);
	end_task(f, 2, 88);
	step(f);
	assert_int_equal(must(f, ADMIT_THAW, 1)->why.reason, ADMIT_WHY_ROOM);
	assert_int_equal(view(f, 1).state, ADMIT_RUNNING);
	must(f, ADMIT_START, 3);
}

static void test_growth_is_dropped_when_use_falls_again(void **data)
{
	struct fixture *f = *data;

	outgrow(f);
	f->now_us += S(1);
	admit_usage(f->admit, 1, M(1), 0, 0, f->now_us);
	f->now_us += S(20);
	step(f);
	assert_int_equal(f->got.count, 0);
}

static void test_growth_restarts_with_more_when_room_is_far(void **data)
{
	struct fixture *f = *data;
	const struct admit_decision *restart;
	struct admit_view v;

	f->now_us = outgrow(f);
	step(f);
	must(f, ADMIT_FREEZE, 1);
	f->now_us += S(1);
	step(f);
	/* Room comes after 100000 s, a restart loses some 600 s. */
	restart = must(f, ADMIT_RESTART, 1);
	assert_int_equal(restart->why.reason, ADMIT_WHY_NO_ROOM_TO_GROW);
	assert_int_equal(admit_exit(f->admit, 1, ADMIT_EXIT_RESTART, 0, f->now_us), ADMIT_REQUEUED);
	v = view(f, 1);
	assert_int_equal(v.state, ADMIT_QUEUED);
	assert_int_equal(v.footprint_bytes, restart->amount);
	assert_int_equal(v.task.attempts, 1);
	assert_true(v.footprint_bytes >= M(20) && v.footprint_bytes <= M(90));
}

/* Two that fill the component and both want more: one gives way, the other goes on. */
static void test_a_deadlock_of_growth_is_broken(void **data)
{
	struct fixture *f = *data;

	for (uint64_t id = 1; id <= 2; id++) {
		struct admit_task t = task(id, 90, 1000);

		t.flags = id == 1 ? ADMIT_FREEZABLE : ADMIT_FREEZABLE | ADMIT_RESTARTABLE;
		submit(f, t);
		admit_started(f->admit, id, M(50), f->now_us);
		admit_usage(f->admit, id, M(50), 0, 0, f->now_us);
	}
	for (int i = 0; i < 3 && !find(f, ADMIT_RESTART, 2); i++) {
		step(f);
		f->now_us += S(10);
	}
	assert_int_equal(must(f, ADMIT_RESTART, 2)->why.reason, ADMIT_WHY_DEADLOCK);
	admit_exit(f->admit, 2, ADMIT_EXIT_RESTART, 0, f->now_us);
	step(f);
	must(f, ADMIT_THAW, 1);
	assert_null(find(f, ADMIT_START, 2));
}

static void test_reservation_shrinks_once_use_has_settled(void **data)
{
	struct fixture *f = *data;
	const struct admit_decision *shrink = NULL;

	teach(f, 64, 50, 90);
	submit(f, keyed(1, 90, 1000));
	step(f);
	for (int i = 0; i < 60 && !shrink; i++) {
		f->now_us += S(1);
		admit_usage(f->admit, 1, M(20), 0, M(20), f->now_us);
		step(f);
		shrink = find(f, ADMIT_SHRINK, 1);
	}
	assert_non_null(shrink);
	assert_int_equal(shrink->amount, M(23)); /* 1.15 times its peak, */
	assert_int_equal(f->now_us, S(1050));    /* half way through 100 s */
}

static void test_unknown_gives_back_what_it_does_not_use(void **data)
{
	struct fixture *f = *data;

	submit(f, keyed(1, 90, 100000));
	step(f);
	f->now_us += S(299);
	admit_usage(f->admit, 1, M(20), 0, M(20), f->now_us);
	step(f);
	assert_null(find(f, ADMIT_SHRINK, 1));
	f->now_us += S(1);
	admit_usage(f->admit, 1, M(21), 0, M(21), f->now_us);
	step(f);
	assert_int_equal(must(f, ADMIT_SHRINK, 1)->amount, M(42));
}

static void test_strategy_follows_pressure_with_hysteresis(void **data)
{
	struct fixture *f = *data;
	struct admit_summary summary;

	f->config.strategy = ADMIT_ADAPTIVE;
	configure(f);
	f->supply.level = LEVEL_HIGH;
	admit_supply(f->admit, &f->supply, f->now_us);
	step(f);
	assert_null(find(f, ADMIT_SWITCH, 0));
	f->now_us += S(2);
	step(f);
	assert_int_equal(must(f, ADMIT_SWITCH, 0)->amount, ADMIT_LATENCY);
	assert_int_equal(must(f, ADMIT_SWITCH, 0)->why.observed, LEVEL_HIGH);
	/* 10 % stay free for the classes above. */
	submit(f, task(1, 50, 10));
	submit(f, task(2, 45, 10));
	step(f);
	must(f, ADMIT_START, 1);
	assert_null(find(f, ADMIT_START, 2));
	f->supply.level = LEVEL_NORMAL;
	admit_supply(f->admit, &f->supply, f->now_us);
	f->now_us += S(59);
	step(f);
	assert_null(find(f, ADMIT_SWITCH, 0));
	f->now_us += S(1);
	step(f);
	assert_int_equal(must(f, ADMIT_SWITCH, 0)->amount, ADMIT_THROUGHPUT);
	assert_int_equal(must(f, ADMIT_SWITCH, 0)->before, ADMIT_LATENCY);
	must(f, ADMIT_START, 2);
	admit_summary(f->admit, f->now_us, &summary);
	assert_int_equal(summary.strategy, ADMIT_THROUGHPUT);
	assert_int_equal(summary.strategy_since_us, f->now_us);
}

/* A deferred task in the way of a critical one; swap as given. */
static void in_the_way(struct fixture *f, bool preempt, uint64_t swap_bytes_per_s)
{
	struct admit_task t = task(1, 80, 50000);

	f->config.preempt = preempt;
	configure(f);
	f->supply.swap_free_bytes = M(1000);
	f->supply.swap_bytes_per_s = swap_bytes_per_s;
	admit_supply(f->admit, &f->supply, f->now_us);
	t.priority = 1;
	submit(f, t);
	step(f);
	admit_usage(f->admit, 1, M(60), 0, 0, f->now_us);
	f->now_us += S(10);
	t = task(2, 50, 60);
	t.priority = 10;
	submit(f, t);
	step(f);
}

static void test_preemption_pauses_for_the_urgent_and_resumes(void **data)
{
	struct fixture *f = *data;

	in_the_way(f, true, M(50));
	assert_int_equal(must(f, ADMIT_FREEZE, 1)->for_id, 2);
	assert_int_equal(must(f, ADMIT_FREEZE, 1)->why.reason, ADMIT_WHY_PREEMPTED);
	f->now_us += S(2);
	admit_usage(f->admit, 1, M(5), 0, M(60), f->now_us);
	step(f);
	must(f, ADMIT_START, 2);
	f->now_us += S(60);
	end_task(f, 2, 50);
	step(f);
	assert_true(must(f, ADMIT_THAW, 1)->amount >= M(6));
}

static void test_preemption_is_off_by_default_and_weighs_its_cost(void **data)
{
	struct fixture *f = *data;

	in_the_way(f, false, M(50));
	assert_null(find(f, ADMIT_FREEZE, 1));
	f->config.preempt = true;
	configure(f);
	f->supply.swap_bytes_per_s = 100; /* two weeks to swap 60 MiB out and in */
	admit_supply(f->admit, &f->supply, f->now_us);
	step(f);
	assert_null(find(f, ADMIT_FREEZE, 1));
}

static void test_adopted_tasks_count_even_where_they_do_not_fit(void **data)
{
	struct fixture *f = *data;
	struct admit_summary summary;

	submit(f, task(1, 90, 100));
	assert_int_equal(admit_started(f->admit, 1, M(90), f->now_us - S(50)), 0);
	submit(f, task(2, 90, 100));
	assert_int_equal(admit_started(f->admit, 2, M(90), f->now_us - S(50)), 0);
	admit_summary(f->admit, f->now_us, &summary);
	assert_int_equal(summary.reserved_bytes, M(180));
	assert_int_equal(summary.component[0].free_bytes, 0);
	assert_int_equal(summary.running, 2);
	assert_int_equal(admit_exit(f->admit, 3, ADMIT_EXIT_DONE, 0, f->now_us), -ENOENT);
	assert_int_equal(admit_exit(f->admit, 2, ADMIT_EXIT_AGAIN, 0, f->now_us), ADMIT_REQUEUED);
	assert_int_equal(view(f, 2).state, ADMIT_QUEUED);
	assert_int_equal(view(f, 2).task.attempts, 0);
}

static void test_keys_survive_export_and_the_oldest_makes_room(void **data)
{
	struct fixture *f = *data;
	struct admit_key key, again;

	teach(f, 5, 10, 90);
	assert_int_equal(admit_key_export(f->admit, 1, &key), 0);
	assert_int_equal(key.count, 5);
	assert_int_equal(admit_key_import(f->admit, &key), 0);
	assert_int_equal(admit_key_export(f->admit, 1, &again), 0);
	assert_memory_equal(&key, &again, sizeof(key));
	key.version++;
	assert_int_equal(admit_key_import(f->admit, &key), -EINVAL);
	for (uint64_t id = 2; id <= 5; id++) {
		admit_key_init(&key, id);
		assert_int_equal(admit_key_import(f->admit, &key), 0);
	}
	assert_int_equal(admit_key_export(f->admit, 1, &key), -ENOENT);
	assert_int_equal(admit_key_export(f->admit, 5, &key), 0);
}

static void test_reasons_read_as_clauses(void **data)
{
	char buf[160];

	(void)data;
	assert_string_equal(admit_why_text(&(struct admit_why){ADMIT_WHY_FITS, M(800), M(512)}, 0,
					   buf, sizeof(buf)),
			    "needs 800M, free 512M");
	assert_string_equal(
		admit_why_text(&(struct admit_why){ADMIT_WHY_ENDS_BEFORE, S(1030), S(1090)},
			       S(1000), buf, sizeof(buf)),
		"ends in 30s, before the head starts in 1min 30s");
	assert_string_equal(
		admit_why_text(&(struct admit_why){ADMIT_WHY_TURN, 3, 0}, 0, buf, sizeof(buf)),
		"3 before it");
	for (int i = 0; i < ADMIT_REASON__COUNT; i++)
		assert_true(admit_reason_name((enum admit_reason)i)[0]);
	assert_string_equal(admit_reason_name(ADMIT_REASON__COUNT), "?");
	assert_string_equal(admit_state_name(ADMIT_STATE__COUNT), "?");
	assert_string_equal(admit_verdict_name(ADMIT_SWITCH), "switch");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(first_of_a_key_gets_its_request_and_teaches),
		TEST(a_run_like_those_before_leaves_the_queue_alone),
		TEST(a_running_peak_that_stands_still_teaches_siblings),
		TEST(a_time_that_grows_with_the_input_is_told_by_it),
		TEST(a_time_that_does_not_is_learned_as_ever),
		TEST(a_share_of_what_is_declared_is_learned_where_it_says_more),
		TEST(where_learning_does_not_help_it_is_the_request),
		TEST(a_footprint_that_grows_with_the_input_is_told_by_it),
		TEST(a_key_that_turns_to_another_way_tells_its_queued_tasks),
		TEST(it_is_told_what_an_estimate_is_of),
		TEST(requests_that_vary_are_learned_as_shares),
		TEST(a_key_whose_higher_runs_are_alike_has_little_on_top),
		TEST(what_may_not_run_twice_has_its_request),
		TEST(growth_takes_free_memory_at_once),
		TEST(growth_without_room_throttles_pauses_and_goes_on),
		TEST(growth_is_dropped_when_use_falls_again),
		TEST(growth_restarts_with_more_when_room_is_far),
		TEST(a_deadlock_of_growth_is_broken),
		TEST(reservation_shrinks_once_use_has_settled),
		TEST(unknown_gives_back_what_it_does_not_use),
		TEST(strategy_follows_pressure_with_hysteresis),
		TEST(preemption_pauses_for_the_urgent_and_resumes),
		TEST(preemption_is_off_by_default_and_weighs_its_cost),
		TEST(adopted_tasks_count_even_where_they_do_not_fit),
		TEST(keys_survive_export_and_the_oldest_makes_room),
		TEST(reasons_read_as_clauses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
