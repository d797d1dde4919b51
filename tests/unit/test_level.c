// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_fixture.h"
#include "user/policy/level.h"

#define TICK_US (100 * US_PER_MS)

static struct level_input at(uint64_t use_permyriad)
{
	return (struct level_input){
		.use_permyriad = use_permyriad,
		.solid_permyriad = use_permyriad,
		.limit_bytes = GIB,
		.room_bytes = use_permyriad < 10000 ? GIB / 10000 * (10000 - use_permyriad) : 0,
		.time_to_limit_us = TTL_NEVER,
		.risen_bytes = GIB / 2,
		.host_roomy = true,
	};
}

static enum level now(struct level_input in, unsigned int boost)
{
	struct policy_conf conf;
	struct why why;

	fixture_policy(&conf);
	return level_of(&in, &conf, boost, &why);
}

static void test_bands_follow_the_edges(void **data)
{
	static const struct {
		uint64_t use;
		enum level level;
	} rows[] = {
		{0, LEVEL_NORMAL},        {6999, LEVEL_NORMAL},   {7000, LEVEL_LOW},
		{7999, LEVEL_LOW},        {8000, LEVEL_MEDIUM},   {8500, LEVEL_HIGH},
		{9000, LEVEL_CRITICAL},   {9499, LEVEL_CRITICAL}, {9500, LEVEL_EMERGENCY},
		{20000, LEVEL_EMERGENCY},
	};

	(void)data;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(now(at(rows[i].use), 0), rows[i].level);
}

static void test_stalls_raise_the_level(void **data)
{
	struct level_input in = at(1000);

	(void)data;
	in.some_permyriad = 1000;
	assert_int_equal(now(in, 0), LEVEL_MEDIUM);
	in.full_permyriad = 500;
	assert_int_equal(now(in, 0), LEVEL_HIGH);
	in.full_permyriad = 2000;
	assert_int_equal(now(in, 0), LEVEL_CRITICAL);
}

static void test_forecast_alone_never_makes_an_emergency(void **data)
{
	(void)data;
	assert_int_equal(now(at(8600), 2), LEVEL_CRITICAL);
	assert_int_equal(now(at(9100), 2), LEVEL_CRITICAL);
	assert_int_equal(now(at(8100), 1), LEVEL_HIGH);
}

static void test_full_of_cache_is_not_pressure(void **data)
{
	struct level_input in = at(9700);

	(void)data;
	in.solid_permyriad = 3000;
	assert_int_equal(now(in, 0), LEVEL_HIGH);
	in.some_permyriad = 150;
	assert_int_equal(now(in, 0), LEVEL_EMERGENCY);
	in.some_permyriad = 0;
	in.host_roomy = false;
	assert_int_equal(now(in, 0), LEVEL_EMERGENCY);
}

static void test_thrashing_is_at_least_high(void **data)
{
	struct level_input in = at(1000);

	(void)data;
	in.thrashing = true;
	assert_int_equal(now(in, 0), LEVEL_HIGH);
}

static void step(struct level_state *ls, struct level_input in, uint64_t at_us)
{
	struct policy_conf conf;

	fixture_policy(&conf);
	level_step(ls, &in, &conf, at_us);
}

static void test_level_rises_when_seen_twice(void **data)
{
	struct level_state ls = {0};

	(void)data;
	step(&ls, at(8200), 1000000);
	assert_int_equal(ls.level, LEVEL_NORMAL);
	step(&ls, at(8200), 1100000);
	assert_int_equal(ls.level, LEVEL_MEDIUM);
}

static void test_critical_and_emergency_rise_at_once(void **data)
{
	struct level_state ls = {0};

	(void)data;
	step(&ls, at(9200), 1000000);
	assert_int_equal(ls.level, LEVEL_CRITICAL);
	step(&ls, at(9600), 1100000);
	assert_int_equal(ls.level, LEVEL_EMERGENCY);
	assert_int_equal(ls.emergency_since_us, 1100000);
	assert_int_equal(ls.why.reason, REASON_USAGE);
	assert_int_equal(ls.why.observed, 9600);
	assert_int_equal(ls.why.threshold, 9500);
}

static void test_level_falls_one_step_a_dwell(void **data)
{
	struct level_state ls = {0};
	uint64_t t = 1000000;

	(void)data;
	step(&ls, at(9600), t);
	for (int tick = 0; tick < 99; tick++)
		step(&ls, at(1000), t += TICK_US);
	assert_int_equal(ls.level, LEVEL_EMERGENCY);
	step(&ls, at(1000), t += 2 * TICK_US);
	assert_int_equal(ls.level, LEVEL_CRITICAL);
	assert_int_equal(ls.why.reason, REASON_RECOVERED);
	for (int tick = 0; tick < 98; tick++)
		step(&ls, at(1000), t += TICK_US);
	assert_int_equal(ls.level, LEVEL_CRITICAL);
}

static void test_level_stays_within_the_hysteresis(void **data)
{
	struct level_state ls = {0};
	uint64_t t = 1000000;

	(void)data;
	step(&ls, at(9600), t);
	for (int tick = 0; tick < 600; tick++)
		step(&ls, at(9300), t += TICK_US);
	assert_int_equal(ls.level, LEVEL_EMERGENCY);
}

static void test_level_stays_while_tasks_stall(void **data)
{
	struct level_state ls = {0};
	struct level_input in = at(1000);
	uint64_t t = 1000000;

	(void)data;
	step(&ls, at(9600), t);
	in.some_permyriad = 300;
	for (int tick = 0; tick < 600; tick++)
		step(&ls, in, t += TICK_US);
	assert_int_equal(ls.level, LEVEL_EMERGENCY);
}

static void test_forecast_counts_in_two_of_three_samples(void **data)
{
	struct level_state ls = {0};
	struct level_input in = at(8200), calm = at(8200);

	(void)data;
	in.time_to_limit_us = 3 * US_PER_SEC;
	step(&ls, in, 1000000);
	assert_int_equal(ls.seen, LEVEL_MEDIUM);
	step(&ls, calm, 1100000);
	step(&ls, in, 1200000);
	assert_int_equal(ls.seen, LEVEL_CRITICAL);
	assert_int_equal(ls.seen_why.reason, REASON_FORECAST);
}

/* However fast it is: bursts of a moment come and go. */
static void test_forecast_goes_no_farther_than_growth_has_come(void **data)
{
	struct level_state ls = {0};
	struct level_input in = at(8200);

	(void)data;
	in.time_to_limit_us = US_PER_SEC;
	in.risen_bytes = in.room_bytes - 1;
	for (uint64_t i = 0; i < 5; i++)
		step(&ls, in, 1000000 + i * TICK_US);
	assert_int_equal(ls.seen, LEVEL_MEDIUM);
	in.risen_bytes = in.room_bytes;
	step(&ls, in, 2000000);
	step(&ls, in, 2100000);
	assert_int_equal(ls.seen, LEVEL_CRITICAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bands_follow_the_edges),
		cmocka_unit_test(test_stalls_raise_the_level),
		cmocka_unit_test(test_forecast_alone_never_makes_an_emergency),
		cmocka_unit_test(test_full_of_cache_is_not_pressure),
		cmocka_unit_test(test_thrashing_is_at_least_high),
		cmocka_unit_test(test_forecast_goes_no_farther_than_growth_has_come),
		cmocka_unit_test(test_level_rises_when_seen_twice),
		cmocka_unit_test(test_critical_and_emergency_rise_at_once),
		cmocka_unit_test(test_level_falls_one_step_a_dwell),
		cmocka_unit_test(test_level_stays_within_the_hysteresis),
		cmocka_unit_test(test_level_stays_while_tasks_stall),
		cmocka_unit_test(test_forecast_counts_in_two_of_three_samples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
