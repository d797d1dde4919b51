// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The text format of Prometheus, held against its rules: names, label names and escapes, a value
 * that is a number, each family in one piece with HELP and TYPE once and before its samples,
 * counters that end in _total, no sample twice, and histograms that rise up to +Inf and _count.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/cli_fixture.h"

#define FAMILIES_MAX 128
#define SAMPLES_MAX  1024
#define NAME_LEN     96
#define SERIES_LEN   256

struct checker {
	const char *error;
	char family[FAMILIES_MAX][NAME_LEN];
	uint32_t families;
	char type[16];
	bool has_type;
	char series[SAMPLES_MAX][SERIES_LEN];
	uint32_t samples;
	double bucket; /* of the histogram that is being read */
	bool has_inf;
};

static size_t name_length(const char *text)
{
	size_t n = 0;

	while (isalnum((unsigned char)text[n]) || text[n] == '_' || text[n] == ':')
		n++;
	return n && !isdigit((unsigned char)*text) ? n : 0;
}

static bool begin_family(struct checker *c, const char *line)
{
	size_t n = name_length(line);

	if (!n || n >= NAME_LEN || line[n] != ' ')
		return false;
	for (uint32_t i = 0; i < c->families; i++)
		if (strlen(c->family[i]) == n && !strncmp(c->family[i], line, n))
			return false; /* twice, or in two pieces */
	snprintf(c->family[c->families++], NAME_LEN, "%.*s", (int)n, line);
	c->has_type = false;
	return true;
}

static bool read_type(struct checker *c, const char *line)
{
	const char *family = c->families ? c->family[c->families - 1] : "";
	size_t n = strlen(family), end;

	if (!n || c->has_type || strncmp(line, family, n) != 0 || line[n] != ' ')
		return false;
	snprintf(c->type, sizeof(c->type), "%s", line + n + 1);
	c->has_type = true;
	end = n > 6 ? n - 6 : 0;
	if (!strcmp(c->type, "counter"))
		return !strcmp(family + end, "_total");
	return !strcmp(c->type, "gauge") || !strcmp(c->type, "histogram");
}

/* The labels behind '{', up to behind '}'; NULL where they are wrong. */
static const char *skip_labels(const char *at)
{
	while (*at != '}') {
		size_t n = name_length(at);

		if (!n || strncmp(at + n, "=\"", 2) != 0)
			return NULL;
		for (at += n + 2; *at && *at != '"'; at++)
			if (*at == '\\' && !strchr("\\\"n", *++at))
				return NULL;
		if (*at++ != '"' || (*at != ',' && *at != '}'))
			return NULL;
		at += *at == ',';
	}
	return at + 1;
}

static bool is_new(struct checker *c, const char *line, size_t length)
{
	for (uint32_t i = 0; i < c->samples; i++)
		if (strlen(c->series[i]) == length && !strncmp(c->series[i], line, length))
			return false;
	if (length >= SERIES_LEN || c->samples == SAMPLES_MAX)
		return false;
	snprintf(c->series[c->samples++], SERIES_LEN, "%.*s", (int)length, line);
	return true;
}

static bool check_histogram(struct checker *c, const char *suffix, const char *line, double value)
{
	if (!strncmp(suffix, "_bucket{", 8)) {
		bool rises = value >= c->bucket || c->has_inf;

		c->has_inf = strstr(line, "le=\"+Inf\"") != NULL;
		c->bucket = value;
		return rises && strstr(line, "le=\"");
	}
	if (!strncmp(suffix, "_sum{", 5))
		return c->has_inf;
	return !strncmp(suffix, "_count{", 7) && c->has_inf && value == c->bucket;
}

static bool read_sample(struct checker *c, const char *line)
{
	const char *family = c->families ? c->family[c->families - 1] : "";
	size_t n = name_length(line), length = strlen(family);
	const char *at = line + n;
	char *end;
	double value;

	if (!n || !c->has_type || strncmp(line, family, length) != 0)
		return false;
	at = *at == '{' ? skip_labels(at + 1) : at;
	if (!at || *at != ' ' || !is_new(c, line, (size_t)(at - line)))
		return false;
	value = strtod(at + 1, &end);
	if (end == at + 1 || *end || value < 0)
		return false;
	return strcmp(c->type, "histogram") ? n == length
					    : check_histogram(c, line + length, line, value);
}

static bool read_line(struct checker *c, const char *line)
{
	if (!strncmp(line, "# HELP ", 7))
		return begin_family(c, line + 7) && strlen(line + 7) > NAME_LEN / 8;
	if (!strncmp(line, "# TYPE ", 7))
		return read_type(c, line + 7);
	return read_sample(c, line);
}

/* The first line that is wrong, or NULL. Cuts text into lines. */
static const char *wrong_line(char *text, struct checker *c)
{
	*c = (struct checker){0};
	if (!*text || text[strlen(text) - 1] != '\n')
		return "no line feed at the end";
	for (char *line = text, *end; *line; line = end + 1) {
		end = strchr(line, '\n');
		*end = '\0';
		if (!read_line(c, line))
			return line;
	}
	return NULL;
}

static struct checker checker;

#define HISTOGRAM "# HELP a Some help here.\n# TYPE a histogram\na_bucket{le=\"1\"} 2\n"

static void test_the_checker_finds_what_is_wrong(void **state)
{
	static const char *const wrong[] = {
		"a 1\n",
		"# HELP a Some help here.\n# TYPE a gauge\na 1",
		"# HELP a Some help here.\na 1\n",
		"# HELP a Some help here.\n# TYPE a counter\na 1\n",
		"# HELP a Some help here.\n# TYPE a gauge\na 1\na 1\n",
		"# HELP a Some help here.\n# TYPE a gauge\nb 1\n",
		"# HELP a Some help here.\n# TYPE a gauge\na x\n",
		"# HELP a Some help here.\n# TYPE a gauge\na{b=\"\\q\"} 1\n",
		"# HELP a Some help here.\n# TYPE a gauge\na{b=\"c} 1\n",
		"# HELP a Some help here.\n# TYPE a gauge\na{2=\"c\"} 1\n",
		"# HELP a Some help here.\n# TYPE a gauge\na 1\n# HELP a Some help here.\n",
		(HISTOGRAM "a_bucket{le=\"+Inf\"} 1\n"),
		(HISTOGRAM "a_bucket{le=\"+Inf\"} 2\na_sum{} 2\na_count{} 3\n"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		AUTO_FREE char *text = strdup(wrong[i]);

		if (!wrong_line(text, &checker))
			fail_msg("passes: %s", wrong[i]);
	}
}

#define STATS(name)                                                                            \
	"{\"name\": \"" name "\", \"queued\": 3, \"running\": 1, \"done\": 9, \"failed\": 2, " \
	"\"cancelled\": 0, \"lost\": 0, \"runs\": 12, \"sufficed\": 11, "                      \
	"\"wait_us\": 2500000, \"run_us\": 60000001}"
#define NEAR(what)                                                                             \
	"{\"component\": \"ml\", \"what\": \"" what "\", \"bounds_permyriad\": [5000, 10000, " \
	"12500], \"counts\": [1, 2, 4, 5], \"sum_permyriad\": 150000}"
#define COMPONENT(name)                                                                                                        \
	"{\"name\": \"" name "\", \"level\": \"high\", \"current_bytes\": 1048576, "                                           \
	"\"working_set_bytes\": 4096, \"swap_bytes\": 0, \"spoken_bytes\": 77, \"leases\": 3, \"leased_bytes\": 55, "          \
	"\"lease_waits\": 1, \"lease_grants\": 9, \"lease_denials\": 2, \"lease_revocations\": 4, \"budget_bytes\": 2097152, " \
	"\"in_force_bytes\": 2097152, \"borrowed_bytes\": 0, \"lent_bytes\": 0, "                                              \
	"\"min_bytes\": null, \"low_bytes\": 2097152, \"high_bytes\": null, "                                                  \
	"\"use_permyriad\": 5000, \"some_permyriad\": 12, \"full_permyriad\": 3, "                                             \
	"\"frozen_leaves\": 1, \"freezes\": 4, \"thaws\": 3, \"kills\": 0, \"reclaims\": 7}"

static const char with_queue[] =
	"{\"daemon\": {\"version\": \"a\\\"b\\\\c\\nd\"}, \"pool\": {\"usable_bytes\": 4194304}, "
	"\"host\": {\"total_bytes\": 8388608, \"available_bytes\": 4096, \"swap_total_bytes\": 0, "
	"\"swap_free_bytes\": 0}, \"components\": [" COMPONENT("ml") ", " COMPONENT(
		"db") "], "
		      "\"queue\": {\"held\": 0, \"waiting\": 1, \"queued\": 3, \"running\": 1, \"frozen\": 0, "
		      "\"reserved_bytes\": 5, \"free_bytes\": 6, \"classes\": [" STATS("high") ", " STATS("low") "], \"components\": [" STATS(
			      "ml") ", " STATS("db") "], \"predictions\": [" NEAR("memory") ", " NEAR("time") "]}}";

static void expect_line(const char *text, const char *line)
{
	if (!strstr(text, line))
		fail_msg("no line %s", line);
}

static void test_export_keeps_the_rules_of_the_format(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL, *copy = NULL;
	const char *wrong;

	fake->answer[IPC_STATUS][0] = with_queue;
	assert_int_equal(UWCTL(fake, 0, &text, "export", "metrics"), 0);
	expect_line(text, "\nuw_component_current_bytes{component=\"ml\"} 1048576\n");
	expect_line(text, "\nuw_component_limit_bytes{component=\"db\",limit=\"low\"} 2097152\n");
	expect_line(text, "\nuw_component_level{component=\"ml\",level=\"high\"} 1\n");
	expect_line(text, "\nuw_component_level{component=\"ml\",level=\"low\"} 0\n");
	expect_line(text, "\nuw_component_pressure_ratio{component=\"ml\",kind=\"some\"} 0.0012\n");
	expect_line(text, "\nuw_class_job_wait_seconds_total{class=\"low\"} 2.500000\n");
	expect_line(text, "\nuw_daemon_info{version=\"a\\\"b\\\\c\\nd\"} 1\n");
	expect_line(text, "_memory_predicted_ratio_bucket{component=\"ml\",le=\"1.25\"} 7\n");
	expect_line(text, "_memory_predicted_ratio_bucket{component=\"ml\",le=\"+Inf\"} 12\n");
	expect_line(text, "_time_predicted_ratio_sum{component=\"ml\"} 15.0000\n");
	expect_line(text, "uw_component_spoken_bytes{component=\"ml\"} 77\n");
	expect_line(text, "uw_component_leases{component=\"ml\"} 3\n");
	expect_line(text, "uw_component_leased_bytes{component=\"ml\"} 55\n");
	expect_line(text, "uw_component_lease_waits{component=\"ml\"} 1\n");
	expect_line(text, "_lease_outcomes_total{component=\"ml\",outcome=\"granted\"} 9\n");
	expect_line(text, "_lease_outcomes_total{component=\"ml\",outcome=\"denied\"} 2\n");
	expect_line(text, "_lease_outcomes_total{component=\"ml\",outcome=\"revoked\"} 4\n");
	assert_null(strstr(text, "limit=\"min\"")); /* null: no limit, no sample */
	copy = strdup(text);
	wrong = wrong_line(copy, &checker);
	if (wrong)
		fail_msg("wrong: %s", wrong);
	assert_true(checker.families > 25);
	assert_true(checker.samples > 100);
}

static void test_export_without_a_queue_has_none(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL;

	fake->answer[IPC_STATUS][0] = "{\"daemon\": {\"version\": \"1\"}, \"queue\": null, "
				      "\"pool\": {}, \"host\": {}, \"components\": []}";
	assert_int_equal(UWCTL(fake, 0, &text, "export", "metrics"), 0);
	assert_null(strstr(text, "uw_queue"));
	assert_null(wrong_line(text, &checker));
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
		cmocka_unit_test(test_the_checker_finds_what_is_wrong),
		TEST(test_export_keeps_the_rules_of_the_format),
		TEST(test_export_without_a_queue_has_none),
		TEST(test_export_knows_metrics_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
