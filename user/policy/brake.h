/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When to stop whom at once. Two causes: a component at the emergency threshold of its own limit
 * whose growth costs somebody, or that owes an owner; and a host that runs out, or a protected
 * component that stalls with evidence in memory, which the first donor in order answers for. The
 * freezer is the brake: it stops a hog within milliseconds, where writing memory.high under it
 * blocks for seconds.
 */
#ifndef UW_POLICY_BRAKE_H
#define UW_POLICY_BRAKE_H

#include "user/policy/state.h"

void brake_step(struct step *step);

#endif
