/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Adaptive thresholds: at which use of its budget a component begins to hurt others. Each ten
 * seconds one observation: its use at the begin, and whether some task of another one stalled for
 * more than 5 % of it. That it is full, or stalls itself, harms nobody and moves nothing. Once an
 * hour all thresholds of the component move, by half a point at most, so that "high" ends where
 * stalls begin. O(components) a step, O(points) an hour.
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

/* Back to where the configuration has them, and nothing is known of it any more. */
void thresholds_forget(struct step *step, uint32_t component);

#endif
