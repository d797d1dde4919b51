/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The usage at which the kernel wakes us next, one mark a component: the next threshold of its
 * levels, the point at which a lender needs its budget back, or the use at which the host would run
 * out. Armed again when it fired and when it is off by more than noise.
 */
#ifndef UW_POLICY_MARKS_H
#define UW_POLICY_MARKS_H

#include "user/policy/state.h"

void marks_step(struct step *step);

/* The mark that a component should have now, in bytes of memory.current; above what it holds. */
uint64_t marks_next(const struct step *step, uint32_t component);

#endif
