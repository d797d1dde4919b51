/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ways out of a freeze: room, the deadline, and a side effect on others. Each freeze has one.
 */
#ifndef UW_POLICY_THAW_H
#define UW_POLICY_THAW_H

#include "user/policy/state.h"

/* Thaws what is due. */
void thaw_step(struct step *step);

#endif
