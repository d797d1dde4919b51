// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps the last ages that frames had. They are asked for where somebody may soon have to give: of
 * who holds more than its budget on a host that is not roomy, of all near the margin, beside a leaf
 * that grows or stands still, and before a cleanup by age; elsewhere nobody looks. The kernel takes
 * the oldest pages first, so that a reclaim of no more than is cold touches nothing else.
 */
#include "user/policy/idle.h"

#include "user/policy/freeze.h"
#include "user/policy/headroom.h"
#include "user/policy/margin.h"
#include "user/policy/num.h"

#define NEAR_PART 2                 /* margins free */
#define LEAST     (16 * MIB)        /* less is not worth a look */
#define FEW       (2 * MIB)         /* that come back by themselves soon enough */
#define YOUNG_US  (60 * US_PER_SEC) /* of running */
#define HOLD_US   (60 * US_PER_SEC) /* the first answer takes two looks: not given up at once */

static void take_leaf(struct leaf_state *leaf, const struct ages_sample *ages)
{
	if (ages->valid && ages->read_us != leaf->ages.read_us) {
		leaf->ages_size_bytes = leaf->size_bytes;
		leaf->ages_swap_bytes = leaf->swap_bytes;
	}
	leaf->ages = *ages;
}

static void take_component(struct component_state *cs, const struct ages_sample *ages)
{
	if (!ages->valid || ages->read_us > cs->idle.freed_at_us)
		cs->idle.freed_bytes = 0;
	cs->idle.ages = *ages;
}

void idle_take(struct step *step)
{
	const struct frame *frame = step->frame;

	if (!frame->leaves_valid)
		return;
	for (uint32_t i = 0; i < frame->leaf_count && i < FRAME_LEAVES_MAX; i++) {
		struct leaf_state *leaf = leaf_of(step, &frame->leaf[i]);

		if (leaf)
			take_leaf(leaf, &frame->leaf[i].ages);
	}
	for (uint32_t i = 0; i < step->config->component_count; i++)
		take_component(&step->state->component[i], &frame->component[i].ages);
}

void idle_note_freed(struct component_state *cs, uint64_t bytes, uint64_t now_us)
{
	cs->idle.freed_bytes += bytes;
	cs->idle.freed_at_us = now_us;
}

/* ---- what is known ---- */

bool idle_is_known(const struct step *step, uint32_t component)
{
	return step->state->component[component].idle.ages.valid;
}

uint64_t idle_cold_bytes(const struct step *step, uint32_t component, bool file_only)
{
	const struct idle_state *idle = &step->state->component[component].idle;
	const struct host_state *host = &step->state->host;
	uint64_t cold = min_u64(idle->ages.cold_file_bytes, BYTES_SANE);
	uint64_t anon = min_u64(idle->ages.cold_anon_bytes, BYTES_SANE);

	if (!idle->ages.valid)
		return 0;
	if (host->valid)
		anon = min_u64(anon, host->swap_free_bytes);
	if (!file_only)
		cold += anon;
	return sub_sat(cold, idle->freed_bytes);
}

static bool is_colder(const struct leaf_state *a, const struct leaf_state *b)
{
	if (a->ages.cold_anon_bytes != b->ages.cold_anon_bytes)
		return a->ages.cold_anon_bytes > b->ages.cold_anon_bytes;
	return a->cgid < b->cgid;
}

const struct leaf_state *idle_coldest(const struct step *step, uint32_t component)
{
	const struct leaf_state *coldest = NULL;

	for (uint32_t i = 0; i < step->state->leaf_end; i++) {
		const struct leaf_state *leaf = &step->state->leaf[i];

		if (!leaf->cgid || leaf->component != component || !leaf->ages.valid ||
		    leaf->cause != FREEZE_NOT)
			continue;
		if (!coldest || is_colder(leaf, coldest))
			coldest = leaf;
	}
	return coldest;
}

uint64_t idle_long_bytes(const struct step *step, uint32_t component)
{
	const struct ages_sample *ages = &step->state->component[component].idle.ages;

	return ages->valid ? ages->long_bytes : 0;
}

/* Who has only just filled its memory has not shown yet what of it it works on. */
static bool is_young(const struct leaf_state *leaf)
{
	uint64_t until_us = leaf->ages.read_us;

	if (leaf->waits_since_us)
		until_us = min_u64(until_us, leaf->waits_since_us);
	return until_us < leaf->born_us + YOUNG_US;
}

uint64_t idle_hot_bytes(const struct leaf_state *leaf)
{
	uint64_t grown_bytes = sub_sat(leaf->size_bytes, leaf->ages_size_bytes);

	if (!leaf->ages.valid || is_young(leaf))
		return leaf->size_bytes;
	return min_u64(min_u64(leaf->ages.hot_bytes, BYTES_SANE) + grown_bytes, leaf->size_bytes);
}

/* What was out already then tells no age: it may be on its way back. And nobody can bring back what
 * is hot alone. */
uint64_t idle_missing_bytes(const struct leaf_state *leaf)
{
	uint64_t hot = idle_hot_bytes(leaf) + leaf->ages_swap_bytes;
	uint64_t missing = sub_sat(hot, leaf_solid_bytes(leaf));

	return leaf->ages.valid && !is_young(leaf) && missing <= FEW
		       ? min_u64(missing, leaf->swap_bytes)
		       : leaf->swap_bytes;
}

/* ---- what is asked ---- */

static bool is_asked_about(const struct step *step, uint32_t i, uint64_t free)
{
	const struct component_state *cs = &step->state->component[i];
	uint64_t held = cs->signal.current_bytes;

	if (!cs->used || held < LEAST)
		return false;
	if (cs->frozen_leaves || step->now_us < cs->shelter_until_us)
		return true;
	if (free < NEAR_PART * margin_bytes(step))
		return true;
	return held > step->config->component[i].budget_bytes && !headroom_is_roomy(step);
}

void idle_ask(struct component_state *cs, uint64_t now_us)
{
	cs->idle.asked_until_us = now_us + HOLD_US;
}

void idle_step(struct step *step)
{
	uint64_t free = headroom_free(step);

	for (uint32_t i = 0; i < step->config->component_count; i++) {
		struct component_state *cs = &step->state->component[i];

		if (is_asked_about(step, i, free))
			idle_ask(cs, step->now_us);
		if (step->now_us < cs->idle.asked_until_us)
			step->plan->ages_wanted |= 1U << i;
	}
}
