/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lends idle budget and takes it back. A lender keeps what it needs, a quarter of what it does
 * not, and room above its use; the rest goes to borrowers in need, by weight. An owner that needs
 * more has it at once, and then a borrower owes. What a borrower that may not be killed could
 * never give back, because swap would not hold it, is lent only from components without processes.
 *
 * Invariant of every step, where budgets sum to at most usable - reserve:
 *
 *	sum(min(in force, budget)) + sum(loans) <= sum(budgets)
 */
#ifndef UW_POLICY_LOANS_H
#define UW_POLICY_LOANS_H

#include "user/policy/state.h"

/* One side of the water-fill. */
struct loan_wish {
	uint64_t want_bytes;
	uint64_t weight; /* 1 or more */
	uint64_t got_bytes;
};

/*
 * Max-min fair by weight: shares out bytes until it is gone or nobody wants more. Never gives more
 * than wanted, nor more than bytes in sum; what rounding leaves, below count bytes, stays.
 */
void loans_fill(struct loan_wish *wish, uint32_t count, uint64_t bytes);

/* Decides loans and the limit in force of every component for this frame. */
void loans_step(struct step *step);

/* How much above its limit in force a component holds because an owner took back. */
uint64_t loans_owed(const struct step *step, uint32_t component);

/* Changes of a limit smaller than this are not worth a write. */
uint64_t loans_deadband(uint64_t budget_bytes);

#endif
