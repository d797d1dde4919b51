// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"

static void test_copy_truncates_and_says_so(void **state)
{
	char buf[4] = "xxx";

	(void)state;
	assert_true(text_copy(buf, sizeof(buf), "abc"));
	assert_string_equal(buf, "abc");
	assert_false(text_copy(buf, sizeof(buf), "abcd"));
	assert_string_equal(buf, "abc");
	assert_true(text_copy(buf, 1, ""));
	assert_false(text_copy(buf, 1, "a"));
	assert_string_equal(buf, "");
	assert_false(text_copy(buf, 0, "a"));
}

static void test_names_are_short_and_safe_in_a_path(void **state)
{
	static const char *const good[] = {"a",     "9",   "ml_models",
					   "a-b-c", "x__", "abcdefghijklmnopqrstuvwxyz01234"};
	static const char *const bad[] = {
		"",
		"_a",
		"-a",
		".",
		"..",
		"a/b",
		"../x",
		"A",
		"a b",
		"a.b",
		"a\n",
		"\xc3\xa4",
		"a%n",
		"cgroup.procs",
		"abcdefghijklmnopqrstuvwxyz012345",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(text_is_name(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (text_is_name(bad[i]))
			fail_msg("'%s' was taken for a name", bad[i]);
}

static void test_a_word_is_of_few_characters_and_fits(void **state)
{
	static const char *const good[] = {"a", "Z9", "model-v2.1:fold@x/y+z_", "-", "abcdefg"};
	static const char *const bad[] = {"", "a b", "a\n", "a%n", "\xc3\xa4", "a,b", "abcdefgh"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(text_is_word(good[i], strlen(good[i]) + 1));
	for (size_t i = 0; i + 1 < ARRAY_SIZE(bad); i++)
		assert_false(text_is_word(bad[i], 16));
	assert_false(text_is_word("abcdefgh", 8)); /* its end is not in there */
}

static int file_of(size_t len)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(write(fd, &"abcdefgh"[i % 8], 1), 1);
	return fd;
}

static void test_pread_takes_the_whole_file_or_none_of_it(void **state)
{
	static const struct {
		size_t len, size;
		long rc;
	} rows[] = {
		{0, 1, 0},          {0, 64, 0},         {5, 6, 5},          {5, 5, -ENOBUFS},
		{5, 1, -ENOBUFS},   {2047, 2048, 2047}, {2048, 2049, 2048}, {2048, 2048, -ENOBUFS},
		{5000, 8192, 5000},
	};
	char buf[8192];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_CLOSE int fd = file_of(rows[i].len);

		memset(buf, 'x', sizeof(buf));
		assert_int_equal(text_pread(fd, buf, rows[i].size), rows[i].rc);
		if (rows[i].rc >= 0)
			assert_int_equal(strlen(buf), rows[i].len);
		else
			assert_true(strlen(buf) < rows[i].size);
		/* the offset stays where it was, so a kept fd can be read again */
		assert_int_equal(text_pread(fd, buf, rows[i].size), rows[i].rc);
	}
	assert_int_equal(text_pread(-1, buf, sizeof(buf)), -EBADF);
	assert_int_equal(text_pread(0, buf, 0), -ENOBUFS);
}

static void test_files_below_a_directory_are_read_and_written(void **state)
{
	char dir[] = "/tmp/test_text.XXXXXX";
	char buf[32];

	(void)state;
	assert_non_null(mkdtemp(dir));
	AUTO_CLOSE int dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(text_write_at(dirfd, "memory.high", "max"), -ENOENT);
	assert_int_equal(text_read_at(dirfd, "memory.high", buf, sizeof(buf)), -ENOENT);
	close(openat(dirfd, "memory.high", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(text_write_at(dirfd, "memory.high", "max\n"), 0);
	assert_int_equal(text_read_at(dirfd, "memory.high", buf, sizeof(buf)), 4);
	assert_string_equal(buf, "max\n");
	assert_int_equal(text_read_at(dirfd, "memory.high", buf, 4), -ENOBUFS);
	unlinkat(dirfd, "memory.high", 0);
	rmdir(dir);
}

static void test_keys_are_found_at_line_starts_only(void **state)
{
	static const struct {
		const char *text, *key;
		int rc;
		uint64_t value;
	} rows[] = {
		{"anon 12\nfile 34\n", "anon", 0, 12},
		{"anon 12\nfile 34\n", "file", 0, 34},
		{"anon 12\nfile 34", "file", 0, 34},
		{"MemTotal:       16384 kB\n", "MemTotal:", 0, 16384},
		{"inactive_file 1\nfile 2\n", "file", 0, 2},
		{"file_dirty 1\nfile 2\n", "file", 0, 2},
		{"file_dirty 1\n", "file", -ENOENT, 0},
		{"x file 2\n", "file", -ENOENT, 0},
		{"", "file", -ENOENT, 0},
		{"\n\n\nfile 2", "file", 0, 2},
		{"file", "file", -ENOENT, 0},
		{"file ", "file", -EINVAL, 0},
		{"file max\n", "file", -EINVAL, 0},
		{"file -1\n", "file", -EINVAL, 0},
		{"file \n7", "file", -EINVAL, 0},
		{"high 18446744073709551615\n", "high", 0, UINT64_MAX},
		{"high 18446744073709551616\n", "high", -ERANGE, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t value = 4711;

		assert_int_equal(text_key_u64(rows[i].text, rows[i].key, &value), rows[i].rc);
		assert_int_equal(value, rows[i].rc ? 4711 : rows[i].value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy_truncates_and_says_so),
		cmocka_unit_test(test_names_are_short_and_safe_in_a_path),
		cmocka_unit_test(test_a_word_is_of_few_characters_and_fits),
		cmocka_unit_test(test_pread_takes_the_whole_file_or_none_of_it),
		cmocka_unit_test(test_files_below_a_directory_are_read_and_written),
		cmocka_unit_test(test_keys_are_found_at_line_starts_only),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
