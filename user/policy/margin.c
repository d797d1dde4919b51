// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An owner that grows within its right while less than the margin is free has outrun it: what it
 * takes in one burst, from where its growth began and at its fastest, is what the margin should
 * have been. The largest burst of each owner is remembered, and fades by half in ten minutes. An
 * owner can take no more than it still has a right to, so what it holds already needs no margin.
 * From a borrower that works on all it holds no more is kept than payback could not bring in time:
 * it would do without for as long as no owner comes.
 */
#include "user/policy/margin.h"

#include "user/policy/headroom.h"
#include "user/policy/num.h"
#include "user/policy/rise.h"
#include "user/policy/swap_speed.h"

/*
 * Of usable. On 6.12 an owner of 250 MB at 200 MB/s lagged 1.4 s with 36 MB of 1217 and .8 s with
 * 120; more than 15 % is memory that nobody ever uses.
 */
#define LEAST_PCT     3
#define MOST_PCT      15
#define FADE_EVERY_US (60 * US_PER_SEC)
#define FADE_PART     15                /* (14/15)^10 = 1/2 */
#define MORE_PART     8                 /* beyond its largest burst it does as it has never done */
#define HOT_PER_S     256               /* refaults: 1 MB */
#define LATE_US       (300 * US_PER_MS) /* an owner that comes back may be behind its own pace */
#define HOT_US        (60 * US_PER_SEC) /* no limit goes up and down within a minute */

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

static bool borrows(const struct step *step, uint32_t i)
{
	return step->state->component[i].signal.held_bytes >
	       step->config->component[i].budget_bytes;
}

static bool anybody_borrows(const struct step *step)
{
	for (uint32_t i = 0; i < step->config->component_count; i++)
		if (borrows(step, i))
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
	if (m->burst_bytes > m->largest_bytes) {
		m->largest_bytes = m->burst_bytes;
		m->largest_us = m->burst_us;
	}
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
	uint64_t held = cs->signal.held_bytes;

	fade(m, step->now_us);
	if (!m->from_us || stands(m, held, step->now_us) ||
	    step->now_us - m->from_us >= MARGIN_BURST_US)
		begin_burst(m, held, step->now_us);
	else if (short_of && held <= step->config->component[i].budget_bytes &&
		 held - m->from_bytes > m->burst_bytes) {
		m->burst_bytes = held - m->from_bytes;
		m->burst_us = step->now_us - m->from_us;
	}
}

static void watch_borrower(struct step *step, uint32_t i)
{
	struct component_state *cs = &step->state->component[i];

	if (borrows(step, i) && cs->signal.refaults_per_s > HOT_PER_S)
		cs->margin.hot_until_us = step->now_us + HOT_US;
}

void margin_step(struct step *step)
{
	bool short_of = headroom_free(step) < margin_bytes(step) && anybody_borrows(step);

	for (uint32_t i = 0; i < step->config->component_count; i++) {
		if (!step->state->component[i].signal.seen)
			continue;
		watch_owner(step, i, short_of);
		watch_borrower(step, i);
	}
}

/* What comes at per_s while an owner takes its burst, or a moment later, need not lie ready. */
static uint64_t burst_beyond(const struct margin_state *m, uint64_t per_s)
{
	bool goes_on = m->burst_bytes > m->largest_bytes;
	uint64_t bytes = goes_on ? m->burst_bytes : m->largest_bytes;
	uint64_t us = LATE_US + (goes_on ? m->burst_us : m->largest_us);

	return sub_sat(bytes, mul_div(per_s, us, US_PER_SEC));
}

static uint64_t margin_beyond(const struct step *step, uint64_t per_s)
{
	uint64_t margin = percent_of(step->config->usable_bytes, LEAST_PCT);

	for (uint32_t i = 0; i < step->config->component_count; i++) {
		const struct component_state *cs = &step->state->component[i];
		uint64_t right =
			sub_sat(step->config->component[i].budget_bytes, cs->signal.held_bytes);

		margin = max_u64(margin, min_u64(burst_beyond(&cs->margin, per_s), right));
	}
	return min_u64(margin, percent_of(step->config->usable_bytes, MOST_PCT));
}

uint64_t margin_bytes(const struct step *step)
{
	return margin_beyond(step, 0);
}

uint64_t margin_kept(const struct step *step)
{
	for (uint32_t i = 0; i < step->config->component_count; i++)
		if (borrows(step, i) &&
		    step->now_us < step->state->component[i].margin.hot_until_us)
			return margin_beyond(step, swap_speed_in_a_hurry(step));
	return margin_bytes(step);
}

uint64_t margin_expects(const struct step *step, uint32_t component)
{
	const struct component_state *cs = &step->state->component[component];
	uint64_t largest = min_u64(cs->margin.before_bytes, cs->margin.largest_bytes);
	uint64_t took = sub_sat(cs->signal.held_bytes, cs->margin.began_bytes);

	if (!largest || took > largest + largest / MORE_PART)
		return BYTES_MAX;
	return sub_sat(largest, took);
}
