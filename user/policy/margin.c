// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An owner that grows within its right while less than the margin is free has outrun it: what it
 * takes in one burst, from where its growth began and at its fastest, is what the margin should
 * have been. The largest burst of each owner is remembered, and fades by half in ten minutes. An
 * owner can take no more than it still has a right to, so what it holds already needs no margin.
 */
#include "user/policy/margin.h"

#include "user/policy/headroom.h"
#include "user/policy/num.h"
#include "user/policy/rise.h"

/*
 * Of usable. On 6.12 an owner of 250 MB at 200 MB/s lagged 1.4 s with 36 MB of 1217 and .8 s with
 * 120; more than 15 % is memory that nobody ever uses.
 */
#define LEAST_PCT     3
#define MOST_PCT      15
#define FADE_EVERY_US (60 * US_PER_SEC)
#define FADE_PART     15 /* (14/15)^10 = 1/2 */
#define MORE_PART     8  /* beyond its largest burst it does as it has never done */

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

/* Has not begun, or came to rest. */
static bool stands(const struct margin_state *m, uint64_t held, uint64_t now_us)
{
	return held < m->from_bytes + grown(RISE_PER_S, now_us - m->from_us);
}

/* The one before it goes on for so long that it is another, or it is over. */
static void begin_burst(struct margin_state *m, uint64_t held, uint64_t now_us)
{
	m->largest_bytes = max_u64(m->largest_bytes, m->burst_bytes);
	m->burst_bytes = 0;
	if (!m->from_us || stands(m, held, now_us)) {
		m->began_bytes = held;
		m->before_bytes = m->largest_bytes;
	}
	m->from_us = now_us;
	m->from_bytes = held;
}

static void watch_owner(struct step *step, uint32_t i, bool short_of)
{
	struct component_state *cs = &step->state->component[i];
	struct margin_state *m = &cs->margin;
	uint64_t held = cs->signal.current_bytes;

	fade(m, step->now_us);
	if (!m->from_us || stands(m, held, step->now_us) ||
	    step->now_us - m->from_us >= MARGIN_BURST_US)
		begin_burst(m, held, step->now_us);
	else if (short_of && held <= step->config->component[i].budget_bytes)
		m->burst_bytes = max_u64(m->burst_bytes, held - m->from_bytes);
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
		uint64_t burst = max_u64(cs->margin.largest_bytes, cs->margin.burst_bytes);

		margin = max_u64(margin, min_u64(burst, right));
	}
	return min_u64(margin, percent_of(usable, MOST_PCT));
}

uint64_t margin_expects(const struct step *step, uint32_t component)
{
	const struct component_state *cs = &step->state->component[component];
	uint64_t largest = min_u64(cs->margin.before_bytes, cs->margin.largest_bytes);
	uint64_t took = sub_sat(cs->signal.current_bytes, cs->margin.began_bytes);

	if (!largest || took > largest + largest / MORE_PART)
		return BYTES_MAX;
	return sub_sat(largest, took);
}
