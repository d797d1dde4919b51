// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * While one leaf of a component grows, and for a minute after, every other that runs is given a
 * memory.low of what it works on, which is all that it holds unless its cold pages are known; who
 * grows has none. While one stands still, all that run are kept whole: what their growth lacks
 * comes from it. On 6.1, 6.12 and 7.x a sibling of 100 MB beside a leak of 60 MB/s under one
 * memory.high lost 4 to 86 MB without it and nothing with it. What a program that runs in a leaf
 * has leased for good is kept for it at any time, unless it stands still: a lease is a promise.
 * Small changes are not worth a write, and few are written a step, of what can wait fewer: whoever
 * is asked for something at that moment waits for them.
 */
#include "user/policy/siblings.h"

#include "user/policy/emit.h"
#include "user/policy/freeze.h"
#include "user/policy/host.h"
#include "user/policy/idle.h"
#include "user/policy/num.h"

#define SHELTER_US (60 * US_PER_SEC)
#define NEAR_PCT   75 /* of the limit in force */
#define FOLLOW_US  (5 * US_PER_SEC)
#define WRITES_MAX 8 /* a step */
/* Of what can wait one for each so many leaves, one at the least: jobs begin side by side. */
#define WRITES_LATE 32
#define EACH_US     (50 * US_PER_MS) /* another one comes first */
#define FULL_PCT    95 /* of the limit in force: who is above is looked through at any moment */
#define CHANGE_PART 16
#define CHANGE_MIN  (4 * MIB)
#define GROWS_PER_S ((int64_t)MIB)
#define SPARE_LEAST (32 * MIB)

static bool grows(const struct leaf_state *leaf)
{
	return leaf->populated && leaf->cause == FREEZE_NOT && !leaf->breath_until_us &&
	       leaf->growth_per_s > GROWS_PER_S;
}

/* Where there is room nothing is reclaimed. */
static bool is_near_its_limit(const struct step *step, uint32_t component)
{
	const struct component_state *cs = &step->state->component[component];

	return cs->signal.current_bytes >= percent_of(cs->in_force_bytes, NEAR_PCT);
}

static void watch(struct step *step)
{
	for (uint32_t i = 0; i < step->state->leaf_end; i++) {
		const struct leaf_state *leaf = &step->state->leaf[i];

		if (leaf->cgid &&
		    (grows(leaf) || leaf->cause != FREEZE_NOT || leaf->breath_until_us) &&
		    is_near_its_limit(step, leaf->component))
			step->state->component[leaf->component].shelter_until_us =
				step->now_us + SHELTER_US;
	}
}

/* Files that nobody misses. */
static bool has_spare(const struct step *step, uint32_t component)
{
	const struct signal *s = &step->state->component[component].signal;

	return s->current_bytes - s->held_bytes >= SPARE_LEAST;
}

/* The kernel looks through all of a leaf for pages that is a little above its memory.low. */
static uint64_t all_of(uint64_t bytes)
{
	bytes += CHANGE_MIN;
	return bytes - bytes % MIB;
}

static uint64_t sheltered(const struct step *step, const struct leaf_state *leaf)
{
	const struct component_state *cs = &step->state->component[leaf->component];
	uint64_t kept;

	if (step->now_us >= cs->shelter_until_us || cs->active_leaves + cs->frozen_leaves < 2)
		return 0;
	/* Spare files go, or who stands still gives; who runs has all of it until nobody else does
	 * not. */
	if (cs->frozen_leaves || has_spare(step, leaf->component)) {
		kept = cs->in_force_bytes;
		if (leaf->spare_bytes)
			kept = min_u64(kept, all_of(leaf_solid_bytes(leaf) +
						    grown(leaf->growth_per_s, FOLLOW_US)));
		return kept - kept % MIB;
	}
	if (grows(leaf))
		return 0;
	kept = min_u64(idle_hot_bytes(leaf), leaf->current_bytes);
	return kept - kept % MIB;
}

static bool stands(const struct leaf_state *leaf)
{
	return leaf->kernel_frozen || leaf->cause != FREEZE_NOT || leaf->breath_until_us;
}

/* Who reads files at the limit makes the kernel look for pages all the time: as long as there are
 * spare ones it is not to put out for that who stands still and has to come back as a whole. What
 * others lack is taken from it by reclaim.c, which its own memory.low does not hold off. */
static uint64_t kept_of_standing(const struct step *step, const struct leaf_state *leaf)
{
	bool comes_back = leaf->page_in_id != ID_NONE || leaf->paged_in;

	if (!has_spare(step, leaf->component))
		return 0;
	return all_of(comes_back ? leaf->size_bytes : leaf_solid_bytes(leaf));
}

static uint64_t wanted(const struct step *step, const struct leaf_state *leaf)
{
	if (!leaf->populated)
		return 0;
	if (stands(leaf))
		return kept_of_standing(step, leaf);
	return max_u64(sheltered(step, leaf), leaf->leased_bytes - leaf->leased_bytes % MIB);
}

static struct why reason(const struct leaf_state *leaf, uint64_t want)
{
	if (want && want == leaf->leased_bytes - leaf->leased_bytes % MIB)
		return (struct why){REASON_LEASE, leaf->leased_bytes, leaf->low_bytes};
	return (struct why){REASON_WORKING_SET, leaf->current_bytes, leaf->low_bytes};
}

/* The kernel looks for pages of its leaves, or is about to. */
static bool is_taken_from(const struct step *step, uint32_t component)
{
	const struct component_state *cs = &step->state->component[component];

	return cs->frozen_leaves || cs->reclaim.id != ID_NONE || host_stage(step) > HOST_CALM ||
	       cs->signal.current_bytes >= percent_of(cs->in_force_bytes, FULL_PCT);
}

/* Who has just been stopped gives at once, before anybody who runs, and who grows before those that
 * do not; and who has just gone on, or runs beside the first that was stopped, would give all that
 * it was brought back for. */
static bool is_urgent(const struct step *step, const struct leaf_state *leaf, uint64_t want)
{
	if (leaf->low_bytes == BYTES_MAX)
		return true; /* as uwd starts */
	if (want < leaf->low_bytes)
		return stands(leaf) && !want;
	return stands(leaf) || (is_taken_from(step, leaf->component) &&
				(!leaf->low_bytes || leaf->thawed_us >= leaf->low_at_us));
}

static bool is_worth_a_write(const struct step *step, const struct leaf_state *leaf, uint64_t want,
			     bool urgent)
{
	uint64_t has = leaf->low_bytes;
	uint64_t by = has > want ? has - want : want - has;

	if (has == BYTES_MAX)
		return true;
	if (leaf->low_at_us && step->now_us - leaf->low_at_us < FOLLOW_US && !urgent)
		return false;
	return want ? by >= max_u64(has / CHANGE_PART, CHANGE_MIN) : by > 0;
}

static bool write_low(struct step *step, struct leaf_state *leaf, uint64_t want)
{
	struct action action = {
		.kind = ACTION_SET_LOW,
		.component = leaf->component,
		.leaf = leaf->cgid,
		.amount = want,
		.swappiness = -1,
		.why = reason(leaf, want),
	};

	if (!emit_action(step, &action))
		return false;
	leaf->low_at_us = leaf->low_bytes == BYTES_MAX ? 0 : step->now_us;
	leaf->low_bytes = want;
	return true;
}

/* Not from the same on each time: what can wait would never come to the last of many. */
static uint32_t first_leaf(const struct step *step)
{
	return (uint32_t)(step->now_us / EACH_US % max_u64(step->state->leaf_end, 1));
}

void siblings_step(struct step *step)
{
	uint32_t end = step->state->leaf_end, first = first_leaf(step);
	uint32_t urgent_left = WRITES_MAX, late_left = end > WRITES_LATE ? end / WRITES_LATE : 1;

	if (!step->frame->leaves_valid)
		return;
	watch(step);
	for (uint32_t i = 0; i < end; i++) {
		struct leaf_state *leaf = &step->state->leaf[(first + i) % end];
		uint64_t want = leaf->cgid ? wanted(step, leaf) : 0;
		bool urgent = leaf->cgid && is_urgent(step, leaf, want);
		uint32_t *left = urgent ? &urgent_left : &late_left;

		if (leaf->cgid && *left && is_worth_a_write(step, leaf, want, urgent))
			*left -= write_low(step, leaf, want);
	}
}
