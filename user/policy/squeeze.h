/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The brake for who may not be frozen, and for all in a full machine: memory.high goes so far below
 * what the component holds that the kernel makes its tasks sleep. Each squeeze has a deadline, with
 * us and without us.
 */
#ifndef UW_POLICY_SQUEEZE_H
#define UW_POLICY_SQUEEZE_H

#include "user/policy/state.h"

/* Squeezes a component, and says so. */
void squeeze_begin(struct step *step, uint32_t component, struct why why);

/* Ends a squeeze: memory.high goes back to the limit in force, before anything is thawed. */
void squeeze_release(struct step *step, uint32_t component, struct why why);

/* Ends of squeezes, and the livelock watchdog. */
/* All its leaves stand still, and who comes or goes on would take the last of RAM. */
bool squeeze_is_due(const struct step *step, uint32_t component);

void squeeze_step(struct step *step);

#endif
