// SPDX-License-Identifier: GPL-2.0-or-later
/* What uwctl offers at the end of a command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/cli_fixture.h"
#include "user/cli/complete_values.h"

static const char status[] =
	"{\"components\": [{\"name\": \"ml\", \"level\": \"high\", \"leaves\": [{\"name\": \"train\", "
	"\"frozen\": true}, {\"name\": \"$(id)\"}, {\"name\": \"x;id\"}, {\"name\": \"two words\"}, "
	"{\"name\": \"\u00e9\"}]}, {\"name\": \"cache\", \"level\": \"normal\", \"leaves\": []}]}";
static const char queue[] =
	"{\"jobs\": [{\"id\": 12, \"name\": \"train.py\", \"state\": \"running\", \"key\": \"ml/train\", "
	"\"tags\": [\"nightly\", \"mail\"]}, {\"id\": 14, \"array\": 13, \"index\": 1, \"name\": \"f\\u001b\", "
	"\"state\": \"queued\", \"key\": \"\", \"tags\": []}], \"next\": null}";
static const char history[] =
	"{\"jobs\": [{\"id\": 7, \"name\": \"fold\", \"state\": \"done\", \"key\": \"ml/train\", "
	"\"tags\": [\"nightly\"]}], \"next\": null}";

/* The candidates of a line, without what they are, a blank between. */
static char *offered(struct fake *fake, const char *line)
{
	char words[8][64], *said, *at;
	const char *argv[12] = {"complete", "--"};
	int count = 0;
	size_t out = 0;

	while (*line || !count || line[-1] == ' ') {
		size_t length = strcspn(line, " ");

		snprintf(words[count], sizeof(words[count]), "%.*s", (int)length, line);
		argv[2 + count] = words[count];
		count++;
		line += length;
		if (!*line)
			break;
		line++;
	}
	fake->answer[IPC_STATUS][0] = status;
	fake->answer[IPC_QUEUE][0] = queue;
	fake->answer[IPC_HISTORY][0] = history;
	assert_int_equal(fake_uwctl(fake, 0, argv, &said), 0);
	at = said;
	while (*at) {
		size_t length = strcspn(at, "\t\n"), whole = strcspn(at, "\n");

		memmove(said + out, at, length);
		out += length;
		said[out++] = ' ';
		at += whole + 1;
	}
	said[out ? out - 1 : 0] = '\0';
	return said;
}

static void test_each_line_is_offered_what_fits(void **state)
{
	static const char *const rows[][2] = {
		{"stat", "status"},
		{"comp", ""}, /* for programs */
		{"-", "--help --json --color --socket"},
		{"--color=n", "--color=never"},
		{"--color a", "auto always"},
		{"--json que", "queue"},
		{"why ", "ml cache"},
		{"why m", "ml"},
		{"why ml ", ""},
		{"freeze ml", "ml ml/train"},
		{"freeze ml/", "ml/train"},
		{"freeze ml --fo", "--for --force"},
		{"cancel ", "12 13_1"},
		{"cancel 12 1", "12 13_1"},
		{"wait ", "12 13_1 7"},
		{"logs 1", "12 13_1"},
		{"history ", "7"},
		{"history --key ", "ml/train"},
		{"queue --tag ", "nightly mail"},
		{"cancel -T m", "mail"},
		{"queue --state lo", "lost"},
		{"queue --state held,lo", "held,lost"},
		{"queue --state=held,lo", "--state=held,lost"},
		{"queue -o id,na", "id,name"},
		{"status --sort l", "level lent"},
		{"submit -c ", "ml cache"},
		{"submit --after ", "12 13_1"},
		{"submit -c ml -- ls -", ":command 4"},
		{"submit -c ml ", ":command 3"},
		{"submit -c ml --pri", "--priority"},
		{"run ", "ml cache"},
		{"run ml --na", "--name"},
		{"run ml ", ":command 2"},
		{"run ml -- ls ", ":command 3"},
		{"config ", "show check diff"},
		{"config show ", ""},
		{"config check ", ":files"},
		{"setup --config ", ":files"},
		{"submit --cwd ", ":dirs"},
		{"export ", "metrics"},
		{"help sim", "simulate"},
		{"nosuch ", ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *got = offered(*state, rows[i][0]);

		if (strcmp(got, rows[i][1]) != 0)
			fail_msg("'%s': got '%s', want '%s'", rows[i][0], got, rows[i][1]);
	}
}

static void test_candidates_say_what_they_are(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL;

	fake->answer[IPC_QUEUE][0] = queue;
	assert_int_equal(UWCTL(fake, 0, &text, "complete", "--", "cancel", ""), 0);
	assert_string_equal(text, "12\ttrain.py, running\n13_1\tf?, queued\n");
}

static void test_nothing_is_said_where_uwd_is_away(void **state)
{
	AUTO_FREE char *out = NULL, *err = NULL;

	(void)state;
	assert_int_equal(
		UWCTL_LINE(0, &out, &err, "complete", "-s", "/nonexistent", "--", "wait", ""), 0);
	assert_string_equal(out ?: "", "");
	assert_string_equal(err, "");
}

/* A new option, or a new command with words, has to say what stands there. */
static void test_every_option_with_a_value_is_known(void **state)
{
	(void)state;
	for (int id = 0; id < OPTION__COUNT; id++) {
		const struct option_row *row = option_row((enum option_id)id);

		if (row->value && !complete_knows_option((enum option_id)id))
			fail_msg("nothing is known of the values of --%s", row->name);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_line_is_offered_what_fits),
		TEST(test_candidates_say_what_they_are),
		cmocka_unit_test(test_nothing_is_said_where_uwd_is_away),
		cmocka_unit_test(test_every_option_with_a_value_is_known),
	};

	return cmocka_run_group_tests_name("complete", tests, NULL, NULL);
}
