// SPDX-License-Identifier: GPL-2.0-or-later
/* The file of leases: what is found again, what is replaced, what holds memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/lease/file.h"

static char dir[] = "/tmp/uw-lease-XXXXXX", path[64];

/* ---- a boot that cannot be told, once ---- */

static bool boot_fails;

int openat(int dirfd, const char *name, int flags, ...)
{
	if (boot_fails && strstr(name, "boot_id")) {
		boot_fails = false;
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_openat, dirfd, name, flags, 0);
}

static struct lease_file *open_file(void)
{
	struct lease_file *file = NULL;
	struct uw_err err = {0};

	assert_int_equal(lease_file_open(path, &file, &err), 0);
	return file;
}

static void poke(off_t at, char byte)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/leases", dir);
	return 0;
}

static int drop_dir(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

static void test_what_was_written_is_found_again(void **state)
{
	struct lease_file *file = open_file();

	(void)state;
	assert_int_equal(lease_file_room(file), 0);
	assert_int_equal(lease_file_grow(file), 0);
	assert_in_range(lease_file_room(file), 1, LEASE_SLOTS - 1);
	lease_file_slots(file)[3].bytes = 77;
	lease_file_slots(file)[3].state = LEASE_HELD;
	lease_file_close(file);
	file = open_file();
	assert_true(lease_file_room(file) > 3);
	assert_int_equal(lease_file_slots(file)[3].bytes, 77);
	assert_int_equal(lease_file_slots(file)[3].state, LEASE_HELD);
	lease_file_close(file);
}

static void test_memory_is_taken_as_it_is_needed_and_ends(void **state)
{
	struct lease_file *file = open_file();
	struct stat st;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(st.st_blocks * 512 < 64 << 10);
	while (!lease_file_grow(file))
		continue;
	assert_int_equal(lease_file_room(file), LEASE_SLOTS);
	assert_int_equal(lease_file_grow(file), -ENOSPC);
	lease_file_slots(file)[LEASE_SLOTS - 1].bytes = 1;
	lease_file_close(file);
}

static void test_file_of_others_is_replaced(void **state)
{
	static const struct {
		off_t at;
		char byte;
	} rows[] = {{0, 'x'}, {8, 9}, {12, 1}, {16, 1}, {22, 1} /* room */, {24, 'x'} /* boot */};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lease_file *file = open_file();

		assert_int_equal(lease_file_grow(file), 0);
		lease_file_close(file);
		poke(rows[i].at, rows[i].byte);
		file = open_file();
		assert_int_equal(lease_file_room(file), 0);
		lease_file_close(file);
	}
	assert_int_equal(truncate(path, 100), 0);
	lease_file_close(open_file());
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	lease_file_close(open_file());
}

static void test_removed_file_comes_back_with_what_it_held(void **state)
{
	struct lease_file *file = open_file();
	struct lease_slot *slots = lease_file_slots(file);

	(void)state;
	assert_int_equal(lease_file_grow(file), 0);
	slots[5].bytes = 55;
	assert_int_equal(lease_file_mend(file), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(lease_file_mend(file), 1);
	assert_ptr_equal(lease_file_slots(file), slots);
	assert_int_equal(slots[5].bytes, 55);
	slots[6].bytes = 66;
	assert_int_equal(lease_file_mend(file), 0);
	lease_file_close(file);
	file = open_file();
	assert_int_equal(lease_file_slots(file)[5].bytes, 55);
	assert_int_equal(lease_file_slots(file)[6].bytes, 66);
	lease_file_close(file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, drop_dir)

static void test_leases_of_a_boot_that_cannot_be_told_are_not_replaced(void **state)
{
	struct lease_file *file = open_file();
	struct uw_err err = {0};

	(void)state;
	assert_int_equal(lease_file_grow(file), 0);
	lease_file_slots(file)[3].bytes = 77;
	lease_file_close(file);
	boot_fails = true;
	assert_int_equal(lease_file_open(path, &file, &err), -EIO);
	file = open_file();
	assert_int_equal(lease_file_slots(file)[3].bytes, 77);
	lease_file_close(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_was_written_is_found_again),
		TEST(test_memory_is_taken_as_it_is_needed_and_ends),
		TEST(test_file_of_others_is_replaced),
		TEST(test_removed_file_comes_back_with_what_it_held),
		TEST(test_leases_of_a_boot_that_cannot_be_told_are_not_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
