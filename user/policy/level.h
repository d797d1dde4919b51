/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signals to a pressure level: bands of use, raised by stalls and by the forecast, with hysteresis
 * and dwell. Up at once to critical and emergency, else when seen twice; down one level a dwell.
 */
#ifndef UW_POLICY_LEVEL_H
#define UW_POLICY_LEVEL_H

#include "user/base/clock.h"
#include "user/policy/state.h"

#define LEVEL_FORECAST_FAR_US  (20 * US_PER_SEC) /* one level up within this of the limit, */
#define LEVEL_FORECAST_NEAR_US (5 * US_PER_SEC)  /* two within this */

/* Stalls raise a level: all tasks over 5 s, or some task over 2 s. For level_of and for whoever
 * explains it. */
#define LEVEL_STALL_RULES 3
struct level_stall_rule {
	bool full;
	uint64_t permyriad;
	enum level level;
};
extern const struct level_stall_rule level_stall_rules[LEVEL_STALL_RULES];

struct level_input {
	uint64_t use_permyriad;   /* working set of the limit it is measured against */
	uint64_t solid_permyriad; /* the same without active page cache */
	uint64_t room_bytes, limit_bytes;
	uint64_t time_to_limit_us;
	uint64_t risen_bytes; /* since its growth began */
	uint64_t some_permyriad, full_permyriad;
	uint64_t refaults_per_s, refault_limit_per_s;
	bool thrashing;
	bool host_roomy;              /* more than 5 % of the host is available */
	struct why host_why;          /* why the host is in emergency; no reason: it is not */
	int32_t edge_shift_permyriad; /* of all thresholds, see thresholds.h */
};

void level_step(struct level_state *ls, const struct level_input *in,
		const struct policy_conf *conf, uint64_t now_us);

/* What the input says right now, without memory; the reason goes to *ret_why. forecast_boost is 0,
 * 1 or 2 levels. */
enum level level_of(const struct level_input *in, const struct policy_conf *conf,
		    unsigned int forecast_boost, struct why *ret_why);

/* The threshold under a level, in permyriad, moved by shift_permyriad; at most 98 %. */
uint64_t level_threshold(const struct policy_conf *conf, int32_t shift_permyriad, enum level level);

#endif
