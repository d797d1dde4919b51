/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether reclaim paid: what it freed of a component that runs, less what was read back within 10
 * s. Who has twice given less than half net is hot, and is left alone for a while.
 */
#ifndef UW_POLICY_PAYOFF_H
#define UW_POLICY_PAYOFF_H

#include "user/policy/state.h"

/* A reclaim at tier has freed bytes of a component: of what runs, or of a leaf that stands still,
 * which reads nothing back and is not judged. */
void payoff_begin(struct component_state *cs, enum tier tier, uint64_t freed_bytes, bool runs,
		  uint64_t now_us);

/* Judges what is 10 s old. */
void payoff_step(struct step *step);

/* Its pages are in use: taking them is work for nothing twice. */
bool payoff_is_hot(const struct step *step, uint32_t component);

#endif
