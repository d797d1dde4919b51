/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Foresees that leaves of one component which grow at the same time will not fit together, while
 * stopping one of them still costs nothing: no page of it has to go out and come back.
 */
#ifndef UW_POLICY_COLLISION_H
#define UW_POLICY_COLLISION_H

#include "user/policy/state.h"

/* Those of component that grow will want more than is free, soon and faster than swap could make
 * place. What they are expected to want and what is free go to *ret_why. */
bool collision_is_ahead(const struct step *step, uint32_t component, struct why *ret_why);

#endif
