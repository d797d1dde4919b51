// SPDX-License-Identifier: GPL-2.0-or-later
/* A plain file takes "y" where the kernel would make a mask of it: what is put back is what counts.
 */
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

#include "user/act/lru_switch.h"
#include "user/base/text.h"

static char dir[32], file[48], note[48];
static const struct lru_switch at = {.file = file, .note = note};

static int make_dir(void **data)
{
	(void)data;
	strcpy(dir, "/tmp/uw-switch-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(file, sizeof(file), "%s/enabled", dir);
	snprintf(note, sizeof(note), "%s/note", dir);
	return 0;
}

static int remove_dir(void **data)
{
	(void)data;
	unlink(file);
	unlink(note);
	return rmdir(dir); /* nothing else may be left in it */
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void expect_file(const char *path, const char *want)
{
	char text[64];

	assert_true(text_read_at(AT_FDCWD, path, text, sizeof(text)) >= 0);
	assert_string_equal(text, want);
}

static void test_switch_that_is_on_is_not_touched(void **data)
{
	struct uw_err err = {0};

	(void)data;
	write_file(file, "0x0007\n");
	assert_int_equal(lru_switch_on(&at, &err), 0);
	write_file(file, "0x0003\n");
	assert_int_equal(lru_switch_on(&at, &err), 0);
	assert_int_equal(access(note, F_OK), -1);
	assert_int_equal(lru_switch_back(&at, &err), 0);
	expect_file(file, "0x0003\n");
}

/* "y" reads as nothing here, as on a processor that cannot. */
static void test_what_was_is_noted_before_and_put_back(void **data)
{
	char text[LRU_SWITCH_TEXT_LEN];
	struct uw_err err = {0};

	(void)data;
	write_file(file, "0x0000\n");
	assert_int_equal(lru_switch_on(&at, &err), -EIO);
	expect_file(note, "0x0000");
	lru_switch_read_note(&at, text);
	assert_string_equal(text, "0x0000");
	/* Killed, and started again with the switch half on: what the first one found counts. */
	write_file(file, "0x0001\n");
	lru_switch_on(&at, &err);
	expect_file(note, "0x0000");
	write_file(file, "0x0007\n");
	assert_int_equal(lru_switch_back(&at, &err), LRU_SWITCH_CHANGED);
	assert_int_equal(access(note, F_OK), -1);
	assert_true(text_read_at(AT_FDCWD, file, text, sizeof(text)) > 0);
	assert_memory_equal(text, "0x0000", 6);
	assert_int_equal(lru_switch_back(&at, &err), 0);
}

static void test_kernel_without_it_is_told(void **data)
{
	struct uw_err err = {0};

	(void)data;
	assert_int_equal(lru_switch_on(&at, &err), -ENOENT);
	assert_non_null(strstr(err.text, "has no such LRU"));
	assert_int_equal(access(note, F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_switch_that_is_on_is_not_touched, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(test_what_was_is_noted_before_and_put_back,
						make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_kernel_without_it_is_told, make_dir,
						remove_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
