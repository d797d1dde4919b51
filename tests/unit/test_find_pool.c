// SPDX-License-Identifier: GPL-2.0-or-later
/* A pool that nobody has recorded, found by its mark, in a hierarchy of plain folders. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "cgroups/internal.h"

static char mount_dir[32];

static int setup(void **state)
{
	(void)state;
	strcpy(mount_dir, "/tmp/uw-test-XXXXXX");
	if (!mkdtemp(mount_dir))
		return -1;
	if (setxattr(mount_dir, "user.test", "1", 1, 0)) {
		rmdir(mount_dir);
		puts("no user attributes in /tmp");
		exit(77);
	}
	return 0;
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", mount_dir);
	return system(command);
}

/* mark: NULL for none. */
static void make(const char *path, const char *mark)
{
	char full[256];

	snprintf(full, sizeof(full), "%s/%s", mount_dir, path);
	assert_int_equal(mkdir(full, 0755), 0);
	if (mark)
		assert_int_equal(setxattr(full, CG_MARK_XATTR, mark, strlen(mark), 0), 0);
}

static void give_away(const char *path, uid_t uid)
{
	char full[256];

	snprintf(full, sizeof(full), "%s/%s", mount_dir, path);
	assert_int_equal(chown(full, uid, (gid_t)-1), 0);
}

static void expect(int rc, const char *root)
{
	char found[CG_PATH_LEN] = "";

	assert_int_equal(cg_find_marked(mount_dir, found, sizeof(found)), rc);
	assert_string_equal(found, root);
}

static void test_pool_is_found_wherever_it_stands(void **state)
{
	(void)state;
	make("user.slice", NULL);
	make("user.slice/user-0.slice", NULL);
	make("mine", NULL);
	make("mine/below", NULL);
	expect(-ENOENT, "");
	make("mine/below/pool", CG_MARK_LEAVES);
	make("mine/below/pool/holder", CG_MARK_PART);
	make("mine/below/pool/cache", CG_MARK_PART);
	expect(0, "mine/below/pool");
}

static void test_pool_of_systemd_is_found_whole_and_in_part(void **state)
{
	(void)state;
	make(CG_SLICE, CG_MARK_SLICE);
	expect(0, CG_SCOPE_ROOT); /* the scope ended by itself */
	make(CG_SCOPE_ROOT, CG_MARK_RECURSIVE);
	make(CG_SCOPE_ROOT "/holder", CG_MARK_PART);
	expect(0, CG_SCOPE_ROOT);
}

static void test_what_others_mark_is_no_pool(void **state)
{
	(void)state;
	make("theirs", CG_MARK_RECURSIVE);
	make("theirs/holder", CG_MARK_PART);
	give_away("theirs", 4711);
	expect(-ENOENT, "");
	make("half", CG_MARK_RECURSIVE); /* without a guard's group of ours */
	make("half/holder", CG_MARK_PART);
	give_away("half/holder", 4711);
	expect(-ENOENT, "");
	make("other", "something else");
	make("other/holder", CG_MARK_PART);
	expect(-ENOENT, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pool_is_found_wherever_it_stands),
		TEST(test_pool_of_systemd_is_found_whole_and_in_part),
		TEST(test_what_others_mark_is_no_pool),
	};

	if (geteuid()) {
		puts("only root can give a folder away");
		return 77;
	}
	return cmocka_run_group_tests_name("find_pool", tests, NULL, NULL);
}
