/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When to stop whom at once. Two causes: a component at the emergency threshold of its own budget
 * that grows or stalls; and a host that runs out, or a protected component that stalls with
 * evidence in memory, which the first donor in order answers for. The freezer is the brake: it
 * stops a hog within milliseconds, where writing memory.high under it blocks for seconds.
 */
#ifndef UW_POLICY_BRAKE_H
#define UW_POLICY_BRAKE_H

#include "user/policy/state.h"

void brake_step(struct step *step);

/* A protected component stalled a moment ago, the host is short, and nobody was seen to grow yet:
 * the next frame should come at once. */
bool brake_is_watching(const struct step *step);

#endif
