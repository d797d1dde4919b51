/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A model of top with frames made by hand, and the screen that it gives. */
#ifndef UW_TESTS_TOP_FIXTURE_H
#define UW_TESTS_TOP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/base/units.h"
#include "user/cli/top/keys.h"
#include "user/cli/top/layout.h"
#include "user/cli/top/model.h"

#define START_US  (1000 * US_PER_SEC)
#define LONG_NAME "a-name-of-thirty-one-characters"

struct top_fixture {
	struct top_model model;
	struct top_frame frame;
	struct canvas canvas;
	char text[CANVAS_HEIGHT_MAX * CANVAS_ROW_LEN];
};

static inline struct top_component *add_component(struct top_fixture *top, const char *name,
						  enum level level, uint64_t used, uint64_t force)
{
	struct top_component *component = &top->frame.component[top->frame.component_count++];

	*component = (struct top_component){
		.level = level,
		.tier = "none",
		.current_bytes = used,
		.in_force_bytes = force,
		.budget_bytes = force,
		.working_set_bytes = used,
		.high_bytes = FRAME_ABSENT,
		.use_permyriad = used * PERMYRIAD_ONE / force,
		.time_to_limit_us = FRAME_ABSENT,
		.thaw_in_us = FRAME_ABSENT,
		.refused_bytes = FRAME_ABSENT,
		.refused_ago_us = FRAME_ABSENT,
	};
	text_copy(component->name, sizeof(component->name), name);
	top->frame.head.used_bytes += used;
	return component;
}

static inline struct top_leaf *add_leaf_of(struct top_fixture *top, uint32_t component,
					   const char *name, uint64_t bytes)
{
	struct top_leaf *leaf = &top->frame.leaf[top->frame.leaf_count++];

	*leaf = (struct top_leaf){.component = component,
				  .id = top->frame.leaf_count,
				  .current_bytes = bytes,
				  .populated = true};
	text_copy(leaf->name, sizeof(leaf->name), name);
	return leaf;
}

static inline struct top_job *add_job_of(struct top_fixture *top, uint64_t id, const char *state)
{
	struct top_job *job = &top->frame.job[top->frame.job_count++];

	*job = (struct top_job){
		.id = id,
		.array = FRAME_ABSENT,
		.index = FRAME_ABSENT,
		.used_bytes = FRAME_ABSENT,
		.reserved_bytes = 100 * MIB,
		.end_in_us = FRAME_ABSENT,
		.start_in_us = FRAME_ABSENT,
		.late_us = FRAME_ABSENT,
		.at_limit_us = FRAME_ABSENT,
		.position = id,
		.name = "fold",
		.component = "ml_models",
	};
	text_copy(job->state, sizeof(job->state), state);
	top->frame.job_total++;
	return job;
}

static inline void add_record_of(struct top_fixture *top, uint64_t sequence, const char *effect)
{
	struct top_record *record = &top->frame.record[top->frame.record_count++];

	*record = (struct top_record){
		.sequence = sequence,
		.when = "22:18:29",
		.component = "ml_models",
		.level = "emergency",
		.tier = "freeze",
		.what = "freeze leak",
		.reason = "usage-mark",
		.why = "the kernel saw usage 509.2M pass the mark 509.0M",
		.ended = *effect,
	};
	text_copy(record->effect, sizeof(record->effect), effect);
}

/* Hands the frame over and begins the next one, a second later, with the same in it but for what
 * was done. */
static inline void take(struct top_fixture *top)
{
	top->frame.view = top->model.view;
	top->frame.about_job = top->model.job;
	text_copy(top->frame.about, sizeof(top->frame.about), top->model.component);
	model_take(&top->model, &top->frame);
	top->frame.at_us += US_PER_SEC;
	top->frame.record_count = 0;
	top->frame.is_new_uwd = false;
}

static inline void press(struct top_fixture *top, const char *keys)
{
	for (; *keys; keys++)
		keys_press(&top->model, *keys);
}

/* The screen as text, row after row. */
static inline const char *screen_of(struct top_fixture *top, int width, int height)
{
	size_t at = 0;

	assert_int_equal(canvas_resize(&top->canvas, width, height), 0);
	layout_draw(&top->model, &top->canvas);
	for (int y = 0; y < height; y++) {
		char row[CANVAS_ROW_LEN];

		at += (size_t)snprintf(top->text + at, sizeof(top->text) - at, "%s\n",
				       canvas_row_text(&top->canvas, y, row));
	}
	return top->text;
}

static inline void assert_shows(struct top_fixture *top, int width, int height, const char *text)
{
	if (!strstr(screen_of(top, width, height), text))
		fail_msg("'%s' is not on %dx%d:\n%s", text, width, height, top->text);
}

static inline void assert_hides(struct top_fixture *top, int width, int height, const char *text)
{
	if (strstr(screen_of(top, width, height), text))
		fail_msg("'%s' is on %dx%d:\n%s", text, width, height, top->text);
}

static inline int top_setup(void **state)
{
	struct top_fixture *top = calloc(1, sizeof(*top));
	struct top_head *head = &top->frame.head;

	model_init(&top->model, US_PER_SEC);
	top->model.may_act = top->model.may_change_jobs = true;
	text_copy(top->model.mount, sizeof(top->model.mount), "/sys/fs/cgroup");
	top->frame.at_us = START_US;
	*head = (struct top_head){
		.version = "0.1.0",
		.clock = "22:18:31",
		.root = "uw",
		.pid = 7,
		.guard_pid = 8,
		.up_us = 3 * 86400 * US_PER_SEC,
		.sensors_on = 4,
		.sensors_wanted = 4,
		.usable_bytes = 20 * GIB,
		.available_bytes = 4 * GIB,
		.swap_total_bytes = 8 * GIB,
		.swap_free_bytes = 6 * GIB,
		.next_start_in_us = FRAME_ABSENT,
	};
	*state = top;
	return 0;
}

static inline int top_teardown(void **state)
{
	struct top_fixture *top = *state;

	canvas_done(&top->canvas);
	free(top);
	return 0;
}

#define TOP_TEST(name) cmocka_unit_test_setup_teardown(name, top_setup, top_teardown)

#endif
