// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Carrying out a plan: limits, one reclaim at a time a component, the freezer with its delay, and
 * outcomes for the next frame. An action on a leaf that is gone is told so. Each action is hashed,
 * so that equal runs can be told from others.
 */
#include <errno.h>

#include "user/plant/memory.h"
#include "user/base/clock.h"
#include "user/base/units.h"

/* 1 to 7 ms until a full-speed hog stands still after the write, on 6.1 to 7.x. */
#define FREEZE_TAKES_US (5 * US_PER_MS)
/* The kernel rounds limits to pages, and the policy takes what is nearer than this as equal. */
#define ROUNDING   (64 * KIB)
#define HASH_PRIME 1099511628211ULL

static struct plant_leaf *find_leaf(struct plant *plant, uint64_t cgid)
{
	for (uint32_t i = 0; i < plant->leaf_count; i++)
		if (plant->leaf[i].cgid == cgid)
			return &plant->leaf[i];
	return NULL;
}

static bool has_active_leaf(const struct plant *plant, uint32_t component)
{
	for (uint32_t i = 0; i < plant->leaf_count; i++)
		if (plant->leaf[i].component == component && plant->leaf[i].populated &&
		    !plant->leaf[i].frozen)
			return true;
	return false;
}

/* Files that were used once the kernel drops at once. */
static uint64_t held(const struct plant *plant, uint32_t component)
{
	uint64_t bytes = plant_current(plant, component);

	for (uint32_t i = 0; i < plant->leaf_count; i++)
		if (plant->leaf[i].component == component)
			bytes -= frame_inactive_files(&plant->leaf[i]);
	return bytes;
}

static void do_high(struct plant *plant, const struct action *a)
{
	struct plant_component *c = &plant->component[a->component];

	if (plant->config.component[a->component].freeze && a->amount + ROUNDING < c->high_bytes &&
	    a->amount < held(plant, a->component) && has_active_leaf(plant, a->component))
		plant->counts.lowered_under_growth++;
	c->high_bytes = a->amount;
	c->lowering = true;
}

static void do_freeze(struct plant *plant, const struct action *a)
{
	struct plant_leaf *leaf = find_leaf(plant, a->leaf);

	if (!leaf || !leaf->populated) {
		outcomes_add(plant, a, OUTCOME_GONE, 0, plant->now_us);
		return;
	}
	if (!plant->counts.first_freeze_us)
		plant->counts.first_freeze_us = plant->now_us;
	leaf->frozen = true;
	leaf->frozen_us = plant->now_us;
	leaf->freeze_done_us = plant->now_us + FREEZE_TAKES_US;
	outcomes_add(plant, a, OUTCOME_DONE, 0, plant->now_us);
}

/* As act does: its worker takes no more of what goes on. */
static void end_reclaim_of(struct plant *plant, const struct plant_leaf *leaf)
{
	struct plant_component *c = &plant->component[leaf->component];
	struct outcome *outcome;

	if (!c->reclaiming || c->reclaim.leaf != leaf->cgid)
		return;
	c->reclaiming = false;
	outcome = outcomes_add(plant, &c->reclaim, OUTCOME_SHORT, c->reclaimed_bytes,
			       c->reclaim_began_us);
	if (outcome)
		outcome->error = ECANCELED;
}

static void do_thaw(struct plant *plant, const struct action *a)
{
	struct plant_leaf *leaf = find_leaf(plant, a->leaf);

	if (leaf) {
		leaf->frozen = false;
		end_reclaim_of(plant, leaf);
	}
	outcomes_add(plant, a, leaf ? OUTCOME_DONE : OUTCOME_GONE, 0, plant->now_us);
}

static void do_reclaim(struct plant *plant, const struct action *a)
{
	struct plant_component *c = &plant->component[a->component];

	if (c->reclaiming) {
		plant->counts.second_reclaim++;
		return;
	}
	c->reclaim = *a;
	c->reclaiming = true;
	c->reclaim_began_us = plant->now_us;
	c->reclaimed_bytes = 0;
}

/* Told when it has ended, in outcomes_paged_in. */
static void do_page_in(struct plant *plant, const struct action *a)
{
	struct plant_leaf *leaf = find_leaf(plant, a->leaf);

	if (!leaf || !leaf->populated) {
		outcomes_add(plant, a, OUTCOME_GONE, 0, plant->now_us);
		return;
	}
	leaf->page_in = *a;
	plant_page_in(plant, leaf);
}

static void do_action(struct plant *plant, const struct action *a)
{
	struct plant_component *c = &plant->component[a->component];
	struct plant_leaf *leaf = find_leaf(plant, a->leaf);

	switch (a->kind) {
	case ACTION_SET_MIN:
		*(leaf ? &leaf->min_bytes : &c->min_bytes) = a->amount;
		break;
	case ACTION_SET_LOW:
		*(leaf ? &leaf->low_bytes : &c->low_bytes) = a->amount;
		break;
	case ACTION_SET_MAX:
		plant->pool_max_bytes = a->amount;
		break;
	case ACTION_SET_HIGH:
		do_high(plant, a);
		break;
	case ACTION_RECLAIM:
		do_reclaim(plant, a);
		return;
	case ACTION_FREEZE:
		do_freeze(plant, a);
		return;
	case ACTION_THAW:
		do_thaw(plant, a);
		return;
	case ACTION_PAGE_IN:
		do_page_in(plant, a);
		return;
	case ACTION_KILL:
		if (leaf) {
			leaf->killed = true;
			plant_exit_leaf(plant, leaf);
		}
		break;
	case ACTION_ARM_MARK:
		c->mark_bytes = a->amount;
		c->mark_armed = a->amount != 0;
		break;
	case ACTION_NOTICE:
	case ACTION__COUNT:
		break;
	}
	outcomes_add(plant, a, OUTCOME_DONE, 0, plant->now_us);
}

static void hash_word(struct plant *plant, uint64_t word)
{
	plant->counts.plan_hash = (plant->counts.plan_hash ^ word) * HASH_PRIME;
}

void actions_do(struct plant *plant)
{
	plant->counts.dropped += plant->plan.actions_dropped;
	for (uint32_t i = 0; i < plant->plan.action_count; i++) {
		const struct action *a = &plant->plan.action[i];

		plant->counts.actions[a->kind] += a->why.reason != REASON_BREATH;
		hash_word(plant, a->kind);
		hash_word(plant, a->component);
		hash_word(plant, a->leaf);
		hash_word(plant, a->amount);
		if (plant->acted && a->kind != ACTION_ARM_MARK)
			plant->acted(plant, a);
		do_action(plant, a);
	}
}
