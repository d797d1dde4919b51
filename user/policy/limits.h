/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memory.min, memory.low and memory.high of every component: what they should be, and the writes
 * that bring them there. A raise of memory.high is written at once; it is lowered only to above
 * what the component holds, and only while that stands still or is frozen, because the kernel
 * blocks whoever lowers it under an active group.
 */
#ifndef UW_POLICY_LIMITS_H
#define UW_POLICY_LIMITS_H

#include "user/policy/state.h"

/* Takes the limits that the frame sampled. Writes of the last second count for more. */
void limits_take(struct step *step);

/* Writes what differs. */
void limits_step(struct step *step);

/*
 * memory.high = bytes right now, reason why, until deadline_us (0 = for good). Gives the id of the
 * action; ID_NONE when the plan is full or the same was written a moment ago.
 */
uint32_t limits_set_high(struct step *step, uint32_t component, uint64_t bytes,
			 uint64_t deadline_us, struct why why);

/* memory.high as far as is known; BYTES_MAX when it is not. */
uint64_t limits_high(const struct component_state *cs);

/* It is so near to memory.high that what it stalls for is its own limit. */
bool limits_is_at_high(const struct component_state *cs);

/* Room that a lowered memory.high leaves above what a component holds. */
uint64_t limits_slack(uint64_t budget_bytes);

#endif
