// SPDX-License-Identifier: GPL-2.0-or-later
/* What uwctl report makes of recordings; the pages stay in build/report for tests/pages. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "tests/unit/cli_fixture.h"
#include "tests/unit/report_fixture.h"

#define FOLDER   "build/report"
#define MIB_HTML (2U << 20)
#define HOSTILE  "\"><script>alert(1)</script><img src=x onerror=1>&\x1b\xff"

static char *read_page(const char *name, size_t *ret_size)
{
	char path[96];
	char *bytes = NULL;
	struct uw_err err = {0};

	snprintf(path, sizeof(path), FOLDER "/%s.html", name);
	assert_int_equal(record_read_file(path, (void **)&bytes, ret_size, &err), 0);
	bytes[*ret_size] = '\0';
	return bytes;
}

/* Runs it over a recording of that name; the page is to be freed. */
static char *report(const char *name, const char *option, size_t *ret_size)
{
	AUTO_FREE char *text = NULL, *said = NULL;
	char from[96], to[96];

	snprintf(from, sizeof(from), FOLDER "/%s.recording", name);
	snprintf(to, sizeof(to), FOLDER "/%s.html", name);
	assert_int_equal(
		UWCTL_LINE(80, &text, &said, "report", "--recording", from, "--html", to, option),
		CLI_OK);
	assert_string_equal(said, "");
	assert_non_null(strstr(text, ": written"));
	return read_page(name, ret_size);
}

static uint32_t count(const char *text, const char *what)
{
	uint32_t times = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		times++;
	return times;
}

static char *report_golden(const char *golden, const char *name, const struct retiming *how,
			   const char *option)
{
	char path[96];
	size_t size;

	snprintf(path, sizeof(path), FOLDER "/%s.recording", name);
	made_of_golden(golden, path, how);
	return report(name, option, &size);
}

static void test_incident_says_who_did_what_to_whom(void **state)
{
	AUTO_FREE char *page = NULL;

	(void)state;
	page = report_golden("freeze", "incident", &(struct retiming){0}, "--color=never");
	assert_non_null(strstr(page, "From 2027-01-15 08:00:00 to 08:00:12 (12s)"));
	assert_non_null(strstr(page, "leaf1 in ml grew from 301M at 08:00:04 to 629M at 08:00:10; "
				     "ml held up to 629M"));
	assert_non_null(strstr(page, "uwd decided on 1 freeze; leaf1 stood still for 700ms, and "
				     "did so at the end; "));
	assert_non_null(strstr(page, "nothing was killed"));
	assert_non_null(strstr(page, "<dt>Freezes</dt><dd>1</dd>"));
	assert_non_null(strstr(page, "<td data-of=\"\">ml/leaf1</td><td data-of=\"\">freeze</td>"));
	assert_non_null(strstr(page, "usage 99.99% reached the edge 95%"));
	assert_non_null(strstr(page, "[component ml]"));
	assert_non_null(strstr(page, ">frozen</title>"));
	assert_non_null(strstr(page, "<h2>Conditions of ml at its worst</h2>"));
}

static void test_numbers_of_an_axis_are_whole(void **state)
{
	static const char number[] = "<text class=\"y\" x=\"2\" y=\"";
	AUTO_FREE char *page = NULL;
	uint32_t seen = 0;

	(void)state;
	page = report_golden("freeze", "incident", &(struct retiming){0}, "--color=never");
	for (const char *at = page; (at = strstr(at, number)); seen++) {
		at += strlen(number);
		assert_in_range(strtoul(at, NULL, 10), 11, 400);
	}
	assert_true(seen > 5);
}

/* Each number of a mark is that of a row, and the row's leads back to it. */
static void test_marks_and_rows_find_each_other(void **state)
{
	AUTO_FREE char *page = NULL;

	(void)state;
	page = report_golden("payback", "payback", &(struct retiming){0}, "--color=never");
	assert_true(count(page, "id=\"m") > 1);
	for (char *at = page; (at = strstr(at, "href=\"#")); at++) {
		char id[32] = "id=\"";
		size_t length = strcspn(at + 7, "\"");

		assert_true(length < 16);
		memcpy(id + 4, at + 7, length);
		memcpy(id + 4 + length, "\"", 2);
		assert_int_equal(count(page, id), 1);
	}
	assert_true(count(page, "<td class=\"n\"><a") > 10);
}

static void test_same_recording_gives_the_same_bytes(void **state)
{
	AUTO_FREE char *first = NULL, *second = NULL;
	size_t size, size_again;

	(void)state;
	made_of_golden("turns", FOLDER "/turns.recording", &(struct retiming){0});
	first = report("turns", "--color=never", &size);
	second = report("turns", "--color=never", &size_again);
	assert_int_equal(size, size_again);
	assert_memory_equal(first, second, size);
}

static void test_names_of_others_are_text(void **state)
{
	AUTO_FREE char *page = NULL;

	(void)state;
	page = report_golden("freeze", "hostile", &(struct retiming){.leaf_name = HOSTILE},
			     "--color=never");
	assert_int_equal(count(page, "<script>"), 1);
	assert_null(strstr(page, "<img"));
	assert_null(strpbrk(page, "\x1b\xff"));
	assert_non_null(strstr(page, "&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x "
				     "onerror=1&gt;&amp;\xef\xbf\xbd\xef\xbf\xbd"));
}

static void test_redacted_page_has_no_names(void **state)
{
	AUTO_FREE char *page = NULL;

	(void)state;
	page = report_golden("freeze", "redacted", &(struct retiming){0}, "--redact");
	assert_non_null(strstr(page, "component-2/leaf-2"));
	assert_non_null(strstr(page, "[component component-2]"));
	assert_null(strstr(page, "[component ml]"));
	assert_null(strstr(page, ">ml"));
	assert_null(strstr(page, "cache"));
	assert_null(strstr(page, "leaf1"));
	assert_null(strstr(page, "/var/lib"));
}

static void test_gap_and_change_of_configuration_are_told(void **state)
{
	const struct retiming how = {.gap_at_us = 1 * US_PER_SEC,
				     .gap_us = 7 * US_PER_SEC,
				     .config_from = "priority = 3",
				     .config_to = "priority = 4"};
	AUTO_FREE char *page = NULL;

	(void)state;
	page = report_golden("freeze", "gap", &how, "--color=never");
	assert_non_null(strstr(page, "component.ml.priority: 3 -&gt; 4"));
	assert_non_null(strstr(page, "nothing was recorded</li>"));
	assert_non_null(strstr(page, "<path class=\"gap\" d=\"M"));
}

static void test_clock_that_is_set_back_is_survived(void **state)
{
	const struct retiming how = {.back_at_us = 6 * US_PER_SEC, .back_us = 4 * US_PER_SEC};
	AUTO_FREE char *page = NULL;

	(void)state;
	page = report_golden("freeze", "back", &how, "--color=never");
	assert_non_null(strstr(page, "</html>"));
}

/* ---- an hour of all that there can be ---- */

#define HOUR_FRAMES 1800

static uint32_t noise(uint32_t *seed)
{
	*seed = *seed * 1664525U + 1013904223U;
	return *seed >> 8;
}

static void busy_frame(struct frame *frame, struct component_view *view, uint32_t *seed)
{
	for (uint32_t i = 0; i < frame->component_count; i++) {
		struct component_sample *sample = &frame->component[i];

		sample->valid = SAMPLE_USAGE | SAMPLE_LIMITS | SAMPLE_PSI;
		sample->cgid = 100 + i;
		sample->current_bytes = (100ULL << 20) + (noise(seed) << 4);
		sample->high_bytes = (400ULL << 20) + (noise(seed) << 2);
		sample->psi_some_us += noise(seed) % (2 * US_PER_SEC);
		view[i].level = noise(seed) % LEVEL__COUNT;
		view[i].in_force_bytes = (300ULL << 20) + (noise(seed) << 2);
	}
	for (uint32_t i = 0; i < frame->leaf_count; i++) {
		frame->leaf[i] = (struct leaf_sample){.cgid = 1000 + i,
						      .component = i % frame->component_count,
						      .populated = true,
						      .frozen = noise(seed) % 4 == 0,
						      .current_bytes = noise(seed)};
	}
}

static void busy_plan(const struct frame *frame, struct plan *plan, uint32_t *seed)
{
	plan->action_count = 4;
	for (uint32_t i = 0; i < plan->action_count; i++)
		plan->action[i] =
			(struct action){.id = (uint32_t)frame->sequence * 4 + i,
					.kind = i ? ACTION_SET_HIGH : ACTION_FREEZE,
					.component = noise(seed) % frame->component_count,
					.leaf = i ? 0 : 1000 + noise(seed) % frame->leaf_count,
					.amount = noise(seed),
					.why = {REASON_USAGE_MARK, noise(seed), noise(seed)}};
}

static void test_hour_of_32_components_fits(void **state)
{
	static struct made made;
	static struct frame frame = {
		.component_count = 32, .leaf_count = 256, .leaves_valid = true};
	static struct component_view view[UW_COMPONENTS_MAX];
	static struct plan plan;
	AUTO_FREE char *config = NULL, *page = NULL;
	uint32_t seed = 1;
	size_t size;
	FILE *out = open_memstream(&config, &size);

	(void)state;
	for (int i = 0; i < 32; i++)
		fprintf(out, "[component a-name-that-is-as-long-as-it_%d]\nshare = 3%%\n", 10 + i);
	assert_int_equal(fclose(out), 0);
	made_begin(&made, FOLDER "/hour.recording", config, size, 16ULL << 30);
	for (uint64_t i = 0; i < HOUR_FRAMES; i++) {
		frame.now_us = (i + 1) * 2 * US_PER_SEC;
		frame.sequence = i + 1;
		busy_frame(&frame, view, &seed);
		busy_plan(&frame, &plan, &seed);
		made_frame(&made, &frame, MADE_WALL_US + frame.now_us);
		assert_true(record_put_plan(&made.writer, &plan));
		assert_true(record_put_views(&made.writer, view, frame.component_count));
	}
	made_end(&made);
	page = report("hour", "--color=never", &size);
	unlink(FOLDER "/hour.recording");
	assert_true(size > MIB_HTML / 8);
	assert_true(size <= MIB_HTML);
	assert_int_equal(count(page, "<h3 id=\"c"), 32);
	assert_non_null(strstr(page, "more, which found no room here"));
}

/* ---- which time, and what goes wrong ---- */

static void test_around_an_action_and_since(void **state)
{
	AUTO_FREE char *text = NULL, *said = NULL, *since = NULL, *nothing = NULL;

	(void)state;
	made_of_golden("freeze", FOLDER "/around.recording", &(struct retiming){0});
	assert_int_equal(UWCTL_LINE(0, &text, &said, "report", "--recording",
				    FOLDER "/around.recording", "--around", "1000000"),
			 CLI_FAILED);
	assert_non_null(strstr(said, "--around: no action 1000000 was recorded"));
	assert_int_equal(UWCTL_LINE(0, &since, &nothing, "report", "--recording",
				    FOLDER "/around.recording", "--since", "2s"),
			 CLI_OK);
	assert_non_null(strstr(since, "to 08:00:12 (2s)"));
}

static void test_component_that_is_not_there_is_refused(void **state)
{
	AUTO_FREE char *text = NULL, *said = NULL, *both = NULL, *usage = NULL;

	(void)state;
	made_of_golden("freeze", FOLDER "/around.recording", &(struct retiming){0});
	assert_int_equal(UWCTL_LINE(0, &text, &said, "report", "nosuch", "--recording",
				    FOLDER "/around.recording"),
			 CLI_NO_COMPONENT);
	assert_non_null(strstr(said, "nosuch: no such component was recorded"));
	assert_int_equal(UWCTL_LINE(0, &both, &usage, "report", "--since", "1s", "--around", "1"),
			 CLI_USAGE);
}

/* Beside the others, for who opens pages: it has the same look. */
static void test_schedule_is_a_page_like_them(void **state)
{
	AUTO_FREE char *text = NULL, *said = NULL, *page = NULL;
	FILE *trace = fopen(FOLDER "/schedule.trace", "w");
	size_t size;

	(void)state;
	assert_non_null(trace);
	for (int i = 0; i < 60; i++)
		fprintf(trace, "%d %d %d %d %d %d %d 5\n", i * 40, 60 + i * 37 % 900,
			600 + i % 7 * 100, 1024 << i % 4, 512 << i % 4, i % 5, i % 5);
	fputs("0 60 60 30000 30000 0 0 5\n", trace);
	assert_int_equal(fclose(trace), 0);
	assert_int_equal(UWCTL_LINE(80, &text, &said, "simulate", FOLDER "/schedule.trace",
				    "--html", FOLDER "/schedule.html"),
			 CLI_OK);
	page = read_page("schedule", &size);
	assert_int_equal(count(page, "Content-Security-Policy"), 1);
	assert_int_equal(count(page, "class=\"chart\""), 2);
	assert_int_equal(count(page, "class=\"key\""), 2);
	assert_non_null(strstr(page, "min</text>"));
	assert_non_null(strstr(page, "Left out: 1 that are wider than the capacity."));
}

/* As uwctl(8) says of all objects: times are whole microseconds, shares whole permyriads. */
static void expect_units(const json_t *object)
{
	const char *name;
	const json_t *value;
	size_t i;

	json_array_foreach (object, i, value)
		expect_units(value);
	json_object_foreach ((json_t *)object, name, value) {
		const char *unit = strrchr(name, '_') ?: "";

		assert_string_not_equal(unit, "_s");
		assert_string_not_equal(unit, "_pct");
		if (!strcmp(unit, "_us") || !strcmp(unit, "_permyriad"))
			assert_true(json_is_integer(value));
		expect_units(value);
	}
}

static void test_schedule_in_json_has_the_units_of_all_objects(void **state)
{
	AUTO_FREE char *text = NULL, *said = NULL;
	AUTO_JSON json_t *json = NULL;
	const json_t *mean;

	(void)state;
	assert_int_equal(UWCTL_LINE(0, &text, &said, "simulate", FOLDER "/schedule.trace", "--json",
				    "--runs", "2", "--jitter", "30s"),
			 CLI_OK);
	json = json_loads(text, 0, NULL);
	expect_units(json);
	mean = json_object_get(json, "mean");
	assert_int_equal(json_get_u64(json, "jitter_us"), 30000000);
	assert_true(json_get_u64(json_object_get(mean, "wait"), "max_us") > 1000000);
	assert_in_range(json_get_u64(mean, "used_permyriad"), 1,
			json_get_u64(mean, "allocated_permyriad"));
}

static int folder_setup(void **state)
{
	mkdir("build", 0755);
	mkdir(FOLDER, 0755);
	setenv("TZ", "UTC", 1);
	return fake_setup(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, fake_teardown)

static void test_without_a_recording_it_is_said_where_one_comes_from(void **state)
{
	AUTO_FREE char *bytes = NULL;
	size_t size = 0;
	AUTO_FCLOSE FILE *out = open_memstream(&bytes, &size);
	struct record_export done;
	struct uw_err err = {0};

	(void)state;
	assert_int_equal(record_export("/nowhere/recording", "/nowhere/stage", 0, out, &done, &err),
			 -ENOENT);
	assert_string_equal(err.text,
			    "nothing is recorded in /nowhere/recording: uwd does that "
			    "while it runs, unless [record] of uw.conf says enabled = no");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_incident_says_who_did_what_to_whom),
		TEST(test_numbers_of_an_axis_are_whole),
		TEST(test_marks_and_rows_find_each_other),
		TEST(test_same_recording_gives_the_same_bytes),
		TEST(test_without_a_recording_it_is_said_where_one_comes_from),
		TEST(test_names_of_others_are_text),
		TEST(test_redacted_page_has_no_names),
		TEST(test_gap_and_change_of_configuration_are_told),
		TEST(test_clock_that_is_set_back_is_survived),
		TEST(test_hour_of_32_components_fits),
		TEST(test_schedule_is_a_page_like_them),
		TEST(test_schedule_in_json_has_the_units_of_all_objects),
		TEST(test_around_an_action_and_since),
		TEST(test_component_that_is_not_there_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
