// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The strategy says how much is kept free, and how far and for how long backfill may go. Where it
 * is adaptive it follows the pressure level, soon to the stricter side and slowly back.
 */
#include "user/policy/admit/inside.h"

#define STRICTER_US (2 * US_PER_SEC)
#define WIDER_US    (60 * US_PER_SEC)

static const struct strategy_rule rules[ADMIT_STRATEGY__COUNT] = {
	[ADMIT_BALANCED] = {.headroom_permyriad = 0, .beside = true, .patience = 2},
	[ADMIT_THROUGHPUT] = {.headroom_permyriad = 0, .beside = true, .patience = 4},
	[ADMIT_LATENCY] = {.headroom_permyriad = 1000, .beside = false, .patience = 1},
};

static const enum admit_strategy by_level[LEVEL__COUNT] = {
	[LEVEL_NORMAL] = ADMIT_THROUGHPUT, [LEVEL_LOW] = ADMIT_THROUGHPUT,
	[LEVEL_MEDIUM] = ADMIT_BALANCED,   [LEVEL_HIGH] = ADMIT_LATENCY,
	[LEVEL_CRITICAL] = ADMIT_LATENCY,  [LEVEL_EMERGENCY] = ADMIT_LATENCY,
};

const struct strategy_rule *strategy_rule_of(const struct admit *admit)
{
	return &rules[admit->strategy];
}

static enum admit_strategy wanted_at(enum level level)
{
	return by_level[level < LEVEL__COUNT ? level : LEVEL_EMERGENCY];
}

void strategy_see(struct admit *admit, enum level level, uint64_t now_us)
{
	if (wanted_at(level) != wanted_at(admit->level_seen))
		admit->level_us = now_us;
	admit->level_seen = level;
}

bool strategy_step(struct admit *admit, uint64_t now_us, struct admit_decisions *ret)
{
	enum level level = admit->level_seen;
	uint64_t dwell = level > admit->strategy_level ? STRICTER_US : WIDER_US;
	struct admit_decision decision = {
		.verdict = ADMIT_SWITCH,
		.amount = wanted_at(level),
		.before = admit->strategy,
		.why = {ADMIT_WHY_PRESSURE, level, admit->strategy_level},
	};

	if (admit->config.strategy != ADMIT_ADAPTIVE || wanted_at(level) == admit->strategy ||
	    sub_sat(now_us, admit->level_us) < dwell)
		return true;
	if (!decide_push(ret, &decision))
		return false;
	admit->strategy = wanted_at(level);
	admit->strategy_level = level;
	admit->strategy_us = now_us;
	admit->strategy_why = decision.why;
	return true;
}
