/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Up to when ended jobs are too old to be remembered. The wall clock that they ended by may be
 * wrong, at a start above all, and what is deleted does not come back: so by age there goes at
 * first no more than a day's worth of the oldest, and as much again in each hour that uwd runs. An
 * hour with a clock that is years ahead costs two days' worth; what a machine that was off for
 * months has to forget is gone within days. The thread's that deletes.
 */
#ifndef UW_JOBS_AGING_H
#define UW_JOBS_AGING_H

#include "user/store/store.h"

struct aging {
	uint64_t anchor_us;      /* When it was last begun, on clock_now_us; 0: never. */
	uint64_t anchor_wall_us; /* What the wall clock said then. */
	uint64_t oldest_us;      /* The oldest end on disk then; wall clock. */
};

/* What ended up to then is older than age_us; 0: nothing is. Begun anew each day. */
uint64_t aging_cut(struct aging *aging, struct store *store, uint64_t age_us, uint64_t now_us,
		   uint64_t wall_us);

#endif
