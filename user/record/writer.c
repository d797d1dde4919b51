// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A record's payload is written where it stays, behind the word that will tell of it; that word
 * comes next, and last the slot's head says that there is so much. Who dies between two stores
 * leaves a slot that ends one record earlier. A frame is written as runs over the last one, but
 * only where it holds something: its elements behind the counts are nobody's.
 */
#include "user/record/writer.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#define WORD          ((uint32_t)sizeof(record_word))
#define WORDS(bytes)  (((uint32_t)(bytes) + WORD - 1) / WORD)
#define WORD_OF(s, f) ((uint32_t)offsetof(s, f) / WORD)
#define HEAD_WORDS    WORDS(sizeof(struct record_slot_head))
#define AREA(s, f, a, n)                                                            \
	{                                                                           \
		WORD_OF(s, f), WORD_OF(s, a[0]) + (n)*WORDS(sizeof(((s *)0)->a[0])) \
	}

/* What comes behind payoff is little, and payoff is for who asks uwd itself. */
#define VIEW_WORDS WORD_OF(struct component_view, payoff)

_Static_assert(sizeof(struct frame) % WORD == 0 && sizeof(struct plan) % WORD == 0 &&
		       sizeof(struct component_view) % WORD == 0,
	       "whole words");

static struct record_slot_head *head_of(const struct record_writer *writer)
{
	return (struct record_slot_head *)writer->slot;
}

/* There is room for many more leaves than there ever are as a rule. */
static void forget(struct record_writer *writer)
{
	struct frame *frame = &writer->frame;

	memset(frame, 0, offsetof(struct frame, leaf) + writer->leaf_end * sizeof(frame->leaf[0]));
	memset(&frame->event_count, 0, sizeof(*frame) - offsetof(struct frame, event_count));
	writer->leaf_end = 0;
	memset(&writer->plan, 0, sizeof(writer->plan));
	memset(writer->view, 0, sizeof(writer->view));
}

void record_slot_begin(struct record_writer *writer, void *slot, uint32_t bytes, uint64_t sequence,
		       uint32_t flags, uint64_t wall_us)
{
	struct record_slot_head *head = slot;

	/* Not a slot until it is whole: a reader may look at any time. */
	head->sequence = 0;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	memcpy(head->magic, RECORD_SLOT_MAGIC, sizeof(head->magic));
	head->bytes = bytes;
	head->flags = flags;
	head->first_wall_us = wall_us;
	memset(head->reserved, 0, sizeof(head->reserved));
	head->used = sizeof(*head);
	((record_word *)slot)[HEAD_WORDS] = 0;
	__atomic_store_n(&head->sequence, sequence, __ATOMIC_RELEASE);
	writer->slot = slot;
	writer->sequence = sequence;
	writer->at = HEAD_WORDS;
	writer->end = bytes / WORD;
	forget(writer);
}

bool record_slot_resume(struct record_writer *writer, void *slot, uint32_t bytes)
{
	const struct record_slot_head *head = slot;

	if (memcmp(head->magic, RECORD_SLOT_MAGIC, sizeof(head->magic)) || !head->sequence ||
	    head->bytes != bytes || head->used < sizeof(*head) || head->used > bytes ||
	    head->used % WORD)
		return false;
	writer->slot = slot;
	writer->sequence = head->sequence;
	writer->at = (uint32_t)(head->used / WORD);
	writer->end = bytes / WORD;
	forget(writer);
	return true;
}

uint32_t record_room(const struct record_writer *writer)
{
	return writer->slot ? writer->end - writer->at : 0;
}

/* Where the payload of a record of at most so many words goes; NULL when there is no room. */
static record_word *begin(const struct record_writer *writer, uint32_t words)
{
	return words < record_room(writer) ? writer->slot + writer->at + 1 : NULL;
}

static bool finish(struct record_writer *writer, enum record_kind kind, const record_word *end)
{
	record_word *word = writer->slot + writer->at;
	uint32_t words = (uint32_t)(end - word) - 1;
	uint64_t seed = writer->sequence << 32 ^ RECORD_WORD(kind, words, 0);

	*word = RECORD_WORD(kind, words, record_check(seed, word + 1, words));
	writer->at += words + 1;
	atomic_store_explicit(&head_of(writer)->used, writer->at * WORD, memory_order_release);
	return true;
}

static record_word *put_bytes(record_word *to, const void *bytes, uint32_t count)
{
	if (!count)
		return to;
	to[WORDS(count) - 1] = 0;
	memcpy(to, bytes, count);
	return to + WORDS(count);
}

bool record_put_begin(struct record_writer *writer, const struct record_begin *about,
		      const char *schema)
{
	uint32_t schema_bytes = (uint32_t)about->schema_bytes;
	record_word *to = begin(writer, WORDS(sizeof(*about)) + WORDS(schema_bytes));

	if (!to)
		return false;
	forget(writer);
	to = put_bytes(to, about, sizeof(*about));
	return finish(writer, RECORD_BEGIN, put_bytes(to, schema, schema_bytes));
}

bool record_put_config(struct record_writer *writer, uint64_t usable_bytes, const char *text,
		       uint32_t len)
{
	struct record_config config = {usable_bytes, len};
	record_word *to = begin(writer, WORDS(sizeof(config)) + WORDS(len));

	if (!to)
		return false;
	to = put_bytes(to, &config, sizeof(config));
	return finish(writer, RECORD_CONFIG, put_bytes(to, text, len));
}

/* As runs over zeros: most of a state is. */
static record_word *put_nonzero(record_word *to, const record_word *now, struct record_area area)
{
	uint32_t i = area.from;

	while (i < area.to) {
		record_word *run = to;
		uint32_t from = i;

		if (!now[i]) {
			i++;
			continue;
		}
		to++;
		while (i < area.to && (now[i] || (i + 1 < area.to && now[i + 1])))
			*to++ = now[i++];
		*run = RECORD_RUN(from, i - from);
	}
	return to;
}

static uint32_t count_nonzero(const record_word *now, struct record_area area)
{
	uint32_t words = 0, i = area.from;

	while (i < area.to) {
		if (!now[i]) {
			i++;
			continue;
		}
		words++;
		for (; i < area.to && (now[i] || (i + 1 < area.to && now[i + 1])); i++)
			words++;
	}
	return words;
}

uint32_t record_state_words(const void *state, const struct record_area *area, uint32_t areas)
{
	uint32_t words = WORDS(sizeof(struct record_state)) + 1;

	for (uint32_t i = 0; i < areas; i++)
		words += count_nonzero(state, area[i]);
	return words;
}

bool record_put_state(struct record_writer *writer, uint64_t layout, const void *state,
		      uint32_t bytes, const struct record_area *area, uint32_t areas)
{
	struct record_state about = {layout, bytes};
	record_word *to = begin(writer, record_state_words(state, area, areas) - 1);

	if (!to)
		return false;
	to = put_bytes(to, &about, sizeof(about));
	for (uint32_t i = 0; i < areas; i++)
		to = put_nonzero(to, state, area[i]);
	return finish(writer, RECORD_STATE, to);
}

/* ---- a tick ---- */

/* Of a tick without elements: what of a frame is in no array, a whole plan with a run for each
 * action, runs for the rest, and a word for each of the records. */
#define TICK_WORDS (64 + WORDS(sizeof(struct plan)) + PLAN_ACTIONS_MAX)

/* What an element takes at most: its words and the head of its run. */
#define ELEMENT_WORDS(type) (WORDS(sizeof(type)) + 1)

/* Exactly: of many leaves few have changed, and not much of these. */
static uint32_t leaf_words(const struct record_writer *writer, const struct frame *frame)
{
	uint32_t words = 0;

	for (uint32_t i = 0; i < frame->leaf_count; i++)
		if (memcmp(&writer->frame.leaf[i], &frame->leaf[i], sizeof(frame->leaf[i])))
			words += record_count_runs(
				(const record_word *)&writer->frame.leaf[i],
				(const record_word *)&frame->leaf[i],
				(struct record_area){0, WORDS(sizeof(frame->leaf[i]))});
	return words;
}

static uint32_t frame_words(const struct record_writer *writer, const struct frame *frame)
{
	return frame->component_count * ELEMENT_WORDS(frame->component[0]) +
	       leaf_words(writer, frame) + frame->event_count * ELEMENT_WORDS(frame->event[0]) +
	       frame->outcome_count * ELEMENT_WORDS(frame->outcome[0]) +
	       frame->request_count * ELEMENT_WORDS(frame->request[0]) + 64;
}

uint32_t record_tick_words(const struct record_writer *writer, const struct frame *frame)
{
	return TICK_WORDS + frame_words(writer, frame) + frame->component_count * (VIEW_WORDS + 1);
}

#define FRAME_HEAD(from, to)   \
	record_put_runs(       \
		at, base, now, \
		(struct record_area){WORD_OF(struct frame, from), WORD_OF(struct frame, to)})
#define FRAME_ARRAY(array, count)                                                        \
	record_put_elements(at, base, now,                                               \
			    (struct record_area)AREA(struct frame, array, array, count), \
			    WORDS(sizeof(frame->array[0])))

/* All that comes behind the leaves is seldom there. */
static record_word *put_rest(record_word *at, record_word *base, const struct frame *frame)
{
	const record_word *now = (const record_word *)frame;

	at = FRAME_HEAD(event_count, event);
	at = FRAME_ARRAY(event, frame->event_count);
	at = FRAME_HEAD(outcome_count, outcome);
	at = FRAME_ARRAY(outcome, frame->outcome_count);
	at = FRAME_HEAD(request_count, request);
	at = FRAME_ARRAY(request, frame->request_count);
	return record_put_runs(
		at, base, now,
		(struct record_area){WORD_OF(struct frame, events_dropped), WORDS(sizeof(*frame))});
}

static bool has_rest(const struct frame *frame)
{
	return frame->event_count | frame->outcome_count | frame->request_count |
	       frame->events_dropped;
}

bool record_put_frame(struct record_writer *writer, const struct frame *frame, uint64_t wall_us)
{
	record_word *base = (record_word *)&writer->frame;
	const record_word *now = (const record_word *)frame;
	record_word *at = begin(writer, frame_words(writer, frame));

	if (!at)
		return false;
	if (writer->leaf_end < frame->leaf_count)
		writer->leaf_end = frame->leaf_count;
	*at++ = wall_us;
	at = FRAME_HEAD(now_us, component);
	at = FRAME_ARRAY(component, frame->component_count);
	at = FRAME_HEAD(leaves_valid, leaf);
	at = FRAME_ARRAY(leaf, frame->leaf_count);
	if (has_rest(frame) || has_rest(&writer->frame))
		at = put_rest(at, base, frame);
	return finish(writer, RECORD_FRAME, at);
}

bool record_put_plan(struct record_writer *writer, const struct plan *plan)
{
	const struct record_area actions = AREA(struct plan, action, action, plan->action_count);
	const struct record_area head = {0, WORD_OF(struct plan, action)};
	const struct record_area rest = {WORD_OF(struct plan, ages_wanted),
					 WORDS(sizeof(struct plan))};
	record_word *base = (record_word *)&writer->plan;
	const record_word *now = (const record_word *)plan;
	record_word *at = begin(writer, TICK_WORDS);

	if (!at)
		return false;
	at = record_put_runs(at, base, now, head);
	at = record_put_elements(at, base, now, actions, WORDS(sizeof(plan->action[0])));
	at = record_put_runs(at, base, now, rest);
	return finish(writer, RECORD_PLAN, at);
}

bool record_put_views(struct record_writer *writer,
		      const struct component_view view[UW_COMPONENTS_MAX], uint32_t count)
{
	record_word *to = begin(writer, count * (VIEW_WORDS + 1));

	if (!to)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t from = i * WORDS(sizeof(view[0]));

		to = record_put_runs(to, (record_word *)writer->view, (const record_word *)view,
				     (struct record_area){from, from + VIEW_WORDS});
	}
	return finish(writer, RECORD_VIEW, to);
}

bool record_put_leaf(struct record_writer *writer, const struct record_leaf *leaf)
{
	record_word *to = begin(writer, WORDS(sizeof(*leaf)));

	return to && finish(writer, RECORD_LEAF, put_bytes(to, leaf, sizeof(*leaf)));
}

bool record_put_gap(struct record_writer *writer, uint64_t frames)
{
	record_word *to = begin(writer, 1);

	return to && finish(writer, RECORD_GAP, put_bytes(to, &frames, sizeof(frames)));
}
