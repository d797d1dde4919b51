// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lends what components can spare, and calls loans back. Each frame begins with what every
 * component has to spare. Where more is lent than that, the loans are cut and their borrowers owe:
 * limits.c, reclaim.c, brake.c and last_resort.c see that they pay. Loans that nobody needs
 * shrink; what is still spare, and was so for a while, is shared out among those who want more.
 * The lenders then carry the sum, each by its part.
 */
#include "user/policy/loans.h"

#include "user/policy/ladder.h"
#include "user/policy/num.h"

#define DWELL_US         (5 * US_PER_SEC)  /* spare budget must last so long before it is lent */
#define SHRINK_US        (10 * US_PER_SEC) /* and a loan be too large before it is cut */
#define FORECAST_US      (5 * US_PER_SEC)
#define NEED_PCT         105 /* of the working set: what a lender keeps */
#define EASE_PCT         120 /* what a borrower asks for: at 105 it would stand at 95.2 %, in emergency */
#define NEED_PRESSED_PCT 125        /* of what a throttled or stalled component holds */
#define SLACK_PCT        5          /* what a lender keeps above its use, */
#define SLACK_MAX        (64 * MIB) /* at most */

struct loan_balance {
	uint64_t spare[UW_COMPONENTS_MAX];
	uint64_t spare_sum;     /* right now */
	uint64_t spare_lasting; /* over the dwell */
	uint64_t spare_unused;  /* of components without processes */
	uint64_t loan_sum;
};

uint64_t loans_deadband(uint64_t budget_bytes)
{
	return max_u64(budget_bytes / 50, min_u64(64 * MIB, budget_bytes / 20));
}

static uint64_t open_weight(const struct loan_wish *wish, uint32_t count)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < count; i++)
		if (wish[i].got_bytes < wish[i].want_bytes)
			sum += wish[i].weight;
	return sum;
}

void loans_fill(struct loan_wish *wish, uint32_t count, uint64_t bytes)
{
	for (uint32_t i = 0; i < count; i++)
		wish[i].got_bytes = 0;

	/* Each round satisfies at least one wish or hands out all there is. */
	for (uint32_t round = 0; round < count && bytes; round++) {
		uint64_t weight = open_weight(wish, count), pot = bytes;

		for (uint32_t i = 0; i < count && weight; i++) {
			uint64_t open = wish[i].want_bytes - wish[i].got_bytes;
			uint64_t part = min_u64(open, mul_div(pot, wish[i].weight, weight));

			part = min_u64(part, bytes);
			wish[i].got_bytes += part;
			bytes -= part;
		}
		if (!weight)
			return;
	}
}

/* What it asks for to go on as it wants to. */
static uint64_t need_of(const struct component_state *cs)
{
	const struct signal *s = &cs->signal;
	const struct limit_state *high = &cs->limit[LIMIT_HIGH];
	uint64_t held = s->current_bytes;
	uint64_t need = percent_of(s->ws_bytes, NEED_PCT) + grown(s->slope_per_s, FORECAST_US);
	bool held_back = cs->frozen_leaves || cs->squeeze != SQUEEZE_NONE;
	bool at_limit = high->known && held >= high->kernel_bytes - high->kernel_bytes / 50;

	if (!cs->used)
		return 0;
	if (held_back)
		held += s->swap_bytes;
	if (held_back || at_limit || s->some_permyriad > STALL_SOME_IDLE ||
	    cs->level.seen >= LEVEL_CRITICAL)
		need = max_u64(need, percent_of(held, NEED_PRESSED_PCT));
	return need;
}

/* What it would borrow: enough to be at ease, well below the thresholds of its levels. */
static uint64_t wish_of(const struct component *c, const struct component_state *cs)
{
	uint64_t ease = cs->used ? percent_of(cs->signal.ws_bytes, EASE_PCT) : 0;

	return c->borrow ? sub_sat(max_u64(need_of(cs), ease), c->budget_bytes) : 0;
}

/* What a component can do without for the moment. */
static uint64_t spare_of(const struct component *c, const struct component_state *cs, uint64_t need)
{
	uint64_t budget = c->budget_bytes;
	uint64_t slack = min_u64(percent_of(budget, SLACK_PCT), SLACK_MAX);
	uint64_t keep;

	if (!c->lend || need >= budget || cs->loans.loan_bytes || !cs->signal.seen ||
	    wish_of(c, cs))
		return 0;
	keep = need + (budget - need) / 4;
	keep = max_u64(keep, cs->signal.current_bytes + slack);
	return sub_sat(budget, keep);
}

/* The smallest spare of the last dwell or two; at once what nobody uses at all. */
static uint64_t lasting_spare(struct component_state *cs, uint64_t spare, uint64_t now_us)
{
	struct loan_state *l = &cs->loans;

	if (!cs->used) {
		l->spare_now = l->spare_before = spare;
		l->spare_at_us = now_us;
	} else if (now_us - l->spare_at_us >= DWELL_US) {
		l->spare_before = l->spare_at_us ? l->spare_now : 0;
		l->spare_now = spare;
		l->spare_at_us = now_us;
	} else {
		l->spare_now = min_u64(l->spare_now, spare);
	}
	return min_u64(l->spare_now, l->spare_before);
}

static void take_stock(struct step *step, struct loan_balance *balance)
{
	*balance = (struct loan_balance){0};
	for (uint32_t i = 0; i < step->config->component_count; i++) {
		const struct component *c = &step->config->component[i];
		struct component_state *cs = &step->state->component[i];

		balance->spare[i] = spare_of(c, cs, need_of(cs));
		balance->spare_sum += balance->spare[i];
		balance->spare_unused += cs->used ? 0 : balance->spare[i];
		balance->spare_lasting += lasting_spare(cs, balance->spare[i], step->now_us);
		balance->loan_sum += cs->loans.loan_bytes;
	}
}

static uint64_t weight_of(const struct component *c)
{
	return (uint64_t)c->priority * max_u64(c->budget_bytes / MIB, 1);
}

/* Owners took back more than was free: the loans share what is left. */
static void take_back(struct step *step, struct loan_balance *balance)
{
	struct loan_wish wish[UW_COMPONENTS_MAX];
	uint32_t n = step->config->component_count;

	if (balance->loan_sum <= balance->spare_sum)
		return;
	for (uint32_t i = 0; i < n; i++)
		wish[i] = (struct loan_wish){step->state->component[i].loans.loan_bytes,
					     weight_of(&step->config->component[i]), 0};
	loans_fill(wish, n, balance->spare_sum);
	balance->loan_sum = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct component_state *cs = &step->state->component[i];
		uint64_t after = step->config->component[i].budget_bytes + wish[i].got_bytes;

		if (wish[i].got_bytes < cs->loans.loan_bytes && cs->signal.current_bytes > after &&
		    !cs->loans.owes_since_us)
			cs->loans.owes_since_us = step->now_us;
		cs->loans.loan_bytes = wish[i].got_bytes;
		balance->loan_sum += wish[i].got_bytes;
	}
}

static void shrink_idle(struct step *step, struct loan_balance *balance)
{
	for (uint32_t i = 0; i < step->config->component_count; i++) {
		const struct component *c = &step->config->component[i];
		struct component_state *cs = &step->state->component[i];
		uint64_t held = sub_sat(cs->signal.current_bytes, c->budget_bytes);
		uint64_t keep = max_u64(wish_of(c, cs), min_u64(held, cs->loans.loan_bytes));
		uint64_t slack = keep ? loans_deadband(c->budget_bytes) : 0;

		if (!c->borrow)
			keep = slack = 0;
		if (cs->loans.loan_bytes <= keep + slack) {
			cs->loans.shrink_since_us = 0;
			continue;
		}
		if (!cs->loans.shrink_since_us)
			cs->loans.shrink_since_us = step->now_us;
		if (step->now_us - cs->loans.shrink_since_us < SHRINK_US && cs->used)
			continue;
		balance->loan_sum -= cs->loans.loan_bytes - keep;
		cs->loans.loan_bytes = keep;
		cs->loans.shrink_since_us = 0;
	}
}

/*
 * What may still be lent to those who may not be killed: reclaim takes it back only as far as swap
 * holds it, and freezing frees nothing. What nobody uses now hurts nobody now.
 */
static uint64_t repayable(const struct step *step, const struct loan_balance *balance)
{
	const struct host_state *host = &step->state->host;
	uint64_t lent = 0;

	if (!host->valid)
		return UINT64_MAX;
	for (uint32_t i = 0; i < step->config->component_count; i++)
		if (step->config->component[i].kill == KILL_NO)
			lent += step->state->component[i].loans.loan_bytes;
	return sub_sat(add_sat(balance->spare_unused, host->swap_free_bytes), lent);
}

static void grant(struct step *step, struct loan_balance *balance)
{
	struct loan_wish wish[UW_COMPONENTS_MAX];
	uint32_t n = step->config->component_count;
	uint64_t pot =
		sub_sat(min_u64(balance->spare_sum, balance->spare_lasting), balance->loan_sum);
	uint64_t safe = repayable(step, balance);

	for (uint32_t i = 0; i < n; i++) {
		const struct component *c = &step->config->component[i];
		const struct component_state *cs = &step->state->component[i];
		uint64_t want = sub_sat(wish_of(c, cs), cs->loans.loan_bytes);

		if (cs->loans.owes_since_us || want < loans_deadband(c->budget_bytes))
			want = 0;
		wish[i] = (struct loan_wish){want, weight_of(c), 0};
	}
	loans_fill(wish, n, pot);
	for (uint32_t i = 0; i < n; i++) {
		const struct component *c = &step->config->component[i];
		uint64_t got = wish[i].got_bytes;

		if (c->kill == KILL_NO)
			got = min_u64(got, safe);
		if (got < loans_deadband(c->budget_bytes))
			continue;
		if (c->kill == KILL_NO)
			safe -= got;
		step->state->component[i].loans.loan_bytes += got;
		balance->loan_sum += got;
	}
}

/* Every lender gives its part of what is lent, rounded up within its spare. */
static void settle(struct step *step, const struct loan_balance *balance)
{
	uint64_t open = balance->loan_sum;

	for (uint32_t i = 0; i < step->config->component_count; i++) {
		const struct component *c = &step->config->component[i];
		struct component_state *cs = &step->state->component[i];
		uint64_t part = mul_div(balance->loan_sum, balance->spare[i], balance->spare_sum);

		cs->loans.lent_bytes = min_u64(min_u64(part + 1, balance->spare[i]), open);
		open -= cs->loans.lent_bytes;
		cs->in_force_bytes = c->budget_bytes + cs->loans.loan_bytes - cs->loans.lent_bytes;
		if (cs->signal.current_bytes <= cs->in_force_bytes)
			cs->loans.owes_since_us = 0;
	}
}

void loans_step(struct step *step)
{
	struct loan_balance balance;

	take_stock(step, &balance);
	take_back(step, &balance);
	shrink_idle(step, &balance);
	grant(step, &balance);
	settle(step, &balance);
}

uint64_t loans_owed(const struct step *step, uint32_t component)
{
	const struct component_state *cs = &step->state->component[component];

	return cs->loans.owes_since_us ? sub_sat(cs->signal.current_bytes, cs->in_force_bytes) : 0;
}
