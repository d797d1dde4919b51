/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shares out what is free and calls back what is owed. What is free above the margin is lent to
 * those who run, first to those who grow; an owner that grows within its budget has what it takes
 * ahead at once, and where that is not free the borrowers owe it.
 *
 * Invariant of every step:
 *
 *	sum(in force) <= usable
 *
 * so that the ceiling of the pool is not met while all keep to their limits. A component that does
 * not lend always has its budget in force.
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

/* Decides the limit in force of every component for this frame. */
void loans_step(struct step *step);

/* What a component may yet be lent whose leaves may not be killed: what could be paid back, or what
 * it has given up of late. */
uint64_t loans_safe(const struct step *step, uint32_t component);

/* How much above its limit in force a component holds because an owner takes back. */
uint64_t loans_owed(const struct step *step, uint32_t component);

/* Changes of a limit smaller than this are not worth a write. */
uint64_t loans_deadband(uint64_t budget_bytes);

#endif
