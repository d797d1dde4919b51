// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An owner that grows within its right while less than the margin is free has outrun it: what it
 * took in its largest second is what the margin should have been. That is remembered for each
 * owner and fades by half in ten minutes. An owner can take no more than it still has a right to,
 * so what it holds already needs no margin.
 */
#include "user/policy/margin.h"

#include "user/policy/headroom.h"
#include "user/policy/num.h"

/*
 * Of usable. On 6.12 an owner of 250 MB at 200 MB/s lagged 1.4 s with 36 MB of 1217 and .8 s with
 * 120; more than 15 % is memory that nobody ever uses.
 */
#define LEAST_PCT     3
#define MOST_PCT      15
#define FADE_EVERY_US (60 * US_PER_SEC)
#define FADE_PART     15 /* (14/15)^10 = 1/2 */

static void fade(struct margin_state *m, uint64_t now_us)
{
	if (!m->faded_us)
		m->faded_us = now_us;
	while (now_us - m->faded_us >= FADE_EVERY_US && m->largest_bytes) {
		m->largest_bytes -= m->largest_bytes / FADE_PART + 1;
		m->faded_us += FADE_EVERY_US;
	}
	if (!m->largest_bytes)
		m->faded_us = now_us;
}

static bool anybody_borrows(const struct step *step)
{
	for (uint32_t i = 0; i < step->config->component_count; i++)
		if (step->state->component[i].signal.current_bytes >
		    step->config->component[i].budget_bytes)
			return true;
	return false;
}

static void watch_owner(struct step *step, uint32_t i, bool short_of)
{
	struct component_state *cs = &step->state->component[i];
	struct margin_state *m = &cs->margin;
	uint64_t held = cs->signal.current_bytes;

	fade(m, step->now_us);
	if (!m->from_us || step->now_us - m->from_us >= US_PER_SEC || held < m->from_bytes) {
		m->from_us = step->now_us;
		m->from_bytes = held;
		return;
	}
	if (short_of && held <= step->config->component[i].budget_bytes)
		m->largest_bytes = max_u64(m->largest_bytes, held - m->from_bytes);
}

void margin_step(struct step *step)
{
	bool short_of = headroom_free(step) < margin_bytes(step) && anybody_borrows(step);

	for (uint32_t i = 0; i < step->config->component_count; i++)
		if (step->state->component[i].signal.seen)
			watch_owner(step, i, short_of);
}

uint64_t margin_bytes(const struct step *step)
{
	uint64_t usable = step->config->usable_bytes;
	uint64_t margin = percent_of(usable, LEAST_PCT);

	for (uint32_t i = 0; i < step->config->component_count; i++) {
		const struct component_state *cs = &step->state->component[i];
		uint64_t right =
			sub_sat(step->config->component[i].budget_bytes, cs->signal.current_bytes);

		margin = max_u64(margin, min_u64(cs->margin.largest_bytes, right));
	}
	return min_u64(margin, percent_of(usable, MOST_PCT));
}
