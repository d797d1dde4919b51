/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps leaves of one component from paying for each other: memory.low of those that do not grow
 * follows what they hold, so that reclaim at the component's limit takes from the one that grows.
 */
#ifndef UW_POLICY_SIBLINGS_H
#define UW_POLICY_SIBLINGS_H

#include "user/policy/state.h"

void siblings_step(struct step *step);

#endif
