/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading and printing of quantities as people write them. Conversion happens here, once, at the
 * edge; everything behind it is integers in bytes, microseconds and permyriad (1/100 of a percent).
 * All readers take the whole string: trailing text, a sign, an overflow or an empty string is
 * -EINVAL (-ERANGE when the number does not fit) and leaves the output untouched.
 */
#ifndef UW_BASE_UNITS_H
#define UW_BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

#define PERMYRIAD_ONE 10000U
#define KIB           (1ULL << 10)
#define MIB           (1ULL << 20)
#define GIB           (1ULL << 30)

/* "4096" is refused with -ENOKEY (the unit is missing); "0" is fine. B K M G T, KiB MiB GiB TiB;
 * powers of 1024; a decimal fraction is allowed ("1.5G"). */
int units_parse_bytes(const char *text, uint64_t *ret_bytes);

/* "250us" "250ms" "10s" "5min" "5m" "1h" "1d"; -ENOKEY when the unit is missing (except "0"). */
int units_parse_us(const char *text, uint64_t *ret_us);

/* "35%", "2.5%", "0.01%"; 0 to 100 %; -ENOKEY without the sign. */
int units_parse_permyriad(const char *text, uint32_t *ret_permyriad);

/* "yes" "no" "true" "false" "on" "off" "1" "0". */
int units_parse_bool(const char *text, int *ret_bool);

/* A plain decimal integer in [min, max]; -ERANGE outside. */
int units_parse_uint(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value);

#define UNITS_TEXT_LEN 32

/* "7.0G", "350M", "12K", "0"; three significant digits; returns buf. */
const char *units_print_bytes(uint64_t bytes, char buf[static UNITS_TEXT_LEN]);

/* Two numbers that stand beside each other: as above, but in a smaller unit where they would read
 * alike and are not. */
void units_print_bytes_apart(uint64_t a, uint64_t b, char a_buf[static UNITS_TEXT_LEN],
			     char b_buf[static UNITS_TEXT_LEN]);

/* "1.2s", "350ms", "80us", "2min 5s", "3h 12min"; returns buf. */
const char *units_print_us(uint64_t us, char buf[static UNITS_TEXT_LEN]);

/* "35%", "2.5%"; returns buf. */
const char *units_print_permyriad(uint64_t permyriad, char buf[static UNITS_TEXT_LEN]);

#endif
