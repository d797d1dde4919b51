// SPDX-License-Identifier: GPL-2.0-or-later
/* Submissions, their bytes, and the words about them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/cleanup.h"
#include "user/model/job.h"

static const struct job_spec good = {
	.component = "ml_models",
	.key = "train/fold-3",
	.memory_bytes = 800 << 20,
	.time_us = 60000000,
	.input_bytes = 5 << 20,
	.priority = 7,
	.memory_priority = 3,
	.retries = 2,
	.flags = JOB_RERUN | JOB_FREEZABLE,
	.index = 4,
	.tag_count = 2,
	.tag = {"night", "v1.2"},
	.after_count = 1,
	.after = {17},
	.uid = 1000,
	.gid = 1000,
	.group_count = 2,
	.group = {1000, 27},
	.umask = 027,
	.cwd = "/home/alice",
	.argv = {"/usr/bin/python3\0train.py", 26},
	.env = {"PATH=/bin\0X=", 13},
};

/* ---- bytes ---- */

static void test_pack_gives_back_what_it_was_given(void **state)
{
	char bytes[1024], again[1024];
	unsigned long size = job_pack(&good, true, bytes, sizeof(bytes));
	struct job_spec back;

	(void)state;
	assert_true(size < sizeof(bytes));
	assert_int_equal(job_unpack(bytes, size, &back), 0);
	assert_string_equal(back.component, good.component);
	assert_string_equal(back.cwd, good.cwd);
	assert_true(back.input_bytes == good.input_bytes);
	assert_int_equal(back.group[1], 27);
	assert_int_equal(back.after[0], 17);
	assert_memory_equal(back.env.data, good.env.data, good.env.size);
	assert_int_equal(job_pack(&back, true, again, sizeof(again)), size);
	assert_memory_equal(bytes, again, size);
}

static void test_pack_says_its_size_without_room(void **state)
{
	char small[16];

	(void)state;
	memset(small, 'x', sizeof(small));
	assert_true(job_pack(&good, true, small, 0) > sizeof(small));
	assert_int_equal(small[0], 'x');
	assert_true(job_pack(&good, false, NULL, 0) < job_pack(&good, true, NULL, 0));
}

/* One of the version before: the same without the size of the input. */
static void test_unpack_reads_what_an_older_uwd_packed(void **state)
{
	const unsigned long at = 4 + 4 + strlen(good.component) + 1 + 4 + strlen(good.key) + 1 + 4 +
				 strlen(good.name) + 1 + 3 * sizeof(uint64_t);
	char bytes[1024];
	unsigned long size = job_pack(&good, true, bytes, sizeof(bytes));
	struct job_spec back;

	(void)state;
	assert_memory_equal(bytes + at, &good.input_bytes, sizeof(good.input_bytes));
	size -= sizeof(good.input_bytes);
	memmove(bytes + at, bytes + at + sizeof(good.input_bytes), size - at);
	memcpy(bytes, "UWJ1", 4);
	assert_int_equal(job_unpack(bytes, size, &back), 0);
	assert_int_equal(back.input_bytes, 0);
	assert_int_equal(back.priority, good.priority);
	assert_string_equal(back.cwd, good.cwd);
	assert_int_equal(job_unpack(bytes, size - 1, &back), -EBADMSG);
}

static void test_unpack_refuses_every_cut_and_every_spoiled_length(void **state)
{
	char bytes[1024];
	unsigned long size = job_pack(&good, true, bytes, sizeof(bytes));
	struct job_spec back;

	(void)state;
	for (unsigned long cut = 0; cut < size; cut++) {
		AUTO_FREE char *part = malloc(cut + 1); /* so that a sanitizer sees its end */

		memcpy(part, bytes, cut);
		assert_int_equal(job_unpack(part, cut, &back), -EBADMSG);
	}
	for (unsigned long at = 0; at < size; at++) {
		AUTO_FREE char *spoiled = malloc(size);

		memcpy(spoiled, bytes, size);
		spoiled[at] = (char)(spoiled[at] ^ 0x80);
		job_unpack(spoiled, size, &back); /* any answer, within the bytes */
	}
}

/* ---- checks ---- */

static void no_command(struct job_spec *spec)
{
	spec->argv = (struct job_block){"", 1};
}

static void endless_command(struct job_spec *spec)
{
	spec->argv = (struct job_block){"abc", 3};
}

static void bad_key(struct job_spec *spec)
{
	strcpy(spec->key, "a key");
}

static void bad_tag(struct job_spec *spec)
{
	spec->tag[1][0] = '\0';
}

static void bad_variable(struct job_spec *spec)
{
	spec->env = (struct job_block){"=x", 3};
}

static void relative(struct job_spec *spec)
{
	spec->cwd = "home";
}

static void no_memory(struct job_spec *spec)
{
	spec->memory_bytes = 0;
}

static void high_priority(struct job_spec *spec)
{
	spec->priority = 11;
}

static void wide_umask(struct job_spec *spec)
{
	spec->umask = 01000;
}

static void hidden_component(struct job_spec *spec)
{
	strcpy(spec->component, "../etc");
}

static void test_check_names_what_is_wrong(void **state)
{
	static const struct {
		void (*spoil)(struct job_spec *spec);
		const char *words;
	} rows[] = {
		{no_command, "submit: command"},
		{endless_command, "submit: command"},
		{bad_key, "submit: key"},
		{bad_tag, "submit: tags"},
		{bad_variable, "submit: environment"},
		{relative, "submit: directory"},
		{no_memory, "submit: memory"},
		{high_priority, "submit: priority"},
		{wide_umask, "submit: umask"},
		{hidden_component, "submit: component"},
	};
	struct uw_err err = {0};

	(void)state;
	assert_int_equal(job_spec_check(&good, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct job_spec spec = good;

		rows[i].spoil(&spec);
		assert_int_equal(job_spec_check(&spec, &err), -EINVAL);
		if (!strstr(err.text, rows[i].words))
			fail_msg("'%s' does not say '%s'", err.text, rows[i].words);
	}
}

/* ---- words ---- */

static void test_every_value_has_a_word_of_its_own(void **state)
{
	(void)state;
	for (int i = 0; i < JOB_STATE__COUNT; i++)
		assert_int_equal(job_state_find(job_state_name((enum job_state)i)), i);
	for (int i = 0; i < JOB_CLASS__COUNT; i++)
		assert_int_equal(job_class_find(job_class_name((enum job_class)i)), i);
	for (int i = 0; i < JOB_REASON__COUNT; i++)
		assert_non_null(job_reason_name((enum job_reason)i));
	for (int i = 0; i < JOB_STEP__COUNT; i++)
		assert_string_not_equal(job_step_name((enum job_step)i), "?");
	assert_string_equal(job_state_name(JOB_STATE__COUNT), "?");
	assert_int_equal(job_state_find("nonsense"), -1);
}

static void test_reasons_say_their_numbers(void **state)
{
	struct job_why why = {JOB_BECAUSE_MEMORY, 800ULL << 20, 512ULL << 20};
	char text[160];

	(void)state;
	assert_string_equal(job_why_text(&why, text, sizeof(text)),
			    "needs 800M, 512M are free in its component");
	why = (struct job_why){JOB_BECAUSE_EXIT, 7, 0};
	assert_string_equal(job_why_text(&why, text, sizeof(text)), "exit status 7");
	why = (struct job_why){JOB_BECAUSE_REBOOT, 0, 0};
	assert_string_equal(job_why_text(&why, text, sizeof(text)),
			    "the machine went down while it ran");
}

static void test_class_and_exit_code(void **state)
{
	static const enum job_class want[] = {JOB_DEFERRED, JOB_DEFERRED, JOB_LOW,  JOB_LOW,
					      JOB_NORMAL,   JOB_NORMAL,   JOB_HIGH, JOB_HIGH,
					      JOB_CRITICAL, JOB_CRITICAL};

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_int_equal(job_class_of(i + 1), want[i]);
	assert_int_equal(job_exit_code(&(struct job_result){.status = 7}), 7);
	assert_int_equal(job_exit_code(&(struct job_result){.status = -1, .signal = 9}), 137);
	assert_int_equal(job_exit_code(&(struct job_result){.status = -1}), 255);
}

static void test_start_that_failed_says_what(void **state)
{
	static const struct {
		int error;
		enum job_start failed;
		const char *text, *text_of;
		int code;
	} rows[] = {
		{ENOENT, JOB_START_COMMAND, "cannot run its command: No such file or directory",
		 "cannot run ./x: No such file or directory", 127},
		{EACCES, JOB_START_COMMAND, "cannot run its command: Permission denied",
		 "cannot run ./x: Permission denied", 126},
		{ENOENT, JOB_START_DIRECTORY,
		 "cannot enter its directory: No such file or directory",
		 "cannot enter /gone: No such file or directory", 126},
		{EPERM, JOB_START_USER, "cannot become its user: Operation not permitted",
		 "cannot become uid 7: Operation not permitted", 126},
		{EACCES, JOB_START_ACCOUNT,
		 "its user's account does not let it start: Permission denied",
		 "the account of uid 7 does not let it start: Permission denied", 126},
		{EPERM, JOB_START_SUBMIT, "its user may not submit to its component any more",
		 "uid 7 may not submit to batch any more", 126},
		{ENOMEM, JOB_START_ANYTHING, "could not be started: Cannot allocate memory",
		 "could not be started: Cannot allocate memory", 126},
	};
	struct job_spec spec = {.uid = 7, .component = "batch", .cwd = "/gone", .argv = {"./x", 4}};
	char text[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct job_why why = {JOB_BECAUSE_START_FAILED, (uint64_t)rows[i].error,
				      rows[i].failed};
		struct job_result result = {.state = JOB_FAILED, .status = -1, .why = why};

		assert_string_equal(job_why_text(&why, text, sizeof(text)), rows[i].text);
		assert_string_equal(job_why_text_of(&why, &spec, text, sizeof(text)),
				    rows[i].text_of);
		assert_int_equal(job_exit_code(&result), rows[i].code);
	}
}

static void test_name_is_given_or_found(void **state)
{
	struct job_spec spec = good;
	struct job job;
	char command[16];

	(void)state;
	job_init(&job, &spec);
	assert_string_equal(job.name, "train/fold-3");
	assert_int_equal(job.state, JOB_WAITING);
	spec.key[0] = '\0';
	spec.after_count = 0;
	job_init(&job, &spec);
	assert_string_equal(job.name, "python3");
	assert_int_equal(job.state, JOB_QUEUED);
	spec.held = true;
	job_init(&job, &spec);
	assert_int_equal(job.state, JOB_HELD);
	assert_string_equal(job_command_text(&spec, command, sizeof(command)), "/usr/bin/python");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pack_gives_back_what_it_was_given),
		cmocka_unit_test(test_pack_says_its_size_without_room),
		cmocka_unit_test(test_unpack_refuses_every_cut_and_every_spoiled_length),
		cmocka_unit_test(test_unpack_reads_what_an_older_uwd_packed),
		cmocka_unit_test(test_check_names_what_is_wrong),
		cmocka_unit_test(test_every_value_has_a_word_of_its_own),
		cmocka_unit_test(test_reasons_say_their_numbers),
		cmocka_unit_test(test_class_and_exit_code),
		cmocka_unit_test(test_start_that_failed_says_what),
		cmocka_unit_test(test_name_is_given_or_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
