// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads a slot and writes less of it into another one. A plan comes behind its frame, so whether a
 * frame is kept for its plan's sake is known one record later: the frame that was read stands in
 * the reader until then.
 */
#include "user/record/thin.h"

#include <string.h>

/* Schema, configuration and names, with room for the first frames behind them. */
#define BEGIN_WORDS (RECORD_SLOT_BYTES / 8 / 2)

/* Also with the samples of the frame before, which may be more than its own. */
static uint32_t tick_words(const struct thin *thin, const struct recording *recording)
{
	return record_tick_words(&thin->writer, &recording->frame) +
	       record_tick_words(&thin->writer, &thin->frame);
}

/* As many as leave room for the frame. */
static void put_names(struct thin *thin, const struct recording *recording)
{
	uint32_t words = tick_words(thin, recording) + RECORD_LEAF_WORDS;

	for (uint32_t i = 0; thin->begun && i < recording->names && i < RECORDING_NAMES &&
			     record_room(&thin->writer) > words;
	     i++)
		record_put_leaf(&thin->writer, &recording->name[i]);
}

static bool put_begin(struct thin *thin, const struct recording *recording)
{
	char schema[RECORD_SCHEMA_MAX];
	struct record_begin begin = recording->begin;

	/* Ours, as what is written from here on goes by our structs. */
	begin.schema_bytes = record_schema_print(schema, sizeof(schema));
	begin.wall_us = recording->wall_us;
	thin->begun = record_put_begin(&thin->writer, &begin, schema);
	thin->kept_us = 0;
	if (thin->begun && recording->config)
		record_put_config(&thin->writer, recording->usable_bytes, recording->config,
				  recording->config_len);
	put_names(thin, recording);
	return thin->begun;
}

/* So that this frame with its plan has room in a slot that has begun. */
static bool make_room(struct thin *thin, const struct recording *recording)
{
	uint32_t words = tick_words(thin, recording);

	if (!thin->begun && record_room(&thin->writer) > BEGIN_WORDS)
		return put_begin(thin, recording);
	if (thin->begun && record_room(&thin->writer) > words)
		return true;
	return thin->next(thin->data, &thin->writer, recording->wall_us) &&
	       put_begin(thin, recording);
}

static bool has_actions(const struct plan *plan)
{
	for (uint32_t i = 0; i < plan->action_count; i++)
		if (plan->action[i].kind != ACTION_ARM_MARK)
			return true;
	return false;
}

static bool has_news(const struct recording *recording)
{
	return recording->frame.outcome_count || recording->frame.request_count ||
	       has_actions(&recording->plan);
}

/* The samples as they were, and what is news. */
static void take_news(struct thin *thin, const struct frame *from)
{
	struct frame *to = &thin->frame;

	to->now_us = from->now_us;
	to->sequence = from->sequence;
	to->kind = FRAME_URGENT;
	to->event_count = from->event_count;
	memcpy(to->event, from->event, sizeof(to->event));
	to->outcome_count = from->outcome_count;
	memcpy(to->outcome, from->outcome, sizeof(to->outcome));
	to->request_count = from->request_count;
	memcpy(to->request, from->request, sizeof(to->request));
}

static bool keep(struct thin *thin, const struct recording *recording)
{
	bool whole = recording->frame.kind == FRAME_FULL &&
		     recording->frame.now_us - thin->kept_us >= THIN_US;

	if (!whole && !has_news(recording))
		return true;
	if (!make_room(thin, recording))
		return false;
	/* The first one of a slot is whole: there is nothing that it could stand upon. */
	if (whole || !thin->kept_us) {
		thin->frame = recording->frame;
		thin->kept_us = recording->frame.now_us;
	} else {
		take_news(thin, &recording->frame);
	}
	record_put_frame(&thin->writer, &thin->frame, recording->wall_us);
	record_put_plan(&thin->writer, &recording->plan);
	return true;
}

bool thin_slot(struct thin *thin, struct recording *recording)
{
	bool goes_on = true;

	while (goes_on && recording_next(recording)) {
		switch (recording->kind) {
		case RECORD_BEGIN:
			thin->begun = false;
			break;
		case RECORD_CONFIG:
			if (thin->begun)
				thin->begun =
					record_put_config(&thin->writer, recording->usable_bytes,
							  recording->config, recording->config_len);
			break;
		case RECORD_LEAF:
			if (thin->begun)
				record_put_leaf(&thin->writer, &recording->leaf);
			break;
		case RECORD_PLAN:
			goes_on = keep(thin, recording);
			break;
		case RECORD_VIEW:
			if (thin->begun)
				record_put_views(&thin->writer, recording->view,
						 recording->frame.component_count);
			break;
		case RECORD_GAP:
			if (thin->begun)
				record_put_gap(&thin->writer, recording->gap);
			break;
		default:
			break;
		}
	}
	return goes_on;
}
