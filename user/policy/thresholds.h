/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Adaptive thresholds: at which use of its budget a component really begins to stall. Each ten
 * seconds one observation: the use at its begin, and whether some task stalled for more than 5 % of
 * it. Once an hour all thresholds of the component move, by half a point at most, so that "high"
 * ends where stalls begin. O(1) a step, O(points) an hour.
 */
#ifndef UW_POLICY_THRESHOLDS_H
#define UW_POLICY_THRESHOLDS_H

#include "user/policy/state.h"

/* The thresholds stay between these of where the configuration has them (its key `edges`): 88 % is
 * where a lasting stall is taken to begin by the standard ones. */
#define THRESHOLDS_SHIFT_MIN (-800) /* permyriad of the budget */
#define THRESHOLDS_SHIFT_MAX 300
#define THRESHOLDS_HOUR_MAX  50  /* at most half a point an hour */
#define THRESHOLDS_EVENTS    50  /* observations before a point says anything */
#define THRESHOLDS_STALLED   500 /* permyriad of ten seconds: 5 % */

/* Takes this frame's share in the observation. Without edges_adapt in the configuration it
 * observes, and the shift is 0. */
void thresholds_step(struct step *step, uint32_t component);

/* The threshold under level as it is in force for the component, in permyriad of its limit. */
uint64_t thresholds_of(const struct step *step, uint32_t component, enum level level);

#endif
