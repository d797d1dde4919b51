// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What became of actions, for the next frame.
 */
#include <stddef.h>

#include "user/plant/memory.h"

struct outcome *outcomes_add(struct plant *plant, const struct action *a,
			     enum outcome_result result, uint64_t done, uint64_t began_us)
{
	if (plant->outcome_count >= FRAME_OUTCOMES_MAX) {
		plant->counts.outcomes_lost++;
		return NULL;
	}
	plant->worker_is_done |= a->kind == ACTION_RECLAIM || a->kind == ACTION_PAGE_IN;
	plant->outcome[plant->outcome_count] = (struct outcome){
		.id = a->id,
		.kind = a->kind,
		.tier = a->tier,
		.component = a->component,
		.leaf = a->leaf,
		.result = result,
		.asked = a->amount,
		.done = done,
		.began_us = began_us,
		.ended_us = plant->now_us,
	};
	return &plant->outcome[plant->outcome_count++];
}

void outcomes_paged_in(struct plant *plant, struct plant_leaf *leaf)
{
	if (leaf->page_in.id)
		outcomes_add(plant, &leaf->page_in, OUTCOME_DONE, leaf->page_in.amount,
			     leaf->page_in_began_us);
	leaf->page_in.id = 0;
}
