// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/admit_fixture.h"

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
	/* 1.01 + 0 spread + .02 / 1, and 2 MiB less a part of that */
	assert_int_equal(view(f, 2).footprint_bytes / KIB,
			 (M(10) * 103 / 100 * 127 / 128 + M(2)) / KIB);
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
	/* Half of it, 1.01, and 2 MiB: the share never rose. */
	assert_int_equal(view(f, 1).footprint_bytes / MIB, 42);
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
	/* 1.01, .3 / 16 and 2 MiB; 69 with all of the spread */
	assert_in_range(view(f, 1).footprint_bytes / KIB, 62 * 1024, 64 * 1024);
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
