/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one decision: frame in, plan out. Pure: no clock, errno, file, environment, log, malloc or
 * global; time is frame->now_us. Equal states and frames give equal plans, to the byte.
 * O(components^2 + leaves) a frame, bounded by the MAX constants. Integers only.
 */
#ifndef UW_POLICY_STEP_H
#define UW_POLICY_STEP_H

#include "user/model/config.h"
#include "user/model/frame.h"
#include "user/model/plan.h"
#include "user/model/view.h"

struct policy_state; /* fixed size, the caller owns the memory */

/* Bytes that a policy_state takes. */
unsigned long policy_state_size(void);

/* Starts from nothing, as memory that is all zero does; the first frames adopt what they see
 * (limits in force, frozen leaves). */
void policy_init(struct policy_state *state);

/*
 * What adaptive thresholds had learned of a component before, in permyriad of its limit; held to
 * their range. Before the first step.
 */
void policy_restore_thresholds(struct policy_state *state, const struct config *config,
			       uint32_t component, int32_t shift_permyriad);

/*
 * One tick. config may differ from the last call (a reload): components are matched by name.
 * Overwrites *ret_plan.
 */
void policy_step(struct policy_state *state, const struct config *config, const struct frame *frame,
		 struct plan *ret_plan);

/* What is known of component index after the last step. */
void policy_view(const struct policy_state *state, uint32_t component,
		 struct component_view *ret_view);

#endif
