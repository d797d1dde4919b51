/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Leaves, and the freezing and thawing of them. A freeze is a lease: it has a deadline, and a way
 * out at it, which thaw.h decides. What is frozen again and again counts against the budget of
 * freezes of its component.
 */
#ifndef UW_POLICY_FREEZE_H
#define UW_POLICY_FREEZE_H

#include "user/policy/state.h"

/* Takes leaves and the outcomes of freezes and thaws from the frame; adopts in the first one. */
void freeze_take(struct step *step);

/* Before the frame's samples are taken: what comes back from swap to who stands still is brought by
 * us, and is no growth of its component. Where the frame does not tell how much came, the trend
 * stays as it is until one does. */
void freeze_discount_page_ins(struct step *step);

/* The leaf to stop in a component: the one that grows most, else the largest; of like ones who says
 * that it takes no harm, who matters least, the youngest. NULL when none may be frozen. */
struct leaf_state *freeze_pick(const struct step *step, uint32_t component);

/* The same, but one that grows, or is too young to tell, or is the only one that runs; any where
 * swap is full, since at its limit the kernel hides what creeps. */
struct leaf_state *freeze_pick_grower(const struct step *step, uint32_t component);

/* The one that grows most, however slowly and though it is spared: for when there is nothing left.
 * NULL when none grows, or may be frozen. */
struct leaf_state *freeze_pick_fastest(const struct step *step, uint32_t component);

/* Freezes of a component that count against its budget now. */
uint32_t freeze_count(const struct step *step, uint32_t component);

/* Freezes; budgets and rules are the caller's. False when the plan is full. */
bool freeze_leaf(struct step *step, struct leaf_state *leaf, enum freeze_cause cause,
		 uint64_t max_us, struct why why);

/* The same as the end of a breath: not counted, and its effect not watched. */
bool freeze_again(struct step *step, struct leaf_state *leaf, enum freeze_cause cause,
		  uint64_t max_us, struct why why);

/* The same freeze goes on after a breath, as old as it is and until when it was to end. */
bool freeze_resume(struct step *step, struct leaf_state *leaf, struct why why);

/* Thaws; who calls it raises a squeezed limit before, where there is room. */
bool thaw_leaf(struct step *step, struct leaf_state *leaf, struct why why);

/* It reads files once, and what else it holds is nothing beside these: it takes no room of others.
 */
bool freeze_only_reads_files(const struct leaf_state *leaf);

/* The leaf with that cgroup id, or NULL. */
struct leaf_state *leaf_find(struct policy_state *state, uint64_t cgid);

/* What it holds without what the kernel drops at once. */
static inline uint64_t leaf_solid_bytes(const struct leaf_state *leaf)
{
	return leaf->current_bytes - leaf->spare_bytes;
}

/* The same by the index, for who asks it of each leaf of a frame with leaves_valid. */
struct leaf_state *leaf_of(const struct step *step, const struct leaf_sample *sample);

/* That leaf of the component while uwd keeps it frozen, or NULL. */
struct leaf_state *freeze_find(const struct step *step, uint32_t component, uint64_t cgid);

/* Of those of a component that stand still until there is room, who has waited longest; NULL:
 * nobody does. */
const struct leaf_state *freeze_first(const struct step *step, uint32_t component);

/* The largest frozen leaf of a component, but who is first in line, whose pages are taken first;
 * NULL when none is, or has anything left, or it is about to go on or next to. */
const struct leaf_state *freeze_largest(const struct step *step, uint32_t component);

/* Latest deadline of a component's frozen leaves, 0 = none. */
uint64_t freeze_until(const struct step *step, uint32_t component);

#endif
