// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How far a leaf will grow is not known. The guess is that it has as far to go as it has come since
 * its growth began: where that is wrong by a factor, what is done for it comes too early or too
 * late by no more than that factor, at any size.
 */
#include "user/policy/rise.h"

#include "user/policy/num.h"

#define GOES_ON_US (2 * US_PER_SEC) /* after a thaw its growth shows again within this */

/* Who stands still, or has only just gone on, was stopped in its growth. */
void rise_follow(struct leaf_state *leaf)
{
	bool stopped = leaf->cause != FREEZE_NOT || leaf->breath_until_us ||
		       (leaf->thawed_us && leaf->seen_us - leaf->thawed_us < GOES_ON_US);

	if (leaf->growth_per_s < RISE_PER_S && !stopped)
		leaf->rise_from_bytes = leaf->size_bytes;
}

uint64_t rise_to_come(const struct leaf_state *leaf)
{
	return sub_sat(leaf->size_bytes, leaf->rise_from_bytes);
}
