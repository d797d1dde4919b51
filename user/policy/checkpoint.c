// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tells which parts of the policy's state are in use, which layout it has, and whether bytes read
 * back can be one; a slot of a recording begins with it. The state has room for 32 components and
 * 2,048 leaves: of these only those that are there are spanned. The layout is a number made of
 * where its parts lie, and of a count that whoever gives a field another meaning, but not another
 * place, has to raise. Before there was room for 256 leaves; what lies behind them is only moved.
 */
#include "user/policy/checkpoint.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "user/policy/state.h"

#define MEANING       1 /* of the fields; see above */
#define LEAVES_BEFORE 256

#define WORD     sizeof(uint64_t)
#define PLACE(f) (uint32_t) offsetof(struct policy_state, f)

_Static_assert(offsetof(struct policy_state, component) % WORD == 0 &&
		       offsetof(struct policy_state, leaf_end) % WORD == 0 &&
		       offsetof(struct policy_state, watch) % WORD == 0 &&
		       sizeof(struct policy_state) % WORD == 0,
	       "spans are whole words");

void policy_spans(const struct policy_state *state, struct policy_span ret_span[POLICY_SPANS])
{
	ret_span[0] = (struct policy_span){
		0,
		PLACE(component) + state->component_count * (uint32_t)sizeof(state->component[0])};
	ret_span[1] = (struct policy_span){
		PLACE(leaf_end), PLACE(leaf) + state->leaf_end * (uint32_t)sizeof(state->leaf[0])};
	ret_span[2] = (struct policy_span){PLACE(watch), sizeof(*state)};
}

const struct component_view *policy_views(const struct policy_state *state)
{
	return state->view;
}

/* What a state has less of than ours. */
static uint32_t less_bytes(uint32_t leaves)
{
	return (FRAME_LEAVES_MAX - leaves) * (uint32_t)sizeof(struct leaf_state);
}

uint64_t policy_layout_of(uint32_t leaves)
{
	const uint32_t less = less_bytes(leaves);
	const uint32_t places[] = {
		MEANING,
		(uint32_t)sizeof(struct policy_state) - less,
		PLACE(host),
		PLACE(component),
		PLACE(leaf),
		PLACE(watch) - less,
		PLACE(turn) - less,
		PLACE(last_thaw_us) - less,
		PLACE(view) - less,
		sizeof(struct component_state),
		sizeof(struct signal),
		sizeof(struct level_state),
		sizeof(struct thresholds_state),
		sizeof(struct loan_state),
		sizeof(struct margin_state),
		sizeof(struct limit_state),
		sizeof(struct reclaim_state),
		sizeof(struct payoff_state),
		sizeof(struct idle_state),
		offsetof(struct component_state, level),
		offsetof(struct component_state, thresholds),
		offsetof(struct component_state, loans),
		offsetof(struct component_state, in_force_bytes),
		offsetof(struct component_state, limit),
		offsetof(struct component_state, freeze_at_us),
		offsetof(struct component_state, reclaim),
		offsetof(struct component_state, mark_bytes),
		offsetof(struct component_state, tier),
		sizeof(struct leaf_state),
		sizeof(struct breath_state),
		sizeof(struct cpu_state),
		offsetof(struct leaf_state, cause),
		offsetof(struct leaf_state, breath),
		offsetof(struct leaf_state, cpu),
		offsetof(struct leaf_state, suspect),
		offsetof(struct leaf_state, thawed_us),
		offsetof(struct leaf_state, ages),
		TIER__COUNT,
		LEVEL__COUNT,
		REASON__COUNT,
	};
	uint64_t layout = 0xcbf29ce484222325ULL; /* FNV-1a */

	for (unsigned int i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		layout = (layout ^ places[i]) * 0x100000001b3ULL;
	return layout;
}

uint64_t policy_layout(void)
{
	return policy_layout_of(FRAME_LEAVES_MAX);
}

uint32_t policy_layout_bytes(uint64_t layout)
{
	if (layout == policy_layout())
		return sizeof(struct policy_state);
	if (layout == policy_layout_of(LEAVES_BEFORE))
		return (uint32_t)sizeof(struct policy_state) - less_bytes(LEAVES_BEFORE);
	return 0;
}

void policy_renew(struct policy_state *state, uint64_t layout)
{
	const uint32_t rest = (uint32_t)sizeof(*state) - PLACE(watch);
	char *end = (char *)&state->leaf[LEAVES_BEFORE];

	if (layout != policy_layout_of(LEAVES_BEFORE))
		return;
	memmove(&state->watch, end, rest);
	memset(end, 0, less_bytes(LEAVES_BEFORE));
}

static bool component_is_sound(const struct component_state *cs)
{
	return cs->name[UW_NAME_LEN - 1] == '\0' && cs->signal.stall_count <= STALL_HISTORY &&
	       cs->signal.stall_next < STALL_HISTORY && cs->freeze_next < FREEZES_KEPT &&
	       cs->level.level < LEVEL__COUNT && cs->level.rising < LEVEL__COUNT &&
	       cs->level.seen < LEVEL__COUNT && cs->tier < TIER__COUNT &&
	       cs->thresholds.look_point <= THRESHOLDS_BELOW;
}

static bool leaf_is_sound(const struct leaf_state *leaf)
{
	return leaf->component < UW_COMPONENTS_MAX && leaf->cause <= FREEZE_CLIENT &&
	       leaf->breath_cause <= FREEZE_CLIENT;
}

int policy_check_state(const struct policy_state *state)
{
	bool is_sound =
		state->component_count <= UW_COMPONENTS_MAX && state->leaf_end <= FRAME_LEAVES_MAX;

	for (uint32_t i = 0; is_sound && i < UW_COMPONENTS_MAX; i++)
		is_sound = component_is_sound(&state->component[i]);
	for (uint32_t i = 0; is_sound && i < FRAME_LEAVES_MAX; i++)
		is_sound = leaf_is_sound(&state->leaf[i]);
	return is_sound ? 0 : -EBADMSG;
}
