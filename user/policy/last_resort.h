/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The end of the ladder: killing one leaf where the configuration and everything else say so, and
 * the loud word when nothing is left that the configuration allows.
 */
#ifndef UW_POLICY_LAST_RESORT_H
#define UW_POLICY_LAST_RESORT_H

#include "user/policy/state.h"

void last_resort_step(struct step *step);

#endif
