// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Goes through a recording from the last full frame before the window to its end, and a little
 * further for what came of the last actions. Components are told by their names, since a reload
 * changes their indices; leaves by the id of their cgroup. Between two frames what was there holds,
 * unless they are so far apart that something is missing: a gap, over which nothing holds.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/base/units.h"
#include "user/cli/report/gather.h"

#define GAP_FULL_US (5 * US_PER_SEC)  /* the longest tick by far: rest-period is 10 s at most */
#define GAP_THIN_US (25 * US_PER_SEC) /* of a full frame in ten seconds, two are missing */
#define PERIODS     3
#define AFTER_US    (120 * US_PER_SEC) /* for outcomes of what was begun in the window */

/* ---- gaps ---- */

static uint64_t gap_after_us(const struct gathering *g)
{
	uint64_t period_us = g->incident->has_config ? g->incident->config.rest_period_us : 0;
	uint64_t full_us = PERIODS * period_us > GAP_FULL_US ? PERIODS * period_us : GAP_FULL_US;

	return g->thin || g->recording->thin ? GAP_THIN_US : full_us;
}

static void break_all(struct incident *incident)
{
	for (uint32_t i = 0; i < incident->component_count; i++) {
		struct incident_component *component = &incident->component[i];

		series_break(&component->use);
		series_break(&component->in_force);
		series_break(&component->high);
		series_break(&component->stall);
		series_break(&component->level);
		component->psi_at_us = 0;
	}
	for (uint32_t i = 0; i < incident->lane_count; i++)
		series_break(&incident->lane[i].state);
	series_break(&incident->available);
	series_break(&incident->swap);
	series_break(&incident->host_stall);
	series_break(&incident->jobs_used);
	series_break(&incident->jobs_queued);
	series_break(&incident->promised);
	incident->host_psi_at_us = 0;
}

static void add_gap(struct gathering *g, uint64_t from_us, uint64_t to_us)
{
	struct incident *incident = g->incident;

	uint64_t frames = g->lost;

	g->lost = 0;
	break_all(incident);
	if (to_us <= incident->window.from_us || incident->gap_count == INCIDENT_NOTES)
		return;
	incident->gap[incident->gap_count++] = (struct incident_gap){from_us, to_us, frames};
}

/* ---- the host, components and leaves as a frame has them ---- */

/* The share of the time since the last total, in permyriad, held over that time; what was stalled
 * is returned. */
static uint64_t take_stall(const struct gathering *g, struct series *series, uint64_t *psi_us,
			   uint64_t *psi_at_us, uint64_t now_psi_us)
{
	uint64_t at_us = g->recording->wall_us, stalled_us = 0;

	if (*psi_at_us && at_us > *psi_at_us && now_psi_us >= *psi_us) {
		uint64_t share = (now_psi_us - *psi_us) * PERMYRIAD_ONE / (at_us - *psi_at_us);

		stalled_us = now_psi_us - *psi_us;
		series_break(series);
		series_put(series, &g->incident->window, *psi_at_us,
			   share > PERMYRIAD_ONE ? PERMYRIAD_ONE : share);
		series_hold(series, &g->incident->window, at_us);
	}
	*psi_us = now_psi_us;
	*psi_at_us = at_us;
	return at_us > g->incident->window.from_us ? stalled_us : 0;
}

static void take_host(struct gathering *g)
{
	struct incident *incident = g->incident;
	const struct host_sample *host = &g->recording->frame.host;
	uint64_t at_us = g->recording->wall_us;

	if (!host->valid)
		return;
	incident->total_bytes = host->total_bytes;
	incident->swap_total_bytes = host->swap_total_bytes;
	series_put(&incident->available, &incident->window, at_us, host->available_bytes);
	if (host->swap_total_bytes >= host->swap_free_bytes)
		series_put(&incident->swap, &incident->window, at_us,
			   host->swap_total_bytes - host->swap_free_bytes);
	incident->host_stalled_us += take_stall(g, &incident->host_stall, &incident->host_psi_us,
						&incident->host_psi_at_us, host->psi_some_us);
}

/* Another cgroup of the same name counts from nothing. */
static void meet_cgroup(struct incident_component *component, const struct component_sample *sample)
{
	if (component->cgid == sample->cgid)
		return;
	component->cgid = sample->cgid;
	component->psi_at_us = 0;
	component->oom_cgid = 0;
}

static void take_oom_kills(const struct gathering *g, struct incident_component *component,
			   const struct component_sample *sample)
{
	if (component->oom_cgid && sample->ev_oom_kill > component->oom_kills &&
	    g->recording->wall_us > g->incident->window.from_us)
		component->killed_by_kernel += sample->ev_oom_kill - component->oom_kills;
	component->oom_kills = sample->ev_oom_kill;
	component->oom_cgid = sample->cgid;
}

static void take_component(struct gathering *g, struct incident_component *component,
			   const struct component_sample *sample)
{
	const struct series_window *window = &g->incident->window;
	uint64_t at_us = g->recording->wall_us;

	meet_cgroup(component, sample);
	if (sample->valid & SAMPLE_USAGE)
		series_put(&component->use, window, at_us, sample->current_bytes);
	if (sample->valid & SAMPLE_LIMITS) {
		series_hold(&component->high, window, at_us);
		if (sample->high_bytes == BYTES_MAX)
			series_break(&component->high);
		else
			series_put(&component->high, window, at_us, sample->high_bytes);
	}
	if (sample->valid & SAMPLE_PSI)
		component->stalled_us += take_stall(g, &component->stall, &component->psi_us,
						    &component->psi_at_us, sample->psi_some_us);
	if (sample->valid & SAMPLE_EVENTS)
		take_oom_kills(g, component, sample);
	series_hold(&component->in_force, window, at_us);
	series_hold(&component->level, window, at_us);
}

/* A frozen leaf is one until a frame has it otherwise. */
static void meter_freeze(const struct gathering *g, struct incident_lane *lane, bool frozen,
			 uint64_t at_us)
{
	uint64_t from_us = lane->frozen_since_us;

	if (frozen && !from_us)
		lane->frozen_since_us = at_us;
	if (frozen || !from_us)
		return;
	lane->frozen_since_us = 0;
	if (from_us < g->incident->window.from_us)
		from_us = g->incident->window.from_us;
	if (at_us <= from_us)
		return;
	lane->frozen_us += at_us - from_us;
	if (at_us - from_us > lane->longest_us)
		lane->longest_us = at_us - from_us;
}

static struct incident_lane *add_lane(struct gathering *g, const struct leaf_sample *leaf,
				      uint32_t component)
{
	struct incident *incident = g->incident;
	const char *name = recording_leaf_name(g->recording, leaf->cgid);
	struct incident_lane *lane;

	if (incident->lane_count == INCIDENT_LANES) {
		incident->lanes_left_out++;
		return NULL;
	}
	lane = &incident->lane[incident->lane_count++];
	lane->cgid = leaf->cgid;
	lane->component = component;
	lane->of_job = name && !strncmp(name, "job-", 4); /* as user/jobs calls it */
	lane->first_bytes = leaf->current_bytes;
	lane->first_us = g->recording->wall_us;
	if (incident->redact)
		snprintf(lane->shown, sizeof(lane->shown), "leaf-%u", incident->lane_count);
	else if (name && *name)
		text_copy(lane->shown, sizeof(lane->shown), name);
	else
		snprintf(lane->shown, sizeof(lane->shown), "%llu", (unsigned long long)leaf->cgid);
	series_init(&lane->state);
	return lane;
}

static struct incident_lane *find_lane(struct incident *incident, uint64_t cgid)
{
	for (uint32_t i = incident->lane_count; i--;)
		if (incident->lane[i].cgid == cgid)
			return &incident->lane[i];
	return NULL;
}

/* Leaves keep their places from frame to frame, mostly. */
static struct incident_lane *lane_of(struct gathering *g, uint32_t i, uint32_t component)
{
	const struct leaf_sample *leaf = &g->recording->frame.leaf[i];
	struct incident_lane *lane = g->lane_of[i];

	if (!lane || lane->cgid != leaf->cgid)
		lane = find_lane(g->incident, leaf->cgid);
	if (!lane)
		lane = add_lane(g, leaf, component);
	g->lane_of[i] = lane;
	return lane;
}

static enum incident_state state_of(const struct gathering *g, const struct leaf_sample *leaf,
				    uint32_t component)
{
	if (leaf->frozen)
		return STATE_FROZEN;
	return g->incident->component[component].squeezed ? STATE_THROTTLED : STATE_RUNNING;
}

static void take_leaves(struct gathering *g)
{
	struct incident *incident = g->incident;
	const struct frame *frame = &g->recording->frame;
	uint64_t at_us = g->recording->wall_us, jobs_bytes = 0;

	if (!frame->leaves_valid)
		return;
	g->round++;
	for (uint32_t i = 0; i < frame->leaf_count; i++) {
		const struct leaf_sample *leaf = &frame->leaf[i];
		uint32_t component = g->index[leaf->component];
		struct incident_lane *lane;

		if (!leaf->populated || component == INCIDENT_NONE)
			continue;
		lane = lane_of(g, i, component);
		if (!lane)
			continue;
		g->seen[lane - incident->lane] = g->round;
		meter_freeze(g, lane, leaf->frozen, at_us);
		series_put(&lane->state, &incident->window, at_us, state_of(g, leaf, component));
		if (leaf->current_bytes > lane->most_bytes) {
			lane->most_bytes = leaf->current_bytes;
			lane->most_us = at_us;
		}
		jobs_bytes += lane->of_job ? leaf->current_bytes : 0;
	}
	series_put(&incident->jobs_used, &incident->window, at_us, jobs_bytes);
	for (uint32_t i = 0; i < incident->lane_count; i++)
		if (g->seen[i] != g->round) {
			meter_freeze(g, &incident->lane[i], false, at_us);
			series_hold(&incident->lane[i].state, &incident->window, at_us);
			series_break(&incident->lane[i].state);
		}
}

static void take_samples(struct gathering *g)
{
	struct incident *incident = g->incident;
	const struct frame *frame = &g->recording->frame;
	uint64_t queued_bytes = 0, promised_bytes = 0;

	take_host(g);
	for (uint32_t i = 0; i < frame->component_count; i++) {
		uint32_t component = g->index[i];

		queued_bytes += frame->component[i].queued_bytes;
		promised_bytes += frame->component[i].promised_bytes;
		if (component != INCIDENT_NONE)
			take_component(g, &incident->component[component], &frame->component[i]);
	}
	series_put(&incident->jobs_queued, &incident->window, g->recording->wall_us, queued_bytes);
	series_put(&incident->promised, &incident->window, g->recording->wall_us, promised_bytes);
	take_leaves(g);
}

/* ---- what was decided ---- */

static void take_outcomes(struct gathering *g)
{
	struct incident *incident = g->incident;
	const struct frame *frame = &g->recording->frame;

	for (uint32_t k = 0; k < frame->outcome_count; k++) {
		const struct outcome *outcome = &frame->outcome[k];

		for (uint32_t i = incident->action_count; i--;) {
			struct incident_action *action = &incident->action[i];

			if (action->ended || action->action.id != outcome->id ||
			    action->action.kind != outcome->kind)
				continue;
			action->ended = true;
			action->outcome = *outcome;
			break;
		}
	}
}

static int grow_actions(struct gathering *g)
{
	struct incident *incident = g->incident;
	uint32_t room = g->action_room ? 2 * g->action_room : 256;
	void *more;

	if (incident->action_count < g->action_room)
		return 0;
	more = realloc(incident->action, room * sizeof(*incident->action));
	if (!more)
		return -ENOMEM;
	incident->action = more;
	g->action_room = room;
	return 0;
}

static void name_leaf(const struct gathering *g, uint64_t cgid, char buf[static RECORD_LEAF_LEN])
{
	struct incident_lane *lane = find_lane(g->incident, cgid);
	const char *name = recording_leaf_name(g->recording, cgid);

	if (lane)
		text_copy(buf, RECORD_LEAF_LEN, lane->shown);
	else if (name && *name && !g->incident->redact)
		text_copy(buf, RECORD_LEAF_LEN, name);
	else
		snprintf(buf, RECORD_LEAF_LEN, "%s",
			 g->incident->redact ? "a leaf" : "a leaf that has no name");
}

static int add_action(struct gathering *g, const struct action *from)
{
	struct incident *incident = g->incident;
	struct incident_action *action;

	if (incident->action_count == INCIDENT_ACTIONS) {
		incident->actions_left_out++;
		return 0;
	}
	if (grow_actions(g) < 0)
		return -ENOMEM;
	action = &incident->action[incident->action_count++];
	*action = (struct incident_action){
		.wall_us = g->recording->wall_us,
		.action = *from,
		.component = from->component < UW_COMPONENTS_MAX ? g->index[from->component]
								 : INCIDENT_NONE,
	};
	if (from->component < UW_COMPONENTS_MAX)
		action->level = g->recording->view[from->component].level;
	if (from->leaf)
		name_leaf(g, from->leaf, action->leaf);
	if (action->component != INCIDENT_NONE && incident_acts(from->kind))
		incident->component[action->component].acted++;
	return 0;
}

/* As uwd's log has them: a mark does nothing, and breaths are what a freeze is made of. */
static bool is_told(const struct action *action)
{
	return action->kind != ACTION_ARM_MARK && action->why.reason != REASON_BREATH;
}

static int take_plan(struct gathering *g)
{
	const struct plan *plan = &g->recording->plan;
	const struct series_window *window = &g->incident->window;
	uint64_t at_us = g->recording->wall_us;
	int r = 0;

	if (at_us < window->from_us || at_us > window->to_us)
		return 0;
	for (uint32_t i = 0; !r && i < plan->action_count; i++)
		if (is_told(&plan->action[i]))
			r = add_action(g, &plan->action[i]);
	return r;
}

static bool is_worse(const struct component_view *view, const struct component_view *than)
{
	return view->level != than->level ? view->level > than->level
					  : view->use_permyriad > than->use_permyriad;
}

static void take_view(struct gathering *g, uint32_t i, struct incident_component *component)
{
	struct incident *incident = g->incident;
	const struct component_view *view = &g->recording->view[i];
	uint64_t at_us = g->recording->wall_us;

	component->squeezed = view->squeezed;
	series_put(&component->in_force, &incident->window, at_us, view->in_force_bytes);
	series_put(&component->level, &incident->window, at_us, view->level);
	if (at_us < incident->window.from_us || at_us > incident->window.to_us ||
	    (component->has_worst && !is_worse(view, &component->worst)))
		return;
	component->has_worst = true;
	component->worst = *view;
	component->worst_us = at_us;
	if (i < incident->config.component_count)
		conditions_of(&incident->config.policy, &incident->config.component[i], view,
			      g->recording->frame.now_us, &component->conditions);
}

static void take_views(struct gathering *g)
{
	for (uint32_t i = 0; i < g->recording->frame.component_count; i++)
		if (g->index[i] != INCIDENT_NONE)
			take_view(g, i, &g->incident->component[g->index[i]]);
}

/* ---- the walk ---- */

static void take_frame(struct gathering *g)
{
	struct incident *incident = g->incident;
	const struct recording *r = g->recording;
	const struct frame *frame = &r->frame;

	/* The clock was set back: what was before it cannot be put on one axis with what is. */
	if (r->wall_us < g->at_us)
		break_all(incident);
	else if (g->at_us && (g->lost || r->wall_us - g->at_us > gap_after_us(g)))
		add_gap(g, g->at_us, r->wall_us);
	g->at_us = r->wall_us;
	g->thin = r->thin;
	take_outcomes(g);
	if (r->wall_us > incident->window.to_us)
		return;
	if (r->wall_us >= incident->window.from_us) {
		incident->first_us = incident->first_us ?: r->wall_us;
		incident->last_us = r->wall_us;
	}
	/* Of a thin one that is urgent the samples are those of the frame before. */
	if (frame->kind == FRAME_FULL || !r->thin)
		take_samples(g);
}

static bool has_open_action(const struct incident *incident)
{
	for (uint32_t i = incident->action_count; i--;)
		if (!incident->action[i].ended && incident->action[i].action.kind != ACTION_NOTICE)
			return true;
	return false;
}

static bool is_over(const struct gathering *g)
{
	uint64_t to_us = g->incident->window.to_us, at_us = g->recording->wall_us;

	return at_us > to_us && (at_us > to_us + AFTER_US || !has_open_action(g->incident));
}

static int take_record(struct gathering *g)
{
	switch (g->recording->kind) {
	case RECORD_BEGIN:
		gather_begin(g);
		return 0;
	case RECORD_CONFIG:
		gather_config(g);
		return 0;
	case RECORD_GAP:
		g->lost += g->recording->gap;
		return 0;
	case RECORD_FRAME:
		take_frame(g);
		return 0;
	case RECORD_PLAN:
		return take_plan(g);
	case RECORD_VIEW:
		take_views(g);
		return 0;
	default:
		return 0;
	}
}

/* The seek has read the begin of its slot already. */
static int walk(struct gathering *g)
{
	int r = 0;

	if (!recording_seek(g->recording, g->incident->window.from_us))
		return 0;
	gather_begin(g);
	if (g->recording->config)
		gather_config(g);
	take_views(g);
	take_frame(g);
	while (!r && !is_over(g) && recording_next(g->recording))
		r = take_record(g);
	return r;
}

/* What holds to the end of the window. */
static void finish(struct gathering *g)
{
	struct incident *incident = g->incident;

	for (uint32_t i = 0; i < incident->lane_count; i++) {
		incident->lane[i].stands = incident->lane[i].frozen_since_us != 0;
		meter_freeze(g, &incident->lane[i], false, incident->last_us);
	}
	if (g->at_us && g->at_us + gap_after_us(g) < incident->window.to_us)
		add_gap(g, g->at_us, incident->window.to_us);
}

int incident_gather(struct recording *recording, const struct series_window *window, bool redact,
		    struct incident **ret_incident, struct uw_err *err)
{
	AUTO_FREE struct gathering *g = calloc(1, sizeof(*g));
	struct incident *incident = calloc(1, sizeof(*incident));
	int r = g && incident ? 0 : -ENOMEM;

	if (!r) {
		incident->window = *window;
		incident->redact = redact;
		g->incident = incident;
		g->recording = recording;
		gather_init(g);
		r = walk(g);
	}
	if (r) {
		incident_free(incident);
		return err_set(err, r, "not enough memory");
	}
	finish(g);
	if (!incident->first_us) {
		incident_free(incident);
		return err_set(err, -ENODATA, "nothing was recorded in that time");
	}
	*ret_incident = incident;
	return 0;
}

void incident_free(struct incident *incident)
{
	if (incident)
		free(incident->action);
	free(incident);
}
