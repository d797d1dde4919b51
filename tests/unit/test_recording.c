// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/cleanup.h"
#include "user/record/reader.h"
#include "user/record/writer.h"

#define FILE_BYTES (RECORD_HEAD_BYTES + RECORD_SLOT_BYTES)

/* A file with one slot, and who reads it. */
struct fixture {
	uint64_t bytes[FILE_BYTES / 8];
	struct record_writer writer;
	struct recording recording;
	char schema[RECORD_SCHEMA_MAX];
	size_t schema_len;
};

static void begin(struct fixture *f, const char *schema, size_t len)
{
	struct record_head head = {.version = RECORD_VERSION, .slot_bytes = RECORD_SLOT_BYTES};
	struct record_begin about = {.wall_us = 1, .version = "test", .schema_bytes = len};

	memset(f->bytes, 0, sizeof(f->bytes));
	memcpy(head.magic, RECORD_MAGIC, sizeof(head.magic));
	memcpy(f->bytes, &head, sizeof(head));
	record_slot_begin(&f->writer, f->bytes + RECORD_HEAD_BYTES / 8, RECORD_SLOT_BYTES, 1, 0, 1);
	assert_true(record_put_begin(&f->writer, &about, schema));
}

static void open_again(struct fixture *f)
{
	struct uw_err err = {0};

	recording_open(&f->recording, f->bytes, sizeof(f->bytes), &err);
	assert_string_equal(err.text, "");
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->schema_len = record_schema_print(f->schema, sizeof(f->schema));
	begin(f, f->schema, f->schema_len);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

/* ---- the schema ---- */

/* Of each group how much no row tells of: padding, and arrays that are groups of their own. Who
 * adds a field to a struct finds it missing here. */
static void test_schema_has_every_field(void **state)
{
	static const struct {
		const char *group;
		size_t bytes, untold;
	} rows[] = {
		{"[frame]", sizeof(struct frame),
		 sizeof(((struct frame *)0)->component) + sizeof(((struct frame *)0)->leaf) +
			 sizeof(((struct frame *)0)->event) + sizeof(((struct frame *)0)->outcome) +
			 sizeof(((struct frame *)0)->request) + 4 + 7 + 4 + 2 + 4 + 4 + 4 + 4},
		{"[component]", sizeof(struct component_sample), 6},
		{"[leaf]", sizeof(struct leaf_sample), 6 + 4 + 4},
		{"[event]", sizeof(struct frame_event), 0},
		{"[outcome]", sizeof(struct outcome), 0},
		{"[request]", sizeof(struct frame_request), 0},
		{"[plan]", sizeof(struct plan),
		 sizeof(((struct plan *)0)->action) + sizeof(((struct plan *)0)->pace) + 4 + 4},
		{"[action]", sizeof(struct action), 4 + 4},
		{"[view]", sizeof(struct component_view),
		 sizeof(((struct component_view *)0)->payoff) + 4 + 7 + 4 + 4},
	};
	struct fixture *f = *state;

	assert_int_not_equal(f->schema_len, 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *line = strstr(f->schema, rows[i].group);
		size_t told = 0, at, bytes;
		char name[64];

		assert_non_null(line);
		line = strchr(strchr(line, '\n') + 1, '\n') + 1;
		while (sscanf(line, "%63s %zu %zu", name, &at, &bytes) == 3 && name[0] != '[') {
			told += bytes;
			line = strchr(line, '\n') + 1;
		}
		if (told + rows[i].untold != rows[i].bytes)
			fail_msg("%s: rows tell of %zu of %zu bytes", rows[i].group, told,
				 rows[i].bytes);
	}
}

static void replace(char *text, const char *what, const char *by)
{
	char *at = strstr(text, what);

	assert_non_null(at);
	assert_int_equal(strlen(what), strlen(by));
	memcpy(at, by, strlen(by));
}

/* A recording of a uwd that had no such field, and another one in its place. */
static void test_field_that_is_not_there_is_zero(void **state)
{
	struct fixture *f = *state;
	struct frame frame = {.now_us = 5, .component_count = 1};

	frame.component[0].current_bytes = 77;
	frame.component[0].swap_bytes = 78;
	replace(f->schema, "current_bytes", "curious_bytes");
	begin(f, f->schema, f->schema_len);
	assert_true(record_put_frame(&f->writer, &frame, 9));
	open_again(f);
	assert_true(recording_next(&f->recording));
	assert_true(recording_next(&f->recording));
	assert_int_equal(f->recording.frame.component[0].current_bytes, 0);
	assert_int_equal(f->recording.frame.component[0].swap_bytes, 78);
	assert_int_equal(f->recording.wall_us, 9);
}

/* The fields of each group from the last to the first. */
static size_t turn_round(const char *schema, char ret_text[static RECORD_SCHEMA_MAX])
{
	size_t used = 0, fields = 0; /* fields: where those of this group begin */

	for (const char *line = schema, *end; *line; line = end) {
		size_t len;

		end = strchr(line, '\n') + 1;
		len = (size_t)(end - line);
		if (*line == '[' || !strncmp(line, "image ", 6) || !strncmp(line, "count ", 6)) {
			memcpy(ret_text + used, line, len);
			fields = used + len;
		} else {
			memmove(ret_text + fields + len, ret_text + fields, used - fields);
			memcpy(ret_text + fields, line, len);
		}
		used += len;
	}
	return used;
}

static void test_schema_in_another_order_says_the_same(void **state)
{
	struct fixture *f = *state;
	struct record_schema there, turned;
	char text[RECORD_SCHEMA_MAX];

	f->schema[f->schema_len] = '\0';
	assert_int_equal(turn_round(f->schema, text), f->schema_len);
	assert_memory_not_equal(text, f->schema, f->schema_len);
	assert_int_equal(record_schema_parse(f->schema, f->schema_len, &there), 0);
	assert_int_equal(record_schema_parse(text, f->schema_len, &turned), 0);
	assert_memory_equal(&turned, &there, sizeof(there));
	for (int i = 0; i < FIELDS_GROUPS; i++)
		assert_int_not_equal(there.group[i].field[0].bytes, 0);
}

static void test_schema_that_leads_out_of_its_image_is_refused(void **state)
{
	static const struct {
		const char *what, *by;
	} rows[] = {
		{"image 1 ", "image 7 "},         /* none of the plan */
		{"[component] ", "[component]x"}, /* no number */
		{"component_count ", "component_count-"},
		{"count 2048 0", "count 9999 0"},   /* more than fit */
		{"image 2 10752", "image 2 00752"}, /* the views in less */
		{"sequence 8 8", "sequence 8 x"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[RECORD_SCHEMA_MAX];

		memcpy(text, f->schema, sizeof(text));
		replace(text, rows[i].what, rows[i].by);
		begin(f, text, f->schema_len);
		open_again(f);
		assert_false(recording_next(&f->recording));
		assert_int_equal(f->recording.refused, 1);
	}
}

/* ---- frames and plans ---- */

static uint64_t roll(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Some of it changes. */
static void change(struct frame *frame, uint64_t *seed)
{
	frame->now_us++;
	frame->kind = roll(seed) & 1 ? FRAME_FULL : FRAME_URGENT;
	frame->component_count = 1 + roll(seed) % UW_COMPONENTS_MAX;
	frame->leaf_count = (uint32_t)(roll(seed) % (FRAME_LEAVES_MAX + 1));
	frame->event_count = (uint32_t)(roll(seed) % 3);
	frame->outcome_count = roll(seed) % 2 * FRAME_OUTCOMES_MAX;
	for (int i = 0; i < 20; i++) {
		struct component_sample *c = &frame->component[roll(seed) % UW_COMPONENTS_MAX];
		struct leaf_sample *leaf = &frame->leaf[roll(seed) % FRAME_LEAVES_MAX];

		c->valid = (uint32_t)roll(seed);
		c->current_bytes = roll(seed);
		c->ages.long_bytes = roll(seed);
		leaf->cgid = roll(seed);
		leaf->component = roll(seed) % UW_COMPONENTS_MAX;
		leaf->ages.held = roll(seed) & 1;
		leaf->lock_waiters = (uint32_t)roll(seed);
		leaf->priority = (uint8_t)roll(seed);
		leaf->freezable = roll(seed) & 1;
		frame->event[i].observed = roll(seed);
		frame->outcome[i].error = -(int)(roll(seed) % 100);
	}
}

#define assert_elements_equal(a, b, array, count) \
	assert_memory_equal((a)->array, (b)->array, (count) * sizeof((a)->array[0]))

static void test_frames_come_back_as_they_were(void **state)
{
	struct fixture *f = *state;
	struct recording *r = &f->recording;
	static struct frame frames[40];
	uint64_t seed = 7;

	for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
		if (i)
			frames[i] = frames[i - 1];
		change(&frames[i], &seed);
		assert_true(record_room(&f->writer) > record_tick_words(&f->writer, &frames[i]));
		assert_true(record_put_frame(&f->writer, &frames[i], i));
	}
	open_again(f);
	assert_true(recording_next(r));
	for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
		const struct frame *frame = &frames[i];

		assert_true(recording_next(r));
		assert_int_equal(r->kind, RECORD_FRAME);
		assert_int_equal(r->wall_us, i);
		assert_int_equal(r->frame.now_us, frame->now_us);
		assert_int_equal(r->frame.kind, frame->kind);
		assert_int_equal(r->frame.component_count, frame->component_count);
		assert_int_equal(r->frame.leaf_count, frame->leaf_count);
		assert_elements_equal(&r->frame, frame, component, frame->component_count);
		assert_elements_equal(&r->frame, frame, leaf, frame->leaf_count);
		assert_elements_equal(&r->frame, frame, event, frame->event_count);
		assert_elements_equal(&r->frame, frame, outcome, frame->outcome_count);
	}
	assert_false(recording_next(r));
	assert_int_equal(r->torn + r->refused, 0);
}

/* Of what a tick may take, leaves count by what of them has changed: else a slot would be left half
 * empty wherever there are many. */
static void test_leaves_that_stand_still_take_no_room(void **state)
{
	struct fixture *f = *state;
	static struct frame frame = {.component_count = 2, .leaves_valid = true};
	uint32_t few, at;

	few = record_tick_words(&f->writer, &frame);
	frame.leaf_count = 200;
	for (uint32_t i = 0; i < frame.leaf_count; i++)
		frame.leaf[i] = (struct leaf_sample){.cgid = i + 1, .current_bytes = i};
	assert_in_range(record_tick_words(&f->writer, &frame), few + 200 * 2, few + 200 * 5);
	assert_true(record_put_frame(&f->writer, &frame, 1));
	assert_int_equal(record_tick_words(&f->writer, &frame), few);
	frame.leaf[7].current_bytes++;
	frame.leaf[9].current_bytes++;
	frame.leaf[9].ages.long_bytes++;
	at = f->writer.at;
	assert_int_equal(record_tick_words(&f->writer, &frame), few + 2 + 4);
	assert_true(record_put_frame(&f->writer, &frame, 2));
	assert_true(f->writer.at - at < 12);
}

/* Whatever changes of as many as there may be. */
static void test_all_of_very_many_leaves_have_room_in_one_slot(void **state)
{
	struct fixture *f = *state;
	static struct frame frame = {.component_count = UW_COMPONENTS_MAX,
				     .leaf_count = FRAME_LEAVES_MAX,
				     .leaves_valid = true};

	memset(frame.component, 1, sizeof(frame.component));
	memset(frame.leaf, 1, sizeof(frame.leaf));
	for (uint32_t i = 0; i < FRAME_LEAVES_MAX; i++)
		frame.leaf[i].component = i % UW_COMPONENTS_MAX;
	assert_true(record_room(&f->writer) > record_tick_words(&f->writer, &frame));
	assert_true(record_put_frame(&f->writer, &frame, 1));
	open_again(f);
	assert_true(recording_next(&f->recording));
	assert_true(recording_next(&f->recording));
	assert_int_equal(f->recording.frame.leaf_count, FRAME_LEAVES_MAX);
	assert_int_equal(f->recording.frame.leaf[2047].current_bytes, frame.leaf[0].current_bytes);
	assert_int_equal(f->recording.refused, 0);
}

/* What a longer frame left behind in the writer is not there for the next slot. */
static void test_slot_begins_from_no_leaves_at_all(void **state)
{
	struct fixture *f = *state;
	static struct frame frame = {.component_count = 1, .leaf_count = 3, .leaves_valid = true};

	for (uint32_t i = 0; i < 3; i++)
		frame.leaf[i] = (struct leaf_sample){.cgid = i + 1, .current_bytes = 5000};
	assert_true(record_put_frame(&f->writer, &frame, 1));
	frame.leaf_count = 1;
	assert_true(record_put_frame(&f->writer, &frame, 2));
	begin(f, f->schema, f->schema_len);
	frame.leaf_count = 3;
	assert_true(record_put_frame(&f->writer, &frame, 3));
	open_again(f);
	assert_true(recording_next(&f->recording));
	assert_true(recording_next(&f->recording));
	assert_elements_equal(&f->recording.frame, &frame, leaf, 3);
}

static void test_values_that_no_uwd_writes_are_refused(void **state)
{
	struct fixture *f = *state;
	struct frame frame = {.component_count = 1, .leaf_count = 1, .leaves_valid = true};
	struct plan plan = {.action_count = 1};

	frame.leaf[0].component = UW_COMPONENTS_MAX;
	assert_true(record_put_frame(&f->writer, &frame, 1));
	open_again(f);
	assert_true(recording_next(&f->recording));
	assert_false(recording_next(&f->recording));
	assert_int_equal(f->recording.refused, 1);

	begin(f, f->schema, f->schema_len);
	plan.action[0].kind = ACTION__COUNT;
	assert_true(record_put_plan(&f->writer, &plan));
	open_again(f);
	assert_true(recording_next(&f->recording));
	assert_false(recording_next(&f->recording));
	assert_int_equal(f->recording.refused, 1);
}

static void test_plans_that_differ_in_one_field_are_told(void **state)
{
	struct plan a = {.action_count = 2, .next_us = 9}, b = a;
	int action;

	(void)state;
	assert_null(record_plan_difference(&a, &b, &action));
	b.action[1].why.threshold = 1;
	assert_string_equal(record_plan_difference(&a, &b, &action), "why.threshold");
	assert_int_equal(action, 1);
	b = a;
	b.looks = PLAN_LOOK_CPU;
	assert_string_equal(record_plan_difference(&a, &b, &action), "looks");
	assert_int_equal(action, -1);
	b.action_count = 3;
	assert_string_equal(record_plan_difference(&a, &b, &action), "action_count");
}

/* ---- slots ---- */

static void test_full_slot_takes_no_half_record(void **state)
{
	struct fixture *f = *state;
	struct frame frame = {.component_count = UW_COMPONENTS_MAX};
	uint64_t seed = 3, written = 0, frames = 0;

	do {
		change(&frame, &seed);
		written += record_put_frame(&f->writer, &frame, 1);
	} while (record_room(&f->writer) > record_tick_words(&f->writer, &frame));
	open_again(f);
	while (recording_next(&f->recording))
		frames += f->recording.kind == RECORD_FRAME;
	assert_int_equal(frames, written);
	assert_int_equal(f->recording.torn, 0);
}

/* Of which every word is another than before. */
static void test_full_plan_stays_within_the_room_it_asked_for(void **state)
{
	struct fixture *f = *state;
	uint32_t at = f->writer.at;
	struct plan plan;

	memset(&plan, 0x5a, sizeof(plan));
	plan.action_count = PLAN_ACTIONS_MAX;
	f->writer.end = at;
	while (!record_put_plan(&f->writer, &plan))
		f->writer.end++;
	assert_in_range(f->writer.at, at + 1, f->writer.end);
}

static void test_writer_goes_on_behind_another(void **state)
{
	struct fixture *f = *state;
	struct frame frame = {.now_us = 5, .component_count = 1};
	struct record_begin about = {.wall_us = 2, .schema_bytes = f->schema_len};

	record_put_frame(&f->writer, &frame, 1);
	assert_true(record_slot_resume(&f->writer, f->writer.slot, RECORD_SLOT_BYTES));
	record_put_begin(&f->writer, &about, f->schema);
	frame.component_count = 0;
	record_put_frame(&f->writer, &frame, 3);
	open_again(f);
	for (int i = 0; i < 4; i++)
		assert_true(recording_next(&f->recording));
	assert_int_equal(f->recording.frame.component_count, 0);
	assert_int_equal(f->recording.frame.now_us, 5);
	assert_false(recording_next(&f->recording));
}

/* Records of an earlier use of the slot lie behind the last one, and are none. */
static void test_what_an_earlier_use_left_is_no_record(void **state)
{
	struct fixture *f = *state;
	struct record_begin about = {.wall_us = 2, .schema_bytes = f->schema_len};
	struct plan plan = {.action_count = 0};

	for (int i = 0; i < 50; i++)
		record_put_plan(&f->writer, &plan);
	record_slot_begin(&f->writer, f->writer.slot, RECORD_SLOT_BYTES, 2, 0, 1);
	record_put_begin(&f->writer, &about, f->schema);
	open_again(f);
	assert_true(recording_next(&f->recording));
	assert_false(recording_next(&f->recording));
	assert_int_equal(f->recording.torn, 0);
}

/* An export of a full file of the largest size, with the slots that were in memory still: they are
 * the last ones, and the newest. */
static void test_export_of_the_largest_file_is_read_to_its_end(void **state)
{
	enum {
		SLOTS = RECORD_SLOTS_MAX + RECORD_STAGE_SLOTS,
		SLOT_BYTES = 16384
	};
	size_t size = RECORD_HEAD_BYTES + (size_t)SLOTS * SLOT_BYTES;
	struct record_begin about = {.version = "test"};
	struct record_head head = {.version = RECORD_VERSION, .slots = SLOTS};
	struct fixture *f = *state;
	AUTO_FREE uint64_t *bytes = calloc(1, size);
	uint64_t first_us = 0, last_us = 0;

	about.schema_bytes = f->schema_len;
	memcpy(head.magic, RECORD_MAGIC, sizeof(head.magic));
	memcpy(bytes, &head, sizeof(head));
	for (uint64_t i = 0; i < SLOTS; i++) {
		struct frame frame = {.now_us = i + 1, .sequence = i + 1};

		record_slot_begin(&f->writer,
				  bytes + (RECORD_HEAD_BYTES + i * SLOT_BYTES) / sizeof(*bytes),
				  SLOT_BYTES, i + 1, 0, i + 1);
		assert_true(record_put_begin(&f->writer, &about, f->schema));
		assert_true(record_put_frame(&f->writer, &frame, i + 1));
	}
	assert_int_equal(recording_open(&f->recording, bytes, size, NULL), 0);
	assert_true(recording_span(&f->recording, &first_us, &last_us));
	assert_int_equal(first_us, 1);
	assert_int_equal(last_us, SLOTS);
	assert_true(recording_seek(&f->recording, UINT64_MAX));
	assert_int_equal(f->recording.frame.sequence, SLOTS);
}

static void test_what_is_no_recording_is_refused(void **state)
{
	struct fixture *f = *state;
	struct uw_err err = {0};

	assert_int_equal(recording_open(&f->recording, f->bytes, 100, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "100 bytes are too few"));
	((struct record_head *)f->bytes)->version = 2;
	assert_int_equal(recording_open(&f->recording, f->bytes, sizeof(f->bytes), &err), -EBADMSG);
	assert_string_equal(err.text, "a recording of version 2, allowed: 1");
	((char *)f->bytes)[0] = 'x';
	assert_int_equal(recording_open(&f->recording, f->bytes, sizeof(f->bytes), &err), -EBADMSG);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_schema_has_every_field),
		test(test_field_that_is_not_there_is_zero),
		test(test_schema_in_another_order_says_the_same),
		test(test_schema_that_leads_out_of_its_image_is_refused),
		test(test_frames_come_back_as_they_were),
		test(test_leaves_that_stand_still_take_no_room),
		test(test_all_of_very_many_leaves_have_room_in_one_slot),
		test(test_slot_begins_from_no_leaves_at_all),
		test(test_values_that_no_uwd_writes_are_refused),
		test(test_plans_that_differ_in_one_field_are_told),
		test(test_full_slot_takes_no_half_record),
		test(test_full_plan_stays_within_the_room_it_asked_for),
		test(test_writer_goes_on_behind_another),
		test(test_what_an_earlier_use_left_is_no_record),
		test(test_export_of_the_largest_file_is_read_to_its_end),
		test(test_what_is_no_recording_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
