// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads and prints sizes, times and percentages as people write them, like 1.5G, 2min and 7.5%.
 * Numbers are read as a whole part and six decimals, and scaled with overflow checked, so that no
 * floating point is needed. Printing rounds to what a person reads.
 */
#include "user/base/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"

/* Six digits after the point keep fraction * multiplier within 64 bits for every unit below. */
#define FRACTION_DIGITS 6
#define FRACTION_ONE    1000000ULL

#define US_PER_MIN  (60 * US_PER_SEC)
#define US_PER_HOUR (60 * US_PER_MIN)
#define US_PER_DAY  (24 * US_PER_HOUR)

struct unit_name {
	const char *name;
	uint64_t multiplier;
};

struct decimal {
	uint64_t whole;
	uint64_t fraction; /* of FRACTION_ONE */
	bool overflow;
};

static const struct unit_name byte_units[] = {
	{"B", 1},     {"K", KIB},   {"M", MIB},   {"G", GIB},          {"T", GIB * 1024},
	{"KiB", KIB}, {"MiB", MIB}, {"GiB", GIB}, {"TiB", GIB * 1024},
};

static const struct unit_name time_units[] = {
	{"us", 1},         {"ms", US_PER_MS},  {"s", US_PER_SEC}, {"min", US_PER_MIN},
	{"m", US_PER_MIN}, {"h", US_PER_HOUR}, {"d", US_PER_DAY},
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Reads "12" or "1.5"; returns where it ended, or NULL when this is no number. */
static const char *scan_decimal(const char *text, struct decimal *ret_number)
{
	struct decimal number = {0};
	uint64_t place = FRACTION_ONE;

	if (!is_digit(*text))
		return NULL;
	for (; is_digit(*text); text++)
		if (__builtin_mul_overflow(number.whole, 10U, &number.whole) ||
		    __builtin_add_overflow(number.whole, (uint64_t)(*text - '0'), &number.whole))
			number.overflow = true;
	if (*text == '.') {
		text++;
		if (!is_digit(*text))
			return NULL;
		for (; is_digit(*text); text++) {
			place /= 10;
			if (!place)
				return NULL;
			number.fraction += (uint64_t)(*text - '0') * place;
		}
	}
	*ret_number = number;
	return text;
}

static const struct unit_name *find_unit(const struct unit_name *units, size_t count,
					 const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(units[i].name, name))
			return &units[i];
	return NULL;
}

static int parse_quantity(const char *text, const struct unit_name *units, size_t count,
			  uint64_t *ret_value)
{
	const struct unit_name *unit;
	struct decimal number;
	const char *suffix = scan_decimal(text, &number);
	uint64_t value;

	if (!suffix)
		return -EINVAL;
	if (!*suffix) {
		if (number.whole || number.fraction || number.overflow)
			return -ENOKEY;
		*ret_value = 0;
		return 0;
	}
	unit = find_unit(units, count, suffix);
	if (!unit || (unit->multiplier == 1 && number.fraction))
		return -EINVAL;
	if (number.overflow || __builtin_mul_overflow(number.whole, unit->multiplier, &value) ||
	    __builtin_add_overflow(value, number.fraction * unit->multiplier / FRACTION_ONE,
				   &value))
		return -ERANGE;
	*ret_value = value;
	return 0;
}

int units_parse_bytes(const char *text, uint64_t *ret_bytes)
{
	return parse_quantity(text, byte_units, ARRAY_SIZE(byte_units), ret_bytes);
}

int units_parse_us(const char *text, uint64_t *ret_us)
{
	return parse_quantity(text, time_units, ARRAY_SIZE(time_units), ret_us);
}

int units_parse_permyriad(const char *text, uint32_t *ret_permyriad)
{
	const uint64_t step = FRACTION_ONE / 100;
	struct decimal number;
	const char *suffix = scan_decimal(text, &number);

	if (!suffix)
		return -EINVAL;
	if (!*suffix)
		return -ENOKEY;
	if (strcmp(suffix, "%") || number.fraction % step)
		return -EINVAL;
	if (number.overflow || number.whole > 100 || (number.whole == 100 && number.fraction))
		return -ERANGE;
	*ret_permyriad = (uint32_t)(number.whole * 100 + number.fraction / step);
	return 0;
}

int units_parse_bool(const char *text, int *ret_bool)
{
	static const char *const words[][2] = {
		{"no", "yes"},
		{"false", "true"},
		{"off", "on"},
		{"0", "1"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		for (int value = 0; value < 2; value++) {
			if (strcmp(text, words[i][value]))
				continue;
			*ret_bool = value;
			return 0;
		}
	}
	return -EINVAL;
}

int units_parse_uint(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	struct decimal number;
	const char *end = scan_decimal(text, &number);

	if (!end || *end || strchr(text, '.'))
		return -EINVAL;
	if (number.overflow || number.whole < min || number.whole > max)
		return -ERANGE;
	*ret_value = number.whole;
	return 0;
}

/* value is in hundredths of the unit: "7.0G", "7.25G", "17.5G", "350M". */
static void print_scaled(char *buf, uint64_t hundredths, const char *unit)
{
	uint64_t whole = hundredths / 100, rest = hundredths % 100;

	if (whole >= 100 || (whole >= 10 && rest < 10))
		snprintf(buf, UNITS_TEXT_LEN, "%" PRIu64 "%s", whole, unit);
	else if (whole >= 10 || rest % 10 == 0)
		snprintf(buf, UNITS_TEXT_LEN, "%" PRIu64 ".%" PRIu64 "%s", whole, rest / 10, unit);
	else
		snprintf(buf, UNITS_TEXT_LEN, "%" PRIu64 ".%02" PRIu64 "%s", whole, rest, unit);
}

/* Rounds to three digits, in hundredths of the unit. */
static uint64_t round_scaled(uint64_t bytes, unsigned int shift)
{
	uint64_t unit = 1ULL << shift, whole = bytes >> shift;
	uint64_t step = whole >= 100 ? 100 : whole >= 10 ? 10 : 1;
	uint64_t rest = bytes & (unit - 1);
	uint64_t halves;

	/* rest * 200 fits up to the unit of 2^50; beyond, the low bits do not show. */
	halves = shift > 50 ? (rest >> 10) * 200 / (unit >> 10) : rest * 200 / unit;
	return (whole * 200 + halves + step) / (2 * step) * step;
}

const char *units_print_bytes(uint64_t bytes, char buf[static UNITS_TEXT_LEN])
{
	static const char names[] = "BKMGTPE";
	unsigned int index = 0;
	uint64_t hundredths;
	char unit[2] = "";

	if (!bytes)
		return memcpy(buf, "0", sizeof("0"));
	while (index + 2 < sizeof(names) && bytes >> (10 * index) >= 1024)
		index++;
	hundredths = round_scaled(bytes, 10 * index);
	if (hundredths >= 1024 * 100 && index + 2 < sizeof(names)) {
		index++;
		hundredths = 100;
	}
	unit[0] = names[index];
	if (index)
		print_scaled(buf, hundredths, unit);
	else
		snprintf(buf, UNITS_TEXT_LEN, "%" PRIu64 "B", bytes);
	return buf;
}

void units_print_bytes_apart(uint64_t a, uint64_t b, char a_buf[static UNITS_TEXT_LEN],
			     char b_buf[static UNITS_TEXT_LEN])
{
	static const char *const names[] = {"B", "K", "M", "G", "T", "P"};

	units_print_bytes(a, a_buf);
	units_print_bytes(b, b_buf);
	for (unsigned int i = ARRAY_SIZE(names); a != b && !strcmp(a_buf, b_buf) && i--;) {
		if (a >> (10 * i) == b >> (10 * i))
			continue;
		snprintf(a_buf, UNITS_TEXT_LEN, "%" PRIu64 "%s", a >> (10 * i), names[i]);
		snprintf(b_buf, UNITS_TEXT_LEN, "%" PRIu64 "%s", b >> (10 * i), names[i]);
	}
}

/* "1.2s" below ten of the unit, "12s" from there on and where the tenths are zero. */
static void print_tenths(char *buf, uint64_t us, uint64_t unit_us, const char *unit)
{
	uint64_t whole = us / unit_us, tenth = us % unit_us * 10 / unit_us;

	if (whole >= 10 || !tenth)
		snprintf(buf, UNITS_TEXT_LEN, "%" PRIu64 "%s", whole, unit);
	else
		snprintf(buf, UNITS_TEXT_LEN, "%" PRIu64 ".%" PRIu64 "%s", whole, tenth, unit);
}

static void print_pair(char *buf, uint64_t big, const char *big_unit, uint64_t small,
		       const char *small_unit)
{
	if (small)
		snprintf(buf, UNITS_TEXT_LEN, "%" PRIu64 "%s %" PRIu64 "%s", big, big_unit, small,
			 small_unit);
	else
		snprintf(buf, UNITS_TEXT_LEN, "%" PRIu64 "%s", big, big_unit);
}

const char *units_print_us(uint64_t us, char buf[static UNITS_TEXT_LEN])
{
	if (!us)
		memcpy(buf, "0s", sizeof("0s"));
	else if (us < US_PER_MS)
		snprintf(buf, UNITS_TEXT_LEN, "%" PRIu64 "us", us);
	else if (us < US_PER_SEC)
		print_tenths(buf, us, US_PER_MS, "ms");
	else if (us < US_PER_MIN)
		print_tenths(buf, us, US_PER_SEC, "s");
	else if (us < US_PER_HOUR)
		print_pair(buf, us / US_PER_MIN, "min", us % US_PER_MIN / US_PER_SEC, "s");
	else if (us < US_PER_DAY)
		print_pair(buf, us / US_PER_HOUR, "h", us % US_PER_HOUR / US_PER_MIN, "min");
	else
		print_pair(buf, us / US_PER_DAY, "d", us % US_PER_DAY / US_PER_HOUR, "h");
	return buf;
}

const char *units_print_permyriad(uint64_t permyriad, char buf[static UNITS_TEXT_LEN])
{
	uint64_t whole = permyriad / 100, rest = permyriad % 100;

	if (!rest)
		snprintf(buf, UNITS_TEXT_LEN, "%" PRIu64 "%%", whole);
	else if (rest % 10 == 0)
		snprintf(buf, UNITS_TEXT_LEN, "%" PRIu64 ".%" PRIu64 "%%", whole, rest / 10);
	else
		snprintf(buf, UNITS_TEXT_LEN, "%" PRIu64 ".%02" PRIu64 "%%", whole, rest);
	return buf;
}
