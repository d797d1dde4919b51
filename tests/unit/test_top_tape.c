// SPDX-License-Identifier: GPL-2.0-or-later
/* What top shows of a recording, and where its keys lead in it. */
#include "tests/unit/top_fixture.h"

#include <sys/stat.h>

#include "tests/unit/report_fixture.h"
#include "user/cli/top/tape.h"

#define RECORDING "build/tape.recording"

static void open_tape(struct top_fixture *top, struct tape *tape, const struct retiming *how)
{
	struct uw_err err = {0};

	mkdir("build", 0755);
	setenv("TZ", "UTC", 1);
	made_of_golden("freeze", RECORDING, how);
	assert_int_equal(tape_open(tape, RECORDING, &err), 0);
	unlink(RECORDING);
	top->model.replay = top->model.paused = true;
	tape_show(tape, &top->model);
}

/* Each key as the loop on a terminal does it. */
static void go(struct top_fixture *top, struct tape *tape, const char *keys)
{
	for (; *keys; keys++) {
		int key = *keys == '<' ? KEYS_LEFT : *keys == '>' ? KEYS_RIGHT : *keys;

		if (keys_press(&top->model, key) == KEYS_TRAVEL)
			tape_travel(tape, &top->model);
	}
	tape_show(tape, &top->model);
}

static void test_end_is_shown_as_it_was(void **state)
{
	struct top_fixture *top = *state;
	struct tape tape;

	open_tape(top, &tape, &(struct retiming){0});
	assert_string_equal(top->model.frame.head.clock, "08:00:12");
	assert_string_equal(top->model.frame.head.date, "2027-01-15");
	assert_string_equal(top->model.frame.component[1].name, "ml");
	assert_int_equal(top->model.frame.component[1].level, LEVEL_EMERGENCY);
	assert_true(top->model.frame.leaf[1].frozen);
	assert_string_equal(top->model.record[top->model.record_count - 1].what, "leaf1 freeze");
	tape_done(&tape);
}

static void test_keys_lead_from_frame_to_frame_and_action_to_action(void **state)
{
	struct top_fixture *top = *state;
	struct tape tape;
	uint32_t at;

	open_tape(top, &tape, &(struct retiming){0});
	at = tape.at;
	go(top, &tape, "<<");
	assert_int_equal(tape.at, at - 2);
	go(top, &tape, ">>>");
	assert_int_equal(tape.at, at);
	assert_string_equal(top->model.message, "there is none after this");
	go(top, &tape, "{");
	assert_int_equal(tape.at, 0);
	assert_int_equal(top->model.frame.component[1].level, LEVEL_NORMAL);
	go(top, &tape, "]");
	assert_string_equal(top->model.record[top->model.record_count - 1].what, "leaf1 freeze");
	go(top, &tape, "g08:00:05\n");
	assert_string_equal(top->model.frame.head.clock, "08:00:05");
	go(top, &tape, "g-2s\n");
	assert_string_equal(top->model.frame.head.clock, "08:00:10");
	go(top, &tape, "g25:00\n");
	assert_non_null(strstr(top->model.message, "'25:00' is no time"));
	tape_done(&tape);
}

static void test_nothing_can_be_done_to_what_was(void **state)
{
	struct top_fixture *top = *state;
	struct tape tape;

	open_tape(top, &tape, &(struct retiming){0});
	top->model.may_act = top->model.may_change_jobs = false;
	assert_int_equal(keys_press(&top->model, 'f'), KEYS_STAY);
	assert_int_equal(top->model.prompt, PROMPT_NONE);
	tape_done(&tape);
}

/* Where nothing was recorded sparklines have nothing, and playing goes over it in one leap. */
static void test_gap_is_a_gap(void **state)
{
	const struct retiming how = {.gap_at_us = 2 * US_PER_SEC, .late_us = 40 * US_PER_SEC};
	struct top_fixture *top = *state;
	struct tape tape;
	uint64_t until_us;

	open_tape(top, &tape, &how);
	assert_string_equal(top->model.frame.head.clock, "08:00:52");
	until_us = top->model.frame.at_us;
	assert_int_not_equal(
		history_bucket(&top->model.history, "ml", HISTORY_USE, until_us, 299, 300),
		HISTORY_GAP);
	assert_int_equal(history_bucket(&top->model.history, "ml", HISTORY_USE, until_us, 270, 300),
			 HISTORY_GAP);
	assert_int_not_equal(
		history_bucket(&top->model.history, "ml", HISTORY_USE, until_us, 248, 300),
		HISTORY_GAP);
	go(top, &tape, "{g08:00:20\n");
	assert_string_equal(top->model.frame.head.clock, "08:00:02");
	assert_true(tape_play(&tape, US_PER_SEC));
	tape_show(&tape, &top->model);
	assert_string_equal(top->model.frame.head.clock, "08:00:43");
	tape_done(&tape);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TOP_TEST(test_end_is_shown_as_it_was),
		TOP_TEST(test_keys_lead_from_frame_to_frame_and_action_to_action),
		TOP_TEST(test_nothing_can_be_done_to_what_was),
		TOP_TEST(test_gap_is_a_gap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
