// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs the policy again over the frames of a recording, for uwctl replay. A slot of a recording
 * begins with the policy's state, but between two slots of one uwd the state that was reached here
 * goes on: that it comes to the same is what is to be shown, and by another configuration it comes
 * to something else. The recorded state is taken where frames are missing.
 */
#include "user/cli/redo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/conf/conf.h"
#include "user/policy/checkpoint.h"

int redo_init(struct redo *redo, struct recording *recording, const struct config *other)
{
	*redo = (struct redo){.recording = recording, .other = other};
	redo->state = calloc(1, policy_state_size());
	return redo->state ? 0 : -ENOMEM;
}

void redo_done(struct redo *redo)
{
	free(redo->state);
	redo->state = NULL;
}

/* Of the machine that was recorded. */
static uint64_t usable_of(const struct redo *redo, const struct config *config)
{
	uint64_t total_bytes = redo->recording->frame.host.total_bytes;

	if (redo->other && config->usable_conf_permyriad && total_bytes)
		return config_share(total_bytes, config->usable_conf_permyriad);
	return redo->recording->usable_bytes;
}

static int take_config(struct redo *redo, struct uw_err *err)
{
	const struct recording *r = redo->recording;
	int rc = conf_parse_text("recording", r->config, r->config_len,
				 redo->other ? &redo->recorded : &redo->config, err);

	if (rc)
		return rc;
	if (redo->other)
		redo->config = *redo->other;
	rc = config_resolve(&redo->config, usable_of(redo, &redo->config));
	if (rc)
		return err_set(err, -EINVAL,
			       "configuration: the components' budgets do not fit in what was "
			       "usable");
	redo->has_config = true;
	return 0;
}

static bool take_state(struct redo *redo)
{
	uint64_t layout = redo->recording->state_about.layout;
	uint32_t bytes = policy_layout_bytes(layout);

	if (!bytes || !recording_state(redo->recording, layout, redo->state, bytes))
		return false;
	policy_renew(redo->state, layout);
	return !policy_check_state(redo->state);
}

/* The state before this frame. */
static void settle(struct redo *redo)
{
	struct recording *r = redo->recording;
	bool goes_on = redo->has_state && r->frame.sequence == redo->sequence + 1 &&
		       !strcmp(redo->boot_id, r->begin.boot_id);

	if (goes_on)
		return;
	redo->has_state = redo->fresh && take_state(redo);
	if (redo->has_state) {
		redo->starts++;
		return;
	}
	policy_init(redo->state);
	redo->has_state = true;
	redo->cold_starts++;
}

/* The index of the recorded component in the other configuration; COMPONENT_NONE for the host, and
 * for one that is not in there. */
static uint32_t renumbered(const struct redo *redo, uint32_t component)
{
	int index = component < redo->recorded.component_count
			    ? config_find(&redo->config, redo->recorded.component[component].name)
			    : -1;

	return index < 0 ? COMPONENT_NONE : (uint32_t)index;
}

static void renumber_components(struct redo *redo, const struct frame *from)
{
	struct frame *to = &redo->frame;

	to->component_count = redo->config.component_count;
	memset(to->component, 0, sizeof(to->component));
	for (uint32_t i = 0; i < from->component_count; i++) {
		uint32_t index = renumbered(redo, i);

		if (index != COMPONENT_NONE)
			to->component[index] = from->component[i];
	}
}

/* Leaves and requests of a component that is not there are not there either. */
static void renumber_leaves(struct redo *redo, const struct frame *from)
{
	struct frame *to = &redo->frame;

	to->leaf_count = to->request_count = 0;
	for (uint32_t i = 0; i < from->leaf_count; i++) {
		to->leaf[to->leaf_count] = from->leaf[i];
		to->leaf[to->leaf_count].component = renumbered(redo, from->leaf[i].component);
		to->leaf_count += to->leaf[to->leaf_count].component != COMPONENT_NONE;
	}
	for (uint32_t i = 0; i < from->request_count; i++) {
		to->request[to->request_count] = from->request[i];
		to->request[to->request_count].component =
			renumbered(redo, from->request[i].component);
		to->request_count += to->request[to->request_count].component != COMPONENT_NONE;
	}
}

/* What a uwd with the other configuration would have been told: its components, in its order. */
static const struct frame *frame_for(struct redo *redo)
{
	const struct frame *from = &redo->recording->frame;
	struct frame *to = &redo->frame;

	if (!redo->other)
		return from;
	*to = *from;
	renumber_components(redo, from);
	renumber_leaves(redo, from);
	for (uint32_t i = 0; i < to->event_count; i++)
		to->event[i].component = renumbered(redo, from->event[i].component);
	for (uint32_t i = 0; i < to->outcome_count; i++)
		to->outcome[i].component = renumbered(redo, from->outcome[i].component);
	return to;
}

static int step(struct redo *redo, struct uw_err *err)
{
	struct recording *r = redo->recording;
	int rc;

	redo->unplanned += redo->stepped;
	redo->stepped = false;
	if (r->thin || !r->config)
		return 0;
	/* A percentage of memory wants a frame first. */
	if (!redo->has_config) {
		rc = take_config(redo, err);
		if (rc)
			return rc;
	}
	settle(redo);
	policy_step(redo->state, &redo->config, frame_for(redo), &redo->plan);
	redo->fresh = false;
	redo->stepped = true;
	redo->sequence = r->frame.sequence;
	memcpy(redo->boot_id, r->begin.boot_id, sizeof(redo->boot_id));
	return 0;
}

int redo_next(struct redo *redo, struct uw_err *err)
{
	struct recording *r = redo->recording;
	int rc = 0;

	while (!rc && recording_next(r)) {
		switch (r->kind) {
		case RECORD_CONFIG:
			redo->has_config = false;
			break;
		case RECORD_STATE:
			redo->fresh = true;
			break;
		case RECORD_GAP:
			redo->lost += r->gap;
			break;
		case RECORD_FRAME:
			rc = step(redo, err);
			break;
		case RECORD_PLAN:
			if (!redo->stepped)
				break;
			redo->stepped = false;
			redo->frames++;
			return 1;
		default:
			break;
		}
	}
	return rc;
}
