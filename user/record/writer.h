/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes records into a slot: a page of memory, which is the caller's, as is where it goes from
 * there. A put writes a whole record, and then says so in the slot's head, or nothing where there
 * is no room. Pure and without allocation; a tick costs what changed since the last one.
 */
#ifndef UW_RECORD_WRITER_H
#define UW_RECORD_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "user/model/frame.h"
#include "user/model/plan.h"
#include "user/model/view.h"
#include "user/record/format.h"
#include "user/record/words.h"

#define RECORD_AREAS_MAX 8

struct record_writer {
	record_word *slot; /* NULL: none is begun */
	uint32_t at, end;  /* words: the next record, the slot's end */
	uint64_t sequence;
	/* As the last records left them. Of the frame all behind so many leaves is zero. */
	uint32_t leaf_end;
	struct frame frame;
	struct plan plan;
	struct component_view view[UW_COMPONENTS_MAX];
};

/* Begins a slot anew; what was in it is no longer. */
void record_slot_begin(struct record_writer *writer, void *slot, uint32_t bytes, uint64_t sequence,
		       uint32_t flags, uint64_t wall_us);

/* Goes on in a slot that another writer began, behind its last record. False when it is none. */
bool record_slot_resume(struct record_writer *writer, void *slot, uint32_t bytes);

/* Words that are free. */
uint32_t record_room(const struct record_writer *writer);

/* The most words of the records of one tick, its plan and views unknown yet, after what was put
 * last. O(leaves), as putting it is. */
uint32_t record_tick_words(const struct record_writer *writer, const struct frame *frame);

/* Of a record_put_leaf, and of a record_put_state. */
#define RECORD_LEAF_WORDS (sizeof(struct record_leaf) / sizeof(record_word) + 1)
uint32_t record_state_words(const void *state, const struct record_area *area, uint32_t areas);

/* Each returns false when there is no room, and nothing is written. begin comes first, and all that
 * was before it is forgotten; its schema is that of fields.h. */
bool record_put_begin(struct record_writer *writer, const struct record_begin *begin,
		      const char *schema);
bool record_put_config(struct record_writer *writer, uint64_t usable_bytes, const char *text,
		       uint32_t len);
bool record_put_state(struct record_writer *writer, uint64_t layout, const void *state,
		      uint32_t bytes, const struct record_area *area, uint32_t areas);
bool record_put_frame(struct record_writer *writer, const struct frame *frame, uint64_t wall_us);
bool record_put_plan(struct record_writer *writer, const struct plan *plan);
bool record_put_views(struct record_writer *writer,
		      const struct component_view view[UW_COMPONENTS_MAX], uint32_t count);
bool record_put_leaf(struct record_writer *writer, const struct record_leaf *leaf);
bool record_put_gap(struct record_writer *writer, uint64_t frames);

#endif
