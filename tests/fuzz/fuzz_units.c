// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any string as a quantity, and any number as text. What cannot be read leaves the output alone;
 * what is printed in one unit reads back to within the three digits shown.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/units.h"

#define UNTOUCHED 0x5a5a5a5aU

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void require(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzz_units: %s\n", what);
	abort();
}

static void check_readers(const char *text)
{
	uint64_t value = UNTOUCHED;
	uint32_t permyriad = UNTOUCHED;
	int boolean = UNTOUCHED;

	require(!units_parse_bytes(text, &value) || value == UNTOUCHED, "bytes: output touched");
	value = UNTOUCHED;
	require(!units_parse_us(text, &value) || value == UNTOUCHED, "us: output touched");
	value = UNTOUCHED;
	if (units_parse_uint(text, 3, 1000, &value))
		require(value == UNTOUCHED, "uint: output touched");
	else
		require(value >= 3 && value <= 1000, "uint: out of range");
	if (units_parse_permyriad(text, &permyriad))
		require(permyriad == UNTOUCHED, "permyriad: output touched");
	else
		require(permyriad <= PERMYRIAD_ONE, "permyriad: over 100 %");
	if (units_parse_bool(text, &boolean))
		require(boolean == (int)UNTOUCHED, "bool: output touched");
	else
		require(boolean == 0 || boolean == 1, "bool: neither");
}

static void check_printers(uint64_t value)
{
	char buf[UNITS_TEXT_LEN];
	uint64_t bytes, slack = value / 150;
	uint32_t permyriad;

	require(strlen(units_print_us(value, buf)) < UNITS_TEXT_LEN, "us: too long");
	require(strlen(units_print_bytes(value, buf)) <= 6, "bytes: more than three digits");
	if (value < (GIB << 12)) {
		require(!units_parse_bytes(buf, &bytes), "bytes: cannot be read back");
		require(bytes <= value + slack && bytes + slack >= value, "bytes: wrong");
	}
	units_print_permyriad(value, buf);
	if (value <= PERMYRIAD_ONE)
		require(!units_parse_permyriad(buf, &permyriad) && permyriad == value,
			"permyriad: wrong");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	char text[256];
	uint64_t value;

	if (len >= sizeof(text))
		return 0;
	memcpy(text, bytes, len);
	text[len] = '\0';
	check_readers(text);
	if (len >= sizeof(value)) {
		memcpy(&value, bytes, sizeof(value));
		check_printers(value);
		check_printers(value >> (value & 63));
	}
	return 0;
}
