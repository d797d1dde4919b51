/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a component is cleaned: which of its pages go first by its type, how many at a time by tier,
 * and when it is cleaned though nobody lacks memory. Reclaims nothing itself: reclaim.c asks.
 */
#ifndef UW_POLICY_CLEANUP_H
#define UW_POLICY_CLEANUP_H

#include "user/policy/state.h"

#define CLEANUP_ANON_FIRST 200 /* swappiness: files only where nothing anonymous is left */
#define CLEANUP_BY_AGE     100 /* files and anonymous pages cost the same, so age decides */

/* What a reclaim takes: swappiness as in struct action, no more than most_bytes, and where leaf is
 * one of that alone. */
struct cleanup_take {
	int32_t swappiness;
	uint64_t most_bytes;
	const struct leaf_state *leaf;
};

/* What of the component one reclaim may take that would be done with swappiness; still: of who
 * stands still, whose pages nobody waits for. */
struct cleanup_take cleanup_take_of(const struct step *step, uint32_t component, enum tier tier,
				    int32_t swappiness, bool still);

/* Of its file pages those that reclaim may count on, with swap there to go to instead. */
uint64_t cleanup_file_bytes(const struct step *step, uint32_t component);

/* What it has beyond what it works on, where its type keeps that; else all. */
uint64_t cleanup_spare_bytes(const struct step *step, uint32_t component);

/* It is cleaned now though nobody lacks memory: its configuration says so, of a pool that is
 * filling or of any. */
bool cleanup_is_on(const struct step *step, uint32_t component);

/*
 * Bytes to take now: a part of what it holds after an interval in which it stalled for less than
 * the target, less the nearer it came; 0 in between. Begins the next interval, so ask once a step.
 */
uint64_t cleanup_due(struct step *step, uint32_t component, enum tier *ret_tier,
		     struct why *ret_why);

#endif
