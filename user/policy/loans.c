// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each frame anew, from what everybody holds: what every component keeps (what it holds, has
 * promised in leases and takes ahead, up to its budget; all of its budget where it does not lend),
 * what borrowers hold beyond their budgets, and what is left. While an owner lacks what it takes by
 * right the borrowers owe it: limits.c, reclaim.c, brake.c and last_resort.c see that they pay.
 * Else what is left above the margin goes to those who run, most of it to those who grow.
 */
#include "user/policy/loans.h"

#include "user/policy/contention.h"
#include "user/policy/headroom.h"
#include "user/policy/host.h"
#include "user/policy/idle.h"
#include "user/policy/margin.h"
#include "user/policy/num.h"

#define AHEAD_US     US_PER_SEC /* of its growth an owner has at once */
#define GROWS_WEIGHT 16         /* who grows, beside who stands still */
#define LEFT_US      (5 * US_PER_SEC)

struct loan_stock {
	uint64_t keep[UW_COMPONENTS_MAX]; /* within its budget: held, taken ahead, or not lent */
	uint64_t over[UW_COMPONENTS_MAX]; /* held beyond its budget */
	uint64_t keep_sum, over_sum;
	uint64_t margin;
	bool borrowing; /* somebody is at its budget or beyond and may borrow */
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

/* What a component keeps of its budget: the rest is lent. */
static uint64_t kept(const struct step *step, uint32_t i)
{
	const struct component *c = &step->config->component[i];
	const struct component_state *cs = &step->state->component[i];
	uint64_t held = add_sat(cs->signal.held_bytes, cs->promised_bytes);

	if (!c->lend || !cs->signal.seen)
		return c->budget_bytes;
	if (cs->used || cs->queued_bytes)
		held += contention_ahead(step, i, AHEAD_US);
	return min_u64(held, c->budget_bytes);
}

static bool may_borrow(const struct step *step, const struct loan_stock *stock, uint32_t i)
{
	const struct component *c = &step->config->component[i];

	return c->borrow && step->state->component[i].used && stock->keep[i] >= c->budget_bytes;
}

/* What one of its leaves has left by ending or going out to swap, the others may have as long as
 * nobody else wants it: that it cannot be paid back was so before. */
static void watch_held(struct step *step, uint32_t i)
{
	struct component_state *cs = &step->state->component[i];
	uint64_t held = cs->signal.held_bytes;

	if (held < cs->loans.most_bytes && step->now_us - cs->loans.most_us < LEFT_US)
		return;
	cs->loans.most_bytes = held;
	cs->loans.most_us = step->now_us;
}

uint64_t loans_safe(const struct step *step, uint32_t component)
{
	const struct component_state *cs = &step->state->component[component];

	return max_u64(step->state->safe_bytes,
		       sub_sat(cs->loans.most_bytes, cs->signal.held_bytes));
}

static void take_stock(const struct step *step, struct loan_stock *stock)
{
	*stock = (struct loan_stock){.margin = margin_bytes(step)};
	for (uint32_t i = 0; i < step->config->component_count; i++) {
		stock->keep[i] = kept(step, i);
		stock->over[i] = sub_sat(step->state->component[i].signal.held_bytes,
					 step->config->component[i].budget_bytes);
		stock->keep_sum += stock->keep[i];
		stock->over_sum += stock->over[i];
		stock->borrowing |= may_borrow(step, stock, i);
	}
}

static uint64_t weight_of(const struct step *step, uint32_t i)
{
	const struct component *c = &step->config->component[i];
	uint64_t weight = (uint64_t)c->priority * max_u64(c->budget_bytes / MIB, 1);

	return contention_ahead(step, i, AHEAD_US) ? weight * GROWS_WEIGHT : weight;
}

/* What owners take ahead. */
struct owners_ahead {
	uint64_t known, unknown; /* bytes of who came back before, and of who did not */
};

/* Who came back before is expected to take as much again. */
static struct owners_ahead owners_ahead(const struct step *step)
{
	struct owners_ahead sum = {0};

	for (uint32_t i = 0; i < step->config->component_count; i++) {
		uint64_t most = margin_expects(step, i);

		if (most == BYTES_MAX)
			sum.unknown += contention_owner_ahead(step, i, AHEAD_US, most);
		else
			sum.known += contention_owner_ahead(step, i, MARGIN_BURST_US, most);
	}
	return sum;
}

/* What owners take by right and is not free. Of who did not come back before nobody knows how far
 * it goes, so that some more is called. */
static uint64_t called_back(const struct step *step, const struct loan_stock *stock,
			    const struct owners_ahead *ahead)
{
	uint64_t takes = ahead->known + ahead->unknown + min_u64(ahead->unknown, stock->margin / 2);

	return min_u64(sub_sat(takes, headroom_free(step)), stock->over_sum);
}

/* The pool's ceiling gives way to an owner: of a burst that is known to end only what the host has
 * not is taken from borrowers meanwhile. */
static uint64_t taken_meanwhile(const struct step *step, const struct owners_ahead *ahead,
				uint64_t called)
{
	if (ahead->unknown || !step->state->host.valid)
		return called;
	return min_u64(sub_sat(ahead->known, headroom_of_host(step)), called);
}

/* Of what borrowers hold beyond their budgets, what they would not miss. */
static uint64_t cold_over(const struct step *step, const struct loan_stock *stock)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < step->config->component_count; i++)
		sum += min_u64(idle_is_known(step, i) ? idle_cold_bytes(step, i, false)
						      : step->state->component[i].signal.cold_bytes,
			       stock->over[i]);
	return sum;
}

/* Of who uses its pages no more than the reserve needs, as long as that may pass. */
static uint64_t called_for_host(const struct step *step, const struct loan_stock *stock)
{
	uint64_t calm = host_lacks(step, HOST_CALM), bytes = calm;

	if (host_spares_hot(step))
		bytes = max_u64(host_lacks(step, HOST_CALLS),
				min_u64(calm, cold_over(step, stock)));
	return min_u64(bytes, stock->over_sum);
}

/* Where swap is full nobody can pay anything back: who stands still keeps what it has, and who
 * grows gets no more for that. */
static uint64_t weight_to_keep(const struct step *step, uint32_t i)
{
	if (!contention_swap_is_full(step))
		return weight_of(step, i);
	return contention_growth_ahead(step, i, AHEAD_US) ? 1 : GROWS_WEIGHT;
}

/* The borrowers share what may stay lent. */
static void keep_lent(struct step *step, const struct loan_stock *stock, uint64_t bytes)
{
	struct loan_wish wish[UW_COMPONENTS_MAX];
	uint32_t n = step->config->component_count;

	for (uint32_t i = 0; i < n; i++)
		wish[i] = (struct loan_wish){stock->over[i], weight_to_keep(step, i), 0};
	loans_fill(wish, n, bytes);
	for (uint32_t i = 0; i < n; i++)
		step->state->component[i].in_force_bytes = stock->keep[i] + wish[i].got_bytes;
}

/*
 * What may still be lent to those who may not be killed: reclaim takes it back only as far as swap
 * holds it, and freezing frees nothing. What nobody uses now hurts nobody now.
 */
static uint64_t repayable(const struct step *step, const struct loan_stock *stock)
{
	const struct host_state *host = &step->state->host;
	uint64_t owned = 0, lent = 0;

	if (!host->valid)
		return UINT64_MAX;
	for (uint32_t i = 0; i < step->config->component_count; i++) {
		if (step->state->component[i].used)
			owned += step->config->component[i].budget_bytes;
		if (step->config->component[i].kill == KILL_NO)
			lent += stock->over[i];
	}
	return sub_sat(add_sat(sub_sat(step->config->usable_bytes, owned), host->swap_free_bytes),
		       lent);
}

/* Adds to the limits in force what is free: first within budgets, or to who borrows. */
static void hand_out(struct step *step, const struct loan_stock *stock, uint64_t bytes,
		     bool to_borrowers)
{
	struct loan_wish wish[UW_COMPONENTS_MAX];
	uint32_t n = step->config->component_count;

	for (uint32_t i = 0; i < n; i++) {
		const struct component *c = &step->config->component[i];
		uint64_t want = sub_sat(c->budget_bytes, stock->keep[i]);

		if (to_borrowers)
			want = !may_borrow(step, stock, i) ? 0
			       : c->kill == KILL_NO        ? loans_safe(step, i)
							   : bytes;
		wish[i] = (struct loan_wish){want, weight_of(step, i), 0};
	}
	loans_fill(wish, n, bytes);
	for (uint32_t i = 0; i < n; i++)
		step->state->component[i].in_force_bytes += wish[i].got_bytes;
}

/*
 * Half of the margin is room for lenders to grow into until they are seen to. What is held beyond
 * what may be lent is no debt while no owner wants it, but it grows no further.
 */
static void share_out(struct step *step, const struct loan_stock *stock)
{
	uint64_t taken = stock->keep_sum + stock->over_sum;
	uint64_t free = sub_sat(headroom_free(step) + headroom_held(step), taken);
	uint64_t margin = margin_kept(step);
	uint64_t most = sub_sat(step->config->usable_bytes, margin);

	keep_lent(step, stock, min_u64(sub_sat(most, stock->keep_sum), stock->over_sum));
	step->state->lendable_bytes = sub_sat(free, margin);
	if (stock->borrowing) {
		hand_out(step, stock, min_u64(free, margin / 2), false);
		hand_out(step, stock, step->state->lendable_bytes, true);
	} else {
		hand_out(step, stock, free, false);
	}
}

static void settle(struct step *step, uint32_t i, bool called)
{
	struct component_state *cs = &step->state->component[i];
	uint64_t budget = step->config->component[i].budget_bytes;

	cs->loans.loan_bytes = sub_sat(cs->in_force_bytes, budget);
	cs->loans.lent_bytes = sub_sat(budget, cs->in_force_bytes);
	if (cs->signal.held_bytes <= budget)
		cs->loans.since_us = 0;
	else if (!cs->loans.since_us)
		cs->loans.since_us = step->now_us;
	if (!called || cs->signal.held_bytes <= cs->in_force_bytes)
		cs->loans.owes_since_us = 0;
	else if (!cs->loans.owes_since_us)
		cs->loans.owes_since_us = step->now_us;
}

void loans_step(struct step *step)
{
	struct owners_ahead ahead = owners_ahead(step);
	struct loan_stock stock;
	uint64_t owners, host, bytes;

	for (uint32_t i = 0; i < step->config->component_count; i++)
		watch_held(step, i);
	take_stock(step, &stock);
	step->state->lendable_bytes = 0;
	step->state->safe_bytes = repayable(step, &stock);
	owners = called_back(step, &stock, &ahead);
	host = called_for_host(step, &stock);
	bytes = max_u64(owners, host);
	/* One by one: padding is to stay as it is in a state. */
	step->state->payback.for_host = host > owners;
	step->state->payback.bytes = max_u64(taken_meanwhile(step, &ahead, owners), host);
	if (bytes)
		keep_lent(step, &stock,
			  min_u64(stock.over_sum - bytes,
				  sub_sat(step->config->usable_bytes, stock.keep_sum)));
	else
		share_out(step, &stock);
	for (uint32_t i = 0; i < step->config->component_count; i++)
		settle(step, i,
		       owners || (bytes && !component_is_protected(&step->config->component[i])));
}

uint64_t loans_owed(const struct step *step, uint32_t component)
{
	const struct component_state *cs = &step->state->component[component];

	return cs->loans.owes_since_us ? sub_sat(cs->signal.held_bytes, cs->in_force_bytes) : 0;
}
