/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Breaths: what stands frozen runs for a moment, again and again, so that who waits for it gets on.
 * One is short and has a little memory to go by; who uses it only to grow has fewer. A breath is no
 * thaw: the freeze goes on, with its term, its count and its cause. While a process elsewhere waits
 * for a lock that it holds, what is frozen runs until the lock is free.
 */
#ifndef UW_POLICY_BREATH_H
#define UW_POLICY_BREATH_H

#include "user/policy/state.h"

/* What a frozen leaf may take in its breaths, all together, beyond what it held; and how far the
 * limit of one that is spared is above what it holds. */
#define BREATH_SLACK (16 * MIB)

/* Of a frozen leaf, before the others: begins anew with a new freeze. False when it was stopped
 * just now, and there is nothing to ask yet. */
bool breath_renew(struct step *step, struct leaf_state *leaf);

/* A frozen leaf for whose lock somebody waits goes on: for good where it was only just stopped,
 * else until the lock is free. True when it does. */
bool breath_for_lock(struct step *step, struct leaf_state *leaf);

/* Its next breath, when it is due. True when it begins. */
bool breath_begin(struct step *step, struct leaf_state *leaf);

/* The term of its freeze is over, and others still need it to stand: after this breath a new one
 * begins. */
bool breath_at_deadline(struct step *step, struct leaf_state *leaf, struct why late);

/* A leaf that breathes: ends it when it is over. taken: somebody else is on the way into the room
 * that is seen. */
void breath_follow(struct step *step, struct leaf_state *leaf, bool taken);

/* Some leaf of the component breathes, or is about to. */
bool breath_goes_on(const struct step *step, uint32_t component);

/* Ends a breath that goes on anywhere, for why. False when there is none. */
bool breath_cut(struct step *step, struct why why);

/* Ends all of them. Who follows on this uwd finds what stands, and would let the others run on. */
void breath_end_all(struct step *step);

/* What the next frame should bring, and when it should come at the latest; UINT64_MAX: whenever. */
uint32_t breath_looks(const struct step *step);
uint64_t breath_next_us(const struct step *step);

#endif
