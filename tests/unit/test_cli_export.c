// SPDX-License-Identifier: GPL-2.0-or-later
/* uwctl export: that it asks for the metrics and prints them in the format of Prometheus. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/cli_fixture.h"
#include "tests/unit/metrics_checker.h"

static struct checker checker;

static const char answer[] =
	"{\"daemon\": {\"version\": \"a\\\"b\\\\c\\nd\", \"full_ticks\": 7}, "
	"\"pool\": {\"usable_bytes\": 4194304}, "
	"\"host\": {\"total_bytes\": 8388608, \"available_bytes\": null}, "
	"\"components\": [{\"name\": \"ml\", \"level\": \"high\", \"current_bytes\": 1048576, "
	"\"min_bytes\": null, \"low_bytes\": 2097152, \"growth_bytes_per_s\": -77}], "
	"\"queue\": null, \"jobs\": null}";

static void expect_line(const char *text, const char *line)
{
	if (!strstr(text, line))
		fail_msg("no line %s", line);
}

static void test_export_prints_what_uwd_counts(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL;
	const char *wrong;

	fake->answer[IPC_METRICS][0] = answer;
	assert_int_equal(UWCTL(fake, 0, &text, "export", "metrics"), 0);
	expect_line(text, "\nuw_up 1\n");
	expect_line(text, "\nuw_build_info{version=\"a\\\"b\\\\c\\nd\"} 1\n");
	expect_line(text, "\nuw_component_current_bytes{component=\"ml\"} 1048576\n");
	expect_line(text, "\nuw_component_growth_bytes_per_second{component=\"ml\"} -77\n");
	assert_null(strstr(text, "\nuw_host_available_bytes ")); /* not known: no sample */
	assert_null(strstr(text, "uw_jobs"));
	wrong = wrong_line(text, &checker);
	if (wrong)
		fail_msg("wrong: %s", wrong);
}

static void test_export_gives_the_object_as_json(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL;

	fake->answer[IPC_METRICS][0] = answer;
	assert_int_equal(UWCTL(fake, 0, &text, "export", "metrics", "--json"), 0);
	assert_non_null(strstr(text, "full_ticks"));
}

static void test_export_knows_metrics_alone(void **state)
{
	AUTO_FREE char *text = NULL;

	assert_int_equal(UWCTL(*state, 0, &text, "export", "cgconfig"), CLI_USAGE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_export_prints_what_uwd_counts),
		TEST(test_export_gives_the_object_as_json),
		TEST(test_export_knows_metrics_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
