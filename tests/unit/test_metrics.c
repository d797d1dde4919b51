// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The metrics from uwd's state to the text: each family has a sample, in either format, and each
 * counter counts what its name says. With --answer it prints what uwd would answer to Metrics, for
 * the tests of the exporter.
 */
#include "tests/unit/jobs_fixture.h"

#include <jansson.h>

#include "tests/unit/metrics_checker.h"
#include "user/base/cleanup.h"
#include "user/daemon/methods/metrics.h"
#include "user/ipc/json.h"
#include "user/ipc/wire.h"
#include "user/kern/kern.h"
#include "user/metrics/metrics.h"
#include "user/model/histogram.h"

#define MIB (1ULL << 20)

static struct daemon uwd; /* large */
static struct checker checker;

static void fill_component(uint32_t i)
{
	struct component_sample *sample = &uwd.frame.component[i];
	struct component_view *view = &uwd.component[i].view;

	sample->known = SAMPLE_PSI | SAMPLE_EVENTS | SAMPLE_LIMITS;
	sample->psi_some_us = 2500000;
	sample->ev_oom_kill = 3;
	sample->min_bytes = UINT64_MAX;
	sample->low_bytes = 2 * MIB;
	sample->high_bytes = UINT64_MAX;
	view->level = LEVEL_HIGH;
	view->current_bytes = MIB;
	view->use_permyriad = 5000;
	view->slope_bytes_per_s = -4096;
	view->time_to_limit_us = i ? TTL_NEVER : 90 * US_PER_SEC;
}

static void add_leaf(uint32_t component, bool frozen, bool ours)
{
	uwd.frame.leaf[uwd.frame.leaf_count++] = (struct leaf_sample){
		.component = component, .populated = true, .frozen = frozen, .ours = ours};
}

static void end_action(enum action_kind kind, enum outcome_result result, uint64_t done)
{
	struct action_entry entry = {
		.action.kind = kind,
		.ended = true,
		.outcome = {.kind = kind, .result = result, .done = done},
	};

	strcpy(entry.component, "cache");
	action_log_count(&uwd.action_log, &entry);
}

static int setup(void **state)
{
	static struct jobs_fixture f;
	char buf[256];
	struct jobs_item item = sh_item("exit 0", buf, sizeof(buf));

	jobs_fixture_init(&f);
	if (jobs_fixture_open(&f))
		return -1;
	memset(&uwd, 0, sizeof(uwd));
	uwd.jobs = f.jobs;
	uwd.config = f.config;
	uwd.config.bpf = true;
	uwd.config.component[1].protect = PROTECT_WORKING_SET;
	uwd.stats.started_wall_us = 1700000000000001;
	uwd.stats.events_of[EVENT_OOM] = 5;
	uwd.stats.events_dropped = 6;
	action_log_init(&uwd.action_log);
	fill_component(0);
	fill_component(1);
	add_leaf(1, false, false);
	add_leaf(1, true, true);
	add_leaf(1, true, false);
	end_action(ACTION_FREEZE, OUTCOME_DONE, 0);
	end_action(ACTION_RECLAIM, OUTCOME_SHORT, 77);
	uwd.component[1].view.payoff[TIER_LIGHT] = (struct tier_payoff){2, 50, 20};
	submit(&f, &item, 1);
	JOBS_UNTIL(&f, f.ended == 1);
	item.spec.memory_bytes = 2 * JOBS_BUDGET; /* can never start */
	submit(&f, &item, 1);
	item.spec.memory_bytes = MIB;
	item.spec.held = true;
	item.spec.priority = 9;
	submit(&f, &item, 1);
	jobs_fixture_go_on(&f);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	jobs_fixture_done(*state);
	return 0;
}

static char *print(const json_t *answer, enum metrics_format format)
{
	struct metrics_text text = {.format = format};
	char *bytes = NULL;
	size_t size;

	text.out = open_memstream(&bytes, &size);
	metrics_print(&text, answer);
	fclose(text.out);
	return bytes;
}

static void expect_line(const char *text, const char *line)
{
	if (!strstr(text, line))
		fail_msg("no line %s", line);
}

static void test_metrics_keep_the_rules_of_the_format(void **state)
{
	AUTO_JSON json_t *answer = metrics_encode(&uwd);
	AUTO_FREE char *text = print(answer, METRICS_TEXT);
	const char *wrong = wrong_line(text, &checker);

	(void)state;
	if (wrong)
		fail_msg("wrong: %s", wrong);
	assert_true(checker.families > 50);
}

/* A family without a sample is a row whose key the answer does not have. Limits of the host want
 * a sensor that this uwd has not. */
static void test_metrics_have_a_sample_of_each_family(void **state)
{
	AUTO_JSON json_t *answer = metrics_encode(&uwd);
	AUTO_FREE char *text = NULL;

	(void)state;
	json_object_set_new(answer, "host",
			    json_pack("{s:i, s:i, s:i, s:i, s:i, s:i}", "total_bytes", 1,
				      "available_bytes", 1, "swap_total_bytes", 1,
				      "swap_free_bytes", 1, "some_us", 1, "full_us", 1));
	json_array_append_new(json_object_get(json_object_get(answer, "daemon"), "dropped"),
			      json_pack("{s:s, s:i}", "name", "x", "count", 1));
	text = print(answer, METRICS_TEXT);
	for (const char *at = text; (at = strstr(at, "# TYPE ")); at++) {
		const char *line = strchr(at, '\n');

		if (!line || line[1] == '#' || !line[1])
			fail_msg("no sample: %.60s", at);
	}
}

static void test_metrics_say_what_was_counted(void **state)
{
	AUTO_JSON json_t *answer = metrics_encode(&uwd);
	AUTO_FREE char *text = print(answer, METRICS_TEXT);
	static const char *const lines[] = {
		"\nuw_daemon_start_time_seconds 1700000000.000001\n",
		"\nuw_events_total{source=\"oom\"} 5\n",
		"\nuw_events_dropped_total{where=\"frame-full\"} 6\n",
		"\nuw_sensor_wanted{sensor=\"oom-kills\"} 1\n",
		"\nuw_sensor_enabled{sensor=\"oom-kills\"} 0\n",
		"\nuw_component_level{component=\"cache\",level=\"high\"} 1\n",
		"\nuw_component_level{component=\"cache\",level=\"low\"} 0\n",
		"\nuw_component_limit_bytes{component=\"cache\",limit=\"low\"} 2097152\n",
		"\nuw_component_use_ratio{component=\"cache\"} 0.5000\n",
		"\nuw_component_growth_bytes_per_second{component=\"cache\"} -4096\n",
		"\nuw_component_time_to_limit_seconds{component=\"ml_models\"} 90.000000\n",
		"\nuw_component_protected{component=\"cache\"} 1\n",
		"\nuw_component_protected{component=\"ml_models\"} 0\n",
		"\nuw_component_pressure_stalled_seconds_total{component=\"cache\",kind=\"some\"} "
		"2.500000\n",
		"\nuw_component_oom_kills_total{component=\"cache\"} 3\n",
		"\nuw_component_leaves{component=\"cache\",state=\"frozen\"} 1\n",
		"\nuw_component_leaves{component=\"cache\",state=\"frozen-elsewhere\"} 1\n",
		"\nuw_component_leaves{component=\"cache\",state=\"running\"} 1\n",
		"\nuw_component_actions_total{component=\"cache\",action=\"freeze\",result=\"done\"} "
		"1\n",
		"\nuw_component_actions_total{component=\"cache\",action=\"reclaim\",result=\"short\"} "
		"1\n",
		"\nuw_component_actions_total{component=\"ml_models\",action=\"kill\",result="
		"\"done\"} 0\n",
		"\nuw_component_reclaimed_bytes_total{component=\"cache\"} 77\n",
		"\nuw_component_cleaned_bytes_total{component=\"cache\",tier=\"light\"} 50\n",
		"\nuw_component_read_back_bytes_total{component=\"cache\",tier=\"light\"} 20\n",
		"\nuw_jobs{component=\"ml_models\",class=\"normal\",state=\"queued\"} 1\n",
		"\nuw_jobs{component=\"ml_models\",class=\"critical\",state=\"held\"} 1\n",
		"\nuw_jobs_ended_total{component=\"ml_models\",state=\"done\"} 1\n",
		"\nuw_job_starts_total 1\n",
		"\nuw_job_wait_seconds_bucket{class=\"normal\",le=\"+Inf\"} 1\n",
		"\nuw_job_run_seconds_bucket{le=\"86400.0\"} 1\n",
		"\nuw_job_run_seconds_count 1\n",
		"\nuw_queue_jobs_never_fit 1\n",
		"\nuw_queue_store_writable 1\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		expect_line(text, lines[i]);
	assert_null(strstr(text, "limit=\"min\""));
	assert_null(strstr(text, "uw_component_time_to_limit_seconds{component=\"cache\"}"));
	assert_null(strstr(text, "\nuw_queue_oldest_wait_seconds 0.000000\n"));
}

static void test_metrics_as_openmetrics_differ_where_they_must(void **state)
{
	AUTO_JSON json_t *answer = metrics_encode(&uwd);
	AUTO_FREE char *text = print(answer, METRICS_OPEN);

	(void)state;
	expect_line(text, "\n# TYPE uw_ticks counter\nuw_ticks_total{kind=\"full\"} ");
	expect_line(text, "\n# UNIT uw_component_current_bytes bytes\n");
	expect_line(text, "\n# UNIT uw_component_frozen_seconds seconds\n");
	assert_null(strstr(text, "# UNIT uw_component_growth"));
	assert_string_equal(text + strlen(text) - strlen("\n# EOF\n"), "\n# EOF\n");
}

/* A key of a user stands for a thousand; what is in a queue is in no label. */
static void test_metrics_do_not_grow_with_leaves_and_jobs(void **state)
{
	struct jobs_fixture *f = *state;
	AUTO_JSON json_t *answer = metrics_encode(&uwd), *more = NULL;
	AUTO_FREE char *text = print(answer, METRICS_TEXT), *longer = NULL;
	char buf[256];
	struct jobs_item item = sh_item("exit 0", buf, sizeof(buf));
	uint32_t series;

	assert_null(wrong_line(text, &checker));
	series = checker.samples;
	item.spec.held = true;
	strcpy(item.spec.key, "alices/secret");
	for (int i = 0; i < 20; i++) {
		submit(f, &item, 1);
		add_leaf(0, false, false);
	}
	more = metrics_encode(&uwd);
	longer = print(more, METRICS_TEXT);
	assert_null(strstr(longer, "alice"));
	assert_null(wrong_line(longer, &checker));
	assert_int_equal(checker.samples, series);
	uwd.frame.leaf_count -= 20;
}

/* As many components as there may be, and everything has happened to each. */
static void fill_up(void)
{
	uwd.config.component_count = UW_COMPONENTS_MAX;
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++) {
		struct action_counts *counts = &uwd.action_log.counts[i];
		char *name = uwd.config.component[i].name;

		snprintf(name, UW_NAME_LEN, "a-component-of-a-long-name-%u", i);
		strcpy(counts->component, name);
		memset(counts->ended, 1, sizeof(counts->ended));
		fill_component(i);
	}
}

static void test_the_largest_answer_fits_a_message(void **state)
{
	static struct daemon before; /* large */
	AUTO_JSON json_t *message = NULL, *answer = NULL;
	struct wire_reader reader = {0};
	struct uw_err err = {0};
	AUTO_FREE char *bytes = NULL;
	size_t size;

	(void)state;
	before = uwd;
	fill_up();
	answer = json_pack("{s:o}", "parameters", metrics_encode(&uwd));
	uwd = before;
	assert_int_equal(wire_encode(answer, &bytes, &size), 0);
	assert_int_equal(wire_reader_feed(&reader, bytes, size), 0);
	if (wire_reader_next(&reader, &message, &err) != 1)
		fail_msg("%s", err.text);
	assert_true(json_equal(message, answer));
	wire_reader_done(&reader);
}

static void test_histogram_counts_up_to_its_bounds(void **state)
{
	struct histogram histogram = {0};
	uint32_t count;
	const uint64_t *bounds = histogram_bounds(HISTOGRAM_TICK, &count);

	(void)state;
	histogram_add(&histogram, HISTOGRAM_TICK, 0);
	histogram_add(&histogram, HISTOGRAM_TICK, bounds[0]);
	histogram_add(&histogram, HISTOGRAM_TICK, bounds[0] + 1);
	histogram_add(&histogram, HISTOGRAM_TICK, UINT32_MAX);
	assert_int_equal(histogram.count[0], 2);
	assert_int_equal(histogram.count[1], 1);
	assert_int_equal(histogram.count[count], 1);
	assert_int_equal(histogram.sum_us, 2 * bounds[0] + 1 + UINT32_MAX);
	for (int scale = 0; scale < HISTOGRAM_SCALE__COUNT; scale++) {
		bounds = histogram_bounds((enum histogram_scale)scale, &count);
		assert_true(count && count <= HISTOGRAM_BOUNDS_MAX);
		for (uint32_t i = 1; i < count; i++)
			assert_true(bounds[i] > bounds[i - 1]);
	}
}

#define HEAD      "# HELP a Some help here.\n"
#define HISTOGRAM HEAD "# TYPE a histogram\na_bucket{le=\"1\"} 2\n"

static void test_the_checker_finds_what_is_wrong(void **state)
{
	static const char *const wrong[] = {
		"a 1\n",
		HEAD "# TYPE a gauge\na 1",
		HEAD "a 1\n",
		HEAD "# TYPE a counter\na 1\n",
		HEAD "# TYPE a gauge\na 1\na 1\n",
		HEAD "# TYPE a gauge\nb 1\n",
		HEAD "# TYPE a gauge\na x\n",
		HEAD "# TYPE a gauge\na{b=\"\\q\"} 1\n",
		HEAD "# TYPE a gauge\na{b=\"c} 1\n",
		HEAD "# TYPE a gauge\na{2=\"c\"} 1\n",
		HEAD "# TYPE a gauge\na 1\n" HEAD,
		HISTOGRAM "a_bucket{le=\"+Inf\"} 1\n",
		HISTOGRAM "a_bucket{le=\"+Inf\"} 2\na_sum 2\na_count 3\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		AUTO_FREE char *text = strdup(wrong[i]);

		if (!wrong_line(text, &checker))
			fail_msg("passes: %s", wrong[i]);
	}
}

static int print_answer(void)
{
	AUTO_JSON json_t *answer = NULL;
	void *state;

	if (setup(&state))
		return EXIT_FAILURE;
	answer = metrics_encode(&uwd);
	json_dumpf(answer, stdout, JSON_COMPACT);
	return teardown(&state);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_metrics_keep_the_rules_of_the_format),
		cmocka_unit_test(test_metrics_have_a_sample_of_each_family),
		cmocka_unit_test(test_metrics_say_what_was_counted),
		cmocka_unit_test(test_metrics_as_openmetrics_differ_where_they_must),
		cmocka_unit_test(test_metrics_do_not_grow_with_leaves_and_jobs),
		cmocka_unit_test(test_the_largest_answer_fits_a_message),
		cmocka_unit_test(test_histogram_counts_up_to_its_bounds),
		cmocka_unit_test(test_the_checker_finds_what_is_wrong),
	};

	if (argc == 2 && !strcmp(argv[1], "--answer"))
		return print_answer();
	return cmocka_run_group_tests(tests, setup, teardown);
}
