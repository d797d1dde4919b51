// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/base/log.h"

/* What a line with that text, of a program of that name, is on standard error. */
static void logged(const char *name, const char *text, char *buf, size_t size)
{
	char *old_name = program_invocation_short_name;
	int old = dup(STDERR_FILENO), fds[2];
	ssize_t count;

	assert_int_equal(pipe(fds), 0);
	assert_true(dup2(fds[1], STDERR_FILENO) >= 0);
	program_invocation_short_name = (char *)(uintptr_t)name;
	log_err("%s", text);
	program_invocation_short_name = old_name;
	assert_true(dup2(old, STDERR_FILENO) >= 0);
	count = read(fds[0], buf, size - 1);
	assert_true(count > 0);
	buf[count] = '\0';
	close(fds[0]);
	close(fds[1]);
	close(old);
}

/* One line, whatever is in it: the journal takes a priority from the begin of each. */
static void test_log_line_is_one_line(void **state)
{
	static const char *const rows[][2] = {
		{"uwd", "job=1 command=x\n<0>uwd[1]: on fire"},
		{"x\n<0>uwd[1]: on fire", "job=1"},
		{"uwd", "\033[2Jclear\r\b\tand\177back\233 2J"},
		{"\033]0;title\a", "job=1"},
	};
	char line[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		logged(rows[i][0], rows[i][1], line, sizeof(line));
		assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
		for (const char *at = line; at[1]; at++)
			if ((unsigned char)*at < 0x20 || *at == 0x7f)
				fail_msg("row %zu: %s", i, line);
	}
}

/* A full pipe that nobody reads stands for a journal that gets no processor. */
static void test_log_that_nobody_reads_holds_nobody_up(void **state)
{
	static char text[64 << 10];
	int old = dup(STDERR_FILENO), fds[2];
	ssize_t count;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_true(dup2(fds[1], STDERR_FILENO) >= 0);
	alarm(20);
	for (int i = 0; i < 2000; i++)
		log_err("%0500d", i);
	alarm(0);
	while ((count = read(fds[0], text, sizeof(text))) == sizeof(text))
		;
	log_err("again");
	assert_true(dup2(old, STDERR_FILENO) >= 0);
	count = read(fds[0], text, sizeof(text) - 1);
	assert_true(count > 0);
	text[count] = '\0';
	assert_non_null(strstr(text, " lines were left out"));
	assert_non_null(strstr(text, "again\n"));
	close(fds[0]);
	close(fds[1]);
	close(old);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_log_line_is_one_line),
		cmocka_unit_test(test_log_that_nobody_reads_holds_nobody_up),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
