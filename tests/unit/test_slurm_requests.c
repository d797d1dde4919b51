// SPDX-License-Identifier: GPL-2.0-or-later
/* What uwctl recommend --slurm makes of what nodes have exported. */
#include "tests/unit/hang_guard.h"
#include "tests/unit/cli_fixture.h"
#include "user/base/units.h"
#include "user/cli/jobs/footprints.h"

#define NODE_1 "build/tests/unit/slurm_requests-1"
#define NODE_2 "build/tests/unit/slurm_requests-2"

static const char answer_of_recommend[] =
	"{\"v\": 1, \"keys\": ["
	"{\"key\": \"fold\", \"component\": \"batch\", \"user\": 0, \"runs\": 3, \"failed\": 1,"
	" \"asked_bytes\": 400000000, \"max_bytes\": 100000000, \"at_least\": false},"
	"{\"key\": \"held\", \"user\": 0, \"runs\": 9, \"failed\": 0,"
	" \"asked_bytes\": 70000000, \"max_bytes\": 70000000, \"at_least\": true},"
	"{\"key\": \"few\", \"user\": 0, \"runs\": 2, \"failed\": 0, \"max_bytes\": 5000000},"
	"{\"key\": \"fold\", \"user\": 4000000000, \"runs\": 4, \"failed\": 4, \"max_bytes\": 9},"
	"{\"key\": \"bad\", \"user\": -1, \"runs\": 4, \"failed\": 0, \"max_bytes\": 9},"
	"7], \"components\": []}";

static const char answer_of_history[] =
	"{\"jobs\": ["
	"{\"key\": \"fold\", \"user\": 0, \"state\": \"done\", \"peak_bytes\": 104857600,"
	" \"memory_bytes\": 500000000},"
	"{\"key\": \"fold\", \"user\": 0, \"state\": \"failed\", \"peak_bytes\": 999999999},"
	"{\"key\": \"\", \"user\": 0, \"state\": \"done\", \"peak_bytes\": 999999999},"
	"{\"key\": \"fold\", \"user\": 0, \"state\": \"done\", \"peak_bytes\": null}]}";

static void write_file(const char *path, const char *text)
{
	FILE *out = fopen(path, "we");

	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static const json_t *request_of(const json_t *answer, const char *key, uint64_t uid)
{
	const json_t *request;
	size_t i;

	json_array_foreach (json_object_get(answer, "requests"), i, request)
		if (!strcmp(json_get_text(request, "key"), key) &&
		    json_get_u64(request, "user") == uid)
			return request;
	return NULL;
}

static void test_requests_hold_what_the_largest_run_of_any_node_used(void **state)
{
	AUTO_FREE char *text = NULL, *said = NULL, *table = NULL, *said_too = NULL;
	AUTO_JSON json_t *answer = NULL;
	const json_t *fold;

	(void)state;
	write_file(NODE_1, answer_of_recommend);
	write_file(NODE_2, answer_of_history);
	assert_int_equal(
		UWCTL_LINE(0, &text, &said, "recommend", "--slurm", NODE_1, NODE_2, "--json"),
		CLI_OK);
	answer = json_loads(text, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(answer, "requests")), 3);
	fold = request_of(answer, "fold", 0);
	assert_int_equal(json_get_u64(fold, "runs"), 3);
	assert_int_equal(json_get_u64(fold, "max_bytes"), 100 * MIB);
	assert_int_equal(json_get_u64(fold, "memory_mib"), 105);
	assert_int_equal(json_get_u64(fold, "asked_bytes"), 1300000000 / 3);
	assert_true(json_is_null(json_object_get(request_of(answer, "few", 0), "memory_mib")));
	assert_true(json_is_null(json_object_get(request_of(answer, "held", 0), "memory_mib")));
	assert_true(json_get_bool(request_of(answer, "held", 0), "at_least"));
	assert_int_equal(UWCTL_LINE(0, &table, &said_too, "recommend", "--slurm", NODE_1, NODE_2,
				    "--color=never"),
			 CLI_OK);
	if (!strstr(table, "few   root     2      0  4.77M  -\n") ||
	    !strstr(table, "fold  root     3   413M   100M  --mem=105M\n") ||
	    !strstr(table, "held  root     9  66.8M  66.8M  more\n"))
		fail_msg("%s", table);
}

/* ---- sacct ---- */

static int add_sacct(struct footprints *list, const char *text, struct uw_err *err)
{
	FILE *in = fmemopen((char *)(uintptr_t)text, strlen(text), "r");
	int rc = footprints_add_sacct(list, in, err);

	fclose(in);
	footprints_fold(list);
	return rc;
}

static void test_requests_of_sacct_count_a_script_and_its_steps(void **state)
{
	struct footprints list = {0};
	struct uw_err err = {0};

	(void)state;
	assert_int_equal(add_sacct(&list,
				   "JobID|JobName|UID|State|ReqMem|NTasks|NNodes|MaxRSS|Comment\n"
				   "7|fold|12|COMPLETED|500M||2||\n"
				   "7.batch|batch||COMPLETED||1|1|10M|\n"
				   "7.extern|extern||COMPLETED||1|1|0|\n"
				   "7.0|fold||COMPLETED||4|2|20M|\n"
				   "7.1|fold||COMPLETED||1|1|30M|\n"
				   "8|other|12|COMPLETED|500Mn||1||uw-key=fold; and more\n"
				   "8.0|other||COMPLETED||1|1|1024K|\n"
				   "9|fold|12|FAILED|500M||1||\n"
				   "9.0|fold||FAILED||1|1|900M|\n"
				   "10|fold|13|OUT_OF_MEMORY|500M||1||\n"
				   "10.0|fold||OUT_OF_MEMORY||1|1|500M|\n"
				   "11|fold|12|COMPLETED|500M||1||\n"
				   "12|a name|12|COMPLETED|1G||1||\n"
				   "12.0|x||COMPLETED||1|1|1G|\n"
				   "13",
				   &err),
			 0);
	assert_int_equal(list.count, 3);
	assert_string_equal(list.at[1].key, "fold");
	assert_int_equal(list.at[1].uid, 12);
	assert_int_equal(list.at[1].runs, 2);
	assert_int_equal(list.at[1].max_bytes, 50 * MIB);
	assert_true(list.at[1].asked_bytes == 1000.0 * MIB);
	assert_int_equal(list.at[2].uid, 13);
	assert_true(footprint_is_at_least(&list.at[2]));
	footprints_done(&list);
}

static void test_requests_of_sacct_know_users_by_name(void **state)
{
	struct footprints list = {0};
	struct uw_err err = {0};

	(void)state;
	assert_int_equal(add_sacct(&list,
				   "User|MaxRSS|JobID|JobName|State\n"
				   "root||1|a|COMPLETED\n|1.5G|1.0|a|COMPLETED\n"
				   "no-such-user||2|a|COMPLETED\n|1.5G|2.0|a|COMPLETED\n",
				   &err),
			 0);
	assert_int_equal(list.count, 1);
	assert_int_equal(list.at[0].uid, 0);
	assert_int_equal(list.at[0].runs, 1);
	assert_int_equal(list.at[0].max_bytes, 1536 * MIB);
	footprints_done(&list);
}

static void test_requests_say_which_file_makes_no_sense(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{"", "it is empty"},
		{"JobID|JobName|State|MaxRSS\n", "no heading of sacct -P"},
		{"JobID|JobName\n", "no heading of sacct -P"},
		{"{\"leases\": []}", "neither 'keys'"},
		{"{\"keys\": [}", "line 1"},
		{"|||\n|||", "no heading of sacct -P"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *text = NULL, *said = NULL;

		write_file(NODE_1, rows[i].text);
		assert_int_equal(UWCTL_LINE(0, &text, &said, "recommend", "--slurm", NODE_1),
				 CLI_USAGE);
		if (!strstr(said, rows[i].says) || !strstr(said, NODE_1))
			fail_msg("%s: %s", rows[i].text, said);
	}
}

static void test_requests_are_of_files_and_of_no_other_table(void **state)
{
	static const char *const lines[][4] = {
		{"--slurm"},
		{"--slurm", "--budgets", NODE_1},
		{"--slurm", NODE_1, "--key", "a"},
		{NODE_1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		AUTO_FREE char *text = NULL, *said = NULL;

		assert_int_equal(UWCTL_LINE(0, &text, &said, "recommend", lines[i][0], lines[i][1],
					    lines[i][2], lines[i][3]),
				 CLI_USAGE);
		assert_non_null(strstr(said, "--slurm"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests_hold_what_the_largest_run_of_any_node_used),
		cmocka_unit_test(test_requests_of_sacct_count_a_script_and_its_steps),
		cmocka_unit_test(test_requests_of_sacct_know_users_by_name),
		cmocka_unit_test(test_requests_say_which_file_makes_no_sense),
		cmocka_unit_test(test_requests_are_of_files_and_of_no_other_table),
	};

	return cmocka_run_group_tests_name("slurm_requests", tests, NULL, NULL);
}
