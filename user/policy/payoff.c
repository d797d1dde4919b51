// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sums up what reclaims freed until ten seconds after the first of them, and then takes off what
 * the component has faulted back since, by its counter of refaults. A donor that is hot rests for
 * half a minute, and twice as long each time it is found so again, up to ten minutes. The sums by
 * tier say what came of all that was taken since uwd started.
 */
#include "user/policy/payoff.h"

#include <string.h>

#include "user/policy/num.h"

#define JUDGED_US   (10 * US_PER_SEC)
#define POOR_MAX    2
#define REST_US     (30 * US_PER_SEC)
#define REST_MAX_US (600 * US_PER_SEC)
#define PAGE_BYTES  4096ULL

void payoff_begin(struct component_state *cs, enum tier tier, uint64_t freed_bytes, bool runs,
		  uint64_t now_us)
{
	struct payoff_state *p = &cs->payoff;

	p->total[tier].reclaims++;
	if (!freed_bytes || !cs->signal.rate_at_us)
		return;
	if (!p->since_us) {
		p->since_us = now_us;
		p->refaults_then = cs->signal.refaults;
		p->freed_bytes = 0;
		memset(p->by_tier, 0, sizeof(p->by_tier));
	}
	p->by_tier[tier] += freed_bytes;
	if (runs)
		p->freed_bytes += freed_bytes;
}

/* Refaults have no tier on them: each has its part of them by what it freed. */
static void count(struct payoff_state *p, uint64_t back)
{
	uint64_t freed = 0;

	for (int tier = 0; tier < TIER__COUNT; tier++)
		freed += p->by_tier[tier];
	back = min_u64(back, freed);
	for (int tier = 0; tier < TIER__COUNT; tier++) {
		p->total[tier].freed_bytes += p->by_tier[tier];
		p->total[tier].back_bytes += mul_div(back, p->by_tier[tier], freed);
	}
}

static void judge(struct payoff_state *p, uint64_t refaults, uint64_t now_us)
{
	uint64_t back = sub_sat(refaults, p->refaults_then) * PAGE_BYTES;

	p->since_us = 0;
	count(p, back);
	if (!p->freed_bytes)
		return;
	if (sub_sat(p->freed_bytes, back) >= p->freed_bytes / 2) {
		p->poor = 0;
		p->rest_us = 0;
		return;
	}
	if (++p->poor < POOR_MAX)
		return;
	p->poor = 0;
	p->rest_us = p->rest_us ? min_u64(2 * p->rest_us, REST_MAX_US) : REST_US;
	p->hot_until_us = now_us + p->rest_us;
}

void payoff_step(struct step *step)
{
	for (uint32_t i = 0; i < step->config->component_count; i++) {
		struct component_state *cs = &step->state->component[i];

		if (cs->payoff.since_us && step->now_us - cs->payoff.since_us >= JUDGED_US)
			judge(&cs->payoff, cs->signal.refaults, step->now_us);
	}
}

bool payoff_is_hot(const struct step *step, uint32_t component)
{
	return step->now_us < step->state->component[component].payoff.hot_until_us;
}
