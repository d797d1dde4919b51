// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fills what top shows from what was recorded. It begins five minutes before the frame, so that the
 * sparklines have what they had then, and reads on until the frame after it, since what the policy
 * made of a frame stands behind it. Of the queue and of uwd itself nothing is recorded.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/base/units.h"
#include "user/cli/draw/times.h"
#include "user/cli/report/story.h"
#include "user/cli/top/read.h"
#include "user/cli/top/tape.h"
#include "user/conf/conf.h"

#define BEFORE_US (HISTORY_SLOTS * US_PER_SEC)
#define WITHIN_US (11 * US_PER_SEC) /* a frame comes in ten seconds at least: else it is a gap */

/* ---- of the recording ---- */

static void take_names(struct tape *tape)
{
	const struct recording *r = tape->copy.recording;
	struct uw_err err = {0};

	tape->has_config =
		r->config &&
		!conf_parse_text("recording", r->config, r->config_len, &tape->config, &err) &&
		!config_resolve(&tape->config, r->usable_bytes);
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++) {
		if (tape->has_config && i < tape->config.component_count)
			text_copy(tape->name[i], UW_NAME_LEN, tape->config.component[i].name);
		else
			snprintf(tape->name[i], UW_NAME_LEN, "component %" PRIu32, i + 1);
	}
}

static uint64_t known_or_absent(const struct component_sample *sample, enum sample_group group,
				uint64_t value)
{
	return (sample->known | sample->valid) & group ? value : FRAME_ABSENT;
}

static void fill_view(const struct component_view *view, uint64_t now_us, struct top_component *to)
{
	to->level = view->level;
	text_copy(to->tier, sizeof(to->tier), tier_name(view->tier));
	to->why[0] = '\0';
	if (view->level != LEVEL_NORMAL)
		reason_text(&view->why, to->why, sizeof(to->why));
	to->in_force_bytes = view->in_force_bytes;
	to->budget_bytes = view->budget_bytes;
	to->lent_bytes = view->lent_bytes;
	to->borrowed_bytes = view->borrowed_bytes;
	to->working_set_bytes = view->working_set_bytes;
	to->use_permyriad = view->use_permyriad;
	to->some_permyriad = view->some_permyriad;
	to->time_to_limit_us = view->time_to_limit_us;
	to->growth_bytes_per_s = view->slope_bytes_per_s;
	to->frozen_leaves = view->frozen_leaves;
	to->thaw_in_us = view->thaw_by_us > now_us ? view->thaw_by_us - now_us : FRAME_ABSENT;
	to->squeezed = view->squeezed;
}

static void fill_components(const struct tape *tape, struct top_frame *frame)
{
	const struct frame *from = &tape->copy.recording->frame;

	frame->component_count = from->component_count;
	frame->head.used_bytes = 0;
	for (uint32_t i = 0; i < from->component_count; i++) {
		const struct component_sample *sample = &from->component[i];
		struct top_component *to = &frame->component[i];

		*to = (struct top_component){.current_bytes = sample->current_bytes,
					     .promised_bytes = sample->promised_bytes,
					     .refused_bytes = FRAME_ABSENT,
					     .refused_ago_us = FRAME_ABSENT};
		to->swap_bytes = known_or_absent(sample, SAMPLE_SWAP, sample->swap_bytes);
		to->high_bytes = known_or_absent(sample, SAMPLE_LIMITS, sample->high_bytes);
		text_copy(to->name, sizeof(to->name), tape->name[i]);
		frame->head.used_bytes += sample->current_bytes;
	}
}

static void fill_leaves(const struct tape *tape, struct top_frame *frame)
{
	const struct recording *r = tape->copy.recording;

	frame->leaf_count = 0;
	for (uint32_t i = 0; i < r->frame.leaf_count && i < TOP_LEAVES_MAX; i++) {
		const struct leaf_sample *from = &r->frame.leaf[i];
		struct top_leaf *to = &frame->leaf[frame->leaf_count];
		const char *name = recording_leaf_name(r, from->cgid);

		if (from->component >= frame->component_count)
			continue;
		*to = (struct top_leaf){.component = from->component,
					.id = from->cgid,
					.current_bytes = from->current_bytes,
					.populated = from->populated,
					.frozen = from->frozen,
					.by_other = from->frozen && !from->ours};
		text_copy(to->name, sizeof(to->name), name ? name : "?");
		to->growth_bytes_per_s = read_growth(tape->was, frame, to);
		frame->leaf_count++;
	}
}

static void fill_head(const struct tape *tape, struct top_frame *frame)
{
	const struct recording *r = tape->copy.recording;
	const struct host_sample *host = &r->frame.host;
	struct top_head *head = &frame->head;
	char date[TIMES_TEXT_LEN];

	text_copy(head->version, sizeof(head->version), r->begin.version);
	read_clock(r->wall_us, head->clock);
	snprintf(head->date, sizeof(head->date), "%.10s", times_date(r->wall_us, date));
	head->usable_bytes = r->usable_bytes;
	head->available_bytes = host->valid ? host->available_bytes : FRAME_ABSENT;
	head->swap_total_bytes = host->valid ? host->swap_total_bytes : FRAME_ABSENT;
	head->swap_free_bytes = host->valid ? host->swap_free_bytes : FRAME_ABSENT;
	head->stalled_us = host->valid ? host->psi_some_us : FRAME_ABSENT;
	head->next_start_in_us = FRAME_ABSENT;
}

static void fill_views(const struct tape *tape, struct top_frame *frame)
{
	const struct recording *r = tape->copy.recording;

	for (uint32_t i = 0; i < frame->component_count; i++)
		fill_view(&r->view[i], r->frame.now_us, &frame->component[i]);
}

static void fill_frame(struct tape *tape, struct top_model *model)
{
	struct top_frame *was = tape->was;

	if (tape->now->component_count)
		history_take(&model->history, tape->now, WITHIN_US);
	tape->was = tape->now;
	tape->now = was;
	tape->now->at_us = tape->copy.recording->wall_us;
	fill_head(tape, tape->now);
	fill_components(tape, tape->now);
	fill_leaves(tape, tape->now);
	/* Those of before, until it is said what became of it. */
	fill_views(tape, tape->now);
}

/* All up to the frame, and what the policy made of it. */
static void read_until(struct tape *tape, struct top_model *model, uint64_t wall_us)
{
	struct recording *r = tape->copy.recording;

	tape->now->component_count = tape->was->component_count = 0;
	tape->now->leaf_count = tape->was->leaf_count = 0;
	if (!recording_seek(r, wall_us > BEFORE_US ? wall_us - BEFORE_US : 0))
		return;
	take_names(tape);
	do {
		if (r->kind == RECORD_CONFIG)
			take_names(tape);
		if (r->kind == RECORD_VIEW)
			fill_views(tape, tape->now);
		if (r->kind != RECORD_FRAME || r->frame.kind != FRAME_FULL)
			continue;
		if (r->wall_us > wall_us)
			break;
		fill_frame(tape, model);
	} while (recording_next(r));
}

/* ---- what was done, and why ---- */

static void fill_record(const struct tape *tape, uint32_t i, uint64_t now_us, struct top_record *to)
{
	const struct incident_action *action = &tape->incident->action[i];
	const struct outcome *outcome = &action->outcome;
	uint64_t end_us = action->wall_us + (outcome->ended_us - outcome->began_us);
	char what[STORY_CELL_LEN], effect[STORY_CELL_LEN];

	*to = (struct top_record){.sequence = i + 1};
	read_clock(action->wall_us, to->when);
	if (action->component != INCIDENT_NONE)
		text_copy(to->component, sizeof(to->component),
			  tape->incident->component[action->component].name);
	text_copy(to->level, sizeof(to->level), level_name(action->level));
	text_copy(to->tier, sizeof(to->tier), tier_name(action->action.tier));
	snprintf(to->what, sizeof(to->what), "%.40s%s%.50s", action->leaf, *action->leaf ? " " : "",
		 story_what(action, what));
	text_copy(to->reason, sizeof(to->reason), reason_name(action->action.why.reason));
	reason_text(&action->action.why, to->why, sizeof(to->why));
	to->ended = action->ended && end_us <= now_us;
	to->failed = to->ended && outcome->result == OUTCOME_FAILED;
	text_copy(to->effect, sizeof(to->effect),
		  to->ended || action->action.kind == ACTION_NOTICE ? story_effect(action, effect)
								    : "under way");
}

/* The last ones, in their order. */
static void fill_records(const struct tape *tape, struct top_frame *frame)
{
	uint32_t end = 0, from;

	while (end < tape->incident->action_count &&
	       tape->incident->action[end].wall_us <= frame->at_us)
		end++;
	from = end > TOP_RECORDS_MAX ? end - TOP_RECORDS_MAX : 0;
	frame->record_count = 0;
	for (uint32_t i = from; i < end; i++)
		fill_record(tape, i, frame->at_us, &frame->record[frame->record_count++]);
	frame->is_new_uwd = true;
}

static void fill_conditions(const struct tape *tape, uint32_t component, struct top_frame *frame)
{
	struct conditions all;

	conditions_of(&tape->config.policy, &tape->config.component[component],
		      &tape->copy.recording->view[component], tape->copy.recording->frame.now_us,
		      &all);
	frame->condition_count = 0;
	for (uint32_t i = 0; i < all.count; i++) {
		const struct condition *from = &all.condition[i];
		struct top_condition *to = &frame->condition[frame->condition_count++];

		*to = (struct top_condition){.met = condition_is_met(from),
					     .at_most = from->at_most};
		text_copy(to->name, sizeof(to->name), from->name);
		reason_value_text(from->unit, from->observed, to->observed, sizeof(to->observed));
		reason_value_text(from->unit, from->threshold, to->threshold,
				  sizeof(to->threshold));
		text_copy(to->leads_to, sizeof(to->leads_to), from->leads_to);
		text_copy(to->tier, sizeof(to->tier), tier_name(from->tier));
		text_copy(to->text, sizeof(to->text), from->text);
	}
}

static void fill_explain(const struct tape *tape, const struct top_model *model,
			 struct top_frame *frame)
{
	for (uint32_t i = 0; tape->has_config && i < tape->config.component_count; i++)
		if (!strcmp(tape->config.component[i].name, model->component)) {
			fill_conditions(tape, i, frame);
			return;
		}
	text_copy(frame->refused, sizeof(frame->refused), "it was not there then");
}

static void add_line(struct top_frame *frame, uint8_t indent, const char *text)
{
	struct top_line *line = &frame->line[frame->line_count++];

	*line = (struct top_line){.indent = indent};
	text_copy(line->text, sizeof(line->text), text);
}

/* What was done to it, the last first. */
static void fill_why(const struct top_model *model, struct top_frame *frame)
{
	char text[TOP_LINE_LEN];

	frame->line_count = 0;
	snprintf(frame->title, sizeof(frame->title), "%s", model->component);
	for (uint32_t i = frame->record_count; i--;) {
		const struct top_record *record = &frame->record[i];

		if (strcmp(record->component, model->component) != 0)
			continue;
		snprintf(text, sizeof(text), "%s %s", record->when, record->what);
		add_line(frame, 0, text);
		snprintf(text, sizeof(text), "%s; %s", record->why, record->effect);
		add_line(frame, 2, text);
	}
	if (!frame->line_count)
		add_line(frame, 0, "nothing was done to it before");
}

static void fill_viewed(const struct tape *tape, const struct top_model *model,
			struct top_frame *frame)
{
	frame->view = model->view;
	frame->about_job = model->job;
	text_copy(frame->about, sizeof(frame->about), model->component);
	frame->refused[0] = '\0';
	frame->job_count = 0;
	if (model->view == TOP_EXPLAIN)
		fill_explain(tape, model, frame);
	else if (model->view == TOP_WHY)
		fill_why(model, frame);
	else if (model->view != TOP_COMPONENTS && model->view != TOP_ACTIONS)
		text_copy(frame->refused, sizeof(frame->refused),
			  "a recording has no queue: 'uwctl history' remembers what has ended");
}

void tape_show(struct tape *tape, struct top_model *model)
{
	uint64_t wall_us = tape->wall_us[tape->at];

	model_jump(model);
	read_until(tape, model, wall_us);
	fill_records(tape, tape->now);
	fill_viewed(tape, model, tape->now);
	/* The host's stalls are a share of the time since the frame before. */
	if (tape->was->component_count)
		model_take(model, tape->was);
	model_take(model, tape->now);
}
