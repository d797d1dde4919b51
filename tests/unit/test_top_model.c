// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/top_fixture.h"

#include "user/cli/top/act.h"
#include "user/cli/top/columns.h"
#include "user/cli/top/read.h"
#include "user/ipc/json.h"

static const char *name_of_row(const struct top_fixture *top, uint32_t row)
{
	const struct model_row *at = &top->model.row[row];

	assert_true(row < top->model.row_count);
	return at->leaf == MODEL_NONE ? top->model.frame.component[at->first].name
				      : top->model.frame.leaf[at->leaf].name;
}

static void test_the_worst_component_is_first_with_the_leaf_that_hurts(void **state)
{
	struct top_fixture *top = *state;

	add_component(top, "calm", LEVEL_NORMAL, 90 * MIB, 100 * MIB);
	add_component(top, "stalls", LEVEL_NORMAL, 10 * MIB, 100 * MIB)->some_permyriad = 500;
	add_component(top, "models", LEVEL_EMERGENCY, 60 * MIB, 100 * MIB);
	add_leaf_of(top, 2, "small", 1 * MIB);
	add_leaf_of(top, 2, "large", 50 * MIB);
	add_leaf_of(top, 0, "of-calm", 50 * MIB);
	take(top);
	assert_int_equal(top->model.row_count, 4);
	assert_string_equal(name_of_row(top, 0), "models");
	assert_string_equal(name_of_row(top, 1), "large");
	assert_string_equal(name_of_row(top, 2), "stalls");
	assert_string_equal(name_of_row(top, 3), "calm");
}

static void test_a_frozen_leaf_is_shown_below_a_calm_component(void **state)
{
	struct top_fixture *top = *state;

	add_component(top, "calm", LEVEL_NORMAL, 90 * MIB, 100 * MIB);
	add_leaf_of(top, 0, "running", 50 * MIB);
	add_leaf_of(top, 0, "stands", 5 * MIB)->frozen = true;
	take(top);
	assert_int_equal(top->model.row_count, 2);
	assert_string_equal(name_of_row(top, 1), "stands");
}

static void test_orders_are_total_and_can_be_turned_round(void **state)
{
	static const struct {
		const char *keys, *first, *last;
	} rows[] = {
		{"", "b", "c"},   /* its use */
		{"s", "a", "c"},  /* by name */
		{"s", "c", "a"},  /* by use in bytes */
		{"s", "a", "c"},  /* by stalls: all alike, so by name */
		{"s", "c", "b"},  /* by growth */
		{"sS", "c", "b"}, /* worst, reversed */
	};
	struct top_fixture *top = *state;

	add_component(top, "a", LEVEL_NORMAL, 10 * MIB, 100 * MIB);
	add_component(top, "b", LEVEL_NORMAL, 20 * MIB, 25 * MIB);
	add_component(top, "c", LEVEL_NORMAL, 90 * MIB, 1000 * MIB)->growth_bytes_per_s = MIB;
	top->frame.component[1].growth_bytes_per_s = -(int64_t)MIB;
	take(top);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		press(top, rows[i].keys);
		assert_string_equal(name_of_row(top, 0), rows[i].first);
		if (i != 5)
			assert_string_equal(name_of_row(top, 2), rows[i].last);
	}
}

static void test_the_choice_stays_with_what_was_chosen(void **state)
{
	struct top_fixture *top = *state;

	add_component(top, "first", LEVEL_HIGH, 50 * MIB, 100 * MIB);
	add_component(top, "second", LEVEL_LOW, 50 * MIB, 100 * MIB);
	take(top);
	assert_string_equal(model_chosen_component(&top->model)->name, "first");
	top->frame.component[1].level = LEVEL_EMERGENCY;
	take(top);
	/* Nobody has chosen: the worst is. */
	assert_string_equal(model_chosen_component(&top->model)->name, "second");
	press(top, "j");
	assert_string_equal(model_chosen_component(&top->model)->name, "first");
	top->frame.component[0].level = LEVEL_EMERGENCY;
	top->frame.component[0].some_permyriad = 900;
	take(top);
	assert_string_equal(name_of_row(top, 0), "first");
	assert_string_equal(model_chosen_component(&top->model)->name, "first");
}

static void test_a_chosen_row_that_went_leaves_the_choice_at_its_place(void **state)
{
	struct top_fixture *top = *state;

	add_component(top, "a", LEVEL_HIGH, 50 * MIB, 100 * MIB);
	add_component(top, "b", LEVEL_LOW, 50 * MIB, 100 * MIB);
	take(top);
	press(top, "j");
	top->frame.component_count = 1;
	take(top);
	assert_string_equal(model_chosen_component(&top->model)->name, "a");
	top->frame.component_count = 0;
	take(top);
	assert_null(model_chosen(&top->model));
	press(top, "jk\nftr");
	assert_int_equal(top->model.prompt, PROMPT_NONE);
}

static void test_a_filter_leaves_out_what_does_not_have_it(void **state)
{
	struct top_fixture *top = *state;

	add_component(top, "ml_models", LEVEL_NORMAL, 50 * MIB, 100 * MIB);
	add_component(top, "cache", LEVEL_NORMAL, 50 * MIB, 100 * MIB);
	take(top);
	press(top, "/CaC\n");
	assert_int_equal(top->model.row_count, 1);
	assert_string_equal(name_of_row(top, 0), "cache");
	press(top, "\x1b");
	assert_int_equal(top->model.row_count, 2);
	/* While it is typed q is a letter. */
	press(top, "/q\x1b");
	assert_string_equal(top->model.filter, "");
}

static void test_jobs_that_do_badly_come_first(void **state)
{
	struct top_fixture *top = *state;
	static const uint64_t order[] = {5, 4, 3, 1, 2, 6};

	press(top, "2");
	add_job_of(top, 1, "running");
	add_job_of(top, 2, "queued");
	add_job_of(top, 3, "frozen");
	add_job_of(top, 4, "running")->late_us = US_PER_SEC;
	add_job_of(top, 5, "running")->at_limit_us = US_PER_SEC;
	add_job_of(top, 6, "held");
	take(top);
	for (uint32_t i = 0; i < ARRAY_SIZE(order); i++)
		assert_int_equal(top->model.frame.job[top->model.row[i].first].id, order[i]);
}

static void test_a_record_is_kept_once_and_changed_by_its_end(void **state)
{
	struct top_fixture *top = *state;

	add_record_of(top, 1, "under way");
	add_record_of(top, 2, "done in 1ms");
	take(top);
	add_record_of(top, 1, "done in 2s");
	take(top);
	assert_int_equal(top->model.record_count, 2);
	assert_string_equal(top->model.record[0].effect, "done in 2s");
	/* The log of another uwd begins anew, and so do its numbers. */
	top->frame.is_new_uwd = true;
	add_record_of(top, 1, "done in 3s");
	take(top);
	assert_int_equal(top->model.record_count, 1);
}

static void test_the_newest_records_are_kept(void **state)
{
	struct top_fixture *top = *state;

	for (uint64_t i = 1; i <= MODEL_RECORDS + 10; i++) {
		add_record_of(top, i, "done");
		take(top);
	}
	assert_int_equal(top->model.record_count, MODEL_RECORDS);
	assert_int_equal(top->model.record[0].sequence, 11);
	assert_int_equal(top->model.record[MODEL_RECORDS - 1].sequence, MODEL_RECORDS + 10);
}

static void test_stalls_of_the_host_are_a_share_of_the_time(void **state)
{
	struct top_fixture *top = *state;

	take(top);
	assert_true(top->model.stall_permyriad == FRAME_ABSENT);
	top->frame.head.stalled_us = 250000;
	take(top);
	assert_int_equal(top->model.stall_permyriad, 2500);
	top->frame.head.stalled_us = 0; /* the machine was another one */
	take(top);
	assert_true(top->model.stall_permyriad == FRAME_ABSENT);
}

/* ---- history ---- */

static uint16_t newest(const struct top_fixture *top, int seconds_ago)
{
	return history_bucket(&top->model.history, "a", HISTORY_USE, top->frame.at_us - US_PER_SEC,
			      (int)HISTORY_SLOTS - 1 - seconds_ago, HISTORY_SLOTS);
}

static void test_history_has_a_value_a_second_and_gaps_where_nobody_looked(void **state)
{
	struct top_fixture *top = *state;

	add_component(top, "a", LEVEL_NORMAL, 10 * MIB, 100 * MIB);
	take(top);
	top->frame.component[0].use_permyriad = 2000;
	take(top);
	assert_int_equal(newest(top, 0), 2000);
	assert_int_equal(newest(top, 1), 1000);
	assert_int_equal(newest(top, 2), HISTORY_GAP);
	/* uwd was away for a while. */
	model_set_away(&top->model, "gone");
	top->frame.at_us += 10 * US_PER_SEC;
	take(top);
	assert_int_equal(newest(top, 0), 2000);
	assert_int_equal(newest(top, 5), HISTORY_GAP);
	assert_int_equal(newest(top, 11), 2000);
	/* All of it is passed over. */
	top->frame.at_us += 400 * US_PER_SEC;
	take(top);
	assert_int_equal(newest(top, 0), 2000);
	for (int i = 1; i < (int)HISTORY_SLOTS; i++)
		assert_int_equal(newest(top, i), HISTORY_GAP);
}

static void test_a_slow_pace_leaves_no_gaps(void **state)
{
	struct top_fixture *top = *state;

	top->model.period_us = 5 * US_PER_SEC;
	add_component(top, "a", LEVEL_NORMAL, 10 * MIB, 100 * MIB);
	for (int i = 0; i < 3; i++) {
		take(top);
		top->frame.at_us += 4 * US_PER_SEC;
	}
	top->frame.at_us -= 4 * US_PER_SEC;
	for (int i = 0; i <= 10; i++)
		assert_int_equal(newest(top, i), 1000);
	assert_int_equal(newest(top, 11), HISTORY_GAP);
}

static void test_history_goes_by_name_when_components_change_places(void **state)
{
	struct top_fixture *top = *state;
	struct top_component swap;

	add_component(top, "b", LEVEL_NORMAL, 50 * MIB, 100 * MIB);
	add_component(top, "a", LEVEL_NORMAL, 10 * MIB, 100 * MIB);
	take(top);
	swap = top->frame.component[0];
	top->frame.component[0] = top->frame.component[1];
	top->frame.component[1] = swap;
	take(top);
	assert_int_equal(newest(top, 0), 1000);
	assert_int_equal(newest(top, 1), 1000);
}

/* ---- keys ---- */

static void test_an_answer_about_another_thing_is_not_shown(void **state)
{
	struct top_fixture *top = *state;

	add_component(top, "a", LEVEL_HIGH, 10 * MIB, 100 * MIB);
	add_component(top, "b", LEVEL_NORMAL, 10 * MIB, 100 * MIB);
	take(top);
	press(top, "\n");
	take(top);
	assert_true(model_has_view(&top->model));
	press(top, " n");
	assert_false(model_has_view(&top->model));
	/* The one that was on its way, and then the one that was asked for, though it is paused. */
	top->frame.view = TOP_WHY;
	text_copy(top->frame.about, sizeof(top->frame.about), "a");
	model_take(&top->model, &top->frame);
	assert_false(model_has_view(&top->model));
	take(top);
	assert_true(model_has_view(&top->model));
}

static void test_a_first_frame_in_another_view_names_a_component_of_it(void **state)
{
	struct top_fixture *top = *state;

	press(top, "3");
	add_component(top, "only", LEVEL_NORMAL, 50 * MIB, 100 * MIB);
	for (uint64_t i = 1; i <= TOP_RECORDS_MAX; i++)
		add_record_of(top, i, "done");
	take(top);
	assert_int_equal(top->model.row_count, TOP_RECORDS_MAX);
	assert_string_equal(top->model.component, "only");
}

static void test_paused_the_frame_stands_still_and_history_goes_on(void **state)
{
	struct top_fixture *top = *state;

	add_component(top, "a", LEVEL_NORMAL, 10 * MIB, 100 * MIB);
	take(top);
	press(top, " ");
	top->frame.component[0].use_permyriad = 9000;
	take(top);
	assert_int_equal(top->model.frame.component[0].use_permyriad, 1000);
	assert_int_equal(newest(top, 0), 9000);
	/* Something else is looked at: that is fetched. */
	press(top, "4");
	take(top);
	assert_int_equal(top->model.frame.component[0].use_permyriad, 9000);
	press(top, " ");
	assert_false(top->model.paused);
}

static void test_keys_lead_into_one_thing_and_back(void **state)
{
	struct top_fixture *top = *state;

	add_component(top, "a", LEVEL_NORMAL, 10 * MIB, 100 * MIB);
	add_component(top, "b", LEVEL_HIGH, 10 * MIB, 100 * MIB);
	take(top);
	press(top, "j");
	assert_int_equal(keys_press(&top->model, KEYS_ENTER), KEYS_ASK);
	assert_int_equal(top->model.view, TOP_WHY);
	assert_string_equal(top->model.component, "a");
	press(top, "n");
	assert_string_equal(top->model.component, "b");
	press(top, "\x1b");
	assert_int_equal(top->model.view, TOP_COMPONENTS);
	press(top, "\t\t\t");
	assert_int_equal(top->model.view, TOP_EXPLAIN);
	press(top, "\t");
	assert_int_equal(top->model.view, TOP_COMPONENTS);
	assert_int_equal(keys_press(&top->model, 'q'), KEYS_QUIT);
}

static void test_an_action_needs_y_and_keeps_its_target(void **state)
{
	struct top_fixture *top = *state;
	char text[128];

	add_component(top, "ml_models", LEVEL_HIGH, 80 * MIB, 100 * MIB);
	add_component(top, "cache", LEVEL_LOW, 10 * MIB, 100 * MIB);
	add_leaf_of(top, 0, "leak", 50 * MIB);
	take(top);
	press(top, "jf");
	assert_int_equal(top->model.prompt, PROMPT_CONFIRM);
	assert_string_equal(act_text(&top->model.act, text, sizeof(text)), "freeze ml_models/leak");
	/* The order changes while the question stands. */
	top->frame.component[1].level = LEVEL_EMERGENCY;
	take(top);
	assert_int_equal(keys_press(&top->model, 'y'), KEYS_ACT);
	assert_string_equal(act_text(&top->model.act, text, sizeof(text)), "freeze ml_models/leak");
	press(top, "f");
	assert_int_equal(keys_press(&top->model, '\n'), KEYS_STAY);
	assert_string_equal(top->model.message, "nothing was done");
}

static void test_without_rights_there_are_no_actions(void **state)
{
	static const char keys[] = "ftr";
	struct top_fixture *top = *state;

	top->model.may_act = false;
	add_component(top, "ml_models", LEVEL_HIGH, 80 * MIB, 100 * MIB);
	take(top);
	for (const char *key = keys; *key; key++) {
		assert_int_equal(keys_press(&top->model, *key), KEYS_STAY);
		assert_int_equal(top->model.prompt, PROMPT_NONE);
	}
	add_job_of(top, 1, "running");
	press(top, "2");
	take(top);
	/* A job may be one's own. */
	press(top, "x");
	assert_int_equal(top->model.prompt, PROMPT_CONFIRM);
	press(top, "n");
	top->model.may_change_jobs = false;
	press(top, "x");
	assert_int_equal(top->model.prompt, PROMPT_NONE);
}

static void test_a_reclaim_asks_how_much(void **state)
{
	static const struct {
		const char *typed;
		uint64_t bytes; /* 0: refused */
	} rows[] = {
		{"64M\n", 64 * MIB}, {"64\n", 0},        {"\n", 0},
		{"0\n", 0},          {"99999999T\n", 0}, {"-5M\n", 0},
	};
	struct top_fixture *top = *state;

	add_component(top, "cache", LEVEL_LOW, 10 * MIB, 100 * MIB);
	take(top);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		press(top, "r");
		assert_int_equal(top->model.prompt, PROMPT_BYTES);
		press(top, rows[i].typed);
		assert_int_equal(top->model.prompt, rows[i].bytes ? PROMPT_CONFIRM : PROMPT_NONE);
		if (rows[i].bytes)
			assert_int_equal(top->model.act.bytes, rows[i].bytes);
		press(top, "n");
	}
}

static void test_writes_are_those_of_the_leaves_there_are(void **state)
{
	struct top_fixture *top = *state;
	struct top_act act = {.kind = TOP_ACT_FREEZE, .component = "ml_models"};
	char text[256];

	add_component(top, "ml_models", LEVEL_HIGH, 80 * MIB, 100 * MIB);
	add_component(top, "cache", LEVEL_LOW, 10 * MIB, 100 * MIB);
	add_leaf_of(top, 0, "leak", 50 * MIB);
	add_leaf_of(top, 0, "empty", 0)->populated = false;
	add_leaf_of(top, 0, "stands", 1 * MIB)->frozen = true;
	add_leaf_of(top, 1, "redis", 1 * MIB);
	assert_string_equal(act_write(&act, &top->frame, "/sys/fs/cgroup", 0, text, sizeof(text)),
			    "/sys/fs/cgroup/uw/ml_models/leak/cgroup.freeze = 1");
	assert_null(act_write(&act, &top->frame, "/sys/fs/cgroup", 1, text, sizeof(text)));
	act.kind = TOP_ACT_THAW;
	assert_string_equal(act_write(&act, &top->frame, "/sys/fs/cgroup", 0, text, sizeof(text)),
			    "/sys/fs/cgroup/uw/ml_models/stands/cgroup.freeze = 0");
	act = (struct top_act){.kind = TOP_ACT_RECLAIM, .component = "cache", .bytes = 64 * MIB};
	assert_string_equal(act_write(&act, &top->frame, "/sys/fs/cgroup", 0, text, sizeof(text)),
			    "/sys/fs/cgroup/uw/cache/memory.reclaim = 67108864");
	act.kind = TOP_ACT_CANCEL;
	assert_null(act_write(&act, &top->frame, "/sys/fs/cgroup", 0, text, sizeof(text)));
}

static void test_calls_name_what_was_chosen(void **state)
{
	static const struct {
		struct top_act act;
		enum ipc_method method;
		const char *parameters;
	} rows[] = {
		{{.kind = TOP_ACT_FREEZE, .component = "a", .leaf = "b"},
		 IPC_FREEZE,
		 "{\"component\": \"a\", \"leaf\": \"b\"}"},
		{{.kind = TOP_ACT_THAW, .component = "a"}, IPC_THAW, "{\"component\": \"a\"}"},
		{{.kind = TOP_ACT_RECLAIM, .component = "a", .bytes = 5},
		 IPC_RECLAIM,
		 "{\"component\": \"a\", \"bytes\": 5}"},
		{{.kind = TOP_ACT_CANCEL, .job = 12},
		 IPC_CANCEL,
		 "{\"select\": {\"jobs\": [{\"first\": 12, \"last\": 12}]}}"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_JSON json_t *want = json_loads(rows[i].parameters, 0, NULL);
		AUTO_JSON json_t *got = NULL;

		assert_int_equal(act_call(&rows[i].act, &got), rows[i].method);
		assert_true(json_equal(got, want));
	}
}

/* As queue says it: not by a number. */
static void test_a_held_job_says_who_held_it(void **state)
{
	struct top_fixture *top = *state;
	AUTO_JSON json_t *answer =
		json_loads("{\"jobs\": [{\"id\": 8, \"state\": \"held\", \"why\": {\"reason\": "
			   "\"request\", \"observed\": 0, \"text\": \"uid 0 asked for it\"}}]}",
			   0, NULL);

	read_jobs(answer, 0, &top->frame);
	assert_string_equal(top->frame.job[0].why, "held by root");
	assert_string_equal(top->frame.job[0].brief, "held by root");
}

/* A column of ten letters has no room for why a job was started, and needs none. */
static void test_a_running_job_says_why_where_there_is_room(void **state)
{
	struct top_fixture *top = *state;
	AUTO_JSON json_t *answer = json_loads(
		"{\"jobs\": [{\"id\": 1, \"state\": \"running\", \"at_limit_us\": null, \"why\": "
		"{\"reason\": \"first\", \"text\": \"nothing is known of its key\"}}, "
		"{\"id\": 2, \"state\": \"running\", \"at_limit_us\": 5, \"why\": {\"reason\": "
		"\"first\", \"text\": \"grew\"}}]}",
		0, NULL);

	read_jobs(answer, 0, &top->frame);
	assert_string_equal(top->frame.job[0].why, "nothing is known of its key");
	assert_string_equal(top->frame.job[0].brief, "");
	assert_string_equal(top->frame.job[1].brief, "grew");
}

static void test_an_end_is_a_guess_where_no_time_was_promised(void **state)
{
	struct top_fixture *top = *state;
	AUTO_JSON json_t *answer =
		json_loads("{\"jobs\": [{\"id\": 1, \"state\": \"running\", \"end_in_us\": 9, "
			   "\"time_us\": null}, {\"id\": 2, \"state\": \"running\", "
			   "\"end_in_us\": 9, \"time_us\": 10}]}",
			   0, NULL);

	read_jobs(answer, 0, &top->frame);
	assert_true(top->frame.job[0].end_is_guess);
	assert_false(top->frame.job[1].end_is_guess);
}

/* A line has room for so much, and a terminal may be wider. */
static void test_what_is_told_at_length_is_whole_at_any_width(void **state)
{
	struct top_fixture *top = *state;
	AUTO_JSON json_t *answer = json_pack("{s:{s:s}, s:[]}", "queued", "name", "long", "argv");

	for (int i = 100; i < 200; i++) {
		char word[16];

		snprintf(word, sizeof(word), "word%d", i);
		json_array_append_new(json_object_get(answer, "argv"), json_string(word));
	}
	read_steps(answer, CANVAS_WIDTH_MAX, &top->frame);
	for (int i = 100; i < 200; i++) {
		char word[16];
		uint32_t line = 0;

		snprintf(word, sizeof(word), "word%d", i);
		while (line < top->frame.line_count && !strstr(top->frame.line[line].text, word))
			line++;
		if (line == top->frame.line_count)
			fail_msg("%s is not there", word);
	}
}

static void test_columns_go_by_rank_and_the_name_is_cut_last(void **state)
{
	static const struct top_column columns[] = {
		{.title = "A", .least = 4, .most = 10},
		{.title = "B", .rank = 2, .least = 5, .most = 5},
		{.title = "C", .rank = 1, .least = 5, .most = 20, .grow_rank = 1},
		{.title = "D", .least = 3, .most = 3},
	};
	static const struct {
		int needed, room, width[4];
	} rows[] = {
		{4, 40, {4, 5, 20, 3}}, {4, 20, {4, 5, 5, 3}}, {4, 19, {4, 0, 10, 3}},
		{4, 13, {4, 0, 0, 3}},  {8, 10, {6, 0, 0, 3}}, {8, 2, {1, 0, 0, 3}},
	};
	int width[COLUMNS_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		columns_fit(columns, 4, rows[i].needed, 0, rows[i].room, width);
		assert_memory_equal(width, rows[i].width, sizeof(rows[i].width));
	}
	columns_fit(columns, 4, 4, 1U << 1, 40, width);
	assert_int_equal(width[1], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TOP_TEST(test_the_worst_component_is_first_with_the_leaf_that_hurts),
		TOP_TEST(test_a_frozen_leaf_is_shown_below_a_calm_component),
		TOP_TEST(test_orders_are_total_and_can_be_turned_round),
		TOP_TEST(test_the_choice_stays_with_what_was_chosen),
		TOP_TEST(test_a_chosen_row_that_went_leaves_the_choice_at_its_place),
		TOP_TEST(test_a_filter_leaves_out_what_does_not_have_it),
		TOP_TEST(test_jobs_that_do_badly_come_first),
		TOP_TEST(test_a_record_is_kept_once_and_changed_by_its_end),
		TOP_TEST(test_the_newest_records_are_kept),
		TOP_TEST(test_stalls_of_the_host_are_a_share_of_the_time),
		TOP_TEST(test_history_has_a_value_a_second_and_gaps_where_nobody_looked),
		TOP_TEST(test_a_slow_pace_leaves_no_gaps),
		TOP_TEST(test_history_goes_by_name_when_components_change_places),
		TOP_TEST(test_an_answer_about_another_thing_is_not_shown),
		TOP_TEST(test_a_first_frame_in_another_view_names_a_component_of_it),
		TOP_TEST(test_paused_the_frame_stands_still_and_history_goes_on),
		TOP_TEST(test_keys_lead_into_one_thing_and_back),
		TOP_TEST(test_an_action_needs_y_and_keeps_its_target),
		TOP_TEST(test_without_rights_there_are_no_actions),
		TOP_TEST(test_a_reclaim_asks_how_much),
		TOP_TEST(test_writes_are_those_of_the_leaves_there_are),
		TOP_TEST(test_calls_name_what_was_chosen),
		TOP_TEST(test_a_held_job_says_who_held_it),
		TOP_TEST(test_a_running_job_says_why_where_there_is_room),
		TOP_TEST(test_an_end_is_a_guess_where_no_time_was_promised),
		TOP_TEST(test_what_is_told_at_length_is_whole_at_any_width),
		TOP_TEST(test_columns_go_by_rank_and_the_name_is_cut_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
