// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Draws Jobs, Actions and Explain, each a table of its own columns, and what is shown at length,
 * line by line. Of the chosen action and job the whole reason stands below the list.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/cli/top/bars.h"
#include "user/cli/top/columns.h"
#include "user/cli/top/layout_inside.h"
#include "user/cli/top/rows.h"

/* ---- jobs ---- */

enum job_column {
	JOB_COLUMN_ID,
	JOB_COLUMN_NAME,
	JOB_COLUMN_COMPONENT,
	JOB_COLUMN_STATE,
	JOB_COLUMN_USE,
	JOB_COLUMN_OF,
	JOB_COLUMN_END,
	JOB_COLUMN_WHY,
	JOB_COLUMN__COUNT
};

static const struct top_column job_columns[JOB_COLUMN__COUNT] = {
	[JOB_COLUMN_ID] = {.title = "ID", .least = 6, .most = 9},
	[JOB_COLUMN_NAME] = {.title = "NAME", .least = 6, .most = 23, .grow_rank = 1},
	[JOB_COLUMN_COMPONENT] =
		{.title = "COMPONENT", .rank = 6, .least = 10, .most = 31, .grow_rank = 4},
	[JOB_COLUMN_STATE] = {.title = "STATE", .least = 12, .most = 20},
	[JOB_COLUMN_USE] = {.title = "USE", .rank = 4, .least = 8, .most = 32, .grow_rank = 5},
	[JOB_COLUMN_OF] = {.title = "USED/RESERVED", .right = true, .least = 13, .most = 13},
	[JOB_COLUMN_END] = {.title = "END", .rank = 1, .least = 9, .most = 12, .grow_rank = 2},
	[JOB_COLUMN_WHY] = {.title = "WHY", .rank = 2, .least = 12, .most = 120, .grow_rank = 3},
};

static bool is_folded(const struct top_model *model, const struct top_job *job)
{
	return job->array != FRAME_ABSENT && job->array != model->unfolded;
}

static void job_id(const struct top_model *model, const struct top_job *job, char *buf, size_t size)
{
	if (job->array == FRAME_ABSENT)
		snprintf(buf, size, "%" PRIu64, job->id);
	else if (is_folded(model, job))
		snprintf(buf, size, "%" PRIu64 "_*", job->array);
	else
		snprintf(buf, size, "%" PRIu64 "_%" PRIu64, job->array, job->index);
}

/* "running", "4 run 2 wait". */
static void job_state(const struct model_row *row, const struct top_job *job, char *buf,
		      size_t size)
{
	uint32_t waits = row->count - row->running - row->frozen - row->held;
	const struct {
		uint32_t count;
		const char *word;
	} parts[] = {{row->running, "run"},
		     {row->frozen, "frozen"},
		     {waits, "wait"},
		     {row->held, "held"}};
	size_t at = 0;

	if (row->count == 1) {
		snprintf(buf, size, "%s", job->state);
		return;
	}
	*buf = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(parts) && at < size; i++) {
		if (parts[i].count)
			at += (size_t)snprintf(buf + at, size - at, "%s%" PRIu32 " %s",
					       at ? " " : "", parts[i].count, parts[i].word);
	}
}

static enum paint job_paint(const struct top_job *job)
{
	static const enum paint paints[] = {PAINT_BAD, PAINT_WARN, PAINT_NOTE, PAINT_GOOD,
					    PAINT_GOOD};
	int rank = rows_job_rank(job);

	return rank < (int)ARRAY_SIZE(paints) ? paints[rank] : PAINT_PLAIN;
}

static void job_end(const struct top_job *job, char *buf, size_t size)
{
	char text[UNITS_TEXT_LEN];

	if (job->late_us != FRAME_ABSENT)
		snprintf(buf, size, "%s late", layout_time(job->late_us, text));
	else if (job->end_in_us != FRAME_ABSENT)
		snprintf(buf, size, "in %s%s", job->end_is_guess ? "~" : "",
			 layout_time(job->end_in_us, text));
	else
		snprintf(buf, size, "-");
}

static void draw_job(const struct top_model *model, struct canvas *canvas, int y,
		     const struct model_row *row, const int *width)
{
	const struct top_job *job = &model->frame.job[row->first];
	const struct top_job *why = &model->frame.job[row->why];
	char text[TOP_WORDS_LEN];
	int x = LAYOUT_MARGIN;

	for (int i = 0; i < JOB_COLUMN__COUNT; i++) {
		if (!width[i])
			continue;
		switch (i) {
		case JOB_COLUMN_ID:
			job_id(model, job, text, sizeof(text));
			canvas_text(canvas, x, y, width[i], STYLE_STRONG, text);
			break;
		case JOB_COLUMN_NAME:
			canvas_text(canvas, x, y, width[i], PAINT_PLAIN, job->name);
			break;
		case JOB_COLUMN_COMPONENT:
			canvas_text(canvas, x, y, width[i], PAINT_PLAIN, job->component);
			break;
		case JOB_COLUMN_STATE:
			job_state(row, job, text, sizeof(text));
			canvas_text(canvas, x, y, width[i], job_paint(job), text);
			break;
		case JOB_COLUMN_USE:
			bars_draw(canvas, x, y, width[i], job_paint(job), row->used_bytes,
				  row->reserved_bytes, BARS_NO_MARK);
			break;
		case JOB_COLUMN_OF:
			canvas_right(canvas, x, y, width[i], PAINT_PLAIN,
				     layout_pair(row->used_bytes, row->reserved_bytes, text));
			break;
		case JOB_COLUMN_END:
			job_end(job, text, sizeof(text));
			canvas_text(canvas, x, y, width[i], PAINT_PLAIN, text);
			break;
		case JOB_COLUMN_WHY:
			canvas_text(canvas, x, y, width[i], PAINT_DIM,
				    strlen(why->why) <= (size_t)width[i] ? why->why : why->brief);
			break;
		}
		x += width[i] + 1;
	}
}

static int longest_id(const struct top_model *model)
{
	int longest = 0;

	for (uint32_t i = 0; i < model->row_count; i++) {
		char text[48];
		int length;

		job_id(model, &model->frame.job[model->row[i].first], text, sizeof(text));
		length = (int)strlen(text);
		longest = length > longest ? length : longest;
	}
	return longest;
}

void layout_jobs(struct top_model *model, struct canvas *canvas, int y, int height)
{
	bool more = model->frame.job_total > model->frame.job_count;
	int width[COLUMNS_MAX];

	columns_fit(job_columns, JOB_COLUMN__COUNT, longest_id(model), 0,
		    canvas->width - LAYOUT_MARGIN, width);
	layout_titles(canvas, y, job_columns, JOB_COLUMN__COUNT, width);
	layout_rows(model, canvas, y + 1, height - 1 - more, 1, draw_job, width);
	if (more)
		canvas_printf(canvas, LAYOUT_MARGIN, y + height - 1, canvas->width - LAYOUT_MARGIN,
			      PAINT_DIM, "and %" PRIu64 " more; uwctl queue lists all",
			      model->frame.job_total - model->frame.job_count);
}

/* ---- actions ---- */

static void draw_action(const struct top_model *model, struct canvas *canvas, int y,
			const struct model_row *row, const int *width)
{
	(void)width;
	layout_record(canvas, LAYOUT_MARGIN, y, &model->record[row->first]);
}

#define DETAIL_HEIGHT 4
#define DETAIL_ROOM   10 /* a list that is shorter keeps all of its rows */

static void draw_detail(const struct top_model *model, struct canvas *canvas, int y)
{
	const struct model_row *row = model_chosen(model);
	const struct top_record *record = row ? &model->record[row->first] : NULL;
	int width = canvas->width - LAYOUT_MARGIN - 8;

	if (!record)
		return;
	canvas_printf(canvas, LAYOUT_MARGIN, y, canvas->width - LAYOUT_MARGIN, STYLE_STRONG,
		      "%s %s: %s, tier %s, at level %s", record->when,
		      *record->component ? record->component : "host", record->what, record->tier,
		      record->level);
	canvas_text(canvas, LAYOUT_MARGIN, y + 1, 7, PAINT_DIM, "reason");
	canvas_printf(canvas, LAYOUT_MARGIN + 8, y + 1, width, PAINT_PLAIN, "%s: %s",
		      record->reason, record->why);
	canvas_text(canvas, LAYOUT_MARGIN, y + 2, 7, PAINT_DIM, "effect");
	canvas_text(canvas, LAYOUT_MARGIN + 8, y + 2, width, PAINT_PLAIN, record->effect);
}

void layout_actions(struct top_model *model, struct canvas *canvas, int y, int height)
{
	int detail = height >= DETAIL_ROOM ? DETAIL_HEIGHT : 0;

	layout_rows(model, canvas, y, height - detail, 1, draw_action, NULL);
	if (detail)
		draw_detail(model, canvas, y + height - DETAIL_HEIGHT + 1);
}

/* ---- explain ---- */

enum condition_column {
	CONDITION_NAME,
	CONDITION_NOW,
	CONDITION_AT,
	CONDITION_MET,
	CONDITION_LEADS,
	CONDITION_TIER,
	CONDITION_TEXT,
	CONDITION__COUNT
};

static const struct top_column condition_columns[CONDITION__COUNT] = {
	[CONDITION_NAME] = {.title = "CONDITION", .least = 12, .most = 31},
	[CONDITION_NOW] = {.title = "NOW", .right = true, .least = 8, .most = 12, .grow_rank = 3},
	[CONDITION_AT] =
		{.title = "FIRES AT", .right = true, .least = 10, .most = 12, .grow_rank = 2},
	[CONDITION_MET] = {.title = "MET", .least = 3, .most = 3},
	[CONDITION_LEADS] = {.title = "LEVEL", .rank = 2, .least = 9, .most = 12},
	[CONDITION_TIER] = {.title = "TIER", .rank = 3, .least = 10, .most = 10},
	[CONDITION_TEXT] =
		{.title = "DISTANCE", .rank = 1, .least = 12, .most = 95, .grow_rank = 1},
};

static void draw_condition(const struct top_model *model, struct canvas *canvas, int y,
			   const struct model_row *row, const int *width)
{
	const struct top_condition *condition = &model->frame.condition[row->first];
	unsigned int style = condition->met ? PAINT_WARN | STYLE_STRONG : PAINT_PLAIN;
	char fires[40];
	const char *const text[CONDITION__COUNT] = {
		condition->name,
		condition->observed,
		fires,
		condition->met ? "yes" : "no",
		condition->leads_to,
		condition->tier,
		condition->text,
	};
	int x = LAYOUT_MARGIN;

	snprintf(fires, sizeof(fires), "%s %s",
		 condition->at_most ? "<=" : ">=", condition->threshold);
	for (int i = 0; i < CONDITION__COUNT; i++) {
		if (condition_columns[i].right)
			canvas_right(canvas, x, y, width[i], style, text[i]);
		else
			canvas_text(canvas, x, y, width[i], style, text[i]);
		x += width[i] ? width[i] + 1 : 0;
	}
}

static const struct top_component *explained(const struct top_model *model)
{
	for (uint32_t i = 0; i < model->frame.component_count; i++) {
		if (!strcmp(model->frame.component[i].name, model->frame.about))
			return &model->frame.component[i];
	}
	return NULL;
}

void layout_explain(struct top_model *model, struct canvas *canvas, int y, int height)
{
	const struct top_component *component = explained(model);
	int width[COLUMNS_MAX], needed = 0, x;

	for (uint32_t i = 0; i < model->frame.condition_count; i++) {
		int length = (int)strlen(model->frame.condition[i].name);

		needed = length > needed ? length : needed;
	}
	x = canvas_text(canvas, LAYOUT_MARGIN, y, canvas->width - LAYOUT_MARGIN, STYLE_STRONG,
			model->frame.about);
	if (component)
		canvas_printf(canvas, x + 1, y, canvas->width - x - 1, PAINT_PLAIN,
			      "level %s, tier %s: %s", level_name(component->level),
			      component->tier, component->why);
	columns_fit(condition_columns, CONDITION__COUNT, needed, 0, canvas->width - LAYOUT_MARGIN,
		    width);
	layout_titles(canvas, y + 1, condition_columns, CONDITION__COUNT, width);
	layout_rows(model, canvas, y + 2, height - 2, 1, draw_condition, width);
}

/* ---- at length ---- */

void layout_lines(struct top_model *model, struct canvas *canvas, int y, int height)
{
	uint32_t count = model->frame.line_count, from;

	model_fit(model, height > 0 ? (uint32_t)height : 1);
	from = model->cursor[model->view].scroll;
	for (uint32_t i = 0; i < model->page && from + i < count; i++) {
		const struct top_line *line = &model->frame.line[from + i];

		canvas_text(canvas, 1, y + (int)i, canvas->width - 1, line->style, line->text);
	}
}
