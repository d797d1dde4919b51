// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/base/cleanup.h"
#include "user/base/err.h"
#include "user/base/log.h"

static void test_set_returns_the_code_and_overwrites_the_text(void **state)
{
	struct uw_err err = {0};

	(void)state;
	assert_int_equal(err_set(&err, -ENOENT, "config: %s: no such file", "/etc/x"), -ENOENT);
	assert_int_equal(err.code, -ENOENT);
	assert_string_equal(err.text, "config: /etc/x: no such file");
	assert_int_equal(err_set(&err, -EINVAL, "%s", ""), -EINVAL);
	assert_string_equal(err.text, "");
	assert_int_equal(err_set(NULL, -EIO, "nobody reads this"), -EIO);
}

static void test_set_keeps_hostile_values_on_one_line(void **state)
{
	struct uw_err err = {0};

	(void)state;
	err_set(&err, -EINVAL, "bad value '%s'", "a\nb\x1b[31m\x7f");
	assert_string_equal(err.text, "bad value 'a?b?[31m?'");
}

static void test_texts_longer_than_the_buffer_are_cut(void **state)
{
	char text[2 * UW_ERR_TEXT_LEN];
	struct uw_err err = {0};

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&err, -EINVAL, "%s", text);
	assert_int_equal(strlen(err.text), UW_ERR_TEXT_LEN - 1);
	assert_int_equal(err_prefix(&err, "file:%d", 3), -EINVAL);
	assert_memory_equal(err.text, "file:3: xxx", 11);
	assert_int_equal(strlen(err.text), UW_ERR_TEXT_LEN - 1);
	err_prefix(&err, "%s", text);
	assert_int_equal(strlen(err.text), UW_ERR_TEXT_LEN - 1);
	assert_string_equal(err.text + UW_ERR_TEXT_LEN - 4, ": f");
}

static void test_prefix_stands_before_the_text(void **state)
{
	struct uw_err err = {0};

	(void)state;
	err_set(&err, -EINVAL, "priority: bad");
	assert_int_equal(err_prefix(&err, "uw.conf:%d", 7), -EINVAL);
	assert_string_equal(err.text, "uw.conf:7: priority: bad");
	assert_int_equal(err_prefix(NULL, "x"), 0);
}

/* What log_line() writes to stderr, without the newline. */
static void capture(enum log_level level, const char *text, char *buf, size_t size)
{
	int kept = dup(STDERR_FILENO), ends[2];
	ssize_t len;

	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	dup2(ends[1], STDERR_FILENO);
	log_line(level, "%s", text);
	dup2(kept, STDERR_FILENO);
	close(kept);
	close(ends[1]);
	len = read(ends[0], buf, size - 1);
	close(ends[0]);
	buf[len > 0 ? len : 0] = '\0';
}

static void test_log_writes_one_line_a_call_from_its_level_on(void **state)
{
	char line[2048], text[2000];

	(void)state;
	unsetenv("JOURNAL_STREAM");
	log_set_level(LOG_LEVEL_INFO);
	capture(LOG_LEVEL_INFO, "freeze leaf=3\nfake=1", line, sizeof(line));
	assert_string_equal(line, "test_err: freeze leaf=3 fake=1\n");
	capture(LOG_LEVEL_WARNING, "x", line, sizeof(line));
	assert_string_equal(line, "test_err: warning: x\n");
	capture(LOG_LEVEL_DEBUG, "x", line, sizeof(line));
	assert_string_equal(line, "");
	memset(text, 'y', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	capture(LOG_LEVEL_ERR, text, line, sizeof(line));
	assert_int_equal(strlen(line), 1023);
	assert_int_equal(line[1022], '\n');
}

static void test_log_level_names_are_read(void **state)
{
	enum log_level level = LOG_LEVEL_INFO;

	(void)state;
	assert_int_equal(log_level_from_name("debug", &level), 0);
	assert_int_equal(level, LOG_LEVEL_DEBUG);
	assert_int_equal(log_level_from_name("Debug", &level), -EINVAL);
	assert_int_equal(log_level_from_name("", &level), -EINVAL);
	assert_int_equal(level, LOG_LEVEL_DEBUG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_returns_the_code_and_overwrites_the_text),
		cmocka_unit_test(test_set_keeps_hostile_values_on_one_line),
		cmocka_unit_test(test_texts_longer_than_the_buffer_are_cut),
		cmocka_unit_test(test_prefix_stands_before_the_text),
		cmocka_unit_test(test_log_writes_one_line_a_call_from_its_level_on),
		cmocka_unit_test(test_log_level_names_are_read),
	};

	return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
