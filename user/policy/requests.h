/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What clients asked for, in this frame or in one before, as far as the plan has room. A client's
 * freeze lasts as long as it asked for, up to freeze_max, and only a client ends it earlier; a
 * client's thaw is not undone for 5 s.
 */
#ifndef UW_POLICY_REQUESTS_H
#define UW_POLICY_REQUESTS_H

#include "user/policy/state.h"

void requests_step(struct step *step);

/* When what had no room in this plan is to follow; UINT64_MAX: all of it had. */
uint64_t requests_next_us(const struct step *step);

/* At the end of the step: where uwd hands over, what was let run for a breath stands again. */
void requests_end_step(struct step *step);

#endif
