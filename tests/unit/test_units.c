// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/cleanup.h"
#include "user/base/units.h"

#define UNTOUCHED 4711U

struct parse_row {
	const char *text;
	int rc;
	uint64_t value;
};

typedef int (*parse_fn)(const char *text, uint64_t *ret_value);

static void check_rows(parse_fn parse, const struct parse_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value = UNTOUCHED;
		uint64_t expected = rows[i].rc ? UNTOUCHED : rows[i].value;
		int rc = parse(rows[i].text, &value);

		if (rc != rows[i].rc || value != expected)
			fail_msg("'%s': rc %d value %ju, expected rc %d value %ju", rows[i].text,
				 rc, (uintmax_t)value, rows[i].rc, (uintmax_t)expected);
	}
}

static void test_bytes_of_many_forms_are_read_or_refused(void **state)
{
	static const struct parse_row rows[] = {
		{"0", 0, 0},
		{"0.0", 0, 0},
		{"000", 0, 0},
		{"0B", 0, 0},
		{"1B", 0, 1},
		{"12K", 0, 12 * KIB},
		{"512M", 0, 512 * MIB},
		{"1.5G", 0, 1536 * MIB},
		{"0.5K", 0, 512},
		{"007M", 0, 7 * MIB},
		{"4GiB", 0, 4 * GIB},
		{"2TiB", 0, 2048 * GIB},
		{"16777215T", 0, 16777215ULL * 1024 * GIB},
		{"18446744073709551615B", 0, UINT64_MAX},
		{"18446744073709551616B", -ERANGE, 0},
		{"16777216T", -ERANGE, 0},
		{"16777215.9999999T", -EINVAL, 0},
		{"99999999999999999999999999M", -ERANGE, 0},
		{"99999999999999999999999999", -ENOKEY, 0},
		{"4096", -ENOKEY, 0},
		{"0.5", -ENOKEY, 0},
		{"", -EINVAL, 0},
		{" ", -EINVAL, 0},
		{" 1M", -EINVAL, 0},
		{"1M ", -EINVAL, 0},
		{"1 M", -EINVAL, 0},
		{"1M\n", -EINVAL, 0},
		{"-1M", -EINVAL, 0},
		{"+1M", -EINVAL, 0},
		{".5M", -EINVAL, 0},
		{"5.M", -EINVAL, 0},
		{"1.2.3M", -EINVAL, 0},
		{"1,5G", -EINVAL, 0},
		{"1.5B", -EINVAL, 0},
		{"1e3M", -EINVAL, 0},
		{"0x10M", -EINVAL, 0},
		{"1MB", -EINVAL, 0},
		{"1m", -EINVAL, 0},
		{"1MM", -EINVAL, 0},
		{"M", -EINVAL, 0},
		{"35%", -EINVAL, 0},
		{"max", -EINVAL, 0},
		{"nan", -EINVAL, 0},
		{"\xff\xfeM", -EINVAL, 0},
		{"\xd9\xa3M", -EINVAL, 0},
	};

	(void)state;
	check_rows(units_parse_bytes, rows, ARRAY_SIZE(rows));
}

static void test_times_of_many_forms_are_read_or_refused(void **state)
{
	static const struct parse_row rows[] = {
		{"0", 0, 0},
		{"250us", 0, 250},
		{"250ms", 0, 250000},
		{"10s", 0, 10000000},
		{"1.5s", 0, 1500000},
		{"5min", 0, 300000000},
		{"5m", 0, 300000000},
		{"1h", 0, 3600000000},
		{"1d", 0, 86400000000},
		{"0.25d", 0, 21600000000},
		{"213503982d", 0, 18446744044800000000ULL},
		{"213503983d", -ERANGE, 0},
		{"10", -ENOKEY, 0},
		{"0.5us", -EINVAL, 0},
		{"1ns", -EINVAL, 0},
		{"1sec", -EINVAL, 0},
		{"1S", -EINVAL, 0},
		{"1h 5min", -EINVAL, 0},
		{"-1s", -EINVAL, 0},
		{"", -EINVAL, 0},
	};

	(void)state;
	check_rows(units_parse_us, rows, ARRAY_SIZE(rows));
}

static int parse_permyriad(const char *text, uint64_t *ret_value)
{
	uint32_t value;
	int rc = units_parse_permyriad(text, &value);

	if (!rc)
		*ret_value = value;
	return rc;
}

static void test_percentages_of_many_forms_are_read_or_refused(void **state)
{
	static const struct parse_row rows[] = {
		{"0%", 0, 0},
		{"35%", 0, 3500},
		{"2.5%", 0, 250},
		{"0.01%", 0, 1},
		{"2.500%", 0, 250},
		{"100%", 0, 10000},
		{"100.00%", 0, 10000},
		{"100.01%", -ERANGE, 0},
		{"101%", -ERANGE, 0},
		{"99999999999999999999%", -ERANGE, 0},
		{"4294967297%", -ERANGE, 0},
		{"35", -ENOKEY, 0},
		{"0", -ENOKEY, 0},
		{"0.001%", -EINVAL, 0},
		{"35 %", -EINVAL, 0},
		{"35%%", -EINVAL, 0},
		{"%", -EINVAL, 0},
		{"-5%", -EINVAL, 0},
		{"", -EINVAL, 0},
	};

	(void)state;
	check_rows(parse_permyriad, rows, ARRAY_SIZE(rows));
}

static int parse_bool(const char *text, uint64_t *ret_value)
{
	int value;
	int rc = units_parse_bool(text, &value);

	if (!rc)
		*ret_value = (uint64_t)value;
	return rc;
}

static void test_booleans_are_eight_words_and_no_more(void **state)
{
	static const struct parse_row rows[] = {
		{"yes", 0, 1},        {"true", 0, 1},     {"on", 0, 1},      {"1", 0, 1},
		{"no", 0, 0},         {"false", 0, 0},    {"off", 0, 0},     {"0", 0, 0},
		{"Yes", -EINVAL, 0},  {"y", -EINVAL, 0},  {"2", -EINVAL, 0}, {"", -EINVAL, 0},
		{"yes ", -EINVAL, 0}, {"00", -EINVAL, 0},
	};

	(void)state;
	check_rows(parse_bool, rows, ARRAY_SIZE(rows));
}

static int parse_priority(const char *text, uint64_t *ret_value)
{
	return units_parse_uint(text, 1, 10, ret_value);
}

static void test_numbers_outside_of_their_range_are_refused(void **state)
{
	static const struct parse_row rows[] = {
		{"1", 0, 1},         {"10", 0, 10},       {"0010", 0, 10},
		{"0", -ERANGE, 0},   {"11", -ERANGE, 0},  {"18446744073709551617", -ERANGE, 0},
		{"5.0", -EINVAL, 0}, {"5.", -EINVAL, 0},  {"-5", -EINVAL, 0},
		{"+5", -EINVAL, 0},  {"5 ", -EINVAL, 0},  {"5x", -EINVAL, 0},
		{"", -EINVAL, 0},    {"0x5", -EINVAL, 0},
	};

	(void)state;
	check_rows(parse_priority, rows, ARRAY_SIZE(rows));
}

struct print_row {
	uint64_t value;
	const char *text;
};

typedef const char *(*print_fn)(uint64_t value, char buf[static UNITS_TEXT_LEN]);

static void check_prints(print_fn print, const struct print_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char buf[UNITS_TEXT_LEN];

		assert_string_equal(print(rows[i].value, buf), rows[i].text);
	}
}

static void test_bytes_print_with_three_digits(void **state)
{
	static const struct print_row rows[] = {
		{0, "0"},
		{1, "1B"},
		{1023, "1023B"},
		{KIB, "1.0K"},
		{12 * KIB, "12K"},
		{350 * MIB, "350M"},
		{7 * GIB, "7.0G"},
		{7 * GIB + GIB / 4, "7.25G"},
		{17 * GIB + GIB / 2, "17.5G"},
		{1023 * MIB + 1023 * KIB, "1.0G"},
		{MIB - 1, "1.0M"},
		{999 * MIB + MIB / 2, "1000M"},
		{10 * MIB - 1, "10M"},
		{UINT64_MAX, "16E"},
	};

	(void)state;
	check_prints(units_print_bytes, rows, ARRAY_SIZE(rows));
}

static void test_times_print_in_their_largest_unit(void **state)
{
	static const struct print_row rows[] = {
		{0, "0s"},
		{80, "80us"},
		{999, "999us"},
		{1000, "1ms"},
		{1200, "1.2ms"},
		{350000, "350ms"},
		{1250000, "1.2s"},
		{59999999, "59s"},
		{60000000, "1min"},
		{125000000, "2min 5s"},
		{11520000000, "3h 12min"},
		{90000000000, "1d 1h"},
		{UINT64_MAX, "213503982d 8h"},
	};

	(void)state;
	check_prints(units_print_us, rows, ARRAY_SIZE(rows));
}

static void test_percentages_print_without_idle_zeros(void **state)
{
	static const struct print_row rows[] = {
		{0, "0%"},    {3500, "35%"},    {250, "2.5%"},
		{1, "0.01%"}, {1005, "10.05%"}, {12000, "120%"},
	};

	(void)state;
	check_prints(units_print_permyriad, rows, ARRAY_SIZE(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_of_many_forms_are_read_or_refused),
		cmocka_unit_test(test_times_of_many_forms_are_read_or_refused),
		cmocka_unit_test(test_percentages_of_many_forms_are_read_or_refused),
		cmocka_unit_test(test_booleans_are_eight_words_and_no_more),
		cmocka_unit_test(test_numbers_outside_of_their_range_are_refused),
		cmocka_unit_test(test_bytes_print_with_three_digits),
		cmocka_unit_test(test_times_print_in_their_largest_unit),
		cmocka_unit_test(test_percentages_print_without_idle_zeros),
	};

	return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
