/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Recordings for tests of what reads them: one that is kept in tests/sim/golden, put on a time axis
 * of its own, as the simulated machine's frames come in one blink of the wall clock; and one that
 * is made up.
 */
#ifndef UW_TESTS_REPORT_FIXTURE_H
#define UW_TESTS_REPORT_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/record/load.h"
#include "user/record/reader.h"
#include "user/record/writer.h"

#define MADE_WALL_US   (1800000000ULL * US_PER_SEC) /* 2027-01-15 08:00 UTC */
#define MADE_SLOT      RECORD_SLOT_BYTES
#define MADE_SLOTS_MAX 64

struct made {
	FILE *out;
	uint64_t *slot;
	uint64_t slots;
	struct record_writer writer;
	struct record_begin begin;
	char schema[RECORD_SCHEMA_MAX];
	const char *config;
	uint32_t config_len;
	uint64_t usable_bytes;
};

static void made_begin(struct made *made, const char *path, const char *config, size_t config_len,
		       uint64_t usable_bytes)
{
	static const char zeros[RECORD_HEAD_BYTES];
	struct record_head head = {.version = RECORD_VERSION, .slot_bytes = MADE_SLOT};

	*made = (struct made){.begin = {.version = "0.1.0"},
			      .out = fopen(path, "w"),
			      .slot = calloc(1, MADE_SLOT),
			      .config = config,
			      .config_len = (uint32_t)config_len,
			      .usable_bytes = usable_bytes};
	memcpy(head.magic, RECORD_MAGIC, sizeof(head.magic));
	made->begin.schema_bytes = record_schema_print(made->schema, sizeof(made->schema));
	assert_non_null(made->out);
	assert_int_equal(fwrite(&head, sizeof(head), 1, made->out), 1);
	assert_int_equal(fwrite(zeros, sizeof(zeros) - sizeof(head), 1, made->out), 1);
}

static void made_flush(struct made *made)
{
	if (made->slots)
		assert_int_equal(fwrite(made->slot, MADE_SLOT, 1, made->out), 1);
}

static void made_slot(struct made *made, uint64_t wall_us)
{
	made_flush(made);
	memset(made->slot, 0, MADE_SLOT);
	record_slot_begin(&made->writer, made->slot, MADE_SLOT, ++made->slots, 0, wall_us);
	made->begin.wall_us = wall_us;
	assert_true(record_put_begin(&made->writer, &made->begin, made->schema));
	assert_true(record_put_config(&made->writer, made->usable_bytes, made->config,
				      made->config_len));
}

/* In a slot that has room for it. */
static void made_frame(struct made *made, const struct frame *frame, uint64_t wall_us)
{
	if (!made->slots ||
	    record_room(&made->writer) < record_tick_words(&made->writer, frame) + 4096)
		made_slot(made, wall_us);
	assert_true(record_put_frame(&made->writer, frame, wall_us));
}

static void made_end(struct made *made)
{
	made_flush(made);
	free(made->slot);
	assert_int_equal(fclose(made->out), 0);
}

/* What is done to a recording on its way. */
struct retiming {
	const char *leaf_name;        /* of all leaves, NULL: as they are */
	uint64_t gap_at_us, gap_us;   /* since its begin: frames are left out */
	uint64_t late_us;             /* from gap_at_us on, so much later */
	uint64_t back_at_us, back_us; /* the wall clock is set back */
	const char *config_from,
		*config_to; /* replaced in the text, from the begin of the gap on */
};

/* Frames at MADE_WALL_US and what their own clock says after the first one. */
static inline void made_of_golden(const char *golden, const char *path, const struct retiming *how)
{
	AUTO_FREE struct recording *r = malloc(sizeof(*r));
	AUTO_FREE void *bytes = NULL;
	AUTO_FREE char *config = NULL;
	struct made made = {0};
	struct uw_err err = {0};
	uint64_t first_us = 0, since_us = 0;
	char from[96];
	size_t size;

	snprintf(from, sizeof(from), "tests/sim/golden/%s.recording", golden);
	assert_int_equal(record_read_file(from, &bytes, &size, &err), 0);
	assert_int_equal(recording_open(r, bytes, size, &err), 0);
	while (recording_next(r)) {
		uint64_t wall_us;

		if (r->kind == RECORD_FRAME) {
			first_us = first_us ?: r->frame.now_us;
			since_us = r->frame.now_us - first_us;
			since_us += since_us > how->gap_at_us ? how->late_us : 0;
		}
		wall_us = MADE_WALL_US + since_us;
		if (how->back_us && since_us > how->back_at_us)
			wall_us -= how->back_us;
		if (how->gap_us && since_us > how->gap_at_us &&
		    since_us < how->gap_at_us + how->gap_us)
			continue;
		if (how->config_from && config && since_us > how->gap_at_us &&
		    strstr(config, how->config_from)) {
			assert_int_equal(strlen(how->config_from), strlen(how->config_to));
			memcpy(strstr(config, how->config_from), how->config_to,
			       strlen(how->config_to));
			assert_true(record_put_config(&made.writer, r->usable_bytes, config,
						      r->config_len));
		}
		if (r->kind == RECORD_CONFIG && !made.out) {
			config = strndup(r->config, r->config_len);
			made_begin(&made, path, config, r->config_len, r->usable_bytes);
			made_slot(&made, wall_us);
		} else if (r->kind == RECORD_LEAF) {
			if (how->leaf_name)
				text_copy(r->leaf.name, sizeof(r->leaf.name), how->leaf_name);
			assert_true(record_put_leaf(&made.writer, &r->leaf));
		} else if (r->kind == RECORD_FRAME) {
			made_frame(&made, &r->frame, wall_us);
		} else if (r->kind == RECORD_PLAN) {
			assert_true(record_put_plan(&made.writer, &r->plan));
		} else if (r->kind == RECORD_VIEW) {
			assert_true(
				record_put_views(&made.writer, r->view, r->frame.component_count));
		}
	}
	made_end(&made);
}

#endif
