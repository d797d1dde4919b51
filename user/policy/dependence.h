/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who depends on what stands frozen, found by what CPU time does: it falls with the freeze, and
 * comes back in its breaths. That needs no knowledge of what they share: a socket, a pipe, a futex.
 * Who is depended on goes on for minutes and is not stopped again; its growth is held by page-out,
 * and by stopping others.
 */
#ifndef UW_POLICY_DEPENDENCE_H
#define UW_POLICY_DEPENDENCE_H

#include "user/policy/state.h"

/* Takes CPU times from the frame, where it has them. */
void dependence_take(struct step *step);

/* Nothing is held against a leaf that is frozen anew. */
void dependence_forget(struct leaf_state *leaf);

/* Somebody's CPU time has fallen by most of it since this leaf was frozen. */
bool dependence_suspects(const struct step *step, const struct leaf_state *frozen);

/* A breath begins now. */
void dependence_begin(struct step *step);

/*
 * The leaf's breath ends now: whether somebody's CPU time came back in it. When it has for the
 * third time in a row, of many breaths more, the leaf goes on: that is said, and it breathes no
 * more.
 */
bool dependence_judge(struct step *step, struct leaf_state *leaf);

/* The running leaf of a component that somebody was found to depend on, or NULL. */
const struct leaf_state *dependence_spared(const struct step *step, uint32_t component);

/* Somebody may be frozen soon: then it is worth to know CPU times from before. */
bool dependence_is_near_freeze(const struct step *step);

#endif
