/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The margin: what is not lent of free memory, so that owners who come back find it before payback
 * brings more. Between 3 and 15 % of usable, learned from how far owners outran it.
 */
#ifndef UW_POLICY_MARGIN_H
#define UW_POLICY_MARGIN_H

#include "user/policy/state.h"

/* Watches owners grow; before loans are settled. */
void margin_step(struct step *step);

/* Bytes that are kept free now. */
uint64_t margin_bytes(const struct step *step);

#endif
