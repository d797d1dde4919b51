/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is there room: on the host, in a component, for what was frozen. Questions only; nothing is
 * changed here.
 */
#ifndef UW_POLICY_ROOM_H
#define UW_POLICY_ROOM_H

#include "user/policy/state.h"

/* The host has need_bytes beyond its reserve; true when nothing is known of the host. */
bool room_on_host(const struct step *step, uint64_t need_bytes);

/* False only when the host is known to have none. */
bool room_has_swap(const struct host_state *host);

/* How much room there must be below a limit in force before anything goes on. */
uint64_t room_least(uint64_t in_force_bytes);

/* Bytes that a component can take: up to its limit in force, or what is lent to nobody, which would
 * be in force if it grew; of that, who may not borrow has its budget. */
uint64_t room_to_grow(const struct step *step, uint32_t component);

/* Its component has room for what it has swapped out and a second of its growth, or, where it is
 * its turn, what was planned for that; nobody else lacks that, and the host has 1.2 times of it.
 * Observed and threshold go to *ret_why. */
bool room_for_thaw(const struct step *step, const struct leaf_state *leaf, struct why *ret_why);

/* What is missing of room for that, with ahead_bytes for its growth, and what others may lack left
 * out. */
uint64_t room_lacking(const struct step *step, const struct leaf_state *leaf, uint64_t ahead_bytes);

#endif
