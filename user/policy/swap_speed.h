/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How fast swap takes pages, learned from the outcomes of reclaims of leaves that stand still. */
#ifndef UW_POLICY_SWAP_SPEED_H
#define UW_POLICY_SWAP_SPEED_H

#include "user/policy/state.h"

/* After reclaims were told of, which say whether they gave way. */
void swap_speed_take(struct step *step);

/* Bytes a second that swap was seen to take; a guess until then. */
uint64_t swap_speed(const struct step *step);

/* And of those alone that nothing kept from the processors. */
uint64_t swap_speed_in_a_hurry(const struct step *step);

#endif
