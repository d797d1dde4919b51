/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps what is remembered with its component when a reload moves, adds or removes components: they
 * are matched by name.
 */
#ifndef UW_POLICY_ROSTER_H
#define UW_POLICY_ROSTER_H

#include "user/policy/state.h"

void roster_match(struct policy_state *state, const struct config *config);

/*
 * A component whose cgroup was removed and made anew starts over: limits, marks, stalls and totals
 * were the old cgroup's. What it was lent, and how often it was frozen of late, stands.
 */
void roster_renew(struct policy_state *state, const struct frame *frame);

#endif
