// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Carries out what clients asked for, leaf by leaf. A plan is shared with what the policy itself
 * has to do: where a component has more leaves than there is room for, the rest is noted at the
 * leaf, and follows in the next plans, one shortly after the other. A reclaim is only noted here:
 * reclaim.c takes it into account among the other wishes on the component.
 */
#include "user/policy/requests.h"

#include "user/policy/breath.h"
#include "user/policy/freeze.h"
#include "user/policy/num.h"
#include "user/policy/thresholds.h"

#define SPARE_US   (5 * US_PER_SEC)
#define RECLAIM_US (30 * US_PER_SEC)
#define ROOM       (PLAN_ACTIONS_MAX / 2) /* of a plan */
#define FOLLOW_US  (10 * US_PER_MS)       /* as often as that, a processor has time for others */

static const struct why asked = {REASON_REQUEST, 0, 0};

/* ---- leaf by leaf ---- */

/* Until then its deadline is the one that was asked for. */
static void freeze_if_room(struct step *step, struct leaf_state *leaf, uint64_t until_us)
{
	leaf->asked = 0;
	if (step->plan->action_count < ROOM &&
	    freeze_leaf(step, leaf, FREEZE_CLIENT, until_us - step->now_us, asked))
		return;
	leaf->asked = 1 + REQUEST_FREEZE;
	leaf->deadline_us = until_us;
}

static void thaw_if_room(struct step *step, struct leaf_state *leaf)
{
	leaf->asked = 0;
	if (step->plan->action_count < ROOM && thaw_leaf(step, leaf, asked))
		return;
	leaf->asked = 1 + REQUEST_THAW;
}

static void request_freeze(struct step *step, struct leaf_state *leaf, uint64_t amount)
{
	uint64_t max = step->config->policy.freeze_max_us;
	uint64_t us = amount ? min_u64(amount, max) : max;
	bool by_policy = leaf->cause != FREEZE_NOT && leaf->cause != FREEZE_CLIENT;

	/* Entered for us, a freeze of somebody else's would end with ours. */
	if (leaf->cause == FREEZE_NOT && leaf->kernel_frozen)
		return;
	/* A client makes a freeze of ours longer, never shorter. */
	if (leaf->populated && !(by_policy && step->now_us + us <= leaf->deadline_us))
		freeze_if_room(step, leaf, step->now_us + us);
}

static void request_thaw(struct step *step, struct leaf_state *leaf, uint64_t amount)
{
	(void)amount;
	leaf->asked = 0;
	if (leaf->cause == FREEZE_NOT && !leaf->breath_until_us)
		return;
	leaf->spared_until_us = max_u64(leaf->spared_until_us, step->now_us + SPARE_US);
	leaf->breath_until_us = 0; /* it runs by policy for a moment, and on by request */
	if (leaf->cause != FREEZE_NOT)
		thaw_if_room(step, leaf);
}

/* What became of it meanwhile by other reasons is as good. */
static void follow(struct step *step, struct leaf_state *leaf)
{
	bool freeze = leaf->asked == 1 + REQUEST_FREEZE;

	leaf->asked = 0;
	if (freeze && leaf->cause == FREEZE_NOT && leaf->kernel_frozen)
		return;
	if (freeze && leaf->populated && step->now_us < leaf->deadline_us)
		freeze_if_room(step, leaf, leaf->deadline_us);
	else if (!freeze && leaf->cause != FREEZE_NOT && !leaf->thaw_sent_us)
		thaw_if_room(step, leaf);
}

static void follow_all(struct step *step)
{
	for (uint32_t i = 0; i < step->state->leaf_end; i++)
		if (step->state->leaf[i].cgid && step->state->leaf[i].asked)
			follow(step, &step->state->leaf[i]);
}

uint64_t requests_next_us(const struct step *step)
{
	for (uint32_t i = 0; i < step->state->leaf_end; i++)
		if (step->state->leaf[i].cgid && step->state->leaf[i].asked)
			return step->now_us + FOLLOW_US;
	return UINT64_MAX;
}

/* ---- requests ---- */

static void each_leaf(struct step *step, const struct frame_request *request,
		      void (*fn)(struct step *step, struct leaf_state *leaf, uint64_t amount))
{
	for (uint32_t i = 0; i < step->state->leaf_end; i++) {
		struct leaf_state *leaf = &step->state->leaf[i];

		if (leaf->cgid && leaf->component == request->component &&
		    (!request->leaf || request->leaf == leaf->cgid))
			fn(step, leaf, request->amount);
	}
}

static void request_reclaim(struct step *step, const struct frame_request *request)
{
	struct reclaim_state *r = &step->state->component[request->component].reclaim;

	r->requested_bytes = request->amount;
	r->requested_leaf = request->leaf;
	r->requested_until_us = step->now_us + RECLAIM_US;
	r->exhausted_until_us = 0;
}

void requests_step(struct step *step)
{
	follow_all(step);
	for (uint32_t i = 0; i < step->frame->request_count && i < FRAME_REQUESTS_MAX; i++) {
		const struct frame_request *request = &step->frame->request[i];

		if (request->component >= step->config->component_count)
			continue;
		switch (request->kind) {
		case REQUEST_FREEZE:
			each_leaf(step, request, request_freeze);
			break;
		case REQUEST_THAW:
			each_leaf(step, request, request_thaw);
			break;
		case REQUEST_RECLAIM:
			request_reclaim(step, request);
			break;
		case REQUEST_FORGET:
			thresholds_forget(step, request->component);
			break;
		case REQUEST_HAND_OVER: /* requests_end_step */
		case REQUEST__COUNT:
			break;
		}
	}
}

/* Last: whatever begins a breath has done so by then. */
void requests_end_step(struct step *step)
{
	for (uint32_t i = 0; i < step->frame->request_count && i < FRAME_REQUESTS_MAX; i++)
		if (step->frame->request[i].kind == REQUEST_HAND_OVER)
			breath_end_all(step);
}
