// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Matches what is remembered of each component to the configuration. A reload may give components
 * other indices, add some and drop some: what is remembered moves to the new index by name, and
 * leaves are renumbered with it. A component whose cgroup was made anew starts over, except for
 * its loans, its count of freezes and its learned thresholds.
 */
#include "user/policy/roster.h"

#include <string.h>

static uint32_t find_slot(const struct policy_state *state, uint32_t from, const char *name)
{
	for (uint32_t i = from; i < UW_COMPONENTS_MAX; i++)
		if (!strcmp(state->component[i].name, name))
			return i;
	return COMPONENT_NONE;
}

static void swap_slots(struct policy_state *state, uint32_t a, uint32_t b)
{
	struct component_state kept;

	if (a == b)
		return;
	kept = state->component[a];
	state->component[a] = state->component[b];
	state->component[b] = kept;
	for (uint32_t i = 0; i < state->leaf_end; i++) {
		struct leaf_state *leaf = &state->leaf[i];

		if (leaf->component == a)
			leaf->component = b;
		else if (leaf->component == b)
			leaf->component = a;
	}
}

static void forget_leaves(struct policy_state *state, uint32_t component)
{
	for (uint32_t i = 0; i < state->leaf_end; i++)
		if (state->leaf[i].cgid && state->leaf[i].component == component)
			state->leaf[i] = (struct leaf_state){0};
}

/* The first slot from here on whose component the configuration does not name. There is one: not
 * all slots can be named when the name looked for has none. */
static uint32_t free_slot(const struct policy_state *state, const struct config *config,
			  uint32_t from)
{
	for (uint32_t i = from; i < UW_COMPONENTS_MAX; i++)
		if (!state->component[i].name[0] ||
		    config_find(config, state->component[i].name) < 0)
			return i;
	return from;
}

static bool matches(const struct policy_state *state, const struct config *config)
{
	if (state->component_count != config->component_count)
		return false;
	for (uint32_t i = 0; i < config->component_count; i++)
		if (strcmp(state->component[i].name, config->component[i].name))
			return false;
	return true;
}

void roster_match(struct policy_state *state, const struct config *config)
{
	if (matches(state, config))
		return;
	for (uint32_t i = 0; i < config->component_count; i++) {
		const char *name = config->component[i].name;
		uint32_t slot = find_slot(state, i, name);

		if (slot != COMPONENT_NONE) {
			swap_slots(state, i, slot);
			continue;
		}
		swap_slots(state, i, free_slot(state, config, i));
		forget_leaves(state, i);
		memset(&state->component[i], 0, sizeof(state->component[i]));
		memcpy(state->component[i].name, name, sizeof(state->component[i].name));
	}
	for (uint32_t i = config->component_count; i < UW_COMPONENTS_MAX; i++) {
		forget_leaves(state, i);
		memset(&state->component[i], 0, sizeof(state->component[i]));
	}
	state->component_count = config->component_count;
	state->watch.leaf = 0; /* its component numbers are the old ones */
}

static void renew(struct component_state *cs, uint64_t cgid, uint64_t now_us)
{
	const struct component_state old = *cs;

	*cs = (struct component_state){
		.cgid = cgid,
		.loans = old.loans,
		.margin = old.margin,
		.in_force_bytes = old.in_force_bytes,
		.used = old.used,
		.level.since_us = now_us,
		.thresholds = old.thresholds,
		.freeze_next = old.freeze_next,
		.last_freeze_us = old.last_freeze_us,
	};
	memcpy(cs->name, old.name, sizeof(cs->name));
	cs->thresholds.look_at_us = 0;
	memcpy(cs->freeze_at_us, old.freeze_at_us, sizeof(cs->freeze_at_us));
}

void roster_renew(struct policy_state *state, const struct frame *frame)
{
	for (uint32_t i = 0; i < state->component_count && i < frame->component_count; i++) {
		struct component_state *cs = &state->component[i];
		uint64_t cgid = frame->component[i].cgid;

		if (cs->cgid && cgid && cs->cgid != cgid)
			renew(cs, cgid, frame->now_us);
		else if (cgid)
			cs->cgid = cgid;
	}
}
