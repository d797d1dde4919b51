// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps two counts for each point of use from 70 % on, and for all use below: how often it was
 * observed, and how often others stalled then. The lowest point with enough observations, of which
 * one in twenty stalled and twice as many as below, is where its use begins to hurt; the thresholds
 * move toward it, and old observations fade by half each hour. Who stalls whatever it does, or at a
 * limit of its own, says nothing of it.
 */
#include "user/policy/thresholds.h"

#include "user/policy/level.h"
#include "user/policy/limits.h"
#include "user/policy/num.h"
#include "user/policy/roster.h"
#include "user/policy/step.h"

#define LOOK_US      (10 * US_PER_SEC)
#define LOOK_LATE_US (20 * US_PER_SEC) /* a longer look says nothing about one use */
#define HOUR_US      (3600 * US_PER_SEC)
#define KNEE_PCT     88 /* where the standard thresholds expect stalls to begin */
#define NEIGHBOURS   2  /* a point speaks together with so many above it: loads are never still */
#define P95_PART     20 /* one in so many above 5 % is a 95th percentile above it */

static void look_ends(struct thresholds_state *e, uint64_t now_us)
{
	uint64_t took_us = now_us - e->look_at_us;

	if (took_us > LOOK_LATE_US)
		return;
	e->seen[e->look_point]++;
	if (permyriad_of(e->hurt_us, took_us) > THRESHOLDS_STALLED)
		e->stalled[e->look_point]++;
}

static void look_begins(struct thresholds_state *e, const struct component_state *cs,
			uint64_t now_us)
{
	uint64_t point = cs->level.use_permyriad / 100;

	e->look_point = THRESHOLDS_BELOW;
	if (point >= THRESHOLDS_FIRST_PCT)
		e->look_point =
			(uint32_t)min_u64(point - THRESHOLDS_FIRST_PCT, THRESHOLDS_POINTS - 1);
	e->look_at_us = e->hurt_at_us = now_us;
	e->hurt_us = 0;
}

/* Of the one that stalls most: what is full of somebody hurts them. */
static void add_hurt(const struct step *step, uint32_t component)
{
	struct thresholds_state *e = &step->state->component[component].thresholds;
	uint64_t most = 0;

	for (uint32_t i = 0; i < step->config->component_count; i++) {
		const struct component_state *cs = &step->state->component[i];

		if (i != component && !limits_is_at_high(cs))
			most = max_u64(most, cs->signal.some_permyriad);
	}
	e->hurt_us += mul_div(step->now_us - e->hurt_at_us, most, PERMYRIAD_ONE);
	e->hurt_at_us = step->now_us;
}

static void sum_up(const struct thresholds_state *e, uint32_t from, uint32_t end,
		   uint64_t *ret_seen, uint64_t *ret_stalled)
{
	*ret_seen = *ret_stalled = 0;
	for (uint32_t p = from; p < end && p < THRESHOLDS_POINTS; p++) {
		*ret_seen += e->seen[p];
		*ret_stalled += e->stalled[p];
	}
}

/* So often, and not as often while it uses little. */
static bool hurts(const struct thresholds_state *e, uint64_t seen, uint64_t stalled)
{
	uint64_t below = e->seen[THRESHOLDS_BELOW];

	if (seen < THRESHOLDS_EVENTS || stalled * P95_PART < seen)
		return false;
	return below < THRESHOLDS_EVENTS ||
	       stalled * below >= 2 * e->stalled[THRESHOLDS_BELOW] * seen;
}

/* Where the thresholds should be, from where they stand in the configuration; now where nothing
 * says. */
static int32_t shift_wanted(const struct thresholds_state *e, int32_t now)
{
	uint64_t seen, stalled;

	for (uint32_t p = 0; p < THRESHOLDS_POINTS; p++) {
		int32_t points = (int32_t)(THRESHOLDS_FIRST_PCT + p) - KNEE_PCT;

		sum_up(e, p, p + 1 + NEIGHBOURS, &seen, &stalled);
		if (!hurts(e, seen, stalled))
			continue;
		if (points * 100 < THRESHOLDS_SHIFT_MIN)
			return THRESHOLDS_SHIFT_MIN;
		return points * 100 > THRESHOLDS_SHIFT_MAX ? THRESHOLDS_SHIFT_MAX : points * 100;
	}
	sum_up(e, KNEE_PCT - THRESHOLDS_FIRST_PCT, THRESHOLDS_POINTS, &seen, &stalled);
	return seen >= THRESHOLDS_EVENTS ? THRESHOLDS_SHIFT_MAX : now;
}

static void judge(struct thresholds_state *e)
{
	int32_t way = shift_wanted(e, e->shift_permyriad) - e->shift_permyriad;

	if (way > THRESHOLDS_HOUR_MAX)
		way = THRESHOLDS_HOUR_MAX;
	if (way < -THRESHOLDS_HOUR_MAX)
		way = -THRESHOLDS_HOUR_MAX;
	e->shift_permyriad += way;
	for (uint32_t p = 0; p <= THRESHOLDS_BELOW; p++) {
		e->seen[p] -= e->seen[p] / 2;
		e->stalled[p] /= 2;
	}
}

void thresholds_step(struct step *step, uint32_t component)
{
	struct component_state *cs = &step->state->component[component];
	struct thresholds_state *e = &cs->thresholds;

	if (step->frame->kind != FRAME_FULL || !cs->signal.seen)
		return;
	if (!e->judged_us)
		e->judged_us = step->now_us;
	if (e->look_at_us)
		add_hurt(step, component);
	if (e->look_at_us && step->now_us - e->look_at_us >= LOOK_US) {
		look_ends(e, step->now_us);
		e->look_at_us = 0;
	}
	if (!e->look_at_us)
		look_begins(e, cs, step->now_us);
	if (step->now_us - e->judged_us >= HOUR_US) {
		judge(e);
		e->judged_us = step->now_us;
	}
}

uint64_t thresholds_of(const struct step *step, uint32_t component, enum level level)
{
	const struct policy_conf *conf = &step->config->policy;
	const struct thresholds_state *e = &step->state->component[component].thresholds;

	return level_threshold(conf, conf->edges_adapt ? e->shift_permyriad : 0, level);
}

void thresholds_forget(struct step *step, uint32_t component)
{
	step->state->component[component].thresholds = (struct thresholds_state){0};
}

void policy_restore_thresholds(struct policy_state *state, const struct config *config,
			       uint32_t component, int32_t shift_permyriad)
{
	roster_match(state, config);
	if (component >= config->component_count)
		return;
	if (shift_permyriad < THRESHOLDS_SHIFT_MIN)
		shift_permyriad = THRESHOLDS_SHIFT_MIN;
	if (shift_permyriad > THRESHOLDS_SHIFT_MAX)
		shift_permyriad = THRESHOLDS_SHIFT_MAX;
	state->component[component].thresholds.shift_permyriad = shift_permyriad;
}
