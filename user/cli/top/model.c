// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Takes frames in and keeps what they do not hold: history, the last records, the host's stalls as
 * a share. What is chosen is remembered by its key, so that it stays chosen when the order changes;
 * as long as nobody has moved, the first row is, which is the worst.
 */
#include "user/cli/top/model.h"

#include <string.h>

#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/base/units.h"
#include "user/cli/top/rows.h"

void model_init(struct top_model *model, uint64_t period_us)
{
	memset(model, 0, sizeof(*model));
	history_init(&model->history);
	model->period_us = period_us;
	model->stall_permyriad = FRAME_ABSENT;
	model->page = 1;
}

/* ---- frames ---- */

static struct top_record *find_record(struct top_model *model, uint64_t sequence)
{
	for (uint32_t i = model->record_count; i > 0; i--) {
		if (model->record[i - 1].sequence == sequence)
			return &model->record[i - 1];
	}
	return NULL;
}

static struct top_record *new_record(struct top_model *model)
{
	if (model->record_count < MODEL_RECORDS)
		return &model->record[model->record_count++];
	memmove(&model->record[0], &model->record[1],
		(MODEL_RECORDS - 1) * sizeof(model->record[0]));
	return &model->record[MODEL_RECORDS - 1];
}

static void take_records(struct top_model *model, const struct top_frame *frame)
{
	if (frame->is_new_uwd)
		model->record_count = 0;
	for (uint32_t i = 0; i < frame->record_count; i++) {
		struct top_record *record = find_record(model, frame->record[i].sequence);

		if (!record)
			record = new_record(model);
		*record = frame->record[i];
	}
}

static uint64_t stalled_share(const struct top_frame *before, const struct top_frame *now)
{
	uint64_t passed_us = now->at_us - before->at_us;
	uint64_t stalled_us = now->head.stalled_us - before->head.stalled_us;

	if (before->head.stalled_us == FRAME_ABSENT || now->head.stalled_us == FRAME_ABSENT ||
	    now->head.stalled_us < before->head.stalled_us || !passed_us)
		return FRAME_ABSENT;
	return stalled_us >= passed_us ? PERMYRIAD_ONE : stalled_us * PERMYRIAD_ONE / passed_us;
}

/* What a view of one thing showed stays until the answer to the next question is there. */
static void keep_component(struct top_model *model)
{
	bool listed = model->view == TOP_COMPONENTS && model->row_count;

	if (!*model->component && model->frame.component_count)
		text_copy(model->component, sizeof(model->component),
			  model->frame.component[listed ? model->row[0].first : 0].name);
}

void model_jump(struct top_model *model)
{
	history_init(&model->history);
	model->record_count = 0;
	model->has_frame = false;
}

void model_take(struct top_model *model, const struct top_frame *frame)
{
	/* A frame that came late stands for what lies before it, a gap of uwd's does not. */
	uint64_t within_us = *model->away ? 0 : 2 * model->period_us + US_PER_SEC;

	history_take(&model->history, frame, within_us);
	take_records(model, frame);
	model->away[0] = '\0';
	if (model->paused && !model->replay && model_has_view(model)) {
		/* Rows go by places, and the oldest records may have gone. */
		model_arrange(model);
		return;
	}
	model->stall_permyriad =
		model->has_frame ? stalled_share(&model->frame, frame) : FRAME_ABSENT;
	memcpy(&model->frame, frame, top_frame_bytes(frame));
	model->has_frame = true;
	model_arrange(model);
	keep_component(model);
}

bool model_has_view(const struct top_model *model)
{
	const struct top_frame *frame = &model->frame;

	switch (model->view) {
	case TOP_COMPONENTS:
	case TOP_ACTIONS:
		return model->has_frame;
	case TOP_JOBS:
		return frame->view == TOP_JOBS;
	case TOP_EXPLAIN:
	case TOP_WHY:
		return frame->view == model->view && !strcmp(frame->about, model->component);
	default:
		return frame->view == model->view && frame->about_job == model->job;
	}
}

void model_set_away(struct top_model *model, const char *why)
{
	text_copy(model->away, sizeof(model->away), why);
}

/* ---- what is shown, and what is chosen of it ---- */

static uint32_t find_row(const struct top_model *model, const char *key)
{
	char text[MODEL_KEY_LEN];

	for (uint32_t i = 0; i < model->row_count; i++) {
		if (!strcmp(rows_key(model, &model->row[i], text), key))
			return i;
	}
	return MODEL_NONE;
}

static void keep_in_view(struct model_cursor *cursor, uint32_t count, uint32_t page)
{
	if (cursor->row < cursor->scroll)
		cursor->scroll = cursor->row;
	if (cursor->row >= cursor->scroll + page)
		cursor->scroll = cursor->row + 1 - page;
	if (cursor->scroll + page > count)
		cursor->scroll = count > page ? count - page : 0;
}

static void choose(struct top_model *model, uint32_t row)
{
	struct model_cursor *cursor = &model->cursor[model->view];

	if (row >= model->row_count)
		row = model->row_count ? model->row_count - 1 : 0;
	cursor->row = row;
	keep_in_view(cursor, model->row_count, model->page);
}

void model_arrange(struct top_model *model)
{
	struct model_cursor *cursor = &model->cursor[model->view];
	uint32_t row;

	rows_fill(model);
	if (model->view >= TOP_TABS)
		return;
	row = *cursor->key ? find_row(model, cursor->key) : 0;
	choose(model, row == MODEL_NONE ? cursor->row : row);
}

static void scroll(struct top_model *model, int by)
{
	struct model_cursor *cursor = &model->cursor[model->view];
	uint32_t count = model->frame.line_count;
	int64_t to = (int64_t)cursor->scroll + by;

	if (to + model->page > count)
		to = (int64_t)count - model->page;
	cursor->scroll = to < 0 ? 0 : (uint32_t)to;
}

void model_move(struct top_model *model, int by)
{
	struct model_cursor *cursor = &model->cursor[model->view];
	int64_t to = (int64_t)cursor->row + by;

	if (model->view >= TOP_TABS) {
		scroll(model, by);
		return;
	}
	choose(model, to < 0 ? 0 : to > MODEL_ROWS ? MODEL_ROWS : (uint32_t)to);
	if (cursor->row == 0 && to < 0)
		cursor->key[0] = '\0'; /* from now on the first, whoever that is */
	else if (cursor->row < model->row_count)
		rows_key(model, &model->row[cursor->row], cursor->key);
}

void model_fit(struct top_model *model, uint32_t page)
{
	model->page = page ? page : 1;
	if (model->view >= TOP_TABS)
		scroll(model, 0);
	else
		choose(model, model->cursor[model->view].row);
}

void model_show(struct top_model *model, enum top_view view)
{
	struct model_cursor *cursor = &model->cursor[view];
	bool at_length = view >= TOP_TABS;

	if (at_length && model->view < TOP_TABS)
		model->under = model->view;
	/* Of an output the end is what one wants to see. */
	if (at_length)
		*cursor = (struct model_cursor){.scroll = view == TOP_OUTPUT ? TOP_LINES_MAX : 0};
	model->view = view;
	model_arrange(model);
}

const struct model_row *model_chosen(const struct top_model *model)
{
	uint32_t row = model->view < TOP_TABS ? model->cursor[model->view].row : MODEL_NONE;

	return row < model->row_count ? &model->row[row] : NULL;
}

const struct top_component *model_chosen_component(const struct top_model *model)
{
	const struct model_row *row = model_chosen(model);

	return row && model->view == TOP_COMPONENTS ? &model->frame.component[row->first] : NULL;
}
