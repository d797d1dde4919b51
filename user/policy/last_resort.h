/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The end of the ladder: killing one leaf where the configuration and everything else say so, and
 * the loud word when nothing is left that the configuration allows.
 */
#ifndef UW_POLICY_LAST_RESORT_H
#define UW_POLICY_LAST_RESORT_H

#include "user/policy/state.h"

void tiers_last_resort(struct step *step);

/* Says once a minute and component that it is out of tiers, and why. */
void tiers_notice(struct step *step, uint32_t component, struct why why);

#endif
