/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Times in nanoseconds: of a thread's own processor time, without what the clock itself takes. */
#ifndef TESTS_BENCH_THREAD_TIME_H
#define TESTS_BENCH_THREAD_TIME_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#define TIME_CLOCK_READS 999

static inline uint64_t time_now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

static inline int time_by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static inline uint64_t time_part_of(uint64_t *values, size_t count, size_t percent)
{
	if (!count)
		return 0;
	qsort(values, count, sizeof(*values), time_by_size);
	return values[(count - 1) * percent / 100];
}

static inline uint64_t time_thread_ns(void)
{
	return time_now_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* What stands between two readings of the clock with nothing else there. */
static inline uint64_t time_clock_cost_ns(void)
{
	uint64_t cost_ns[TIME_CLOCK_READS];

	for (uint32_t i = 0; i < TIME_CLOCK_READS; i++) {
		uint64_t began_ns = time_thread_ns();

		cost_ns[i] = time_thread_ns() - began_ns;
	}
	return time_part_of(cost_ns, TIME_CLOCK_READS, 50);
}

static inline uint64_t time_less(uint64_t ns, uint64_t clock_ns)
{
	return ns > clock_ns ? ns - clock_ns : 0;
}

#endif
