/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is there room for what was frozen, and how a component runs when there is none: on probation,
 * under memory.high = what it holds. Each such squeeze has a deadline and a next tier, and a
 * watchdog for the livelock in which memory.high alone ends.
 */
#ifndef UW_POLICY_ROOM_H
#define UW_POLICY_ROOM_H

#include "user/policy/state.h"

/* What the host must keep available: the reserve, and a hundredth of it all. */
uint64_t room_host_reserve(const struct step *step);

/* The host has need_bytes beyond its reserve; true when nothing is known of the host. */
bool room_on_host(const struct step *step, uint64_t need_bytes);

/* A protected component that stalls, and not by its own limit. */
bool room_is_protected_stalled(const struct step *step, uint32_t component, uint64_t permyriad);

/* Its component has room below the emergency edge, and the host for 1.2 times what it has swapped
 * out. Observed and threshold go to *ret_why. */
bool room_for_thaw(const struct step *step, const struct leaf_state *leaf, struct why *ret_why);

/* Ends a squeeze: memory.high goes back to the limit in force, before anything is thawed. */
void room_release(struct step *step, uint32_t component, struct why why);

/* Begins probation of a frozen component; true once its limit is written, so that it may be thawed.
 */
bool room_probation(struct step *step, uint32_t component, struct why why);

/* Ends of probation, and the livelock watchdog. */
void room_step(struct step *step);

#endif
