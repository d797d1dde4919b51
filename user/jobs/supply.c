// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tells the core what there is to give out. While as many jobs run as may, or shortly after a
 * start that came to nothing, the queue is closed: the core is told that there is no room, so that
 * it starts nothing. How fast preempted jobs go out of memory is measured here too, as the core
 * weighs a pause by it.
 */
#include "user/jobs/supply.h"

#include <stddef.h>

#include "user/base/clock.h"
#include "user/jobs/state.h"

#define HELD_US (5 * US_PER_SEC) /* no starts for so long after one that failed */

/* Until it is measured: as much as a hard disk writes in a second, and it counts as one second. */
#define SWAP_PRIOR_BYTES (50ULL << 20)
#define SWAP_WINDOW_US   (60 * US_PER_SEC) /* of swapping; what is older counts half */

/* ---- open or closed ---- */

bool jobs_is_full(const struct jobs *jobs, uint64_t *ret_running, uint64_t *ret_most)
{
	*ret_running = jobs->stats.slots_used;
	*ret_most = state_most_running(jobs);
	return *ret_running >= *ret_most;
}

bool supply_is_closed(const struct jobs *jobs)
{
	uint64_t running, most;

	return jobs_is_full(jobs, &running, &most) || clock_now_us() < jobs->held_back_until_us;
}

/* ---- how fast jobs go out of memory ---- */

uint64_t supply_swap_speed(const struct jobs *jobs)
{
	double took_s = 1 + (double)jobs->swapped_us / US_PER_SEC;

	return (uint64_t)((double)(SWAP_PRIOR_BYTES + jobs->swapped_bytes) / took_s);
}

void supply_see_swapped(struct jobs *jobs, struct run *run, uint64_t current_bytes)
{
	uint64_t now_us = clock_now_us();

	if (run->freeze.for_id && run->looked_us && current_bytes < run->current_bytes) {
		jobs->swapped_bytes += run->current_bytes - current_bytes;
		jobs->swapped_us += now_us - run->looked_us;
	}
	if (jobs->swapped_us > SWAP_WINDOW_US) {
		jobs->swapped_bytes /= 2;
		jobs->swapped_us /= 2;
	}
	run->looked_us = now_us;
}

/* ---- what the core is told ---- */

/* Closed, there is no room: asked again, the core would start the same jobs at once. */
void supply_give(struct jobs *jobs)
{
	struct admit_supply supply = jobs->supply;

	jobs->closed = supply_is_closed(jobs);
	if (jobs->closed) {
		supply.host_valid = true;
		supply.host_available_bytes = 0;
	}
	supply.swap_bytes_per_s = supply_swap_speed(jobs);
	admit_supply(jobs->admit, &supply, jobs_now_us(jobs));
}

void supply_hold_back(struct jobs *jobs)
{
	jobs->held_back_until_us = clock_now_us() + HELD_US;
	supply_give(jobs);
}
