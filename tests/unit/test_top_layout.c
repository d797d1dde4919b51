// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/top_fixture.h"

/* Sizes that a terminal has: the usual one, a large one, a narrow one. */
static const struct {
	int width, height;
} sizes[] = {{80, 24}, {200, 50}, {60, 15}};

static void add_scene(struct top_fixture *top, const char *name)
{
	struct top_component *models =
		add_component(top, name, LEVEL_EMERGENCY, 484 * MIB, 509 * MIB);
	struct top_component *cache = add_component(top, "cache", LEVEL_NORMAL, 16 * MIB, 99 * MIB);
	struct top_leaf *leak = add_leaf_of(top, 0, "leak", 478 * MIB);

	models->some_permyriad = 1200;
	models->frozen_leaves = 1;
	models->thaw_in_us = 58 * US_PER_SEC;
	text_copy(models->tier, sizeof(models->tier), "freeze");
	cache->lent_bytes = 151 * MIB;
	cache->budget_bytes = 250 * MIB;
	leak->frozen = true;
	leak->growth_bytes_per_s = 61 * (int64_t)MIB;
}

static int row_with(const struct top_fixture *top, const char *text)
{
	char row[CANVAS_ROW_LEN];

	for (int y = 0; y < top->canvas.height; y++) {
		if (strstr(canvas_row_text(&top->canvas, y, row), text))
			return y;
	}
	fail_msg("'%s' is not on the screen:\n%s", text, top->text);
	return -1;
}

/* The style of the first cell of text in its row. */
static unsigned int style_of(struct top_fixture *top, const char *text)
{
	int y = row_with(top, text);

	for (int x = 0; x < top->canvas.width; x++) {
		int i = 0;

		while (text[i] &&
		       canvas_at(&top->canvas, x + i, y)->glyph == (unsigned char)text[i])
			i++;
		if (!text[i])
			return canvas_at(&top->canvas, x, y)->style;
	}
	return UINT32_MAX;
}

static void test_level_and_stall_are_at_every_size(void **state)
{
	struct top_fixture *top = *state;

	add_scene(top, LONG_NAME);
	add_record_of(top, 1, "done in 1.3ms, thaws within 1min");
	take(top);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		int width = sizes[i].width, height = sizes[i].height;

		for (int utf8 = 0; utf8 < 2; utf8++) {
			top->canvas.utf8 = utf8;
			assert_shows(top, width, height, LONG_NAME);
			assert_shows(top, width, height, "EMERGENCY");
			assert_shows(top, width, height, "484/509M");
			assert_shows(top, width, height, "  12%");
			assert_shows(top, width, height, "STALL");
			assert_shows(top, width, height, "usable 20G");
			assert_shows(top, width, height, "22:18:31");
			assert_shows(top, width, height, "22:18:29 ml_models");
			assert_shows(top, width, height, "frozen");
		}
	}
}

static void test_a_wide_screen_has_more_columns_and_a_narrow_one_less(void **state)
{
	static const struct {
		int width;
		const char *name, *has, *lacks;
	} rows[] = {
		{80, "ml_models", "NOW", "GROWTH"}, {80, LONG_NAME, "5 MIN", "NOW"},
		{60, "ml_models", "USE", "NOW"},    {60, LONG_NAME, "STALL", "USE "},
		{200, LONG_NAME, "PROMISED", NULL}, {200, LONG_NAME, "WORKING SET", NULL},
		{200, LONG_NAME, "BORROWED", NULL}, {30, LONG_NAME, "STALL", "5 MIN"},
	};
	struct top_fixture *top = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		top->frame.component_count = top->frame.leaf_count = 0;
		add_scene(top, rows[i].name);
		take(top);
		assert_shows(top, rows[i].width, 24, rows[i].has);
		if (rows[i].lacks)
			assert_hides(top, rows[i].width, 24, rows[i].lacks);
	}
}

static void test_columns_can_be_switched_off(void **state)
{
	struct top_fixture *top = *state;

	add_scene(top, "ml_models");
	take(top);
	press(top, "cn");
	assert_shows(top, 80, 24, "n(NOW)");
	press(top, "\x1b");
	assert_hides(top, 80, 24, "NOW");
	assert_hides(top, 80, 24, "freeze 58s");
	press(top, "cn\x1b");
	assert_shows(top, 80, 24, "freeze 58s");
}

static void test_the_screen_is_ascii_without_utf8(void **state)
{
	struct top_fixture *top = *state;

	add_scene(top, "ml_models");
	take(top);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		top->canvas.utf8 = false;
		for (const char *c = screen_of(top, sizes[i].width, sizes[i].height); *c; c++)
			assert_true(*c == '\n' || (*c >= ' ' && *c <= '~'));
	}
	assert_shows(top, 80, 24, "[####");
	assert_shows(top, 80, 24, "lent 151M");
	top->canvas.utf8 = true;
	assert_shows(top, 80, 24, "[\u2588\u2588");
}

static void test_a_bar_has_eighths_and_a_mark(void **state)
{
	struct top_fixture *top = *state;

	add_component(top, "half", LEVEL_NORMAL, 50 * MIB, 100 * MIB)->high_bytes = 75 * MIB;
	add_component(top, "over", LEVEL_NORMAL, 150 * MIB, 100 * MIB);
	add_component(top, "none", LEVEL_NORMAL, 0, 100 * MIB);
	take(top);
	assert_shows(top, 48, 24, "[####..|.]");
	assert_shows(top, 48, 24, "[########]");
	assert_shows(top, 48, 24, "[........]");
	top->frame.component[0].current_bytes = 45 * MIB;
	take(top);
	top->canvas.utf8 = true;
	assert_shows(top, 48, 24, "[\u2588\u2588\u2588\u258c\u00b7\u00b7|\u00b7]");
}

static void test_a_frozen_leaf_is_never_green_and_the_worst_is_red(void **state)
{
	struct top_fixture *top = *state;

	add_scene(top, "ml_models");
	take(top);
	screen_of(top, 80, 24);
	assert_int_equal(style_of(top, "frozen") & STYLE_PAINT, PAINT_NOTE);
	assert_int_equal(style_of(top, "EMERGENCY") & STYLE_PAINT, PAINT_BAD);
	assert_int_equal(style_of(top, "normal") & STYLE_PAINT, PAINT_GOOD);
	assert_int_equal(style_of(top, "freeze 58s") & STYLE_PAINT, PAINT_NOTE);
}

static void test_names_cannot_steer_the_terminal(void **state)
{
	struct top_fixture *top = *state;

	add_component(top, "a\033[2Jb\n\xc2\x9b", LEVEL_EMERGENCY, 50 * MIB, 100 * MIB);
	add_leaf_of(top, 0, "\r\x7f\xff", 50 * MIB)->frozen = true;
	add_record_of(top, 1, "\033]0;x\a");
	text_copy(top->frame.record[0].what, sizeof(top->frame.record[0].what), "freeze \t\033c");
	take(top);
	for (int y = 0; y < 24; y++) {
		screen_of(top, 80, 24);
		for (int x = 0; x < 80; x++) {
			uint16_t glyph = canvas_at(&top->canvas, x, y)->glyph;

			assert_true(glyph >= ' ' && glyph <= '~');
		}
	}
	assert_shows(top, 80, 24, "a?[2Jb???");
}

/* In a column of its own where somebody refuses, and as news for a minute. */
static void test_refused_mappings_are_shown(void **state)
{
	struct top_fixture *top = *state;
	struct top_component *models;

	add_component(top, "cache", LEVEL_NORMAL, 16 * MIB, 99 * MIB);
	models = add_component(top, "ml_models", LEVEL_NORMAL, 50 * MIB, 100 * MIB);
	take(top);
	assert_hides(top, 200, 50, "REFUSED");
	models->refused_bytes = 0;
	take(top);
	assert_shows(top, 200, 50, " REFUSED ");
	models->refused_bytes = 700 * MIB;
	models->refused_last_bytes = 300 * MIB;
	models->refused_ago_us = 5 * US_PER_SEC;
	take(top);
	assert_shows(top, 200, 50, "   700M ");
	assert_shows(top, 200, 50, " refused 300M");
	assert_shows(top, 80, 24, " refused 3");
	models->refused_ago_us = 61 * US_PER_SEC;
	take(top);
	assert_hides(top, 200, 50, " refused 300M");
	assert_shows(top, 200, 50, "   700M ");
}

static void test_history_is_drawn_with_its_gaps(void **state)
{
	struct top_fixture *top = *state;

	add_component(top, "cache", LEVEL_NORMAL, 95 * MIB, 100 * MIB)->some_permyriad = 5000;
	take(top);
	assert_shows(top, 80, 24, "       %");
	/* On a large screen stalls have a line of their own. */
	assert_shows(top, 200, 50, " stalls ");
	assert_hides(top, 200, 24, " stalls ");
	assert_int_equal(row_with(top, "cache"), 5);
}

static void test_rows_that_find_no_room_are_scrolled_to(void **state)
{
	struct top_fixture *top = *state;
	char name[16];

	for (int i = 0; i < 32; i++) {
		snprintf(name, sizeof(name), "c%02d", i);
		add_component(top, name, LEVEL_NORMAL, 50 * MIB, 100 * MIB);
	}
	take(top);
	assert_shows(top, 60, 15, "> c00");
	assert_hides(top, 60, 15, "c31");
	keys_press(&top->model, KEYS_END);
	assert_shows(top, 60, 15, "> c31");
	assert_hides(top, 60, 15, "c00");
	keys_press(&top->model, KEYS_PAGE_UP);
	assert_hides(top, 60, 15, "> c31");
	keys_press(&top->model, KEYS_HOME);
	assert_shows(top, 60, 15, "> c00");
	assert_true(layout_height_of_all(&top->model) >= 38);
	assert_shows(top, 60, layout_height_of_all(&top->model), "c31");
}

static void test_drawing_chooses_nothing(void **state)
{
	struct top_fixture *top = *state;

	add_component(top, "a", LEVEL_HIGH, 50 * MIB, 100 * MIB);
	add_component(top, "b", LEVEL_NORMAL, 50 * MIB, 100 * MIB);
	take(top);
	assert_shows(top, 80, 24, "> a");
	top->frame.component[1].level = LEVEL_EMERGENCY;
	take(top);
	assert_shows(top, 80, 24, "> b");
}

static void test_away_and_paused_are_said(void **state)
{
	struct top_fixture *top = *state;

	assert_shows(top, 80, 24, "asking uwd");
	add_scene(top, "ml_models");
	take(top);
	assert_shows(top, 80, 24, "LIVE 1s");
	model_set_away(&top->model, "uwd is not running");
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		assert_shows(top, sizes[i].width, sizes[i].height, "uwd is away, waiting");
		assert_shows(top, sizes[i].width, sizes[i].height, "uwd is not running");
		assert_shows(top, sizes[i].width, sizes[i].height, "ml_models");
	}
	take(top);
	assert_hides(top, 80, 24, "away");
	press(top, " +");
	assert_shows(top, 80, 24, "PAUSED");
	press(top, " ");
	assert_shows(top, 80, 24, "LIVE 500ms");
}

static void test_jobs_are_folded_and_say_when_they_are_late(void **state)
{
	struct top_fixture *top = *state;
	struct top_job *job;

	for (uint64_t i = 0; i < 6; i++) {
		job = add_job_of(top, 9 + i, i < 4 ? "running" : "queued");
		job->array = 9;
		job->index = i;
		job->end_in_us = 12 * US_PER_SEC;
		job->used_bytes = 10 * MIB;
		text_copy(job->brief, sizeof(job->brief), "140M free");
		snprintf(job->why, sizeof(job->why), "%s",
			 i < 4 ? "needs 100M" : "needs 100M, free are 140M");
	}
	job = add_job_of(top, 8, "running");
	job->late_us = 180 * US_PER_SEC;
	job = add_job_of(top, 7, "running");
	job->end_in_us = 300 * US_PER_SEC;
	job->end_is_guess = true;
	press(top, "2");
	take(top);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		int width = sizes[i].width, height = sizes[i].height;

		assert_shows(top, width, height, "9_*");
		assert_shows(top, width, height, "4 run 2 wait");
		assert_shows(top, width, height, "60/600M");
		assert_shows(top, width, height, "3min late");
		assert_shows(top, width, height, "in 12s");
		assert_shows(top, width, height, "in ~5min");
	}
	assert_shows(top, 200, 50, "needs 100M, free are 140M");
	assert_shows(top, 80, 24, "140M free");
	assert_hides(top, 80, 24, "needs");
	top->frame.job_total = 900;
	take(top);
	assert_shows(top, 80, 24, "and 892 more");
	press(top, "\x1b");
	top->frame.job_count = 0;
	top->frame.job_total = 0;
	take(top);
	assert_shows(top, 80, 24, "no job is in the queue");
}

static void test_conditions_and_refusals_are_shown(void **state)
{
	struct top_fixture *top = *state;

	add_scene(top, "ml_models");
	top->frame.condition_count = 1;
	top->frame.condition[0] = (struct top_condition){.name = "use of budget",
							 .observed = "96%",
							 .threshold = "95%",
							 .leads_to = "emergency",
							 .text = "5M over it",
							 .met = true};
	take(top);
	press(top, "e");
	assert_shows(top, 80, 24, "asking uwd");
	take(top);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		assert_shows(top, sizes[i].width, sizes[i].height, "use of budget");
		assert_shows(top, sizes[i].width, sizes[i].height, ">= 95%");
		assert_shows(top, sizes[i].width, sizes[i].height, "yes");
		assert_shows(top, sizes[i].width, sizes[i].height, "level emergency");
	}
	assert_shows(top, 80, 24, "5M over it");
	text_copy(top->frame.refused, sizeof(top->frame.refused), "there is no component 'x'");
	take(top);
	assert_shows(top, 80, 24, "there is no component 'x'");
}

static void test_an_action_shows_its_writes(void **state)
{
	struct top_fixture *top = *state;
	char name[24];

	add_component(top, "ml_models", LEVEL_NORMAL, 50 * MIB, 100 * MIB);
	for (int i = 0; i < 9; i++) {
		snprintf(name, sizeof(name), "leaf%d", i);
		add_leaf_of(top, 0, name, MIB);
	}
	take(top);
	press(top, "f");
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		int width = sizes[i].width, height = sizes[i].height;

		assert_shows(top, width, height, "would write:");
		assert_shows(top, width, height,
			     "/sys/fs/cgroup/uw/ml_models/leaf0/cgroup.freeze = 1");
		assert_shows(top, width, height, "and 3 more");
		assert_shows(top, width, height, "freeze ml_models? y does it");
	}
	press(top, "nr64M\n");
	assert_shows(top, 80, 24, "/sys/fs/cgroup/uw/ml_models/memory.reclaim = 67108864");
}

static void test_help_offers_only_what_may_be_done(void **state)
{
	struct top_fixture *top = *state;

	add_scene(top, "ml_models");
	take(top);
	press(top, "?");
	assert_shows(top, 80, 24, "f t r");
	press(top, "xe");
	top->model.may_act = top->model.may_change_jobs = false;
	press(top, "1");
	take(top);
	assert_hides(top, 80, 24, "freeze t");
	press(top, "?");
	assert_hides(top, 80, 24, "f t r");
}

static void test_any_size_will_do(void **state)
{
	struct top_fixture *top = *state;

	add_scene(top, LONG_NAME);
	add_job_of(top, 1, "running");
	for (int view = 0; view < TOP_VIEW__COUNT; view++) {
		model_show(&top->model, (enum top_view)view);
		take(top);
		for (int width = 1; width <= 90; width += 7) {
			for (int height = 1; height <= 30; height++)
				screen_of(top, width, height);
		}
	}
	assert_int_equal(canvas_resize(&top->canvas, 100000, -5), 0);
	assert_int_equal(top->canvas.width, CANVAS_WIDTH_MAX);
	assert_int_equal(top->canvas.height, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TOP_TEST(test_level_and_stall_are_at_every_size),
		TOP_TEST(test_a_wide_screen_has_more_columns_and_a_narrow_one_less),
		TOP_TEST(test_columns_can_be_switched_off),
		TOP_TEST(test_the_screen_is_ascii_without_utf8),
		TOP_TEST(test_a_bar_has_eighths_and_a_mark),
		TOP_TEST(test_a_frozen_leaf_is_never_green_and_the_worst_is_red),
		TOP_TEST(test_names_cannot_steer_the_terminal),
		TOP_TEST(test_refused_mappings_are_shown),
		TOP_TEST(test_history_is_drawn_with_its_gaps),
		TOP_TEST(test_rows_that_find_no_room_are_scrolled_to),
		TOP_TEST(test_drawing_chooses_nothing),
		TOP_TEST(test_away_and_paused_are_said),
		TOP_TEST(test_jobs_are_folded_and_say_when_they_are_late),
		TOP_TEST(test_conditions_and_refusals_are_shown),
		TOP_TEST(test_an_action_shows_its_writes),
		TOP_TEST(test_help_offers_only_what_may_be_done),
		TOP_TEST(test_any_size_will_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
