/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Turns of those whose hot sets do not fit together: who has stood still for a quantum changes
 * places with who has run for one. A quantum is TURNS_PER_CHANGE times what the change costs at the
 * speed at which swap was seen to move pages, and longer against who has the higher priority by the
 * quotient of the two: while swap holds what must go, nobody waits for longer than the sum of the
 * quanta of who waits before it.
 */
#ifndef UW_POLICY_TURNS_H
#define UW_POLICY_TURNS_H

#include "user/policy/state.h"

/* Of a quantum a twentieth goes into the change (Denning's load control pays while the cost of a
 * change is small beside the time between two). */
#define TURNS_PER_CHANGE 20

/* Stops who has had its turn, one change at a time. */
void turns_step(struct step *step);

/* It is waited for that this leaf goes on, and others have been stopped for it. */
bool turns_is_next(const struct step *step, const struct leaf_state *leaf);

/* A change is under way, and until it is over nobody else goes on. */
bool turns_is_changing(const struct step *step);

/* Bytes that who is next lacks; to be taken from those of component that made place for it. */
uint64_t turns_lacks(const struct step *step, uint32_t component);

/* The quantum against a leaf of the same priority, when so much has to go out and to come in. */
uint64_t turns_quantum(uint64_t bytes, uint64_t bytes_per_s);

#endif
