/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Durations counted by how long they were, for those who draw quantiles of them. A plain value of
 * fixed size, zero is empty; adding is a walk over at most HISTOGRAM_BOUNDS_MAX bounds.
 */
#ifndef UW_MODEL_HISTOGRAM_H
#define UW_MODEL_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BOUNDS_MAX 16

enum histogram_scale {
	HISTOGRAM_TICK, /* of the loop: 50 us to 1 s */
	HISTOGRAM_JOB,  /* what jobs take: 1 s to a day */
	HISTOGRAM_SCALE__COUNT
};

struct histogram {
	uint64_t count[HISTOGRAM_BOUNDS_MAX + 1]; /* up to each bound, and above the last */
	uint64_t sum_us;
};

/* Upper bounds in us, rising; *ret_count of them. */
const uint64_t *histogram_bounds(enum histogram_scale scale, uint32_t *ret_count);

void histogram_add(struct histogram *histogram, enum histogram_scale scale, uint64_t us);

#endif
