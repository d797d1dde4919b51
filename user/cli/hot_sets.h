/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What components worked on over the time of a recording: how much for how long, each by itself and
 * all at once, and the share of the pool that would have held it. Nothing is printed here.
 */
#ifndef UW_CLI_HOT_SETS_H
#define UW_CLI_HOT_SETS_H

#include "user/base/err.h"
#include "user/model/config.h"
#include "user/record/reader.h"

#define HOT_SETS_STEPS 10000 /* of usable, in permyriad; what is more counts as all of it */

/* For how long which part of usable was hot. */
struct hot_set {
	uint64_t seen_us;
	uint64_t aged_us;   /* of it: by the ages of pages, else its working set */
	uint64_t lacked_us; /* of it: stood still or stalled, so that it may have wanted more */
	uint64_t most_bytes;
	uint64_t us[HOT_SETS_STEPS + 1];
};

struct hot_sets {
	uint64_t from_us, to_us; /* wall time of the first and the last frame */
	struct config config;    /* that was in force last, by which all is said */
	struct hot_set component[UW_COMPONENTS_MAX];
	struct hot_set together; /* of all components, at the same time */
};

/*
 * Goes through a recording, from since_us before its last frame on; 0: from its begin. *ret_sets is
 * to be freed: some 3 MB. -ENODATA when it has no frame or no configuration that can be read.
 */
int hot_sets_gather(struct recording *recording, uint64_t since_us, struct hot_sets **ret_sets,
		    struct uw_err *err);

/* It was hot for no more than that for so many permyriad of the time, rounded up to a permyriad of
 * usable; 0 when nothing was seen. */
uint64_t hot_sets_quantile(const struct hot_sets *sets, const struct hot_set *set,
			   uint32_t permyriad);

/* Of more than a hundredth of the time nobody knows what it would have worked on. */
bool hot_sets_is_at_least(const struct hot_set *set);

/* The share in permyriad at which it would have been below the edge of level medium for 95 % of the
 * time, rounded up to a tenth of a percent. */
uint32_t hot_sets_share(const struct hot_sets *sets, const struct hot_set *set);

#endif
