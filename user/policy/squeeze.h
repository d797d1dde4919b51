/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Running without room: a component is squeezed under memory.high = what it holds, first on
 * probation, then throttled when the budget of freezes is spent. Each squeeze has a deadline and a
 * next tier, and a watchdog for the livelock in which memory.high alone ends.
 */
#ifndef UW_POLICY_SQUEEZE_H
#define UW_POLICY_SQUEEZE_H

#include "user/policy/state.h"

/* Ends a squeeze: memory.high goes back to the limit in force, before anything is thawed. */
void squeeze_release(struct step *step, uint32_t component, struct why why);

/* Begins probation of a frozen component; true once its limit is written, so that it may be thawed.
 */
bool squeeze_probation(struct step *step, uint32_t component, struct why why);

/* Ends of probation, and the livelock watchdog. */
void squeeze_step(struct step *step);

#endif
