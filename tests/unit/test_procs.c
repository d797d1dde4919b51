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
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cgroups/internal.h"
#include "tests/unit/cut_folder.h"
#include "user/base/cleanup.h"

static int count_child(void *data, const char *name)
{
	(void)name;
	++*(int *)data;
	return 0;
}

static void test_children_that_cannot_all_be_read_are_an_error(void **state)
{
	char dir[] = "/tmp/uw-test-XXXXXX", child[64];
	AUTO_CLOSE int fd = -1;
	int count = 0;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(child, sizeof(child), "%s/leaf", dir);
	assert_int_equal(mkdir(child, 0700), 0);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(cg_leaf_each(fd, count_child, &count), 0);
	assert_int_equal(count, 1);
	names_left = 0;
	assert_int_equal(cg_leaf_each(fd, count_child, &count), -EIO);
	assert_int_equal(rmdir(child), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void put_events(int at, const char *text)
{
	AUTO_CLOSE int fd =
		openat(at, "cgroup.events", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* As systemd removes a scope in which nobody is any more while we still hold its folder. */
static void test_a_group_that_is_gone_has_nobody_in_it(void **state)
{
	char dir[] = "/tmp/uw-test-XXXXXX";
	AUTO_CLOSE int fd = -1;

	(void)state;
	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put_events(fd, "populated 1\nfrozen 0\n");
	assert_true(cg_populated(fd));
	put_events(fd, "populated 0\nfrozen 0\n");
	assert_false(cg_populated(fd));
	put_events(fd, "of no use\n");
	assert_true(cg_populated(fd));
	assert_int_equal(unlinkat(fd, "cgroup.events", 0), 0);
	assert_int_equal(rmdir(dir), 0);
	assert_false(cg_populated(fd));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_children_that_cannot_all_be_read_are_an_error),
		cmocka_unit_test(test_a_group_that_is_gone_has_nobody_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
