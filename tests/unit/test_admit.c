// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/admit_fixture.h"

/*
 * By hand, 100 MiB: 1 (60, 100 s) starts at 0. 2 (60, 100 s) is blocked and reserved at 100, with
 * 40 beside it. 3 (30, 300 s) fits beside. 4 (10, 90 s) ends before. 5 (10, 400 s) does not fit any
 * more: 10 are left beside 2 and 3, but none are free. At 90 4 ends: 5 starts beside. At 100 1 ends
 * and 2 starts.
 */
static void test_golden_schedule(void **data)
{
	struct fixture *f = *data;

	f->config.trust = ADMIT_TRUST_REQUEST;
	configure(f);
	submit(f, task(1, 60, 100));
	submit(f, task(2, 60, 100));
	submit(f, task(3, 30, 300));
	submit(f, task(4, 10, 90));
	submit(f, task(5, 10, 400));
	step(f);
	assert_int_equal(must(f, ADMIT_START, 4)->why.reason, ADMIT_WHY_FITS);
	assert_int_equal(must(f, ADMIT_START, 1)->why.reason, ADMIT_WHY_FITS);
	assert_int_equal(must(f, ADMIT_START, 3)->why.reason, ADMIT_WHY_BESIDE);
	assert_null(find(f, ADMIT_START, 5));
	assert_int_equal(must(f, ADMIT_WAIT, 2)->why.reason, ADMIT_WHY_NO_ROOM_BUDGET);
	assert_int_equal(must(f, ADMIT_WAIT, 2)->why.observed, M(60));
	assert_int_equal(must(f, ADMIT_WAIT, 2)->why.threshold, M(30));
	assert_int_equal(must(f, ADMIT_WAIT, 2)->until_us, f->now_us + S(100));
	f->now_us += S(90);
	end_task(f, 4, 10);
	step(f);
	assert_int_equal(must(f, ADMIT_START, 5)->why.reason, ADMIT_WHY_BESIDE);
	f->now_us += S(10);
	end_task(f, 1, 60);
	step(f);
	assert_int_equal(must(f, ADMIT_START, 2)->amount, M(60));
	assert_int_equal(view(f, 2).overtaken, 2);
}

static void test_turn_follows_class_runtime_and_memory_priority(void **data)
{
	struct fixture *f = *data;
	struct admit_task t;
	uint64_t ids[8];

	submit(f, task(1, 100, 1000));
	step(f);
	t = task(2, 90, 1000);
	t.priority = 3;
	submit(f, t);
	submit(f, task(3, 90, 1000));
	t = task(4, 90, 1000);
	t.memory_priority = 9;
	submit(f, t);
	submit(f, task(5, 90, 2000));
	t = task(6, 90, 1000);
	t.priority = 10;
	submit(f, t);
	assert_int_equal(admit_queue(f->admit, 0, ids, 8), 5);
	assert_memory_equal(ids, ((uint64_t[]){6, 4, 3, 2, 5}), 5 * sizeof(ids[0]));
	assert_int_equal(view(f, 4).position, 2);
	assert_int_equal(view(f, 5).position, 5);
	assert_int_equal(view(f, 5).why.reason, ADMIT_WHY_TURN);
	assert_int_equal(admit_queue(f->admit, 3, ids, 8), 2);
	assert_int_equal(ids[0], 2);
}

static void test_components_have_budgets_of_their_own_and_share_the_host(void **data)
{
	struct fixture *f = *data;
	struct admit_task t = task(3, 80, 100);

	f->supply.host_valid = true;
	f->supply.host_available_bytes = M(160);
	f->supply.host_reserve_bytes = M(10);
	admit_supply(f->admit, &f->supply, f->now_us);
	submit(f, task(1, 80, 100));
	submit(f, task(2, 80, 100));
	t.component = 1;
	submit(f, t);
	step(f);
	must(f, ADMIT_START, 1);
	assert_int_equal(must(f, ADMIT_WAIT, 2)->why.reason, ADMIT_WHY_NO_ROOM_BUDGET);
	assert_int_equal(must(f, ADMIT_WAIT, 3)->why.reason, ADMIT_WHY_NO_ROOM_HOST);
	assert_int_equal(must(f, ADMIT_WAIT, 3)->why.threshold, M(70));
	/* What 1 uses is gone from what is available, and no longer promised on top of it. */
	admit_usage(f->admit, 1, M(50), 0, M(50), f->now_us);
	f->supply.host_available_bytes = M(121);
	admit_supply(f->admit, &f->supply, f->now_us);
	step(f);
	must(f, ADMIT_START, 3);
}

/* What one waits for by right is called back from who borrows it; what its own have is not. */
static void test_what_is_kept_from_who_has_a_right_is_wanted(void **data)
{
	struct fixture *f = *data;
	struct admit_task t = task(3, 80, 100);

	f->supply.host_valid = true;
	f->supply.host_available_bytes = M(130);
	f->supply.host_reserve_bytes = M(10);
	admit_supply(f->admit, &f->supply, f->now_us);
	submit(f, task(1, 80, 100));
	submit(f, task(2, 80, 100));
	t.component = 1;
	submit(f, t);
	step(f);
	must(f, ADMIT_START, 1);
	assert_int_equal(must(f, ADMIT_WAIT, 3)->why.reason, ADMIT_WHY_NO_ROOM_HOST);
	assert_int_equal(admit_wanted(f->admit, 0), 0);
	/* Its own, what 1 has not taken yet, and what nobody is to take. */
	assert_int_equal(admit_wanted(f->admit, 1), M(80 + 80 + 10));
	f->supply.host_available_bytes = admit_wanted(f->admit, 1);
	admit_supply(f->admit, &f->supply, f->now_us);
	step(f);
	must(f, ADMIT_START, 3);
	assert_int_equal(admit_wanted(f->admit, 1), 0);
}

static void test_leases_leave_less_of_a_budget(void **data)
{
	struct fixture *f = *data;

	f->supply.component[0].other_bytes = M(50);
	admit_supply(f->admit, &f->supply, f->now_us);
	submit(f, task(1, 60, 100));
	submit(f, task(2, 40, 100));
	step(f);
	must(f, ADMIT_START, 2);
	assert_int_equal(view(f, 1).why.reason, ADMIT_WHY_NO_ROOM_BUDGET);
	assert_int_equal(view(f, 1).why.threshold, M(10));
	assert_int_equal(view(f, 1).position, 0);
	f->supply.component[0].other_bytes = 0;
	admit_supply(f->admit, &f->supply, f->now_us);
	step(f);
	must(f, ADMIT_START, 1);
}

static void test_wider_than_a_shrunk_budget_does_not_block_others(void **data)
{
	struct fixture *f = *data;
	struct admit_task first = task(2, 90, 10);

	submit(f, task(1, 50, 100));
	step(f);
	submit(f, first);
	step(f);
	must(f, ADMIT_WAIT, 2);
	f->supply.component[0].budget_bytes = M(80);
	admit_supply(f->admit, &f->supply, f->now_us);
	submit(f, task(3, 30, 1000));
	step(f);
	must(f, ADMIT_START, 3);
	assert_int_equal(view(f, 2).why.reason, ADMIT_WHY_NEVER_FITS);
}

static void test_held_keeps_its_turn(void **data)
{
	struct fixture *f = *data;
	struct admit_task t = task(1, 90, 100);

	t.flags |= ADMIT_HELD;
	submit(f, t);
	step(f);
	assert_int_equal(f->got.count, 0);
	assert_int_equal(view(f, 1).state, ADMIT_ONHOLD);
	assert_int_equal(view(f, 1).why.reason, ADMIT_WHY_HELD);
	f->now_us += S(10);
	submit(f, task(2, 90, 100));
	assert_int_equal(admit_release(f->admit, 1), 0);
	step(f);
	must(f, ADMIT_START, 1);
	assert_int_equal(admit_hold(f->admit, 1), -EBUSY);
	assert_int_equal(admit_hold(f->admit, 2), 0);
	assert_int_equal(admit_hold(f->admit, 2), 0);
	end_task(f, 1, 90);
	step(f);
	assert_null(find(f, ADMIT_START, 2));
}

/* 1 of a key that takes 100 s says 1000. */
static void test_a_passed_prediction_is_replaced_by_what_was_declared(void **data)
{
	struct fixture *f = *data;

	teach(f, 8, 90, 90);
	submit(f, keyed(1, 90, 1000));
	step(f);
	assert_int_equal(view(f, 1).end_us, f->now_us + S(100));
	f->now_us += S(100);
	step(f);
	assert_int_equal(view(f, 1).end_us, f->now_us + S(900));
	f->now_us += S(900);
	step(f);
	assert_int_equal(view(f, 1).end_us, f->now_us + S(60));
}

static void test_without_a_word_it_is_taken_to_be_half_through(void **data)
{
	struct fixture *f = *data;

	teach(f, 8, 90, 90);
	submit(f, keyed(1, 90, 0));
	step(f);
	f->now_us += S(100);
	step(f);
	assert_int_equal(view(f, 1).end_us, f->now_us + S(100));
}

static void submit_limited(struct fixture *f, uint64_t id, uint64_t mib, uint64_t limit_s)
{
	struct admit_task t = keyed(id, mib, limit_s);

	t.limit_us = S(limit_s);
	submit(f, t);
}

/*
 * All of the key take 100 s, as predicted, but 1: it goes on to its limit of 20000 s. 2 was
 * promised 100 s. An hour later only what is over by its limit when 1 is may pass it, or what fits
 * beside it.
 */
static void test_a_head_out_of_patience_is_passed_by_limits_only(void **data)
{
	struct fixture *f = *data;

	f->config.trust = ADMIT_TRUST_LEARNED;
	teach(f, 8, 1, 0);
	submit_limited(f, 1, 60, 20000);
	admit_started(f->admit, 1, M(60), f->now_us);
	submit(f, task(2, 90, 10));
	step(f);
	assert_int_equal(must(f, ADMIT_WAIT, 2)->until_us, f->now_us + S(100));
	f->now_us += S(4000);
	step(f);
	for (uint64_t id = 3; id <= 5; id++) {
		struct admit_task t = task(id, id == 4 ? 10 : 20, 10);

		t.limit_us = id == 5 ? S(15000) : S(30000);
		submit(f, t);
	}
	step(f);
	assert_null(find(f, ADMIT_START, 3));
	assert_int_equal(must(f, ADMIT_START, 4)->why.reason, ADMIT_WHY_BESIDE);
	assert_int_equal(must(f, ADMIT_START, 5)->why.reason, ADMIT_WHY_ENDS_BEFORE);
}

/* The same, but 2 was promised to wait eight hours in all: it is patient for four more. */
static void test_who_was_promised_a_long_wait_is_patient_for_half_of_it(void **data)
{
	struct fixture *f = *data;
	struct admit_task t = task(2, 90, 10);

	f->config.trust = ADMIT_TRUST_LEARNED;
	teach(f, 8, 1, 0);
	t.submit_us = S(1000);
	f->now_us = S(1000) + S(28700);
	submit_limited(f, 1, 60, 30000);
	admit_started(f->admit, 1, M(60), f->now_us);
	submit(f, t);
	step(f);
	assert_int_equal(must(f, ADMIT_WAIT, 2)->until_us, S(1000) + S(28800));
	for (uint64_t id = 3; id <= 4; id++) {
		struct admit_task late = task(id, 20, 10);

		f->now_us = S(1000) + S(28800) + S(id == 3 ? 14300 : 14500);
		late.limit_us = S(40000);
		submit(f, late);
		step(f);
		assert_true((find(f, ADMIT_START, id) != NULL) == (id == 3));
	}
}

/*
 * 2 starts late and is back at once, as it was, before 6 leaves it room: what it was promised at
 * first still tells who may pass it.
 */
static void test_who_is_queued_again_as_it_was_keeps_its_promise(void **data)
{
	struct fixture *f = *data;

	f->config.trust = ADMIT_TRUST_LEARNED;
	teach(f, 8, 1, 0);
	submit_limited(f, 1, 60, 20000);
	admit_started(f->admit, 1, M(60), f->now_us);
	submit(f, task(2, 90, 10));
	step(f);
	assert_int_equal(must(f, ADMIT_WAIT, 2)->until_us, f->now_us + S(100));
	f->now_us += S(4000);
	admit_exit(f->admit, 1, ADMIT_EXIT_NOT_RUN, 0, f->now_us);
	decide(f);
	must(f, ADMIT_START, 2);
	submit_limited(f, 6, 60, 20000);
	admit_started(f->admit, 6, M(60), f->now_us);
	assert_int_equal(admit_exit(f->admit, 2, ADMIT_EXIT_AGAIN, 0, f->now_us), ADMIT_REQUEUED);
	for (uint64_t id = 3; id <= 5; id += 2) {
		struct admit_task t = task(id, 20, 10);

		t.limit_us = id == 5 ? S(15000) : S(30000);
		submit(f, t);
	}
	step(f);
	assert_null(find(f, ADMIT_START, 3));
	assert_int_equal(must(f, ADMIT_START, 5)->why.reason, ADMIT_WHY_ENDS_BEFORE);
}

static void test_cancel_and_refusals(void **data)
{
	struct fixture *f = *data;
	struct admit_task bad[] = {task(0, 1, 1), task(9, 0, 1), task(9, 1, 1), task(9, 1, 1),
				   task(9, 1, 1)};
	struct admit_view v;

	bad[2].priority = 11;
	bad[3].component = 2;
	bad[4].submit_us = f->now_us + 1;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(admit_submit(f->admit, &bad[i], f->now_us), -EINVAL);
	submit(f, task(1, 100, 1));
	bad[0] = task(1, 1, 1);
	assert_int_equal(admit_submit(f->admit, &bad[0], f->now_us), -EEXIST);
	assert_int_equal(admit_cancel(f->admit, 2), -ENOENT);
	assert_int_equal(admit_cancel(f->admit, 1), 0);
	assert_int_equal(admit_view(f->admit, 1, f->now_us, &v), -ENOENT);
	for (uint64_t id = 1; id <= limits.tasks; id++)
		submit(f, task(id, 50, 1));
	bad[0] = task(100, 1, 1);
	assert_int_equal(admit_submit(f->admit, &bad[0], f->now_us), -ENOSPC);
	step(f);
	assert_int_equal(admit_cancel(f->admit, 1), -EBUSY);
	assert_int_equal(admit_cancel(f->admit, 64), 0);
	submit(f, task(100, 50, 1));
}

static void test_an_answer_holds_what_it_may(void **data)
{
	struct fixture *f = *data;
	uint64_t next = 1;

	f->config.answer_max = ADMIT_DECISIONS_MAX + 1;
	assert_int_equal(admit_configure(f->admit, &f->config), -EINVAL);
	f->config.answer_max = 3;
	configure(f);
	for (uint64_t id = 1; id <= 8; id++)
		submit(f, task(id, 10, 1));
	do {
		admit_decide(f->admit, f->now_us, &f->got);
		assert_in_range(f->got.count, 0, 3);
		for (uint32_t i = 0; i < f->got.count; i++)
			assert_int_equal(f->got.decision[i].id, next++);
	} while (f->got.more);
	assert_int_equal(next, 9);
}

/* Room for 2 comes with the end of 1, of which nobody said when it is. */
static void test_a_start_behind_what_nobody_knows_the_end_of_is_not_told(void **data)
{
	struct fixture *f = *data;
	struct admit_summary summary;
	struct admit_view preview;
	struct admit_task third = task(3, 50, 20);

	submit(f, task(1, 60, 0));
	step(f);
	must(f, ADMIT_START, 1);
	submit(f, task(2, 60, 10));
	step(f);
	assert_int_equal(view(f, 1).end_us, 0);
	assert_int_equal(view(f, 2).position, 1);
	assert_int_equal(view(f, 2).start_us, 0);
	assert_int_equal(view(f, 2).end_us, 0);
	third.submit_us = f->now_us;
	assert_int_equal(admit_preview(f->admit, &third, f->now_us, &preview), 0);
	assert_int_equal(preview.start_us, 0);
	admit_summary(f->admit, f->now_us, &summary);
	assert_int_equal(summary.head_id, 2);
	assert_int_equal(summary.head_start_us, 0);
}

/* 2 ends before it, and that makes the room. */
static void test_a_start_that_waits_for_a_known_end_is_told_beside_an_unknown_one(void **data)
{
	struct fixture *f = *data;

	submit(f, task(1, 30, 0));
	submit(f, task(2, 60, 100));
	step(f);
	must(f, ADMIT_START, 1);
	must(f, ADMIT_START, 2);
	submit(f, task(3, 61, 110));
	step(f);
	assert_int_equal(view(f, 3).start_us, f->now_us + S(100));
	assert_int_equal(view(f, 3).end_us, f->now_us + S(210));
}

/* Both ends are needed, and the unknown one stands before the other by its age. */
static void test_a_start_that_takes_an_unknown_end_on_the_way_is_not_told(void **data)
{
	struct fixture *f = *data;

	submit(f, task(1, 60, 0));
	step(f);
	must(f, ADMIT_START, 1);
	f->now_us += S(23 * 3600);
	submit(f, task(2, 30, 4 * 3600));
	step(f);
	must(f, ADMIT_START, 2);
	submit(f, task(3, 100, 10));
	step(f);
	assert_int_equal(view(f, 3).start_us, 0);
}

/* Their work is not known: who stands before it in the queue makes the start unknown too. */
static void test_a_start_behind_queued_work_of_unknown_length_is_not_told(void **data)
{
	struct fixture *f = *data;
	struct admit_task deferred = task(4, 90, 80000);

	submit(f, task(1, 90, 100));
	step(f);
	deferred.priority = 1;
	submit(f, task(2, 90, 1));
	submit(f, task(3, 90, 0));
	submit(f, deferred);
	step(f);
	assert_int_equal(view(f, 2).start_us, f->now_us + S(100));
	assert_int_equal(view(f, 3).position, 2);
	assert_true(view(f, 3).start_us > f->now_us + S(100));
	assert_int_equal(view(f, 3).end_us, 0);
	assert_int_equal(view(f, 4).position, 3);
	assert_int_equal(view(f, 4).start_us, 0);
}

/* Without a declared time what its key has learned will do: 100 s. */
static void test_a_learned_time_tells_the_start_of_who_comes_after(void **data)
{
	struct fixture *f = *data;

	teach(f, 8, 60, 60);
	submit(f, keyed(1, 60, 0));
	step(f);
	must(f, ADMIT_START, 1);
	submit(f, task(2, 60, 10));
	step(f);
	assert_int_equal(view(f, 1).end_us, f->now_us + S(100));
	assert_int_equal(view(f, 2).start_us, f->now_us + S(100));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(golden_schedule),
		TEST(a_start_behind_what_nobody_knows_the_end_of_is_not_told),
		TEST(a_start_that_waits_for_a_known_end_is_told_beside_an_unknown_one),
		TEST(a_start_that_takes_an_unknown_end_on_the_way_is_not_told),
		TEST(a_start_behind_queued_work_of_unknown_length_is_not_told),
		TEST(a_learned_time_tells_the_start_of_who_comes_after),
		TEST(turn_follows_class_runtime_and_memory_priority),
		TEST(components_have_budgets_of_their_own_and_share_the_host),
		TEST(what_is_kept_from_who_has_a_right_is_wanted),
		TEST(leases_leave_less_of_a_budget),
		TEST(wider_than_a_shrunk_budget_does_not_block_others),
		TEST(held_keeps_its_turn),
		TEST(a_passed_prediction_is_replaced_by_what_was_declared),
		TEST(without_a_word_it_is_taken_to_be_half_through),
		TEST(a_head_out_of_patience_is_passed_by_limits_only),
		TEST(who_was_promised_a_long_wait_is_patient_for_half_of_it),
		TEST(who_is_queued_again_as_it_was_keeps_its_promise),
		TEST(cancel_and_refusals),
		TEST(an_answer_holds_what_it_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
