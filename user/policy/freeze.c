// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps the table of leaves in step with the frame: new ones, ones that are gone, and what became
 * of freezes and thaws that were sent. It picks the leaf that is stopped first, and puts freezes
 * and thaws into the plan; whether and when is decided by brake.c, squeeze.c, requests.c and
 * thaw.c. Only what an earlier uwd left frozen is thawed here, at the start.
 */
#include "user/policy/freeze.h"

#include <string.h>

#include "user/policy/blame.h"
#include "user/policy/contention.h"
#include "user/policy/emit.h"
#include "user/policy/num.h"
#include "user/policy/rise.h"
#include "user/policy/signal.h"

#define READS_PART   4 /* of what it holds of these */
#define LEAF_STEP_US (50 * US_PER_MS)
#define CONFIRM_US   (3 * US_PER_SEC) /* the freezer is asynchronous: up to 1 s was seen */
#define RELAPSE_US   (20 * US_PER_SEC)
#define RELAPSES_MAX 5
#define YOUNG_US     (2 * US_PER_SEC) /* its growth is not known yet */
#define LEFT_IN_IT   (2 * MIB)        /* of what the kernel does not give: as good as nothing */
#define CALM_FULL    500              /* permyriad of 2 s: it did not stall before the freeze */

struct leaf_state *leaf_find(struct policy_state *state, uint64_t cgid)
{
	for (uint32_t i = 0; i < state->leaf_end; i++)
		if (state->leaf[i].cgid == cgid)
			return &state->leaf[i];
	return NULL;
}

struct leaf_state *leaf_of(const struct step *step, const struct leaf_sample *sample)
{
	uint32_t at = leaf_index_find(step->index, LEAF_IDS(step->state->leaf, cgid), sample->cgid);

	return at == LEAF_NONE ? NULL : &step->state->leaf[at];
}

/* In the first slot that is free; NULL when there are more leaves than are followed. */
static struct leaf_state *leaf_new(struct step *step, const struct leaf_sample *sample)
{
	struct policy_state *state = step->state;
	struct leaf_state *leaf;

	while (step->hole < state->leaf_end && state->leaf[step->hole].cgid)
		step->hole++;
	if (step->hole == FRAME_LEAVES_MAX)
		return NULL;
	if (step->hole == state->leaf_end)
		state->leaf_end++;
	leaf = &state->leaf[step->hole];
	*leaf = (struct leaf_state){.cgid = sample->cgid, .born_us = sample->born_us};
	leaf_index_add(step->index, LEAF_IDS(state->leaf, cgid), step->hole);
	return leaf;
}

static struct leaf_state *welcome(struct step *step, const struct leaf_sample *sample,
				  uint64_t current, uint64_t size, uint64_t counted)
{
	bool adopted = step->state->adopted;
	struct leaf_state *leaf = leaf_new(step, sample);

	if (!leaf)
		return NULL;
	leaf->low_bytes = adopted ? 0 : BYTES_MAX;
	leaf->current_bytes = current;
	leaf->size_bytes = size;
	leaf->files_counted_bytes = counted;
	leaf->rise_from_bytes = adopted ? 0 : size;
	leaf->seen_us = step->now_us;
	return leaf;
}

/* Whose files are missed is not known of a component: it may be those of any of its leaves. */
static uint64_t counted_files(const struct step *step, const struct leaf_sample *sample)
{
	if (!sample->spare_valid ||
	    component_is_protected(&step->config->component[sample->component]))
		return BYTES_MAX;
	return signal_missed_files(&step->state->component[sample->component].signal, step->now_us);
}

static const struct leaf_sample *sample_of(const struct frame *frame, uint64_t cgid)
{
	for (uint32_t i = 0; i < frame->leaf_count; i++)
		if (frame->leaf[i].cgid == cgid)
			return &frame->leaf[i];
	return NULL;
}

static void discount(struct step *step, const struct leaf_state *leaf)
{
	struct signal *s = &step->state->component[leaf->component].signal;
	const struct leaf_sample *sample = NULL;

	if (step->frame->leaves_valid && step->now_us - leaf->seen_us >= LEAF_STEP_US)
		sample = sample_of(step->frame, leaf->cgid);
	if (sample)
		signal_discount(s, sub_sat(min_u64(sample->current_bytes, BYTES_SANE),
					   leaf->current_bytes));
	else
		s->holds_trend = true;
}

void freeze_discount_page_ins(struct step *step)
{
	for (uint32_t i = 0; i < step->config->component_count; i++)
		step->state->component[i].signal.holds_trend = false;
	for (uint32_t i = 0; i < step->state->leaf_end; i++) {
		const struct leaf_state *leaf = &step->state->leaf[i];

		if (leaf->cgid && leaf->cause != FREEZE_NOT &&
		    (leaf->page_in_id != ID_NONE || leaf->paged_in))
			discount(step, leaf);
	}
}

/* Without files, but for so many of them. */
static uint64_t size_of(const struct leaf_sample *sample, uint64_t counted)
{
	uint64_t current = min_u64(sample->current_bytes, BYTES_SANE);

	return current - sub_sat(min_u64(sample->spare_bytes, current), counted) +
	       min_u64(sample->swap_bytes, BYTES_SANE);
}

/* Told by as many files as before: while files are missed these are others each second. */
static void take_growth(struct leaf_state *leaf, const struct leaf_sample *sample, uint64_t counted,
			uint64_t dt)
{
	uint64_t before = leaf->files_counted_bytes, as_before = size_of(sample, before);

	if (counted == BYTES_MAX && before != BYTES_MAX)
		return; /* they are not known any more */
	leaf->growth_per_s = rate_of(leaf->size_bytes, as_before, dt);
	leaf->rise_from_bytes =
		sub_sat(leaf->rise_from_bytes + size_of(sample, counted), as_before);
}

static void take_leaf(struct step *step, const struct leaf_sample *sample)
{
	struct leaf_state *leaf = leaf_of(step, sample);
	uint64_t current = min_u64(sample->current_bytes, BYTES_SANE), dt;
	uint64_t counted = counted_files(step, sample), now_us = step->now_us;
	uint64_t size = size_of(sample, counted);

	if (!leaf)
		leaf = welcome(step, sample, current, size, counted);
	if (!leaf)
		return;
	dt = now_us - leaf->seen_us;
	if (dt >= LEAF_STEP_US) {
		take_growth(leaf, sample, counted, dt);
		leaf->files_counted_bytes = counted;
		leaf->seen_us = now_us;
		leaf->current_bytes = current;
		leaf->spare_bytes = sub_sat(min_u64(sample->spare_bytes, current), counted);
		leaf->size_bytes = size;
		rise_follow(leaf);
	}
	leaf->component = sample->component;
	leaf->populated = sample->populated;
	leaf->kernel_frozen = sample->frozen;
	leaf->ours = sample->frozen && sample->ours;
	leaf->swap_bytes = sample->swap_bytes;
	leaf->leased_bytes = min_u64(sample->leased_bytes, BYTES_SANE);
	leaf->freezable = sample->freezable;
	leaf->priority = sample->priority;
}

/* A full frame that is not itself cut short names every leaf: what it lacks is gone. True if
 * any. */
static bool forget_gone(struct step *step)
{
	struct policy_state *state = step->state;
	bool is_there[FRAME_LEAVES_MAX] = {false}, any = false;

	if (step->frame->kind != FRAME_FULL || step->frame->leaf_count >= FRAME_LEAVES_MAX)
		return false;
	for (uint32_t i = 0; i < step->frame->leaf_count; i++) {
		const struct leaf_state *leaf = leaf_of(step, &step->frame->leaf[i]);

		if (leaf)
			is_there[leaf - state->leaf] = true;
	}
	for (uint32_t i = 0; i < state->leaf_end; i++) {
		if (!state->leaf[i].cgid || is_there[i])
			continue;
		state->leaf[i] = (struct leaf_state){0};
		any = true;
	}
	return any;
}

static void index_leaves(struct step *step)
{
	struct policy_state *state = step->state;
	uint32_t room = state->leaf_end + step->frame->leaf_count;

	leaf_index_build(step->index, LEAF_IDS(state->leaf, cgid), state->leaf_end,
			 room < FRAME_LEAVES_MAX ? room : FRAME_LEAVES_MAX);
}

static void take_leaves(struct step *step)
{
	step->hole = 0;
	index_leaves(step);
	if (forget_gone(step))
		index_leaves(step); /* those that went have no room in it any more */
	for (uint32_t i = 0; i < step->frame->leaf_count && i < FRAME_LEAVES_MAX; i++)
		if (step->frame->leaf[i].cgid &&
		    step->frame->leaf[i].component < step->state->component_count)
			take_leaf(step, &step->frame->leaf[i]);
}

static void forget_freeze(struct leaf_state *leaf, uint64_t now_us)
{
	leaf->cause = FREEZE_NOT;
	leaf->thaw_sent_us = 0;
	leaf->thawed_us = now_us;
	if (!leaf->breath_until_us)
		leaf->waits_since_us = 0;
}

/* Why uwd itself had frozen it is not known any more: that its component was pressed is as good. */
static void keep_frozen(struct step *step, struct leaf_state *leaf,
			const struct leaf_sample *sample)
{
	leaf->cause = sample->kept_asked ? FREEZE_CLIENT : FREEZE_PRESSURE;
	leaf->frozen_us = leaf->waits_since_us = step->now_us;
	leaf->deadline_us = sample->kept_until_us;
}

/* What an earlier instance froze and did not hand over has no deadline that anyone keeps. What
 * somebody else froze is theirs to thaw. */
static void adopt(struct step *step)
{
	step->state->adopted = true;
	for (uint32_t i = 0; i < step->frame->leaf_count && i < FRAME_LEAVES_MAX; i++) {
		const struct leaf_sample *sample = &step->frame->leaf[i];
		struct leaf_state *leaf = leaf_of(step, sample);

		if (!leaf || !leaf->ours || leaf->cause != FREEZE_NOT)
			continue;
		if (sample->kept_until_us > step->now_us) {
			keep_frozen(step, leaf, sample);
			continue;
		}
		leaf->cause = FREEZE_CLIENT;
		leaf->frozen_us = leaf->deadline_us = step->now_us;
		thaw_leaf(step, leaf, (struct why){REASON_STARTUP, 0, 0});
	}
}

/* Thawed by somebody else: the guard, or a person. */
static void accept_foreign_thaw(struct leaf_state *leaf, uint64_t now_us)
{
	if (leaf->cause != FREEZE_NOT && !leaf->kernel_frozen &&
	    (leaf->thaw_sent_us || now_us - leaf->frozen_us >= CONFIRM_US))
		forget_freeze(leaf, now_us);
}

static void take_outcome(struct step *step, const struct outcome *outcome)
{
	struct leaf_state *leaf = outcome->leaf ? leaf_find(step->state, outcome->leaf) : NULL;
	bool failed = outcome->result == OUTCOME_FAILED || outcome->result == OUTCOME_GONE;

	if (!leaf)
		return;
	if (outcome->kind == ACTION_FREEZE && outcome->id == leaf->freeze_id && failed) {
		forget_freeze(leaf, step->now_us);
		leaf->spared_until_us = step->now_us + 10 * US_PER_SEC;
	}
	if (outcome->kind == ACTION_PAGE_IN && outcome->id == leaf->page_in_id) {
		leaf->page_in_id = ID_NONE;
		leaf->paged_in = true;
	}
	if (outcome->kind == ACTION_THAW && outcome->id == leaf->thaw_id &&
	    outcome->result != OUTCOME_FAILED)
		forget_freeze(leaf, step->now_us);
}

bool freeze_only_reads_files(const struct leaf_state *leaf)
{
	return leaf->spare_bytes && leaf_solid_bytes(leaf) < leaf->spare_bytes / READS_PART;
}

static void count_leaves(struct step *step)
{
	struct policy_state *state = step->state;
	bool any[UW_COMPONENTS_MAX] = {false};

	while (state->leaf_end && !state->leaf[state->leaf_end - 1].cgid)
		state->leaf_end--;
	for (uint32_t i = 0; i < state->component_count; i++)
		state->component[i].frozen_leaves = state->component[i].active_leaves = 0;
	for (uint32_t i = 0; i < state->leaf_end; i++) {
		const struct leaf_state *leaf = &state->leaf[i];

		if (!leaf->cgid)
			continue;
		any[leaf->component] |= leaf->populated;
		if (leaf->cause != FREEZE_NOT || leaf->breath_until_us)
			state->component[leaf->component].frozen_leaves++;
		else if (leaf->populated && !leaf->kernel_frozen && !freeze_only_reads_files(leaf))
			state->component[leaf->component].active_leaves++;
	}
	for (uint32_t i = 0; i < state->component_count; i++)
		state->component[i].used = any[i] || !state->adopted;
}

void freeze_take(struct step *step)
{
	const struct frame *frame = step->frame;

	for (uint32_t i = 0; i < frame->outcome_count && i < FRAME_OUTCOMES_MAX; i++)
		take_outcome(step, &frame->outcome[i]);
	if (frame->leaves_valid) {
		take_leaves(step);
		if (!step->state->adopted)
			adopt(step);
		for (uint32_t i = 0; i < step->state->leaf_end; i++)
			accept_foreign_thaw(&step->state->leaf[i], step->now_us);
	}
	count_leaves(step);
}

static bool runs_in(const struct leaf_state *leaf, uint32_t component)
{
	return leaf->cgid && leaf->component == component && leaf->populated &&
	       leaf->cause == FREEZE_NOT && !leaf->breath_until_us && !leaf->kernel_frozen;
}

static bool may_freeze(const struct leaf_state *leaf, uint32_t component, uint64_t now_us)
{
	return runs_in(leaf, component) && now_us >= leaf->spared_until_us &&
	       !freeze_only_reads_files(leaf);
}

struct leaf_state *freeze_pick(const struct step *step, uint32_t component)
{
	struct leaf_state *best = NULL;

	if (!step->config->component[component].freeze)
		return NULL;
	for (uint32_t i = 0; i < step->state->leaf_end; i++) {
		struct leaf_state *leaf = &step->state->leaf[i];

		if (may_freeze(leaf, component, step->now_us) &&
		    (!best || freeze_order(leaf, best) < 0))
			best = leaf;
	}
	return best;
}

struct leaf_state *freeze_pick_grower(const struct step *step, uint32_t component)
{
	struct leaf_state *leaf = freeze_pick(step, component);

	if (!leaf || step->state->component[component].active_leaves == 1 ||
	    contention_swap_is_full(step))
		return leaf;
	return leaf->growth_per_s > (int64_t)MIB || step->now_us - leaf->born_us < YOUNG_US ? leaf
											    : NULL;
}

struct leaf_state *freeze_pick_fastest(const struct step *step, uint32_t component)
{
	struct leaf_state *most = NULL;

	if (!step->config->component[component].freeze)
		return NULL;
	for (uint32_t i = 0; i < step->state->leaf_end; i++) {
		struct leaf_state *leaf = &step->state->leaf[i];

		if (runs_in(leaf, component) && leaf->growth_per_s > 0 &&
		    (!most || leaf->growth_per_s > most->growth_per_s))
			most = leaf;
	}
	return most;
}

uint32_t freeze_count(const struct step *step, uint32_t component)
{
	const struct component_state *cs = &step->state->component[component];
	uint32_t count = 0;

	for (uint32_t i = 0; i < FREEZES_KEPT; i++)
		if (cs->freeze_at_us[i] &&
		    step->now_us - cs->freeze_at_us[i] < step->config->policy.freeze_window_us)
			count++;
	return count;
}

static void watch_effect(struct step *step, const struct leaf_state *leaf)
{
	struct freeze_watch *watch = &step->state->watch;

	*watch = (struct freeze_watch){.leaf = leaf->cgid, .at_us = step->now_us};
	for (uint32_t i = 0; i < step->state->component_count; i++) {
		const struct signal *s = &step->state->component[i].signal;

		watch->was_calm[i] = i != leaf->component && s->full_short_permyriad < CALM_FULL;
		watch->held_bytes[i] = s->current_bytes;
	}
}

static bool stop(struct step *step, struct leaf_state *leaf, enum freeze_cause cause,
		 uint64_t until_us, struct why why)
{
	struct component_state *cs = &step->state->component[leaf->component];
	struct action action = {
		.kind = ACTION_FREEZE,
		.tier = TIER_FREEZE,
		.component = leaf->component,
		.leaf = leaf->cgid,
		.swappiness = -1,
		.deadline_us = until_us,
		.why = why,
	};
	const struct action *sent = emit_action(step, &action);

	if (!sent)
		return false;
	leaf->cause = cause;
	leaf->freeze_id = sent->id;
	step->state->changed_us = step->now_us;
	leaf->deadline_us = until_us;
	leaf->thaw_sent_us = 0;
	if (!leaf->waits_since_us)
		leaf->waits_since_us = step->now_us;
	leaf->page_in_id = ID_NONE;
	leaf->paged_in = false;
	leaf->short_at_bytes = 0;
	leaf->room_then_bytes = cs->in_force_bytes;
	if (!leaf->breath_until_us) {
		cs->frozen_leaves++;
		cs->active_leaves -= cs->active_leaves > 0;
	}
	leaf->breath_until_us = 0;
	return true;
}

static void count_freeze(struct step *step, struct leaf_state *leaf)
{
	struct component_state *cs = &step->state->component[leaf->component];

	leaf->slope_then_per_s = cs->signal.slope_per_s;
	if (leaf->thawed_us && step->now_us - leaf->thawed_us < RELAPSE_US && !leaf->breath.spares)
		leaf->relapses += leaf->relapses < RELAPSES_MAX;
	else
		leaf->relapses = 0;
	cs->last_freeze_us = step->now_us;
	cs->freeze_at_us[cs->freeze_next] = step->now_us;
	cs->freeze_next = (cs->freeze_next + 1) % FREEZES_KEPT;
}

bool freeze_leaf(struct step *step, struct leaf_state *leaf, enum freeze_cause cause,
		 uint64_t max_us, struct why why)
{
	if (!stop(step, leaf, cause, step->now_us + max_us, why))
		return false;
	leaf->frozen_us = step->now_us;
	leaf->exhausted_until_us = leaf->short_count = 0;
	if (cause == FREEZE_CLIENT)
		return true;
	count_freeze(step, leaf);
	signal_forget_trend(&step->state->component[leaf->component].signal, step->now_us);
	emit_tier(step, leaf->component, TIER_FREEZE);
	watch_effect(step, leaf);
	return true;
}

bool freeze_again(struct step *step, struct leaf_state *leaf, enum freeze_cause cause,
		  uint64_t max_us, struct why why)
{
	if (!stop(step, leaf, cause, step->now_us + max_us, why))
		return false;
	leaf->frozen_us = step->now_us;
	leaf->exhausted_until_us = leaf->short_count = 0;
	signal_forget_trend(&step->state->component[leaf->component].signal, step->now_us);
	return true;
}

bool freeze_resume(struct step *step, struct leaf_state *leaf, struct why why)
{
	return stop(step, leaf, leaf->breath_cause, leaf->deadline_us, why);
}

bool thaw_leaf(struct step *step, struct leaf_state *leaf, struct why why)
{
	struct action action = {
		.kind = ACTION_THAW,
		.tier = TIER_FREEZE,
		.component = leaf->component,
		.leaf = leaf->cgid,
		.swappiness = -1,
		.why = why,
	};
	const struct action *sent = emit_action(step, &action);

	if (!sent)
		return false;
	leaf->thaw_id = sent->id;
	leaf->breath_until_us = 0;
	leaf->thaw_sent_us = step->state->changed_us = step->now_us;
	step->state->last_thaw_us = step->now_us;
	return true;
}

struct leaf_state *freeze_find(const struct step *step, uint32_t component, uint64_t cgid)
{
	struct leaf_state *leaf = cgid ? leaf_find(step->state, cgid) : NULL;

	return leaf && leaf->component == component && leaf->cause != FREEZE_NOT &&
			       !leaf->thaw_sent_us
		       ? leaf
		       : NULL;
}

/* Stands still until there is room for it. */
static bool waits_for_room(const struct leaf_state *leaf, uint32_t component)
{
	return leaf->cgid && leaf->component == component && leaf->populated &&
	       (leaf->cause == FREEZE_PRESSURE || leaf->cause == FREEZE_TURN);
}

static bool waits_longer(const struct leaf_state *a, const struct leaf_state *b)
{
	if (a->waits_since_us != b->waits_since_us)
		return a->waits_since_us < b->waits_since_us;
	return a->cgid < b->cgid;
}

const struct leaf_state *freeze_first(const struct step *step, uint32_t component)
{
	uint32_t end = step->state->component[component].frozen_leaves ? step->state->leaf_end : 0;
	const struct leaf_state *first = NULL;

	for (uint32_t i = 0; i < end; i++) {
		const struct leaf_state *leaf = &step->state->leaf[i];

		if (waits_for_room(leaf, component) && (!first || waits_longer(leaf, first)))
			first = leaf;
	}
	return first;
}

/* Who goes on first gives last: what is put out of it has to come back first. */
static bool gives_before(const struct leaf_state *a, const struct leaf_state *b,
			 const struct leaf_state *first)
{
	if (a == first || b == first)
		return b == first;
	return a->current_bytes > b->current_bytes;
}

const struct leaf_state *freeze_largest(const struct step *step, uint32_t component)
{
	const struct leaf_state *first = freeze_first(step, component);
	const struct leaf_state *best = NULL;
	uint32_t end = step->state->component[component].frozen_leaves ? step->state->leaf_end : 0;

	for (uint32_t i = 0; i < end; i++) {
		const struct leaf_state *leaf = &step->state->leaf[i];

		if (!leaf->cgid || leaf->component != component || leaf->cause == FREEZE_NOT ||
		    leaf->current_bytes < LEFT_IN_IT || leaf->thaw_sent_us ||
		    step->now_us < leaf->exhausted_until_us || leaf->page_in_id != ID_NONE ||
		    leaf->cgid == step->state->turn.leaf)
			continue;
		if (!best || gives_before(leaf, best, first))
			best = leaf;
	}
	return best;
}

uint64_t freeze_until(const struct step *step, uint32_t component)
{
	uint32_t end = step->state->component[component].frozen_leaves ? step->state->leaf_end : 0;
	uint64_t until = 0;

	for (uint32_t i = 0; i < end; i++) {
		const struct leaf_state *leaf = &step->state->leaf[i];

		if (leaf->cgid && leaf->component == component && leaf->cause != FREEZE_NOT)
			until = max_u64(until, leaf->deadline_us);
	}
	return until;
}
