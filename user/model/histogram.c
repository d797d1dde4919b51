// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Counts durations, of ticks or of jobs, by the bounds of a scale, which are a table. They lie
 * closest where somebody has a threshold: 100 ms for a tick that is slow, minutes to hours for
 * jobs.
 */
#include "user/model/histogram.h"

#define MS   1000ULL
#define SEC  (1000 * MS)
#define MIN  (60 * SEC)
#define HOUR (60 * MIN)

static const struct scale {
	uint32_t count;
	uint64_t bound_us[HISTOGRAM_BOUNDS_MAX];
} scales[HISTOGRAM_SCALE__COUNT] = {
	[HISTOGRAM_TICK] = {13,
			    {50, 100, 250, 500, 1 * MS, 2500, 5 * MS, 10 * MS, 25 * MS, 50 * MS,
			     100 * MS, 250 * MS, 1 * SEC}},
	[HISTOGRAM_JOB] = {13,
			   {1 * SEC, 5 * SEC, 15 * SEC, 1 * MIN, 3 * MIN, 10 * MIN, 20 * MIN,
			    40 * MIN, 1 * HOUR, 2 * HOUR, 4 * HOUR, 12 * HOUR, 24 * HOUR}},
};

const uint64_t *histogram_bounds(enum histogram_scale scale, uint32_t *ret_count)
{
	*ret_count = scales[scale].count;
	return scales[scale].bound_us;
}

void histogram_add(struct histogram *histogram, enum histogram_scale scale, uint64_t us)
{
	const struct scale *bounds = &scales[scale];
	uint32_t at = 0;

	while (at < bounds->count && us > bounds->bound_us[at])
		at++;
	histogram->count[at]++;
	histogram->sum_us += us;
}
