/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much jobs held at the same time. A run is taken to hold its peak from its start to its end,
 * so that the sum is a bound from above of what was used together. Time in which none of them ran
 * does not count. O(n log n); allocates 80 bytes a run for as long as it takes.
 */
#ifndef UW_DAEMON_METHODS_TOGETHER_H
#define UW_DAEMON_METHODS_TOGETHER_H

#include <stdint.h>

struct together_run {
	uint64_t start_us, end_us;
	uint64_t peak_bytes, asked_bytes;
};

/* By time: p95_bytes is what the sum of peaks did not exceed in 95 % of busy_us. */
struct together {
	uint64_t busy_us;
	uint64_t p50_bytes, p95_bytes, max_bytes;
	uint64_t asked_p95_bytes; /* of the sum of what was asked for */
};

/* Runs of no length count for nothing. -ENOMEM. */
int together_of(const struct together_run *runs, uint32_t count, struct together *ret_together);

#endif
