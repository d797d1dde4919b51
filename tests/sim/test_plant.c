// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The simulated machine itself, without a policy, against what booted kernels did. Each test says
 * what was measured, what the model gives, and bounds the difference. Where it is far off, that is
 * said: such a figure of the model is not to be trusted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/sim/plant_fixture.h"
#include "user/plant/memory.h"
#include "user/policy/num.h"

/* Touches each page once, then works on all of it. */
static void job_of(struct plant_phase program[2], uint64_t bytes, uint64_t touches)
{
	program[0] = (struct plant_phase){
		.target_bytes = bytes, .grow_per_s = 200 * MIB, .hot_bytes = bytes};
	program[1] = (struct plant_phase){.target_bytes = bytes,
					  .grow_per_s = 200 * MIB,
					  .hot_bytes = bytes,
					  .touches_per_s = TOUCHES_PER_S,
					  .touches = touches};
}

static uint64_t ms_since(const struct plant *plant, uint64_t then_us)
{
	return (plant->now_us - then_us) / US_PER_MS;
}

static uint64_t took_ms(const struct plant_leaf *leaf)
{
	return (leaf->ended_us - leaf->born_us) / US_PER_MS;
}

/* A job alone ends after growth and work / rate, to two steps. */
static void test_job_alone_ends_after_its_work(void **data)
{
	struct plant plant;
	struct plant_phase program[2];
	struct plant_leaf *job;
	uint64_t want_ms = 547 * 1000 / 200 + 60 * 1000;

	(void)data;
	guest(&plant, 256 * MIB, 1);
	job_of(program, 547 * MIB, 60 * TOUCHES_PER_S);
	job = plant_add_job(&plant, 0, program, ROWS(program));
	assert_true(plant_run_until_end(&plant, job, 100 * US_PER_SEC));
	say("alone, ms", took_ms(job));
	assert_in_range(took_ms(job), want_ms, want_ms + 2 * PLANT_STEP_US / US_PER_MS);
	assert_int_equal(job->stalled_us, 0);
	plant_done(&plant);
}

/*
 * Two jobs of 669 MB and a minute of work each, 256 MB of swap. Measured on 6.12: the kernel killed
 * one, the other took 3.3 times what both take one after the other. The model kills none (45 MB of
 * swap are left: it has no kernel memory that grows with the load, and slots are free as soon as
 * their pages are back); the first takes 3.8 times, the second 4.6. That depends on who is aged
 * when: two variants of that rule let one of them win early and gave 1.7 and 12 times. How long a
 * thrash lasts is no figure to decide by; that it is one, is.
 */
static void test_two_hot_jobs_that_do_not_fit_take_three_times_both(void **data)
{
	struct plant plant;
	struct plant_phase program[2];
	struct plant_leaf *first, *second;
	uint64_t serial_ms = 2 * (669 * 1000 / 200 + 60 * 1000), percent;

	(void)data;
	guest(&plant, 256 * MIB, 1);
	job_of(program, 669 * MIB, 60 * TOUCHES_PER_S);
	first = plant_add_job(&plant, 0, program, ROWS(program));
	second = plant_add_job(&plant, 0, program, ROWS(program));
	assert_true(plant_run_until_end(&plant, first, 3600 * US_PER_SEC));
	percent = took_ms(first) * 100 / serial_ms;
	say("two jobs, the first, % of serial", percent);
	say("two jobs, swap left, MB", plant_swap_free(&plant) / MIB);
	say("two jobs, killed by the host", plant.counts.oom);
	assert_in_range(percent, 270, 430);
	assert_true(plant_run_until_end(&plant, second, 3600 * US_PER_SEC));
	percent = took_ms(second) * 100 / serial_ms;
	say("two jobs, the second, % of serial", percent);
	assert_in_range(percent, 270, 520);
	plant_done(&plant);
}

/* 240 MB of a frozen leaf go to swap. */
static struct plant_leaf *paged_out_leaf(struct plant *plant)
{
	struct plant_leaf *leaf = busy_leaf(plant, 0, 240 * MIB, TOUCHES_PER_S);
	uint64_t began_us = plant->now_us;

	freeze(plant, leaf);
	assert_true(reclaim(plant, 0, leaf, 240 * MIB) > 239 * MIB);
	say("page-out of 240 MB while frozen, ms", ms_since(plant, began_us));
	/* Measured: memory.high on a frozen hog, about 1 s for 100 MB. The model: 2.4 s for 240. */
	assert_in_range(ms_since(plant, began_us), 2000, 2900);
	return leaf;
}

static uint64_t page_in_ms(uint64_t swap_bytes_per_s)
{
	struct plant plant;
	struct plant_leaf *leaf;
	uint64_t ms;

	guest(&plant, 256 * MIB, 1);
	plant.swap_bytes_per_s = swap_bytes_per_s;
	leaf = paged_out_leaf(&plant);
	plant_page_in(&plant, leaf);
	plant_run(&plant, 5 * US_PER_SEC);
	assert_int_equal(leaf->swapped_bytes, 0);
	assert_true(leaf->frozen);
	ms = (leaf->page_in_ended_us - leaf->page_in_began_us) / US_PER_MS;
	plant_done(&plant);
	return ms;
}

/*
 * Measured: 0.9 to 1.1 s for 240 MB on a swap disk without a limit of its own, which is 220 to 270
 * MB/s. The model at 240 MB/s: 1.0 s. At 150 MB/s, as with the owner below, it takes 1.6 s.
 */
static void test_page_in_as_a_whole_goes_at_the_speed_of_the_device(void **data)
{
	uint64_t fast_ms = page_in_ms(240 * MIB), slow_ms = page_in_ms(150 * MIB);

	(void)data;
	say("page-in as a whole at 240 MB/s, ms", fast_ms);
	say("page-in as a whole at 150 MB/s, ms", slow_ms);
	assert_in_range(fast_ms, 900, 1100);
	assert_in_range(slow_ms, 1500, 1700);
}

/* Measured: 52 s, one page at a time. The wait of a fault was taken from this figure, so what is
 * tested is that nothing else comes on top: the last percent is left out, which the model finds
 * late. */
static void test_page_in_by_faults_takes_most_of_a_minute(void **data)
{
	struct plant plant;
	struct plant_leaf *leaf;
	uint64_t began_us;

	(void)data;
	guest(&plant, 256 * MIB, 1);
	leaf = paged_out_leaf(&plant);
	began_us = plant.now_us;
	leaf->frozen = false;
	while (leaf->swapped_bytes > 240 * MIB / 100 && ms_since(&plant, began_us) < 200000)
		plant_run(&plant, PLANT_STEP_US);
	say("page-in by faults, ms", ms_since(&plant, began_us));
	assert_in_range(ms_since(&plant, began_us), 46000, 58000);
	assert_in_range(leaf->refault_anon, 60000, 61440);
	assert_true(leaf->stalled_us > 45 * US_PER_SEC);
	plant_done(&plant);
}

/*
 * An owner comes back for 250 MB at 200 MB/s and uses it; a borrower has 1 GB all hot; 103 MB are
 * free. Measured on 6.12: 6.4 s behind its own pace. The model: 6.7 s.
 */
static void test_owner_beside_a_hot_borrower_lags_for_seconds(void **data)
{
	struct plant plant;
	struct plant_leaf *owner;
	uint64_t began_us, lag_ms;

	(void)data;
	guest(&plant, 256 * MIB, 2);
	busy_leaf(&plant, 0, 1024 * MIB, TOUCHES_PER_S);
	plant_run(&plant, 20 * US_PER_SEC);
	owner = plant_add_leaf(&plant, 1, 0);
	owner->phase = (struct plant_phase){.target_bytes = 250 * MIB,
					    .grow_per_s = 200 * MIB,
					    .hot_bytes = 250 * MIB,
					    .touches_per_s = TOUCHES_PER_S};
	began_us = plant.now_us;
	while (owner->resident_bytes + owner->swapped_bytes < 250 * MIB &&
	       ms_since(&plant, began_us) < 60000)
		plant_run(&plant, PLANT_STEP_US);
	lag_ms = ms_since(&plant, began_us) - 1250;
	say("owner beside borrower, lag, ms", lag_ms);
	say("owner, stalled, ms", owner->stalled_us / US_PER_MS);
	assert_in_range(lag_ms, 4500, 8000);
	plant_done(&plant);
}

static uint64_t touches_under(uint64_t high_bytes)
{
	struct plant plant;
	struct plant_leaf *job;
	uint64_t before;

	guest(&plant, 1024 * MIB, 1);
	plant.component[0].high_bytes = high_bytes;
	job = busy_leaf(&plant, 0, 547 * MIB, TOUCHES_PER_S);
	plant_run(&plant, 60 * US_PER_SEC);
	before = job->touches;
	plant_run(&plant, 60 * US_PER_SEC);
	before = (job->touches - before) / 60;
	plant_done(&plant);
	return before;
}

/*
 * Measured: a job of 547 MB in a share of 25 % (254 MB) never ended; such jobs made 1/100 of their
 * touches and less. The model: 1/105 at 254 MB, 1/89 at 300, but 1/25 at 480 MB: it knows the waits
 * for pages, and not what the kernel's scans of hot memory cost in an emulator.
 */
static void test_job_held_under_its_hot_set_hardly_moves(void **data)
{
	(void)data;
	say("held at 254 MB, touches/s", touches_under(254 * MIB));
	say("held at 300 MB, touches/s", touches_under(300 * MIB));
	say("held at 480 MB, touches/s", touches_under(480 * MIB));
	assert_in_range(touches_under(600 * MIB), TOUCHES_PER_S - 100, TOUCHES_PER_S);
	assert_true(touches_under(254 * MIB) <= TOUCHES_PER_S / 100);
	assert_true(touches_under(300 * MIB) <= TOUCHES_PER_S / 80);
	assert_true(touches_under(480 * MIB) <= TOUCHES_PER_S / 20);
}

/*
 * 100 MB touched every 200 ms beside 200 MB untouched. Measured on 6.12 after four agings 5 s
 * apart: 51,210 pages in the oldest generation, 25,604 in the youngest; eviction of the oldest took
 * 199 MB without a refault. The model: exact.
 */
static void test_eviction_of_the_oldest_brings_no_refault(void **data)
{
	struct plant plant;
	struct plant_leaf *leaf;

	(void)data;
	guest(&plant, 256 * MIB, 1);
	leaf = plant_add_leaf(&plant, 0, 300 * MIB);
	leaf->phase.hot_bytes = 100 * MIB;
	leaf->phase.touches_per_s = 100 * MIB / PLANT_PAGE * 5;
	for (int i = 0; i < 4; i++) {
		plant_run(&plant, 5 * US_PER_SEC);
		plant_age(leaf, plant.now_us);
	}
	assert_in_range(plant_generation(leaf, 3, false), 199 * MIB, 201 * MIB);
	assert_in_range(plant_generation(leaf, 0, false), 99 * MIB, 101 * MIB);
	assert_in_range(plant_evict_oldest(&plant, leaf), 199 * MIB, 201 * MIB);
	plant_run(&plant, 10 * US_PER_SEC);
	assert_int_equal(leaf->refault_anon, 0);
	plant_done(&plant);
}

/* The oldest generation after one aging and no time is no better than chance. */
static void test_aging_without_time_between_tells_nothing(void **data)
{
	struct plant plant;
	struct plant_leaf *leaf;

	(void)data;
	guest(&plant, 256 * MIB, 1);
	leaf = plant_add_leaf(&plant, 0, 300 * MIB);
	leaf->phase.hot_bytes = 100 * MIB;
	leaf->phase.touches_per_s = 100 * MIB / PLANT_PAGE * 5;
	plant_run(&plant, 5 * US_PER_SEC);
	for (int i = 0; i < 4; i++)
		plant_age(leaf, plant.now_us);
	assert_in_range(plant_generation(leaf, 3, false), 299 * MIB, 300 * MIB);
	plant_done(&plant);
}

static uint64_t sibling_loses(uint64_t low_bytes)
{
	struct plant plant;
	struct plant_leaf *sibling, *leak;
	uint64_t worst = 0;

	guest(&plant, 1024 * MIB, 1);
	plant.component[0].high_bytes = 300 * MIB;
	sibling = busy_leaf(&plant, 0, 100 * MIB, 128000);
	sibling->low_bytes = low_bytes;
	leak = plant_add_leaf(&plant, 0, 0);
	leak->phase = (struct plant_phase){.target_bytes = GIB, .grow_per_s = 60 * MIB};
	for (int i = 0; i < 2000; i++) {
		plant_run(&plant, PLANT_STEP_US);
		worst = max_u64(worst, sibling->swapped_bytes);
	}
	assert_true(plant.component[0].current_bytes <= 300 * MIB + 300 * KIB);
	plant_done(&plant);
	return worst;
}

/*
 * 100 MB hot beside a leak of 60 MB/s under a common memory.high of 300 MB. Measured without a
 * memory.low on the sibling: it lost 86 MB to swap on 6.12, 4 on 6.1, 11 on 7.x; with one: none.
 * The model: 37 MB in 20 s, and none. That a sibling of a leak made 64 touches a second in place of
 * 100,000 is not met: here it makes some 10,000.
 */
static void test_sibling_of_a_leak_is_kept_by_its_own_low(void **data)
{
	uint64_t lost = sibling_loses(0);

	(void)data;
	say("sibling of a leak lost, MB", lost / MIB);
	assert_in_range(lost, 4 * MIB, 86 * MIB);
	assert_int_equal(sibling_loses(110 * MIB), 0);
}

/* As calculate_high_delay has it. */
static void test_throttling_is_that_of_the_kernel(void **data)
{
	const uint64_t high = 1000 * MIB, batch = 64 * PLANT_PAGE;

	(void)data;
	assert_int_equal(plant_throttle_us(high, high, batch), 0);
	assert_int_equal(plant_throttle_us(high + 10 * MIB, high, batch), 0);
	assert_in_range(plant_throttle_us(high + 50 * MIB, high, batch), 159000, 160000);
	assert_in_range(plant_throttle_us(high + 100 * MIB, high, batch), 639000, 640000);
	assert_int_equal(plant_throttle_us(high + 180 * MIB, high, batch), 2000000);
	assert_int_equal(plant_throttle_us(5 * high, high, batch), 2000000);
}

/*
 * Without swap a group over memory.high creeps: measured about 0.5 MB/s while nearly all time is
 * stall. The model slows down as it goes: 0.28 MB/s in the second half minute.
 */
static void test_without_swap_a_group_over_high_creeps(void **data)
{
	struct plant plant;
	struct plant_leaf *leaf;
	uint64_t before;

	(void)data;
	guest(&plant, 0, 1);
	plant.component[0].high_bytes = 300 * MIB;
	leaf = plant_add_leaf(&plant, 0, 290 * MIB);
	leaf->phase.target_bytes = GIB;
	plant_run(&plant, 30 * US_PER_SEC);
	before = leaf->resident_bytes;
	plant_run(&plant, 30 * US_PER_SEC);
	say("creep without swap, KiB/s", (leaf->resident_bytes - before) / 30 / KIB);
	assert_in_range((leaf->resident_bytes - before) / 30, 250 * KIB, 1000 * KIB);
	assert_true(plant.component[0].stall_full_us > 55 * US_PER_SEC);
	plant_done(&plant);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_job_alone_ends_after_its_work),
		cmocka_unit_test(test_two_hot_jobs_that_do_not_fit_take_three_times_both),
		cmocka_unit_test(test_page_in_as_a_whole_goes_at_the_speed_of_the_device),
		cmocka_unit_test(test_page_in_by_faults_takes_most_of_a_minute),
		cmocka_unit_test(test_owner_beside_a_hot_borrower_lags_for_seconds),
		cmocka_unit_test(test_job_held_under_its_hot_set_hardly_moves),
		cmocka_unit_test(test_eviction_of_the_oldest_brings_no_refault),
		cmocka_unit_test(test_aging_without_time_between_tells_nothing),
		cmocka_unit_test(test_sibling_of_a_leak_is_kept_by_its_own_low),
		cmocka_unit_test(test_throttling_is_that_of_the_kernel),
		cmocka_unit_test(test_without_swap_a_group_over_high_creeps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
