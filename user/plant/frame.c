// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Frames as sense would read them off this machine: usage at any time, everything else in a full
 * frame. The two younger generations of file pages are the active ones, the older the inactive, as
 * memory.stat has it under the multi-generational LRU. Marks that were reached make an urgent
 * frame.
 */
#include <string.h>

#include "user/plant/memory.h"

static void sample_pages(struct component_sample *s, const struct plant_leaf *leaf)
{
	for (uint32_t g = 0; g < PLANT_GENERATIONS; g++)
		*(g < PLANT_GENERATIONS / 2 ? &s->active_file_bytes : &s->inactive_file_bytes) +=
			plant_generation(leaf, g, true);
	s->anon_bytes += leaf->resident_bytes;
	s->unevictable_bytes += leaf->part[PART_LOCKED].resident;
}

static void sample_component(struct plant *plant, uint32_t i, bool full)
{
	struct component_sample *s = &plant->frame->component[i];
	const struct plant_component *c = &plant->component[i];

	*s = (struct component_sample){.valid = SAMPLE_USAGE,
				       .current_bytes = plant_current(plant, i)};
	if (!full)
		return;
	s->valid |= SAMPLE_STAT | SAMPLE_PSI | SAMPLE_EVENTS | SAMPLE_SWAP | SAMPLE_LIMITS;
	for (uint32_t k = 0; k < plant->leaf_count; k++)
		if (plant->leaf[k].component == i)
			sample_pages(s, &plant->leaf[k]);
	s->swap_bytes = plant_swapped(plant, i);
	s->pgscan = c->pgscan;
	s->pgsteal = c->pgsteal;
	s->refault_anon = c->refault_anon;
	s->refault_file = c->refault_file;
	s->ev_high = c->ev_high;
	s->ev_oom_kill = c->ev_oom_kill;
	s->psi_some_us = c->stall_some_us;
	s->psi_full_us = c->stall_full_us;
	s->high_bytes = c->high_bytes;
	s->low_bytes = c->low_bytes;
	s->min_bytes = c->min_bytes;
}

uint64_t frame_inactive_files(const struct plant_leaf *leaf)
{
	struct component_sample sum = {0};

	sample_pages(&sum, leaf);
	return sum.inactive_file_bytes;
}

static uint32_t lock_waiters(const struct plant *plant, const struct plant_leaf *holder)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < plant->leaf_count; i++) {
		const struct plant_leaf *leaf = &plant->leaf[i];

		count += leaf->populated && !leaf->frozen && leaf->depends_on == holder &&
			 leaf->by_lock && leaf->without_us > leaf->alone_us;
	}
	return count;
}

static void sample_leaves(struct plant *plant)
{
	struct frame *f = plant->frame;

	ages_step(plant);
	f->leaves_valid = true;
	f->locks_valid = plant->plan.looks & PLAN_LOOK_LOCKS;
	f->leaf_count = 0;
	for (uint32_t i = 0; i < plant->leaf_count; i++) {
		const struct plant_leaf *leaf = &plant->leaf[i];

		if (leaf->thrown_out)
			continue;
		f->leaf[f->leaf_count++] = (struct leaf_sample){
			.cgid = leaf->cgid,
			.component = leaf->component,
			.populated = leaf->populated,
			.frozen = leaf->frozen,
			.born_us = leaf->born_us,
			.current_bytes = leaf->resident_bytes + leaf->cache_bytes,
			.swap_bytes = leaf->swapped_bytes,
			.spare_valid = plant->plan.ages_wanted >> leaf->component & 1,
			.spare_bytes = frame_inactive_files(leaf),
			.ages = ages_of(plant, leaf),
			.cpu_valid = plant->plan.looks & PLAN_LOOK_CPU,
			.cpu_us = leaf->cpu_us,
			.lock_waiters = f->locks_valid ? lock_waiters(plant, leaf) : 0,
		};
	}
	frame_sum_ages(f);
}

void frame_make(struct plant *plant, bool full)
{
	struct frame *f = plant->frame;

	f->now_us = plant->now_us;
	f->sequence++;
	f->kind = full ? FRAME_FULL : FRAME_URGENT;
	f->component_count = plant->config.component_count;
	f->host = (struct host_sample){
		.valid = true,
		.total_bytes = plant->total_bytes,
		.swap_total_bytes = plant->swap_bytes,
		.swap_free_bytes = plant_swap_free(plant),
		.available_bytes = plant_available(plant),
		.psi_some_us = plant->stall_some_us,
		.psi_full_us = plant->stall_full_us,
	};
	for (uint32_t i = 0; i < f->component_count; i++)
		sample_component(plant, i, full);
	f->leaves_valid = f->locks_valid = false;
	f->leaf_count = 0;
	if (full)
		sample_leaves(plant);
	memcpy(f->outcome, plant->outcome, plant->outcome_count * sizeof(f->outcome[0]));
	f->outcome_count = plant->outcome_count;
	plant->outcome_count = 0;
	plant->worker_is_done = false;
}

bool frame_take_marks(struct plant *plant)
{
	bool fired = false;

	for (uint32_t i = 0; i < plant->config.component_count; i++) {
		struct plant_component *c = &plant->component[i];
		struct frame *f = plant->frame;

		if (!c->mark_armed || plant_current(plant, i) < c->mark_bytes)
			continue;
		c->mark_armed = false;
		fired = true;
		f->event[f->event_count++] = (struct frame_event){
			.kind = EVENT_USAGE_MARK,
			.component = i,
			.at_us = plant->now_us,
			.observed = plant_current(plant, i),
			.threshold = c->mark_bytes,
		};
	}
	return fired;
}
