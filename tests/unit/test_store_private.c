// SPDX-License-Identifier: GPL-2.0-or-later
/* Who may read the database: it holds the environments of all users. */
#include <dirent.h>
#include <errno.h>
#include <sys/wait.h>

#include "tests/unit/store_fixture.h"
#include "user/base/cleanup.h"

static void set_aside(const struct fixture *f)
{
	struct store *store = NULL;
	struct uw_err err = {0};
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", f->pool.path, STORE_FILE);
	assert_int_equal(text_write_at(AT_FDCWD, path, "no database"), 0);
	assert_int_equal(store_open(&f->options, &store, &err), STORE_SET_ASIDE);
	store_close(store);
}

static uint32_t files_of(const struct fixture *f, mode_t want)
{
	AUTO_CLOSEDIR DIR *dir = opendir(f->pool.path);
	const struct dirent *entry;
	struct stat now;
	uint32_t count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, STORE_FILE, strlen(STORE_FILE)) != 0)
			continue;
		assert_int_equal(fstatat(dirfd(dir), entry->d_name, &now, 0), 0);
		assert_int_equal(now.st_mode & 07777, want);
		count++;
	}
	return count;
}

static void open_to_all(const struct fixture *f, const char *suffix)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s%s", f->pool.path, STORE_FILE, suffix);
	assert_int_equal(chmod(path, 0644), 0);
}

static void test_store_is_its_owners_to_read(void **state)
{
	mode_t before = umask(022);
	struct store *store;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) { /* dies with it open, and leaves all three behind */
		open_store(*state);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(files_of(*state, 0600), 3);
	open_to_all(*state, "");
	open_to_all(*state, "-wal");
	open_to_all(*state, "-shm");
	assert_int_equal(files_of(*state, 0644), 3);
	store = open_store(*state);
	assert_int_equal(files_of(*state, 0600), 3);
	store_close(store);
	open_to_all(*state, "");
	set_aside(*state);
	assert_true(files_of(*state, 0600) >= 2);
	umask(before);
}

static void test_store_behind_a_link_is_refused(void **state)
{
	const struct fixture *f = *state;
	struct store *store = NULL;
	struct uw_err err = {0};
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", f->pool.path, STORE_FILE);
	assert_int_equal(symlink("elsewhere", path), 0);
	assert_int_equal(store_open(&f->options, &store, &err), -ELOOP);
	assert_int_equal(unlink(path), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_store_is_its_owners_to_read),
		TEST(test_store_behind_a_link_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
