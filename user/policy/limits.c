// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps memory.min, memory.low and memory.high of each component at what they should be. Of each
 * it knows the kernel's value, the wanted one and the last write. A difference above rounding is
 * written; a lower memory.min or memory.high must be wanted for a while, and memory.high is
 * lowered only while the group is quiet or squeezed. It is never lowered below a budget for what of
 * that is lent: who comes back for its own would sleep for up to two seconds at its limit, which a
 * raise does not end (mm/memcontrol.c, mem_cgroup_handle_over_high).
 */
#include "user/policy/limits.h"

#include "user/policy/breath.h"
#include "user/policy/contention.h"
#include "user/policy/dependence.h"
#include "user/policy/emit.h"
#include "user/policy/headroom.h"
#include "user/policy/idle.h"
#include "user/policy/ladder.h"
#include "user/policy/loans.h"
#include "user/policy/margin.h"
#include "user/policy/num.h"
#include "user/policy/signal.h"

#define SETTLE_US        US_PER_SEC /* a write shows in samples within this */
#define RETRY_US         (2 * US_PER_SEC)
#define LOWER_US         (5 * US_PER_SEC)
#define LOWER_AHEAD_US   (200 * US_PER_MS)  /* of growth, until the write is done */
#define MISSED_KEPT_US   (120 * US_PER_SEC) /* no limit goes up and down more than once in that */
#define MIN_LOWER_US     (30 * US_PER_SEC)
#define CROWDED_STEP     (4 * MIB)
#define LOAN_STEP        (4 * MIB)  /* less is lent once in SETTLE_US */
#define ROUNDING         (64 * KIB) /* the kernel rounds limits to pages */
#define MIN_AHEAD_US     (2 * US_PER_SEC)
#define MIN_HOST_PERCENT 80 /* overcommitted memory.min kills: never more of the host */
#define AT_HIGH_PCT      98

static const struct limit_row {
	enum action_kind action;
	uint32_t offset; /* of the sampled value in struct component_sample */
} limit_rows[LIMIT__COUNT] = {
	[LIMIT_MIN] = {ACTION_SET_MIN, __builtin_offsetof(struct component_sample, min_bytes)},
	[LIMIT_LOW] = {ACTION_SET_LOW, __builtin_offsetof(struct component_sample, low_bytes)},
	[LIMIT_HIGH] = {ACTION_SET_HIGH, __builtin_offsetof(struct component_sample, high_bytes)},
};

static uint64_t sampled(const struct component_sample *c, enum limit limit)
{
	return *(const uint64_t *)(const void *)((const char *)c + limit_rows[limit].offset);
}

static bool differ(uint64_t a, uint64_t b)
{
	return (a > b ? a - b : b - a) > ROUNDING;
}

/* A write that failed says nothing about what is in force: the next sample does. */
static void take_outcome(struct step *step, const struct outcome *o)
{
	for (uint32_t i = 0; i < step->config->component_count; i++) {
		struct component_state *cs = &step->state->component[i];

		for (unsigned int k = 0; k < LIMIT__COUNT; k++)
			if (cs->limit[k].id == o->id && o->result == OUTCOME_FAILED)
				cs->limit[k].known = false;
	}
}

void limits_take(struct step *step)
{
	for (uint32_t i = 0; i < step->frame->outcome_count && i < FRAME_OUTCOMES_MAX; i++)
		if (step->frame->outcome[i].id != ID_NONE)
			take_outcome(step, &step->frame->outcome[i]);
	for (uint32_t i = 0; i < step->config->component_count; i++) {
		const struct component_sample *sample = &step->frame->component[i];

		if (!(sample->valid & SAMPLE_LIMITS))
			continue;
		for (unsigned int k = 0; k < LIMIT__COUNT; k++) {
			struct limit_state *l = &step->state->component[i].limit[k];

			if (l->written_us && step->now_us - l->written_us < SETTLE_US)
				continue;
			l->known = true;
			l->kernel_bytes = sampled(sample, (enum limit)k);
		}
	}
}

/* A second thought within one step takes the place of the first. */
static struct action *amend(struct step *step, const struct limit_state *l,
			    const struct action *action)
{
	for (uint32_t i = 0; l->written_us == step->now_us && i < step->plan->action_count; i++) {
		struct action *sent = &step->plan->action[i];

		if (sent->id != l->id)
			continue;
		*sent = *action;
		sent->id = l->id;
		return sent;
	}
	return NULL;
}

static uint32_t set_limit(struct step *step, uint32_t component, enum limit limit, uint64_t bytes,
			  uint64_t deadline_us, struct why why)
{
	struct component_state *cs = &step->state->component[component];
	struct limit_state *l = &cs->limit[limit];
	struct action action = {
		.kind = limit_rows[limit].action,
		.tier = cs->tier,
		.component = component,
		.amount = bytes,
		.swappiness = -1,
		.deadline_us = deadline_us,
		.why = why,
	};
	const struct action *sent;

	/* What did not take is written again, but not on every tick. */
	if (l->written_us && !differ(l->wanted_bytes, bytes) &&
	    step->now_us - l->written_us < RETRY_US)
		return ID_NONE;
	sent = amend(step, l, &action);
	if (!sent)
		sent = emit_action(step, &action);
	if (!sent)
		return ID_NONE;
	*l = (struct limit_state){
		.known = true,
		.id = sent->id,
		.kernel_bytes = bytes,
		.wanted_bytes = bytes,
		.written_us = step->now_us,
	};
	return sent->id;
}

uint32_t limits_set_high(struct step *step, uint32_t component, uint64_t bytes,
			 uint64_t deadline_us, struct why why)
{
	return set_limit(step, component, LIMIT_HIGH, bytes, deadline_us, why);
}

uint64_t limits_high(const struct component_state *cs)
{
	const struct limit_state *l = &cs->limit[LIMIT_HIGH];

	return l->known ? l->kernel_bytes : BYTES_MAX;
}

bool limits_is_at_high(const struct component_state *cs)
{
	uint64_t high = limits_high(cs);

	return high != BYTES_MAX && cs->signal.current_bytes >= percent_of(high, AT_HIGH_PCT);
}

uint64_t limits_slack(uint64_t budget_bytes)
{
	return max_u64(budget_bytes / 100, min_u64(4 * MIB, budget_bytes / 10));
}

/* True once a lower value has been wanted for so long. */
static bool lower_is_due(struct limit_state *l, bool lower, uint64_t dwell_us, uint64_t now_us)
{
	if (!lower) {
		l->lower_since_us = 0;
		return false;
	}
	if (!l->lower_since_us)
		l->lower_since_us = now_us;
	return now_us - l->lower_since_us >= dwell_us;
}

static void keep_low(struct step *step, uint32_t i)
{
	const struct component *c = &step->config->component[i];
	const struct limit_state *l = &step->state->component[i].limit[LIMIT_LOW];
	uint64_t want = c->protect == PROTECT_NONE ? 0 : c->budget_bytes;

	if (l->known && differ(l->kernel_bytes, want))
		set_limit(step, i, LIMIT_LOW, want, 0,
			  (struct why){REASON_BUDGET, l->kernel_bytes, want});
}

/* A component's part of what the host can promise to all. */
static uint64_t min_cap(const struct step *step, uint32_t component)
{
	uint64_t budget = step->config->component[component].budget_bytes;
	uint64_t promised = 0;
	uint64_t host = percent_of(step->state->host.total_bytes, MIN_HOST_PERCENT);

	for (uint32_t i = 0; i < step->config->component_count; i++)
		if (step->config->component[i].protect == PROTECT_WORKING_SET)
			promised += step->config->component[i].budget_bytes;
	if (step->state->host.valid && promised > host)
		return mul_div(budget, host, promised);
	return budget;
}

/* Kept above the working set: a fiftieth of it, 2 MiB, or what it grows by in 2 s. */
static uint64_t min_slack(const struct signal *s)
{
	return max_u64(max_u64(s->ws_bytes / 50, 2 * MIB), grown(s->slope_per_s, MIN_AHEAD_US));
}

/* What lay untouched for a minute has no need of a promise; memory.low keeps it as long as others
 * have something to give. */
static uint64_t promised_set(const struct step *step, uint32_t i)
{
	return sub_sat(step->state->component[i].signal.ws_bytes, idle_long_bytes(step, i));
}

static uint64_t min_wanted(const struct step *step, uint32_t i)
{
	const struct signal *s = &step->state->component[i].signal;
	uint64_t want = promised_set(step, i) + min_slack(s);

	if (step->config->component[i].protect != PROTECT_WORKING_SET ||
	    !step->state->component[i].used)
		return 0;
	return min_u64(want - want % MIB, min_cap(step, i));
}

static void keep_min(struct step *step, uint32_t i)
{
	const struct component_state *cs = &step->state->component[i];
	struct limit_state *l = &step->state->component[i].limit[LIMIT_MIN];
	uint64_t budget = step->config->component[i].budget_bytes, cap = min_cap(step, i);
	uint64_t want = min_wanted(step, i), has = l->kernel_bytes, ws = promised_set(step, i);
	bool raise = want > has && min_u64(ws + min_slack(&cs->signal) / 2, cap) > has;
	bool lower = want < has && (!want || want + max_u64(16 * MIB, budget / 20) < has);
	bool at_once = has > cap;

	if (!l->known || !cs->signal.seen)
		return;
	if (lower_is_due(l, lower, MIN_LOWER_US, step->now_us) ||
	    ((raise || at_once) && differ(want, has)))
		set_limit(step, i, LIMIT_MIN, want, 0, (struct why){REASON_WORKING_SET, ws, has});
}

/* "budget" is said only of the budget itself: it is what a limit goes back to. */
static struct why high_reason(const struct step *step, uint32_t i, uint64_t want, uint64_t has)
{
	const struct component_state *cs = &step->state->component[i];
	uint64_t budget = step->config->component[i].budget_bytes;

	if (want == budget)
		return (struct why){REASON_BUDGET, has, want};
	if (cs->loans.owes_since_us)
		return (struct why){REASON_OWNER_PAYBACK, loans_owed(step, i), cs->in_force_bytes};
	if (want > cs->in_force_bytes)
		return (struct why){REASON_OVER_BUDGET, sub_sat(cs->signal.current_bytes, budget),
				    budget};
	return (struct why){REASON_LOAN, has, want};
}

/* Nothing in it moves: a lowered memory.high blocks nobody. */
static bool is_quiet(const struct component_state *cs, uint64_t budget)
{
	return !cs->active_leaves || (!signal_is_growing(&cs->signal, budget) &&
				      cs->signal.some_permyriad < STALL_SOME_IDLE);
}

/* Who others depend on is not to wait in the kernel for what reclaim takes from it meanwhile. */
static uint64_t slack_for_dependents(const struct step *step, uint32_t i, uint64_t want)
{
	uint64_t held = step->state->component[i].signal.current_bytes;

	return dependence_spared(step, i) && headroom_free(step) >= 2 * BREATH_SLACK
		       ? max_u64(want, held + BREATH_SLACK)
		       : want;
}

/* A limit that follows what is held, where nothing is left that could be lent, holds nobody. */
static bool only_follows(const struct step *step, uint32_t i, uint64_t want)
{
	return want > step->config->component[i].budget_bytes && contention_fills_up(step, i) &&
	       want <= step->state->component[i].signal.current_bytes + ROUNDING;
}

/* Files fill the pool up to its memory.max, where the kernel asks nobody's leave: what is protected
 * within a component is so up to the limit of that alone. How much of it is files a full frame
 * says. */
static bool is_crowded(const struct step *step)
{
	return step->frame->kind == FRAME_FULL &&
	       sub_sat(step->config->usable_bytes, headroom_charged(step)) < margin_bytes(step);
}

/* Files that it read again came back for a higher limit: it would drop them anew for a lower one,
 * which is of use to nobody. */
static bool missed_files(const struct step *step, uint32_t i)
{
	const struct signal *s = &step->state->component[i].signal;

	return s->files_missed_us && step->now_us - s->files_missed_us < MISSED_KEPT_US;
}

/* What is on its way back from swap would go out again at a lower limit. */
static uint64_t paging_in(const struct step *step, uint32_t component)
{
	uint32_t end = step->state->component[component].frozen_leaves ? step->state->leaf_end : 0;
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < end; i++) {
		const struct leaf_state *leaf = &step->state->leaf[i];

		if (leaf->cgid && leaf->component == component && leaf->page_in_id != ID_NONE)
			bytes += leaf->swap_bytes;
	}
	return bytes;
}

/* Lower it would take from who uses it, or stop who grows. */
static uint64_t lowest_high(const struct step *step, uint32_t i, bool crowded)
{
	const struct signal *s = &step->state->component[i].signal;

	return (crowded ? s->held_bytes : s->current_bytes) +
	       limits_slack(step->config->component[i].budget_bytes) +
	       contention_ahead(step, i, LOWER_AHEAD_US) + paging_in(step, i);
}

/* What a margin that decays or a cleanup leaves is lent bit by bit: by so little no more often than
 * it shows in samples. Nobody waits for its own like that. */
static bool is_worth_a_raise(const struct step *step, uint32_t i, uint64_t want)
{
	const struct limit_state *l = &step->state->component[i].limit[LIMIT_HIGH];

	return want <= step->config->component[i].budget_bytes ||
	       want - l->kernel_bytes >= LOAN_STEP || step->now_us - l->written_us >= SETTLE_US;
}

static void keep_high(struct step *step, uint32_t i)
{
	const struct component *c = &step->config->component[i];
	struct component_state *cs = &step->state->component[i];
	struct limit_state *l = &cs->limit[LIMIT_HIGH];
	uint64_t want = max_u64(cs->in_force_bytes, c->budget_bytes);
	uint64_t has = l->kernel_bytes, held = cs->signal.held_bytes;
	bool crowded = is_crowded(step);
	uint64_t deadband =
		crowded ? CROWDED_STEP
			: loans_deadband(max_u64(c->budget_bytes, has == BYTES_MAX ? 0 : has));
	bool is_short = held >= c->budget_bytes &&
			(headroom_free(step) < 2 * margin_bytes(step) || crowded);
	bool near = held + 2 * limits_slack(c->budget_bytes) >= has;

	want = cs->squeezed ? cs->squeeze_bytes : slack_for_dependents(step, i, want);
	if (!l->known || !cs->signal.seen)
		return;
	if (want > has) {
		l->lower_since_us = 0;
		if (!cs->squeezed && only_follows(step, i, want))
			return;
		if ((near || want - has >= deadband || want == c->budget_bytes) &&
		    differ(want, has) && is_worth_a_raise(step, i, want))
			set_limit(step, i, LIMIT_HIGH, want, 0, high_reason(step, i, want, has));
		return;
	}
	if (cs->squeezed)
		return;
	want = max_u64(want, lowest_high(step, i, crowded));
	if (!is_short && (!is_quiet(cs, c->budget_bytes) || missed_files(step, i)))
		want = has;
	if (lower_is_due(l, want + deadband <= has, has == BYTES_MAX || is_short ? 0 : LOWER_US,
			 step->now_us))
		set_limit(step, i, LIMIT_HIGH, want, 0, high_reason(step, i, want, has));
}

void limits_step(struct step *step)
{
	for (uint32_t i = 0; i < step->config->component_count; i++) {
		keep_high(step, i);
		keep_min(step, i);
		keep_low(step, i);
	}
}
