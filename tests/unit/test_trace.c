// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/base/units.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/cli/simulate/figures.h"
#include "user/cli/simulate/html.h"
#include "user/cli/simulate/trace.h"

static int read_text(const char *text, struct trace *trace, struct uw_err *err)
{
	FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	int r;

	assert_non_null(file);
	*err = (struct uw_err){0};
	r = trace_read(file, "t", trace, err);
	fclose(file);
	return r;
}

static void test_columns_are_read_to_the_microsecond_and_byte(void **data)
{
	struct trace trace;
	struct uw_err err;

	(void)data;
	assert_int_equal(read_text("# c\n\n0.25 60.5 600 1.5 0.25 7 4 9 2\n1 2 -1 3 4 -1 0 1 -1\n",
				   &trace, &err),
			 0);
	assert_int_equal(trace.count, 2);
	assert_int_equal(trace.job[0].submit_us, 250000);
	assert_int_equal(trace.job[0].run_us, 60500000);
	assert_int_equal(trace.job[0].declared_us, 600000000);
	assert_int_equal(trace.job[0].asked_bytes, MIB + MIB / 2);
	assert_int_equal(trace.job[0].peak_bytes, MIB / 4);
	assert_int_equal(trace.job[0].input_bytes, 2 * MIB);
	assert_int_equal(trace.job[0].key, 8);
	assert_int_equal(trace.job[0].class, 4);
	assert_int_equal(trace.job[0].memory_priority, 9);
	assert_int_equal(trace.job[1].declared_us, 0);
	assert_int_equal(trace.job[1].key, 0);
	trace_done(&trace);
}

static void test_swf_without_memory_is_in_processors(void **data)
{
	struct trace trace;
	struct uw_err err;

	(void)data;
	assert_int_equal(read_text("; MaxProcs: 100\n"
				   "1 10 5 3477 4 -1 -1 8 53940 -1 1 3 1 2 1 -1 -1 -1\n"
				   "2 11 5 0 4 -1 -1 4 60 -1 0 3 1 2 1 -1 -1 -1\n"
				   "3 12 5 9 -1 -1 -1 -1 60 -1 0 3 1 2 1 -1 -1 -1\n",
				   &trace, &err),
			 0);
	assert_true(trace.processors);
	assert_int_equal(trace.count, 1);
	assert_int_equal(trace.left_out, 2);
	assert_int_equal(trace.job[0].asked_bytes, 8 * MIB);
	assert_int_equal(trace.job[0].peak_bytes, 4 * MIB);
	assert_int_equal(trace.job[0].declared_us, 53940000000);
	trace_done(&trace);
}

static void test_faulty_lines_of_swf_are_left_out_and_counted(void **data)
{
	struct trace trace;
	struct uw_err err = {0};

	(void)data;
	assert_int_equal(read_text("1 10 5 100 8 -1 -1 8 200 -1 1 7 -1 3 -1 -1 -1 -1 4\n"
				   "2 10 5 -300 8 -1 -1 8 200 -1 1 7 -1 3 -1 -1 -1 -1\n"
				   "3 20 5 50 8 -1 -1 8 200 -1 1 7 -1 3 -1 -1 -1 -1\n"
				   "4 20 5 50 8 -1 -1 8 200 -1 1 7\n",
				   &trace, &err),
			 0);
	assert_int_equal(trace.count, 1);
	assert_int_equal(trace.job[0].run_us, 50 * 1000000ULL);
	assert_int_equal(trace.faulty, 3);
	assert_string_equal(trace.fault.text,
			    "t:1: line: more or fewer fields than the lines before");
	trace_done(&trace);
}

/* As the format has it: the whole job, and then its pieces, the later ones without a submit time.
 */
static void test_swf_pieces_of_a_job_are_not_counted(void **data)
{
	struct trace trace;
	struct uw_err err;

	(void)data;
	assert_int_equal(read_text("\xef\xbb\xbf"
				   "1 10 5 100 8 -1 -1 8 200 -1 1 7 -1 3 -1 -1 -1 -1\n"
				   "1 10 5 40 8 -1 -1 8 200 -1 2 7 -1 3 -1 -1 -1 -1\n"
				   "1 -1 -1 60 8 -1 -1 8 200 -1 3 7 -1 3 -1 -1 -1 -1\n"
				   "1 -1 -1 60 8 -1 -1 8 200 -1 4 7 -1 3 -1 -1 -1 -1\n"
				   "2 20 5 50 8 -1 -1 8 200 -1 0 7 -1 3 -1 -1 -1 -1\n",
				   &trace, &err),
			 0);
	assert_int_equal(trace.count, 2);
	assert_int_equal(trace.left_out, 0);
	assert_int_equal(trace.job[0].run_us, 100 * 1000000ULL);
	assert_int_equal(trace.job[1].submit_us, 20 * 1000000ULL);
	trace_done(&trace);
}

static void test_trace_of_standard_input_is_read(void **data)
{
	struct trace trace;
	struct uw_err err = {0};
	int ends[2], before = dup(STDIN_FILENO);

	(void)data;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "1 2 -1 3 4 -1 0 1 -1\n", 21), 21);
	close(ends[1]);
	dup2(ends[0], STDIN_FILENO);
	close(ends[0]);
	assert_int_equal(trace_open("-", &trace, &err), 0);
	assert_int_equal(trace.count, 1);
	trace_done(&trace);
	dup2(before, STDIN_FILENO);
	close(before);
}

static void test_swf_with_memory_is_in_bytes_of_all_processors(void **data)
{
	struct trace trace;
	struct uw_err err;

	(void)data;
	assert_int_equal(
		read_text("1 0 0 60 4 -1 1024 4 90 2048 1 3 1 2 1 -1 -1 -1\n", &trace, &err), 0);
	assert_false(trace.processors);
	assert_int_equal(trace.job[0].asked_bytes, 8 * MIB);
	assert_int_equal(trace.job[0].peak_bytes, 4 * MIB);
	trace_done(&trace);
}

static void test_mistakes_are_named_with_line_and_field(void **data)
{
	static const struct {
		const char *text, *said;
	} rows[] = {
		{"0 1 2\n", "t:1: line: allowed: 8 or 9 columns, or the 18 fields of SWF"},
		{"# x\n0 1 2 3 4 5 2 5\n0 1 2 3 4 5 2 5 6\n",
		 "t:3: line: more or fewer fields than the lines before"},
		{"0 x 2 3 4 5 2 5\n", "t:1: run: not a number"},
		{"0 1e3 2 3 4 5 2 5\n", "t:1: run: not a number"},
		{"0 nan 2 3 4 5 2 5\n", "t:1: run: not a number"},
		{"-5 1 2 3 4 5 2 5\n", "t:1: submit: not a number"},
		{"-1 1 2 3 4 5 2 5\n", "t:1: submit: not a number"},
		{"0 1 2 3 4 5 5 5\n", "t:1: class: out of range"},
		{"0 1 2 3 4 5 2.5 5\n", "t:1: class: not a whole number"},
		{"0 1 2 3 4 5 2 0\n", "t:1: memory_priority: 0, allowed: 1 to 10"},
		{"0 1 2 99999999999999999999 4 5 2 5\n", "t:1: asked_mb: out of range"},
		{"0 1 2 3 4. 5 2 5x\n", "t:1: memory_priority: not a number"},
		{"1 0 0 60 4 -1 -1 4 90 -1 1 3 1 2 1 -1 -1\n",
		 "t:1: line: allowed: 8 or 9 columns, or the 18 fields of SWF"},
		{"1 x 0 60 4 -1 -1 4 90 -1 1 3 1 2 1 -1 -1 -1\n", "t:1: submit time: not a number"},
	};
	struct trace trace;
	struct uw_err err;

	(void)data;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(read_text(rows[i].text, &trace, &err), -EINVAL);
		assert_string_equal(err.text, rows[i].said);
		trace_done(&trace);
	}
	assert_int_equal(read_text("# nothing\n", &trace, &err), -ENODATA);
	trace_done(&trace);
}

static void test_a_line_without_end_is_refused(void **data)
{
	char *text = malloc(10000);
	struct trace trace;
	struct uw_err err;

	(void)data;
	assert_non_null(text);
	memset(text, '1', 9999);
	text[9999] = '\0';
	assert_int_equal(read_text(text, &trace, &err), -EINVAL);
	assert_string_equal(err.text, "t:1: line: longer than 4094 bytes");
	trace_done(&trace);
	free(text);
}

/* Two jobs of 60 MiB on 100 MiB: one after the other. */
static void replay_two(struct trace *trace, struct replay *replay, enum replay_policy policy,
		       uint32_t ramp_permille)
{
	struct replay_options options = {
		.policy = policy,
		.capacity_bytes = 100 * MIB,
		.stretch_permille = 1000,
		.ramp_permille = ramp_permille,
	};
	struct uw_err err;

	assert_int_equal(read_text("0 100 100 60 60 1 2 5\n0 100 100 60 60 2 2 5\n", trace, &err),
			 0);
	assert_int_equal(replay_run(trace, &options, replay, &err), 0);
}

static void test_replay_and_its_figures_are_as_by_hand(void **data)
{
	struct trace trace;
	struct replay replay;
	struct figures figures;
	struct uw_err err = {0};

	(void)data;
	for (int policy = 0; policy < REPLAY_POLICY__COUNT; policy++) {
		replay_two(&trace, &replay, (enum replay_policy)policy, 1000);
		assert_int_equal(replay.job[0].wait_us, 0);
		assert_int_equal(replay.job[1].wait_us, 100000000);
		assert_int_equal(replay.allocated_permyriad, 6000);
		assert_int_equal(figures_of(&trace, &replay, &figures, &err), 0);
		assert_true(figures.wait_s.mean == 50);
		assert_true(figures.slowdown.mean == 1.5);
		assert_true(figures.makespan_s == 200);
		replay_done(&replay);
		trace_done(&trace);
	}
}

/* What the figure says is the mean of the line that a page draws. */
static void test_used_is_what_was_in_use_over_time(void **data)
{
	static const struct {
		uint32_t ramp_permille, permyriad;
	} rows[] = {{1000, 3000}, {500, 4500}, {0, 6000}};
	struct trace trace;
	struct replay replay;

	(void)data;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t used = 0;

		replay_two(&trace, &replay, REPLAY_UW, rows[i].ramp_permille);
		for (uint32_t k = 0; k < replay.spans; k++)
			used += replay.span[k].used_bytes *
				(replay.span[k].to_us - replay.span[k].from_us) / US_PER_SEC;
		assert_int_equal(used / 200 / (MIB / 100), rows[i].permyriad);
		assert_int_equal(replay.used_permyriad, rows[i].permyriad);
		replay_done(&replay);
		trace_done(&trace);
	}
}

/* Asked 128, used 64, for an hour: what nobody has learned from is wasted by asking. */
static void test_waste_is_what_is_reserved_past_the_peaks(void **data)
{
	struct replay_options options = {
		.capacity_bytes = 256 * MIB, .stretch_permille = 1000, .ramp_permille = 0};
	struct trace trace;
	struct replay replay;
	struct figures figures;
	struct uw_err err = {0};

	(void)data;
	assert_int_equal(
		read_text("0 3600 7200 128 64 1 2 5\n0 3600 7200 128 64 2 2 5\n", &trace, &err), 0);
	for (int policy = 0; policy < REPLAY_POLICY__COUNT; policy++) {
		options.policy = (enum replay_policy)policy;
		assert_int_equal(replay_run(&trace, &options, &replay, &err), 0);
		assert_int_equal(figures_of(&trace, &replay, &figures, &err), 0);
		if (policy == REPLAY_FCFS || policy == REPLAY_EASY)
			assert_true(figures.waste_gib_h == .125);
		else
			assert_true(figures.waste_gib_h < .125);
		replay_done(&replay);
	}
	trace_done(&trace);
}

/* Asked 128, used 64, for an hour; and asked 64, used 100, which fails once and then has 128. */
static void test_sizing_wastes_what_failed_tries_had(void **data)
{
	static const struct {
		const char *text;
		enum replay_policy policy;
		double least_mib_h, most_mib_h, failed_pct;
	} cases[] = {
		{"0 3600 7200 128 64 1 2 5\n0 3600 7200 128 64 1 2 5\n", REPLAY_EASY, 128, 128, 0},
		{"0 3600 7200 128 64 1 2 5\n0 3600 7200 128 64 1 2 5\n", REPLAY_UW, 65, 100, 0},
		{"0 3600 7200 128 64 1 2 5\n0 3600 7200 128 64 1 2 5\n", REPLAY_ORACLE, 0, 0, 0},
		{"0 3600 7200 64 100 1 2 5\n", REPLAY_EASY, 64 + 28, 64 + 28, 100},
		{"0 3600 7200 64 100 1 2 5\n0 1 2 512 1 1 2 5\n", REPLAY_FCFS, 92, 92, 100},
	};
	struct replay_options options = {.capacity_bytes = 256 * MIB, .seed = 1};
	const double mib_in_gb = (double)MIB / 1e9;
	struct uw_err err = {0};
	struct sizing sizing;
	struct trace trace;

	(void)data;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(read_text(cases[i].text, &trace, &err), 0);
		options.policy = cases[i].policy;
		assert_int_equal(sizing_of(&trace, &options, &sizing, &err), 0);
		assert_true(sizing.waste_gb_h >= cases[i].least_mib_h * mib_in_gb - 1e-9);
		assert_true(sizing.waste_gb_h <= cases[i].most_mib_h * mib_in_gb + 1e-9);
		assert_true(sizing.failed_pct == cases[i].failed_pct);
		trace_done(&trace);
	}
}

/* At 0, without a run: the clock of a trace begins there. */
static void test_a_job_that_ends_at_once_has_ended(void **data)
{
	struct replay_options options = {.policy = REPLAY_UW,
					 .capacity_bytes = 100 * MIB,
					 .stretch_permille = 1000,
					 .ramp_permille = 1000};
	struct trace trace;
	struct replay replay;
	struct figures figures;
	struct uw_err err = {0};

	(void)data;
	assert_int_equal(read_text("0 0 20 100 50 1 2 5\n", &trace, &err), 0);
	assert_int_equal(replay_run(&trace, &options, &replay, &err), 0);
	assert_int_equal(figures_of(&trace, &replay, &figures, &err), 0);
	assert_int_equal(figures.jobs, 1);
	assert_true(figures.wait_s.max == 0);
	replay_done(&replay);
	trace_done(&trace);
}

/* 1 fills the machine. 2 is critical, and no schedule lets it past 1; 3 is deferred, longer and as
 * wide, and FCFS has it behind 2; here it declares less than it takes and EASY lets it past. */
static void test_who_is_passed_by_a_lower_class_is_counted(void **data)
{
	struct replay_options options = {.policy = REPLAY_EASY,
					 .capacity_bytes = 100 * MIB,
					 .stretch_permille = 1000,
					 .ramp_permille = 0};
	struct trace trace;
	struct replay replay;
	struct figures figures;
	struct uw_err err = {0};

	(void)data;
	assert_int_equal(read_text("0 100 100 60 60 1 2 5\n"
				   "1 50 1000 60 30 2 0 5\n"
				   "2 80 90 40 40 3 4 5\n",
				   &trace, &err),
			 0);
	assert_int_equal(replay_run(&trace, &options, &replay, &err), 0);
	assert_int_equal(figures_of(&trace, &replay, &figures, &err), 0);
	assert_true(figures.inversions.by_class == 1);
	assert_true(figures.inversions.by_size == 1);
	assert_true(figures.inversions.by_length == 1);
	assert_true(figures.class[ADMIT_CRITICAL].inverted == 1);
	assert_true(figures.class[ADMIT_CRITICAL].wait_s.p95 == 99);
	assert_true(figures.class[ADMIT_DEFERRED].wait_s.max == 0);
	assert_int_equal(figures_worst(&figures, 1), 0);
	replay_done(&replay);
	options.policy = REPLAY_FCFS;
	assert_int_equal(replay_run(&trace, &options, &replay, &err), 0);
	assert_int_equal(figures_of(&trace, &replay, &figures, &err), 0);
	assert_true(figures.inversions.by_class == 0);
	replay_done(&replay);
	trace_done(&trace);
}

static void test_page_holds_the_pictures_and_escapes_its_title(void **data)
{
	char path[] = "/tmp/uwctl-page-XXXXXX", page[200000];
	struct trace trace;
	struct replay replay;
	struct figures figures;
	struct uw_err err = {0};
	size_t n;
	FILE *file;
	int fd = mkstemp(path);

	(void)data;
	assert_true(fd >= 0);
	replay_two(&trace, &replay, REPLAY_UW, 1000);
	assert_int_equal(figures_of(&trace, &replay, &figures, &err), 0);
	assert_int_equal(html_write(path, "<b>&", &trace, &replay, &figures, &err), 0);
	file = fdopen(fd, "r");
	assert_non_null(file);
	n = fread(page, 1, sizeof(page) - 1, file);
	page[n] = '\0';
	fclose(file);
	assert_non_null(strstr(page, "<title>&lt;b&gt;&amp;</title>"));
	assert_null(strstr(page, "<b>&"));
	assert_null(strstr(page, "://"));
	assert_null(strstr(page, "nan"));
	assert_non_null(strstr(page, "</svg>"));
	assert_non_null(strstr(page, "</html>"));
	assert_int_equal(html_write("/no/such/folder/x", "t", &trace, &replay, &figures, &err),
			 -ENOENT);
	remove(path);
	replay_done(&replay);
	trace_done(&trace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns_are_read_to_the_microsecond_and_byte),
		cmocka_unit_test(test_swf_without_memory_is_in_processors),
		cmocka_unit_test(test_swf_with_memory_is_in_bytes_of_all_processors),
		cmocka_unit_test(test_faulty_lines_of_swf_are_left_out_and_counted),
		cmocka_unit_test(test_waste_is_what_is_reserved_past_the_peaks),
		cmocka_unit_test(test_sizing_wastes_what_failed_tries_had),
		cmocka_unit_test(test_a_job_that_ends_at_once_has_ended),
		cmocka_unit_test(test_swf_pieces_of_a_job_are_not_counted),
		cmocka_unit_test(test_trace_of_standard_input_is_read),
		cmocka_unit_test(test_mistakes_are_named_with_line_and_field),
		cmocka_unit_test(test_a_line_without_end_is_refused),
		cmocka_unit_test(test_replay_and_its_figures_are_as_by_hand),
		cmocka_unit_test(test_used_is_what_was_in_use_over_time),
		cmocka_unit_test(test_who_is_passed_by_a_lower_class_is_counted),
		cmocka_unit_test(test_page_holds_the_pictures_and_escapes_its_title),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
