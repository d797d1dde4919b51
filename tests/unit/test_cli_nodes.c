// SPDX-License-Identifier: GPL-2.0-or-later
/* uwctl simulate --nodes: what it prints, and what it takes and does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/cli_fixture.h"
#include "user/base/units.h"

static const char jobs[] = "0 100 200 1024 300 1 2 5\n"
			   "0 100 200 1024 300 1 2 5\n"
			   "1 100 200 1024 300 1 2 5\n"
			   "2 100 200 9000 300 1 2 5\n"
			   "500 100 200 1024 300 1 2 5\n";

static const char *write_trace(const struct fake *fake, char path[static 96])
{
	FILE *file;

	snprintf(path, 96, "%s/jobs.trace", fake->folder);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(jobs, file);
	assert_int_equal(fclose(file), 0);
	return path;
}

static void test_the_three_systems_are_side_by_side(void **state)
{
	AUTO_FREE char *text = NULL, *said = NULL;
	char path[96];

	assert_int_equal(UWCTL_LINE(120, &text, &said, "simulate", write_trace(*state, path),
				    "--nodes", "2", "--capacity", "2G"),
			 CLI_OK);
	assert_non_null(strstr(text, "4 jobs, 2 nodes of 2.0G, placed first fit, 1 run"));
	assert_non_null(strstr(text, "slurm "));
	assert_non_null(strstr(text, "slurm-learned"));
	assert_non_null(strstr(text, "slurm-uw"));
	assert_non_null(strstr(text, "1 that are wider than a node"));
}

static void test_json_has_a_row_for_each(void **state)
{
	AUTO_FREE char *text = NULL, *said = NULL;
	AUTO_JSON json_t *json = NULL;
	const json_t *learned;
	char path[96];

	assert_int_equal(UWCTL_LINE(0, &text, &said, "simulate", write_trace(*state, path),
				    "--nodes", "2", "--capacity", "2G", "--placement", "least",
				    "--json"),
			 CLI_OK);
	json = json_loads(text, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(json, "placement")), "least");
	assert_int_equal(json_integer_value(json_object_get(json, "never_fit")), 1);
	assert_int_equal(json_array_size(json_object_get(json, "systems")), 3);
	learned = json_array_get(json_object_get(json, "systems"), 1);
	assert_string_equal(json_string_value(json_object_get(learned, "system")), "slurm-learned");
	assert_true(json_real_value(json_object_get(learned, "learned_requests")) > .5);
	assert_int_equal(json_integer_value(json_object_get(learned, "most_given_bytes")), 2 * GIB);
}

static void test_what_is_wrong_is_said_in_a_line(void **state)
{
	static const struct {
		const char *word[4];
		const char *says;
	} rows[] = {
		{{"--nodes", "0"}, "--nodes: '0' is not a number from 1 to 10000\n"},
		{{"--nodes", "10001"}, "--nodes: '10001' is not a number from 1 to 10000\n"},
		{{"--nodes", "-3"}, "--nodes: '-3' is not a number from 1 to 10000\n"},
		{{"--nodes", "many"}, "--nodes: 'many' is not a number from 1 to 10000\n"},
		{{"--nodes", "2", "--placement", "best"},
		 "--placement: 'best' is not first or least\n"},
		{{"--placement", "least"}, "--placement is of a cluster: with --nodes\n"},
		{{"--nodes", "2", "--policy", "uw"},
		 "--policy: not with --nodes, where Slurm has the order\n"},
		{{"--nodes", "2", "--html", "x"},
		 "--html: not with --nodes, where Slurm has the order\n"},
		{{"--nodes", "2", "--capacity", "1M"}, "no job of the trace fits a node\n"},
	};
	char path[96];

	write_trace(*state, path);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *text = NULL, *said = NULL;
		const char *const *word = rows[i].word;

		if (word[2])
			assert_int_not_equal(UWCTL_LINE(80, &text, &said, "simulate", path, word[0],
							word[1], word[2], word[3]),
					     CLI_OK);
		else
			assert_int_not_equal(
				UWCTL_LINE(80, &text, &said, "simulate", path, word[0], word[1]),
				CLI_OK);
		assert_non_null(strstr(said, rows[i].says));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_three_systems_are_side_by_side, fake_setup,
						fake_teardown),
		cmocka_unit_test_setup_teardown(test_json_has_a_row_for_each, fake_setup,
						fake_teardown),
		cmocka_unit_test_setup_teardown(test_what_is_wrong_is_said_in_a_line, fake_setup,
						fake_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
