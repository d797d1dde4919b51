// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "user/base/clock.h"
#include "user/base/units.h"
#include "user/policy/num.h"
#include "user/policy/signal.h"

#define PAGE     4096ULL
#define TICK_US  (100 * US_PER_MS)
#define START_US (100 * US_PER_SEC)

static struct component_sample anon(uint64_t bytes)
{
	return (struct component_sample){
		.valid = SAMPLE_USAGE | SAMPLE_STAT,
		.current_bytes = bytes,
		.anon_bytes = bytes,
	};
}

static void ramp(struct signal *s, uint64_t from, uint64_t per_s, uint32_t ticks)
{
	for (uint32_t i = 0; i < ticks; i++) {
		struct component_sample c = anon(from + per_s / 10 * i);

		signal_update(s, &c, 0, false, START_US + i * TICK_US);
	}
}

static void test_mul_div_is_exact_and_saturates(void **data)
{
	(void)data;
	assert_int_equal(mul_div(10, 3, 4), 7);
	assert_int_equal(mul_div(1, 1, 0), 0);
	assert_int_equal(mul_div(UINT64_MAX, 2, 4), UINT64_MAX / 2);
	assert_true(mul_div(UINT64_MAX, UINT64_MAX, 1) == UINT64_MAX);
	assert_int_equal(percent_of(1ULL << 50, 95), (1ULL << 50) / 100 * 95 + 22);
}

static void test_working_set_leaves_out_cold_pages(void **data)
{
	struct signal s = {0};
	struct component_sample c = anon(100 * MIB);

	(void)data;
	c.inactive_file_bytes = 30 * MIB;
	c.slab_reclaimable_bytes = 5 * MIB;
	signal_update(&s, &c, 0, false, START_US);
	assert_int_equal(s.ws_bytes, 65 * MIB);
	assert_int_equal(s.current_bytes, 100 * MIB);
}

/* Who reads files once holds what it held before, and does not grow. */
static void test_files_that_nobody_misses_are_not_held(void **data)
{
	struct signal s = {0};
	struct component_sample c;
	uint64_t now_us = START_US;

	(void)data;
	for (uint32_t i = 0; i < 20; i++, now_us += TICK_US) {
		c = anon(100 * MIB + i * 10 * MIB);
		c.anon_bytes = 100 * MIB;
		c.inactive_file_bytes = i * 10 * MIB;
		c.dirty_bytes = c.writeback_bytes = i ? MIB : 0;
		c.slab_reclaimable_bytes = 3 * MIB; /* is not dropped so easily */
		signal_update(&s, &c, 0, false, now_us);
		assert_int_equal(s.held_bytes, (i ? 102 : 100) * MIB);
		assert_true(i == 1 || s.step_per_s <= 0); /* these began to be dirty */
	}
	/* Between two looks at memory.stat growth is what it was. */
	c = (struct component_sample){.valid = SAMPLE_USAGE, .current_bytes = 300 * MIB};
	signal_update(&s, &c, 0, false, now_us);
	assert_in_range(s.held_bytes, 100 * MIB, 104 * MIB);
}

static void test_files_that_are_read_again_are_held(void **data)
{
	struct signal s = {0};
	struct component_sample c = anon(300 * MIB);

	(void)data;
	c.inactive_file_bytes = 200 * MIB;
	signal_update(&s, &c, 0, false, START_US);
	assert_int_equal(s.held_bytes, 100 * MIB);
	signal_update(&s, &c, 0, true, START_US + US_PER_SEC); /* it is protected */
	assert_int_equal(s.held_bytes, 300 * MIB);
	c.refault_anon += 100000; /* are no files */
	c.refault_file += 8 * MIB / PAGE;
	signal_update(&s, &c, 0, false, START_US + 2 * US_PER_SEC);
	assert_int_equal(s.held_bytes, 164 * MIB); /* a stream beside it has the rest */
	signal_update(&s, &c, 0, false, START_US + 11 * US_PER_SEC);
	assert_int_equal(s.held_bytes, 164 * MIB);
	signal_update(&s, &c, 0, false, START_US + 12 * US_PER_SEC);
	assert_int_equal(s.held_bytes, 100 * MIB);
	c.refault_file += 3000; /* of what was read ahead of a stream */
	c.pgsteal += 25000;
	signal_update(&s, &c, 0, false, START_US + 12900 * US_PER_MS);
	assert_int_equal(s.held_bytes, 100 * MIB);
	c.refault_file += 200;
	signal_update(&s, &c, 0, false, START_US + 14 * US_PER_SEC);
	assert_int_equal(s.held_bytes, 100 * MIB);
}

/* Who misses more and more holds more and more, up to all; who missed much before, less again. */
static void test_files_count_as_far_as_they_are_missed(void **data)
{
	struct signal s = {0};
	struct component_sample c = anon(500 * MIB);
	uint64_t now_us = START_US;

	(void)data;
	c.inactive_file_bytes = 400 * MIB;
	for (uint32_t i = 0; i < 10; i++, now_us += US_PER_SEC) {
		c.refault_file += i ? 10 * MIB / PAGE : 0;
		signal_update(&s, &c, 0, false, now_us);
	}
	assert_int_equal(s.held_bytes, 500 * MIB);
	for (uint32_t i = 0; i < 2; i++) {
		now_us += 9 * US_PER_SEC;
		c.refault_file += 10 * MIB / PAGE;
		signal_update(&s, &c, 0, false, now_us);
	}
	assert_in_range(s.held_bytes, 180 * MIB, 200 * MIB);
}

/* Each second others count while some are missed: what is taken beside them is a step as ever. */
static void test_a_step_shows_beside_files_that_are_missed(void **data)
{
	struct signal s = {0};
	struct component_sample c = anon(500 * MIB);

	(void)data;
	c.inactive_file_bytes = 400 * MIB;
	signal_update(&s, &c, 0, false, START_US);
	for (uint32_t i = 1; i <= 5; i++) {
		c.refault_file += MIB / PAGE * i;
		c.current_bytes += 20 * MIB;
		c.anon_bytes += 20 * MIB;
		signal_update(&s, &c, 0, false, START_US + i * US_PER_SEC);
		assert_in_range(s.step_per_s, 20 * MIB - 1000, 20 * MIB);
	}
}

/* What is held is told in another way then: nothing was taken. */
static void test_files_that_begin_to_be_missed_are_no_growth(void **data)
{
	struct signal s = {0};
	struct component_sample c = anon(500 * MIB);

	(void)data;
	c.inactive_file_bytes = 400 * MIB;
	signal_update(&s, &c, 0, false, START_US);
	c.refault_file += 3000;
	signal_update(&s, &c, 0, false, START_US + US_PER_SEC);
	assert_in_range(s.held_bytes, 190 * MIB, 200 * MIB);
	assert_int_equal(s.step_per_s, 0);
	c.current_bytes += 10 * MIB;
	c.anon_bytes += 10 * MIB;
	signal_update(&s, &c, 0, false, START_US + US_PER_SEC + TICK_US);
	assert_in_range(s.step_per_s, 99 * MIB, 101 * MIB);
}

static void test_rise_begins_anew_after_a_rest(void **data)
{
	struct signal s = {0};

	(void)data;
	ramp(&s, 100 * MIB, 50 * MIB, 20);
	assert_in_range(s.ws_bytes - s.rise_from_bytes, 85 * MIB, 95 * MIB);
	for (uint32_t i = 0; i < 20; i++) {
		struct component_sample c = anon(195 * MIB);

		signal_update(&s, &c, 0, false, START_US + (20 + i) * TICK_US);
	}
	assert_int_equal(s.rise_from_bytes, 195 * MIB);
}

static void test_cold_beyond_current_gives_no_working_set(void **data)
{
	struct signal s = {0};
	struct component_sample c = anon(10 * MIB);

	(void)data;
	c.inactive_file_bytes = 30 * MIB;
	signal_update(&s, &c, 0, false, START_US);
	assert_int_equal(s.ws_bytes, 0);
}

static void test_ramp_is_forecast_within_a_fifth(void **data)
{
	static const uint64_t rates[] = {20 * MIB, 60 * MIB, 300 * MIB};

	(void)data;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct signal s = {0};
		uint64_t left;

		ramp(&s, 100 * MIB, rates[i], 20);
		left = signal_time_to(&s, s.ws_bytes + rates[i] * 2, GIB);
		assert_in_range(left, 1600 * US_PER_MS, 2400 * US_PER_MS);
	}
}

static void test_steady_use_never_reaches_the_limit(void **data)
{
	struct signal s = {0};

	(void)data;
	ramp(&s, 500 * MIB, 0, 20);
	assert_true(signal_time_to(&s, GIB, GIB) == TTL_NEVER);
	assert_false(signal_is_growing(&s, GIB));
}

static void test_trend_starts_anew_after_a_gap(void **data)
{
	struct signal s = {0};
	struct component_sample c = anon(900 * MIB);

	(void)data;
	ramp(&s, 100 * MIB, 60 * MIB, 20);
	signal_update(&s, &c, 0, false, START_US + 60 * US_PER_SEC);
	assert_int_equal(s.slope_per_s, 0);
}

static void test_usage_without_stat_counts_growth_as_working_set(void **data)
{
	struct signal s = {0};
	struct component_sample c = anon(100 * MIB);

	(void)data;
	c.inactive_file_bytes = 40 * MIB;
	signal_update(&s, &c, 0, false, START_US);
	c.valid = SAMPLE_USAGE;
	c.current_bytes = 160 * MIB;
	signal_update(&s, &c, 0, false, START_US + TICK_US);
	assert_int_equal(s.ws_bytes, 120 * MIB);
}

static void test_growth_of_cache_is_not_taken_for_working_set(void **data)
{
	struct signal s = {0};
	struct component_sample c = anon(100 * MIB);

	(void)data;
	signal_update(&s, &c, 0, false, START_US);
	c.current_bytes = 200 * MIB;
	c.inactive_file_bytes = 100 * MIB;
	signal_update(&s, &c, 0, false, START_US + TICK_US);
	c.valid = SAMPLE_USAGE;
	c.current_bytes = 300 * MIB;
	signal_update(&s, &c, 0, false, START_US + 2 * TICK_US);
	assert_int_equal(s.ws_bytes, 100 * MIB);
}

static void test_event_alone_updates_use(void **data)
{
	struct signal s = {0};
	struct component_sample c = anon(100 * MIB);
	struct component_sample none = {0};

	(void)data;
	signal_update(&s, &c, 0, false, START_US);
	signal_update(&s, &none, 130 * MIB, false, START_US + 10 * US_PER_MS);
	assert_int_equal(s.current_bytes, 130 * MIB);
	assert_true(s.step_per_s > (int64_t)GIB);
}

static void test_absent_sample_changes_nothing(void **data)
{
	struct signal s = {0}, before;
	struct component_sample none = {0};

	(void)data;
	ramp(&s, 100 * MIB, 60 * MIB, 5);
	before = s;
	signal_update(&s, &none, 0, false, START_US + US_PER_SEC);
	assert_memory_equal(&s, &before, sizeof(s));
}

static void stalls(struct signal *s, uint32_t ticks, uint64_t some_us, uint64_t full_us)
{
	struct component_sample c = anon(100 * MIB);

	c.valid |= SAMPLE_PSI;
	for (uint32_t i = 0; i < ticks; i++) {
		c.psi_some_us = i * some_us;
		c.psi_full_us = i * full_us;
		signal_update(s, &c, 0, false, START_US + i * TICK_US);
	}
}

static void test_stall_shares_are_of_their_windows(void **data)
{
	struct signal s = {0};

	(void)data;
	stalls(&s, 80, 30 * US_PER_MS, 10 * US_PER_MS);
	assert_int_equal(s.some_permyriad, 3000);
	assert_int_equal(s.full_permyriad, 1000);
}

static void test_stalls_are_over_a_moment_after_the_last(void **data)
{
	struct signal s = {0};
	struct component_sample c = anon(100 * MIB);

	(void)data;
	stalls(&s, 10, 30 * US_PER_MS, 0);
	assert_true(signal_stalls_now(&s));
	c.valid |= SAMPLE_PSI;
	c.psi_some_us = 9 * 30 * US_PER_MS;
	for (uint32_t i = 10; i < 13; i++) {
		assert_true(signal_stalls_now(&s));
		signal_update(&s, &c, 0, false, START_US + i * TICK_US);
	}
	assert_false(signal_stalls_now(&s));
	assert_true(s.some_permyriad > 1000);
}

static void test_first_burst_is_held_against_the_whole_window(void **data)
{
	struct signal s = {0};

	(void)data;
	stalls(&s, 2, 100 * US_PER_MS, 100 * US_PER_MS);
	assert_int_equal(s.some_permyriad, 500);
	assert_int_equal(s.full_permyriad, 200);
}

static void test_totals_going_back_start_anew(void **data)
{
	struct signal s = {0};
	struct component_sample c = anon(100 * MIB);

	(void)data;
	stalls(&s, 30, 30 * US_PER_MS, 0);
	c.valid |= SAMPLE_PSI;
	signal_update(&s, &c, 0, false, START_US + 31 * TICK_US);
	assert_int_equal(s.some_permyriad, 0);
}

static void test_livelock_needs_stillness_at_the_limit(void **data)
{
	struct signal s = {0};
	struct component_sample c = anon(500 * MIB);

	(void)data;
	c.valid |= SAMPLE_EVENTS | SAMPLE_PSI;
	for (uint32_t i = 0; i <= 60; i++) {
		c.ev_high = i * 200;
		signal_update(&s, &c, 0, false, START_US + i * TICK_US);
	}
	assert_true(signal_is_livelocked(&s, 500 * MIB, START_US + 60 * TICK_US));
	assert_false(signal_is_livelocked(&s, 600 * MIB, START_US + 60 * TICK_US));
	c.current_bytes = 450 * MIB;
	signal_update(&s, &c, 0, false, START_US + 61 * TICK_US);
	assert_false(signal_is_livelocked(&s, 450 * MIB, START_US + 61 * TICK_US));
}

static void test_livelock_shows_in_full_stalls_without_events(void **data)
{
	struct signal s = {0};
	struct component_sample c = anon(500 * MIB);

	(void)data;
	c.valid |= SAMPLE_EVENTS | SAMPLE_PSI;
	for (uint32_t i = 0; i <= 70; i++) {
		c.psi_some_us = c.psi_full_us = i * 90 * US_PER_MS;
		c.pgscan = i * 1000;
		c.pgsteal = i * 10;
		signal_update(&s, &c, 0, false, START_US + i * TICK_US);
	}
	assert_true(signal_is_livelocked(&s, 500 * MIB, START_US + 70 * TICK_US));
}

static void test_hostile_samples_stay_in_range(void **data)
{
	static const uint64_t values[] = {0, 1, UINT64_MAX, 1ULL << 63, 4096, UINT64_MAX - 1};
	struct signal s = {0};
	uint64_t now = START_US;

	(void)data;
	for (uint32_t i = 0; i < 200; i++) {
		uint64_t a = values[i % 6], b = values[(i / 6) % 6];
		struct component_sample c = {
			.valid = (i * 7) % 128,
			.current_bytes = a,
			.inactive_file_bytes = b,
			.slab_reclaimable_bytes = a,
			.active_file_bytes = b,
			.psi_some_us = a,
			.psi_full_us = b,
			.ev_high = a,
			.pgscan = b,
			.pgsteal = a,
		};

		signal_update(&s, &c, b, now % 2, now);
		now += values[i % 3] % 7000000;
		assert_true(s.ws_bytes <= s.current_bytes);
		assert_true(s.some_permyriad <= 10000 && s.full_permyriad <= 10000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mul_div_is_exact_and_saturates),
		cmocka_unit_test(test_working_set_leaves_out_cold_pages),
		cmocka_unit_test(test_files_that_nobody_misses_are_not_held),
		cmocka_unit_test(test_files_that_are_read_again_are_held),
		cmocka_unit_test(test_files_count_as_far_as_they_are_missed),
		cmocka_unit_test(test_a_step_shows_beside_files_that_are_missed),
		cmocka_unit_test(test_files_that_begin_to_be_missed_are_no_growth),
		cmocka_unit_test(test_rise_begins_anew_after_a_rest),
		cmocka_unit_test(test_cold_beyond_current_gives_no_working_set),
		cmocka_unit_test(test_ramp_is_forecast_within_a_fifth),
		cmocka_unit_test(test_steady_use_never_reaches_the_limit),
		cmocka_unit_test(test_trend_starts_anew_after_a_gap),
		cmocka_unit_test(test_usage_without_stat_counts_growth_as_working_set),
		cmocka_unit_test(test_growth_of_cache_is_not_taken_for_working_set),
		cmocka_unit_test(test_event_alone_updates_use),
		cmocka_unit_test(test_absent_sample_changes_nothing),
		cmocka_unit_test(test_stall_shares_are_of_their_windows),
		cmocka_unit_test(test_stalls_are_over_a_moment_after_the_last),
		cmocka_unit_test(test_first_burst_is_held_against_the_whole_window),
		cmocka_unit_test(test_totals_going_back_start_anew),
		cmocka_unit_test(test_livelock_needs_stillness_at_the_limit),
		cmocka_unit_test(test_livelock_shows_in_full_stalls_without_events),
		cmocka_unit_test(test_hostile_samples_stay_in_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
