// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/act/page_in.h"

#include <errno.h>

static void test_maps_lines(void **data)
{
	static const struct {
		const char *line;
		bool ok, anonymous;
		uint64_t start, end;
	} rows[] = {
		{"55d0c0a3e000-55d0c0a5f000 rw-p 00000000 00:00 0      [heap]", true, true,
		 0x55d0c0a3e000, 0x55d0c0a5f000},
		{"7f0000000000-7f0000021000 rw-p 00000000 00:00 0 ", true, true, 0x7f0000000000,
		 0x7f0000021000},
		{"7f0000000000-7f0000021000 rw-p 00000000 00:00 0", true, true, 0x7f0000000000,
		 0x7f0000021000},
		{"7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0      [stack]", true, true,
		 0x7ffc00000000, 0x7ffc00021000},
		/* shared, a file's, without rights, the kernel's own */
		{"7f0000000000-7f0000021000 rw-s 00000000 00:01 1027   /dev/zero (deleted)", true,
		 false, 0x7f0000000000, 0x7f0000021000},
		{"55d0c0000000-55d0c0002000 rw-p 00001000 fe:01 131 /usr/bin/a b", true, false,
		 0x55d0c0000000, 0x55d0c0002000},
		{"7f0000000000-7f0000021000 ---p 00000000 00:00 0", true, false, 0x7f0000000000,
		 0x7f0000021000},
		{"7ffc00000000-7ffc00004000 r--p 00000000 00:00 0 [vvar]", true, false,
		 0x7ffc00000000, 0x7ffc00004000},
		{"7f0000021000-7f0000000000 rw-p 00000000 00:00 0", false, false, 0, 0},
		{"7f0000000000 rw-p", false, false, 0, 0},
		{"7f00-7f01", false, false, 0, 0},
		{"7f00-7f01 rw", false, false, 0, 0},
		{"7f00-7f01 rw-p 0", false, false, 0, 0},
		{"", false, false, 0, 0},
		{"x-y rw-p 0 0 0", false, false, 0, 0},
	};

	(void)data;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t start = 0, end = 0;
		bool anonymous = false;

		assert_int_equal(page_in_parse(rows[i].line, &start, &end, &anonymous), rows[i].ok);
		if (!rows[i].ok)
			continue;
		assert_int_equal(anonymous, rows[i].anonymous);
		assert_int_equal(start, rows[i].start);
		assert_int_equal(end, rows[i].end);
	}
}

struct calls {
	unsigned int count, allowed;
};

static bool over(void *data)
{
	struct calls *calls = data;

	return calls->count++ >= calls->allowed;
}

static void test_a_process_is_asked_for_until_it_is_over(void **data)
{
	struct calls all = {0, UINT32_MAX}, two = {0, 2};

	(void)data;
	assert_int_equal(page_in_process(getpid(), over, &all), 0);
	assert_true(all.count > 2);
	assert_int_equal(page_in_process(getpid(), over, &two), -ECANCELED);
	assert_int_equal(two.count, 3);
}

static void test_who_has_ended_is_told(void **data)
{
	struct calls all = {0, UINT32_MAX};
	pid_t pid = fork();

	(void)data;
	if (!pid)
		_exit(0);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(page_in_process(pid, over, &all), -ESRCH);
	assert_int_equal(all.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_maps_lines),
		cmocka_unit_test(test_a_process_is_asked_for_until_it_is_over),
		cmocka_unit_test(test_who_has_ended_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
