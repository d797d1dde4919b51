/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Puts actions into the plan of this step. Decides nothing: who calls has decided, and says why.
 */
#ifndef UW_POLICY_EMIT_H
#define UW_POLICY_EMIT_H

#include "user/policy/state.h"

/* Appends an action; its id is given here. NULL when the plan is full: counted, tried again later.
 */
struct action *emit_action(struct step *step, const struct action *action);

/* Shows tier as the component's for a while; the highest of a while is shown. */
void emit_tier(struct step *step, uint32_t component, enum tier tier);

/* Says once a minute and component that it is out of tiers, and why. */
void emit_notice(struct step *step, uint32_t component, struct why why);

#endif
