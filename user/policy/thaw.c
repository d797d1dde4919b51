// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Decides when a frozen leaf goes on: at once when its freeze made somebody else stall, else when
 * there is room for what it gave up, and at its deadline in any case, on probation if need be.
 * Thaws keep a distance, so that no two leaves count on the same room. A client's thaw is in
 * requests.c, the one at the start in freeze.c, that of a queued job in admit/grow.c.
 */
#include "user/policy/thaw.h"

#include "user/policy/freeze.h"
#include "user/policy/limits.h"
#include "user/policy/num.h"
#include "user/policy/room.h"
#include "user/policy/squeeze.h"

#define DEADLINE_MARGIN_US (2 * US_PER_SEC) /* ours comes before the guard's */
#define THAW_RETRY_US      US_PER_SEC
#define THAW_SPACING_US    (5 * US_PER_SEC)
#define EFFECT_AFTER_US    (2 * US_PER_SEC)
#define EFFECT_PERMYRIAD   2000
#define ROOM_GREW_PART     10 /* the limit in force grew by a tenth: no need to wait longer */

/* A freeze that makes another component stall has stopped somebody it waits for. */
static void judge_effect(struct step *step)
{
	struct freeze_watch *watch = &step->state->watch;
	struct leaf_state *leaf;

	if (!watch->leaf || step->now_us - watch->at_us < EFFECT_AFTER_US)
		return;
	leaf = leaf_find(step->state, watch->leaf);
	watch->leaf = 0;
	if (!leaf || leaf->cause == FREEZE_NOT || !room_on_host(step, 0))
		return;
	for (uint32_t i = 0; i < step->state->component_count; i++) {
		const struct component_state *cs = &step->state->component[i];
		uint64_t full = cs->signal.full_short_permyriad;

		if (!watch->was_calm[i] || cs->squeeze != SQUEEZE_NONE || full < EFFECT_PERMYRIAD ||
		    cs->signal.current_bytes + limits_slack(cs->in_force_bytes) >= limits_high(cs))
			continue;
		leaf->spared_until_us = UINT64_MAX;
		thaw_leaf(step, leaf, (struct why){REASON_SIDE_EFFECT, full, EFFECT_PERMYRIAD});
		return;
	}
}

static uint64_t shortest_freeze(const struct step *step, const struct leaf_state *leaf)
{
	const struct policy_conf *conf = &step->config->policy;
	uint64_t in_force = step->state->component[leaf->component].in_force_bytes;
	uint64_t us = conf->freeze_dwell_us << leaf->relapses;

	if (in_force >= leaf->room_then_bytes + leaf->room_then_bytes / ROOM_GREW_PART)
		us = conf->freeze_dwell_us;
	return min_u64(us, conf->freeze_max_us);
}

/* Not too soon and not two at a time, unless the lease ends anyway. */
static bool thaw_into_room(struct step *step, struct leaf_state *leaf, bool due)
{
	struct why why = {REASON_ROOM, 0, 0};

	if (!due && (step->now_us - leaf->frozen_us < shortest_freeze(step, leaf) ||
		     step->now_us - step->state->last_thaw_us < THAW_SPACING_US))
		return false;
	if (!room_for_thaw(step, leaf, &why))
		return false;
	squeeze_release(step, leaf->component, why);
	return thaw_leaf(step, leaf, why);
}

static void leaf_step(struct step *step, struct leaf_state *leaf)
{
	uint64_t age = step->now_us - leaf->frozen_us;
	struct why late = {REASON_DEADLINE, age, leaf->deadline_us - leaf->frozen_us};
	uint64_t margin = min_u64(DEADLINE_MARGIN_US, (leaf->deadline_us - leaf->frozen_us) / 4);
	bool due = step->now_us + margin >= leaf->deadline_us;

	if (leaf->thaw_sent_us) {
		if (step->now_us - leaf->thaw_sent_us >= THAW_RETRY_US)
			thaw_leaf(step, leaf, late);
		return;
	}
	if (!leaf->populated) {
		thaw_leaf(step, leaf, (struct why){REASON_ROOM, leaf->current_bytes, 0});
		return;
	}
	if (leaf->cause == FREEZE_CLIENT) {
		if (step->now_us >= leaf->deadline_us)
			thaw_leaf(step, leaf, late);
		return;
	}
	if (thaw_into_room(step, leaf, due) || !due)
		return;
	if (squeeze_probation(step, leaf->component, late))
		thaw_leaf(step, leaf, late);
}

void thaw_step(struct step *step)
{
	judge_effect(step);
	for (uint32_t i = 0; i < step->state->leaf_end; i++) {
		struct leaf_state *leaf = &step->state->leaf[i];

		if (leaf->cgid && leaf->cause != FREEZE_NOT)
			leaf_step(step, leaf);
	}
}
