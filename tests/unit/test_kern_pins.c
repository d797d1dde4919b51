// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Folders of pins, in a tmpfs that is mounted where bpffs would be, in a namespace of the test's
 * own: which are removed, and that a part of them is not taken for all.
 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/cut_folder.h"
#include "user/base/cleanup.h"
#include "user/kern/kern.h"
#include "user/kern/pins.h"

static void make(const char *path)
{
	assert_int_equal(mkdir(path, 0700), 0);
}

static int setup(void **state)
{
	FILE *pin;

	(void)state;
	if (mount("none", "/sys/fs/bpf", "tmpfs", 0, NULL))
		return -1;
	make(KERN_PIN_DIR);
	make(KERN_PIN_DIR "/programs-1");
	make(KERN_PIN_DIR "/programs-2");
	pin = fopen(KERN_PIN_DIR "/programs-1/link", "we");
	return pin ? fclose(pin) : -1;
}

static int teardown(void **state)
{
	(void)state;
	return umount("/sys/fs/bpf");
}

static bool is_there(const char *path)
{
	return !access(path, F_OK);
}

static void test_all_generations_but_one_go(void **state)
{
	(void)state;
	assert_int_equal(pins_drop_generations(2), 0);
	assert_false(is_there(KERN_PIN_DIR "/programs-1"));
	assert_true(is_there(KERN_PIN_DIR "/programs-2"));
	assert_int_equal(pins_drop_generations(0), 0);
	assert_false(is_there(KERN_PIN_DIR "/programs-2"));
}

/* What is left goes on looking at the kernel, beside who is loaded next. */
static void test_generations_that_cannot_all_be_read_are_an_error(void **state)
{
	(void)state;
	names_left = 0;
	assert_int_equal(pins_drop_generations(0), -EIO);
	assert_true(is_there(KERN_PIN_DIR "/programs-1/link"));
	assert_int_equal(pins_drop_generations(0), 0);
	assert_false(is_there(KERN_PIN_DIR "/programs-1"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_generations_but_one_go),
		TEST(test_generations_that_cannot_all_be_read_are_an_error),
	};

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    !is_there("/sys/fs/bpf")) {
		puts("no namespace of mounts, or no /sys/fs/bpf, to be had");
		return 77;
	}
	return cmocka_run_group_tests_name("pins", tests, NULL, NULL);
}
