// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finds the level that the sample alone speaks for (use, then stalls, then the forecast, then
 * cache that hurts nobody), and moves the level in force toward it: up at once or when seen twice,
 * down one level after a while of calm.
 */
#include "user/policy/level.h"

#include "user/policy/ladder.h"
#include "user/policy/num.h"

#define FORECAST_ROOM_PCT 10
#define THRESHOLD_MAX     9800 /* permyriad: moved up no further, above is the brake's way */

const struct level_stall_rule level_stall_rules[LEVEL_STALL_RULES] = {
	{true, 2000, LEVEL_CRITICAL},
	{true, 500, LEVEL_HIGH},
	{false, 1000, LEVEL_MEDIUM},
};

uint64_t level_threshold(const struct policy_conf *conf, int32_t shift_permyriad, enum level level)
{
	int64_t threshold = (int64_t)conf->edge_pct[level] * 100;
	int64_t moved = threshold + shift_permyriad;

	if (shift_permyriad > 0 && moved > THRESHOLD_MAX)
		moved = threshold > THRESHOLD_MAX ? threshold : THRESHOLD_MAX;
	return level == LEVEL_NORMAL || moved < 0 ? 0 : (uint64_t)moved;
}

static uint64_t threshold_in(const struct level_input *in, const struct policy_conf *conf,
			     enum level level)
{
	return level_threshold(conf, in->edge_shift_permyriad, level);
}

static enum level band_of(const struct level_input *in, const struct policy_conf *conf)
{
	for (unsigned int l = LEVEL_EMERGENCY; l > LEVEL_NORMAL; l--)
		if (in->use_permyriad >= threshold_in(in, conf, (enum level)l))
			return (enum level)l;
	return LEVEL_NORMAL;
}

static void raise_to(enum level *level, enum level to, struct why *why, struct why reason)
{
	if (to <= *level)
		return;
	*level = to;
	*why = reason;
}

static void raise_by_stalls(const struct level_input *in, enum level *level, struct why *why)
{
	for (unsigned int i = 0; i < LEVEL_STALL_RULES; i++) {
		const struct level_stall_rule *rule = &level_stall_rules[i];
		uint64_t share = rule->full ? in->full_permyriad : in->some_permyriad;

		if (share >= rule->permyriad)
			raise_to(level, rule->level, why,
				 (struct why){rule->full ? REASON_PSI_FULL : REASON_PSI_SOME, share,
					      rule->permyriad});
	}
}

enum level level_of(const struct level_input *in, const struct policy_conf *conf,
		    unsigned int forecast_boost, struct why *ret_why)
{
	enum level base = band_of(in, conf);
	enum level level = base;
	unsigned int boosted = (unsigned int)base + forecast_boost;

	*ret_why = (struct why){REASON_USAGE, in->use_permyriad, threshold_in(in, conf, base)};
	if (base == LEVEL_NORMAL)
		ret_why->threshold = threshold_in(in, conf, LEVEL_LOW);
	raise_by_stalls(in, &level, ret_why);
	if (boosted > LEVEL_CRITICAL)
		boosted = LEVEL_CRITICAL; /* a forecast alone never makes an emergency */
	raise_to(&level, (enum level)boosted, ret_why,
		 (struct why){REASON_FORECAST, in->time_to_limit_us,
			      forecast_boost > 1 ? LEVEL_FORECAST_NEAR_US : LEVEL_FORECAST_FAR_US});
	if (in->host_why.reason)
		raise_to(&level, LEVEL_HIGH, ret_why, in->host_why);
	if (in->thrashing)
		raise_to(&level, LEVEL_HIGH, ret_why,
			 (struct why){REASON_THRASH, in->refaults_per_s, in->refault_limit_per_s});

	/* Full of cache is not pressure while nobody waits and the host has room. */
	if (level > LEVEL_HIGH && in->some_permyriad < STALL_SOME_IDLE && in->host_roomy &&
	    in->solid_permyriad < threshold_in(in, conf, LEVEL_CRITICAL) && base > LEVEL_HIGH)
		level = LEVEL_HIGH;
	return level;
}

/* A forecast counts when two of the last three samples agree. Growth is taken to go on for as far
 * as it has come (rise.c): a burst of a moment would reach any limit if it went on. */
static unsigned int forecast_boost(struct level_state *ls, const struct level_input *in)
{
	bool close = in->room_bytes <= percent_of(in->limit_bytes, FORECAST_ROOM_PCT);
	bool hit = in->time_to_limit_us <= LEVEL_FORECAST_FAR_US &&
		   (close || in->time_to_limit_us <= LEVEL_FORECAST_NEAR_US) &&
		   in->room_bytes <= in->risen_bytes;
	unsigned int hits;

	ls->forecast_hits = (uint8_t)((ls->forecast_hits << 1 | hit) & 7);
	hits = (ls->forecast_hits & 1U) + (ls->forecast_hits >> 1 & 1U) + (ls->forecast_hits >> 2);
	if (hits < 2 || !hit)
		return 0;
	return in->time_to_limit_us <= LEVEL_FORECAST_NEAR_US ? 2 : 1;
}

static void set_level(struct level_state *ls, enum level level, uint64_t now_us)
{
	if (level == LEVEL_EMERGENCY)
		ls->emergency_since_us = now_us;
	else
		ls->emergency_since_us = 0;
	ls->level = level;
	ls->since_us = now_us;
	ls->calm_since_us = 0;
}

static void go_up(struct level_state *ls, enum level seen, uint64_t now_us)
{
	enum level to = seen;

	if (seen < LEVEL_CRITICAL && ls->rising < seen)
		to = ls->rising;
	ls->rising = seen;
	if (to > ls->level)
		set_level(ls, to, now_us);
	ls->calm_since_us = 0;
}

/* One by one: padding of a state is to stay as it is. */
static void keep_why(struct why *kept, struct why why)
{
	kept->reason = why.reason;
	kept->observed = why.observed;
	kept->threshold = why.threshold;
}

static void go_down(struct level_state *ls, const struct level_input *in,
		    const struct policy_conf *conf, uint64_t now_us)
{
	uint64_t threshold = threshold_in(in, conf, ls->level);
	uint64_t calm_below = sub_sat(threshold, (uint64_t)conf->hysteresis_pct * 100);

	ls->rising = LEVEL_NORMAL;
	if (in->use_permyriad >= calm_below || in->some_permyriad >= STALL_SOME_LASTING) {
		ls->calm_since_us = 0;
		return;
	}
	if (!ls->calm_since_us)
		ls->calm_since_us = now_us;
	if (now_us - ls->calm_since_us < conf->dwell_us)
		return;
	set_level(ls, (enum level)(ls->level - 1), now_us);
	ls->calm_since_us = now_us;
	keep_why(&ls->why, (struct why){REASON_RECOVERED, in->use_permyriad, threshold});
}

void level_step(struct level_state *ls, const struct level_input *in,
		const struct policy_conf *conf, uint64_t now_us)
{
	unsigned int boost = forecast_boost(ls, in);
	struct why why;

	ls->seen = level_of(in, conf, boost, &why);
	keep_why(&ls->seen_why, why);
	ls->use_permyriad = in->use_permyriad;
	if (ls->seen > ls->level) {
		go_up(ls, ls->seen, now_us);
		keep_why(&ls->why, why);
	} else if (ls->seen == ls->level) {
		ls->calm_since_us = 0;
		ls->rising = ls->seen;
		keep_why(&ls->why, why);
	} else {
		go_down(ls, in, conf, now_us);
	}
}
