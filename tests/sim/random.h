/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Seeded random loads: xorshift (Marsaglia 2003), the same on every machine; and numbers that who
 * runs a test gives it. */
#ifndef TESTS_SIM_RANDOM_H
#define TESTS_SIM_RANDOM_H

#include <stdint.h>
#include <stdlib.h>

struct random {
	uint64_t state; /* not 0 */
};

/* From 0 to below - 1. */
static inline uint64_t roll(struct random *r, uint64_t below)
{
	r->state ^= r->state << 13;
	r->state ^= r->state >> 7;
	r->state ^= r->state << 17;
	return r->state % below;
}

/* What the environment says, or fallback. */
static inline uint64_t number_of(const char *name, uint64_t fallback)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : fallback;
}

#endif
