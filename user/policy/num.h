/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Integer arithmetic of the policy: saturating, scaled, without floats and without 128-bit
 * divisions (which would import from libgcc).
 */
#ifndef UW_POLICY_NUM_H
#define UW_POLICY_NUM_H

#include <stdint.h>

#include "user/base/clock.h"
#include "user/base/units.h"

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* a - b, or 0. */
static inline uint64_t sub_sat(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static inline uint64_t add_sat(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/*
 * a * b / c, saturated; exact while (a % c) * b fits 64 bits, and within c / 2^k of it otherwise,
 * where 2^k is how far the remainder had to be scaled down. 0 when c is 0.
 */
static inline uint64_t mul_div(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t whole, rest;

	if (!c || !b)
		return 0;
	whole = a / c;
	rest = a % c;
	if (whole > UINT64_MAX / b)
		return UINT64_MAX;
	while (rest > UINT64_MAX / b) {
		rest >>= 1;
		c >>= 1;
	}
	return add_sat(whole * b, c ? rest * b / c : 0);
}

static inline uint64_t percent_of(uint64_t bytes, uint32_t percent)
{
	return mul_div(bytes, percent, 100);
}

/* part as a share of whole; 0 when whole is 0. */
static inline uint64_t permyriad_of(uint64_t part, uint64_t whole)
{
	return mul_div(part, PERMYRIAD_ONE, whole);
}

/* Keeps the arithmetic of a broken sample in range: 1 PiB. */
#define BYTES_SANE (1ULL << 50)

/* Change per second from before to after, both at most BYTES_SANE; 0 within less than a
 * millisecond, which says nothing. */
static inline int64_t rate_of(uint64_t before, uint64_t after, uint64_t us)
{
	if (us < US_PER_MS)
		return 0;
	return ((int64_t)after - (int64_t)before) * 1000 / (int64_t)us * 1000;
}

/* What a rate gives in a time; a negative rate gives nothing. */
static inline uint64_t grown(int64_t per_s, uint64_t us)
{
	return per_s <= 0 ? 0 : mul_div((uint64_t)per_s, us, US_PER_SEC);
}

#endif
