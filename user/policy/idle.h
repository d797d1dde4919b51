/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is known of the ages of pages, and whose ages are asked for. Where the kernel tells none
 * nothing is known, and refaults decide alone (payoff.h).
 */
#ifndef UW_POLICY_IDLE_H
#define UW_POLICY_IDLE_H

#include "user/policy/state.h"

/* Takes the ages of the frame; after leaves and the outcomes of reclaims. */
void idle_take(struct step *step);

/* Says whose ages the next frames are to have: plan->ages_wanted. */
void idle_step(struct step *step);

/* Asks for the ages of one that is to be cleaned, for a minute; before idle_step. */
void idle_ask(struct component_state *cs, uint64_t now_us);

/* A reclaim of the whole component has freed so much, of which its ages do not tell yet. */
void idle_note_freed(struct component_state *cs, uint64_t bytes, uint64_t now_us);

/* Whether the ages of all that the component holds are known. */
bool idle_is_known(const struct step *step, uint32_t component);

/* Bytes of it that are cold and still there, anonymous ones as far as swap reaches. */
uint64_t idle_cold_bytes(const struct step *step, uint32_t component, bool file_only);

/* Of its leaves that run the one with most cold anonymous memory; NULL when of none the ages are
 * known. */
const struct leaf_state *idle_coldest(const struct step *step, uint32_t component);

/* Of its anonymous memory, what lay untouched for a minute, at least; 0 when nothing is known. */
uint64_t idle_long_bytes(const struct step *step, uint32_t component);

/* What a leaf works on, with all that it grew by since that was looked at; all that it holds when
 * nothing is known, or it has not run for a minute yet. */
uint64_t idle_hot_bytes(const struct leaf_state *leaf);

/* What must come back from swap before a leaf goes on well: nothing to speak of where all that it
 * works on is there, else all. */
uint64_t idle_missing_bytes(const struct leaf_state *leaf);

#endif
