// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bounds what is deleted by age. From an anchor on, the wall clock is followed only as far as time
 * has really gone by, so one that is set meanwhile changes nothing; and from the oldest record on,
 * only so much is let go, so one that was wrong at the anchor does little. Each day there is a new
 * anchor, by which a clock that was set right counts.
 */
#include "user/jobs/aging.h"

#include "user/base/clock.h"

#define DAY_US (24 * 3600 * US_PER_SEC)
#define FASTER 24U /* than time: a day's worth in an hour */

static void begin(struct aging *aging, struct store *store, uint64_t now_us, uint64_t wall_us)
{
	uint64_t oldest_us = 0;

	if (store_oldest(store, &oldest_us) < 0)
		return; /* of before, or none: asked again next time */
	*aging = (struct aging){
		.anchor_us = now_us,
		.anchor_wall_us = wall_us,
		.oldest_us = oldest_us < wall_us ? oldest_us : wall_us,
	};
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t aging_cut(struct aging *aging, struct store *store, uint64_t age_us, uint64_t now_us,
		   uint64_t wall_us)
{
	uint64_t gone_us, at_us;

	if (!aging->anchor_us || now_us - aging->anchor_us >= DAY_US)
		begin(aging, store, now_us, wall_us);
	if (!aging->anchor_us)
		return 0;
	gone_us = now_us - aging->anchor_us;
	at_us = min_u64(wall_us, aging->anchor_wall_us + gone_us);
	return min_u64(at_us > age_us ? at_us - age_us : 0,
		       aging->oldest_us + DAY_US + FASTER * gone_us);
}
