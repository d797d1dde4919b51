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
#include "user/cli/actions.h"
#include "user/cli/commands.h"
#include "user/cli/suggest.h"
#include "user/ipc/json.h"

#define WORDS_MAX 10

static int parse(const struct command *command, const char *const *words, struct options *options,
		 int *ret_first, struct uw_err *err)
{
	char *argv[WORDS_MAX + 1];
	int argc = 0;

	for (; words[argc]; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc];
	argv[argc] = NULL;
	return options_parse(argc, argv, command->options, command->in_order, options, ret_first,
			     err);
}

static void test_options_good_ones_are_read(void **state)
{
	static const struct {
		const char *words[WORDS_MAX];
		struct options want;
		int first;
	} rows[] = {
		{{"log"}, {0}, 1},
		{{"log", "-l", "3", "cache"}, {.count = 3}, 3},
		{{"log", "cache", "--lines=512", "-f"}, {.count = 512, .follow = true}, 3},
		{{"log", "--jso"}, {.json = true}, 2},
		{{"freeze", "ml", "--for", "30s"}, {.for_us = 30000000}, 3},
		{{"run", "-n", "cache", "ls", "-l"}, {.dry_run = true}, 2},
		{{"teardown", "--kill", "-nj"}, {.kill = true, .dry_run = true, .json = true}, 3},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct options options = {0};
		struct uw_err err = {0};
		int first;

		assert_int_equal(parse(command_find(&commands, rows[i].words[0]), rows[i].words,
				       &options, &first, &err),
				 0);
		options.given = 0;
		assert_memory_equal(&options, &rows[i].want, sizeof(options));
		assert_int_equal(first, rows[i].first);
	}
}

static void test_options_bad_ones_say_what_is_meant(void **state)
{
	static const struct {
		const char *words[WORDS_MAX];
		const char *text; /* somewhere in the message */
	} rows[] = {
		{{"log", "--lnes", "3"}, "did you mean '--lines'"},
		{{"log", "--lines"}, "--lines needs a value"},
		{{"log", "-l"}, "--lines needs a value"},
		{{"log", "-n", "3"}, "unknown option '-n': did you mean '--lines'"},
		{{"log", "--lines", "0"}, "number from 1 to 512"},
		{{"log", "--lines", "513"}, "number from 1 to 512"},
		{{"log", "--lines", "-1"}, "number from 1 to 512"},
		{{"log", "--lines="}, "number from 1 to 512"},
		{{"log", "--follow=yes"}, "--follow takes no value"},
		{{"log", "-x"}, "unknown option '-x'"},
		{{"log", "-jx"}, "unknown option '-x'"},
		{{"log", "--dry-run"}, "unknown option '--dry-run'"},
		{{"freeze", "ml", "--for", "30"}, "a time with its unit"},
		{{"freeze", "ml", "--for", "1e9s"}, "a time with its unit"},
		{{"run", "--name", "../x", "cache", "ls"}, "'../x' is not"},
		{{"run", "--name", "", "cache", "ls"}, "'' is not"},
		{{"run", "--name", "a/b", "cache", "ls"}, "'a/b' is not"},
		{{"run", "--name", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "cache"}, "is not"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct options options = {0};
		struct uw_err err = {0};
		int first;

		assert_int_equal(parse(command_find(&commands, rows[i].words[0]), rows[i].words,
				       &options, &first, &err),
				 -EINVAL);
		if (!strstr(err.text, rows[i].text))
			fail_msg("row %zu says: %s", i, err.text);
	}
}

static void test_suggest_distance_counts_edits(void **state)
{
	static const struct {
		const char *a, *b;
		unsigned int distance;
	} rows[] = {
		{"", "", 0},
		{"a", "", 1},
		{"", "abc", 3},
		{"status", "status", 0},
		{"status", "stauts", 1},
		{"freeze", "freez", 1},
		{"log", "lag", 1},
		{"kitten", "sitting", 3},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(suggest_distance(rows[i].a, rows[i].b), rows[i].distance);
		assert_int_equal(suggest_distance(rows[i].b, rows[i].a), rows[i].distance);
	}
}

static void test_suggest_near_commands_are_found_and_far_ones_not(void **state)
{
	static const struct {
		const char *word, *meant;
	} rows[] = {
		{"stauts", "status"}, {"stat", "status"},   {"frezze", "freeze"},
		{"chekc", "check"},   {"unfreeze", "thaw"}, {"jobs", "queue"},
		{"kill", "cancel"},   {"reprot", "report"}, {"explian", "explain"},
		{"tear", "teardown"}, {"xyzzy", NULL},      {"", NULL},
		{"q", "queue"},       {"z", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *meant = command_suggest(&commands, rows[i].word);

		if (rows[i].meant)
			assert_string_equal(meant ?: "(none)", rows[i].meant);
		else
			assert_null(meant);
	}
}

/* Prints a table at a width and returns the text. */
static char *printed(const struct table *table, int width)
{
	struct screen screen = {.width = width};
	char *text = NULL;
	size_t size = 0;

	screen.out = open_memstream(&text, &size);
	assert_non_null(screen.out);
	table_print(table, &screen);
	fclose(screen.out);
	return text;
}

static void test_table_drops_the_least_important_columns_first(void **state)
{
	static const struct column columns[] = {
		{"NAME", false, 0},
		{"USED", true, 2},
		{"AGE", true, 1},
		{"NOTE", false, 0},
	};
	static const struct {
		int width;
		const char *text;
	} rows[] = {
		{0, "NAME   USED  AGE  NOTE\ncache  1.2G   3s  ok\nx         0  12s\n"},
		{22, "NAME   USED  AGE  NOTE\ncache  1.2G   3s  ok\nx         0  12s\n"},
		{21, "NAME   AGE  NOTE\ncache   3s  ok\nx      12s\n"},
		{12, "NAME   NOTE\ncache  ok\nx\n"},
		{3, "NAME   NOTE\ncache  ok\nx\n"},
	};
	static const char *const cells[] = {"cache", "1.2G", "3s", "ok", "x", "0", "12s", ""};
	struct table table;

	(void)state;
	table_init(&table, columns, ARRAY_SIZE(columns));
	for (size_t i = 0; i < ARRAY_SIZE(cells); i++)
		table_cell(&table, PAINT_PLAIN, "%s", cells[i]);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *text = printed(&table, rows[i].width);

		assert_string_equal(text, rows[i].text);
	}
	table_done(&table);
}

static void test_wrap_breaks_at_spaces_and_indents(void **state)
{
	AUTO_FREE char *text = NULL;
	struct screen screen = {.width = 12};
	size_t size = 0;

	(void)state;
	screen.out = open_memstream(&text, &size);
	fputs("ab:", screen.out);
	screen_wrap(&screen, PAINT_PLAIN, 3, 2, "one two three-is-far-too-long four");
	fclose(screen.out);
	assert_string_equal(text, "ab: one two\n  three-is-far-too-long\n  four\n");
}

static void test_record_effect_says_what_came_of_it(void **state)
{
	static const struct {
		const char *record, *what, *effect;
	} rows[] = {
		{"{\"action\":\"reclaim\",\"amount_bytes\":67108864,\"result\":\"short\","
		 "\"done_bytes\":1048576,\"took_us\":1200000}",
		 "reclaim 64M", "freed 1.0M of 64M in 1.2s"},
		{"{\"action\":\"freeze\",\"leaf\":\"hog\",\"result\":\"done\",\"took_us\":2000,"
		 "\"within_us\":30000000}",
		 "freeze hog", "done in 2ms, thaws within 30s"},
		{"{\"action\":\"thaw\",\"leaf\":\"hog\",\"result\":\"failed\",\"error\":\"EIO\"}",
		 "thaw hog", "failed: EIO"},
		{"{\"action\":\"set-high\",\"amount_bytes\":null,\"result\":\"\"}",
		 "memory.high = max", "under way"},
		{"{\"action\":\"notice\",\"result\":\"\"}", "notice", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_JSON json_t *record = json_loads(rows[i].record, 0, NULL);
		char text[128];

		assert_string_equal(action_what(record, text, sizeof(text)), rows[i].what);
		assert_string_equal(action_effect(record, text, sizeof(text)), rows[i].effect);
	}
}

static void test_commands_each_row_is_complete(void **state)
{
	(void)state;
	for (size_t i = 0; i < commands.count; i++) {
		const struct command *command = &commands.row[i];
		char start[64], letters[OPTION__COUNT + 1] = "";

		for (int id = 0; id < OPTION__COUNT; id++) {
			char letter = option_row((enum option_id)id)->letter;

			if (!letter || !(command->options & OPTION_BIT(id)))
				continue;
			assert_null(strchr(letters, letter));
			letters[strlen(letters)] = letter;
		}

		assert_non_null(command->run);
		assert_non_null(command->words);
		assert_non_null(command->detail);
		assert_true(command->options & OPTION_BIT(OPTION_HELP));
		assert_true(command->options & OPTION_BIT(OPTION_JSON));
		snprintf(start, sizeof(start), "uwctl %s", command->name);
		assert_ptr_equal(strstr(command->example, start), command->example);
		assert_ptr_equal(command_find(&commands, command->name), command);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_good_ones_are_read),
		cmocka_unit_test(test_options_bad_ones_say_what_is_meant),
		cmocka_unit_test(test_suggest_distance_counts_edits),
		cmocka_unit_test(test_suggest_near_commands_are_found_and_far_ones_not),
		cmocka_unit_test(test_table_drops_the_least_important_columns_first),
		cmocka_unit_test(test_wrap_breaks_at_spaces_and_indents),
		cmocka_unit_test(test_record_effect_says_what_came_of_it),
		cmocka_unit_test(test_commands_each_row_is_complete),
	};

	return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
