// SPDX-License-Identifier: GPL-2.0-or-later
/* When the database is read as a whole, and what becomes of one whose disk spoils it. */
#include <errno.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include "tests/unit/store_fixture.h"
#include "user/base/cleanup.h"

#define JOBS 500U

static int add(struct store *store, uint64_t id)
{
	static const struct job_spec spec = {.component = "c", .cwd = "/", .index = JOB_NO_INDEX};
	struct job job = {.id = id, .state = JOB_QUEUED, .index = JOB_NO_INDEX};
	char pack[512];
	struct store_new new = {.job = &job, .component = "c", .key = "", .pack = pack};

	new.pack_size = job_pack(&spec, false, pack, sizeof(pack));
	return store_add(store, &new);
}

static int update(struct store *store, uint64_t id)
{
	struct job job = {.id = id, .state = JOB_STARTING, .attempts = 1};

	return store_update(store, &job, 5, "boot");
}

static void spoil(const char *path, off_t at, const char *bytes)
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, strlen(bytes), at), (ssize_t)strlen(bytes));
}

static void expect_set_aside(const struct fixture *f)
{
	struct store *store = NULL;
	struct uw_err err = {0};

	assert_int_equal(store_open(&f->options, &store, &err), STORE_SET_ASIDE);
	assert_non_null(strstr(err.text, "is damaged"));
	store_close(TAKE(store));
	store_close(open_store(f)); /* what was made anew is sound */
}

/* The second half of it, and the time put back: as a disk does. */
static void rot(const struct fixture *f)
{
	struct stat file;

	assert_int_equal(stat(f->path, &file), 0);
	for (off_t page = file.st_size / 4096 / 2; page < file.st_size / 4096; page++)
		spoil(f->path, page * 4096, "\xff\xff\xff\xff\xff\xff\xff\xff");
	assert_int_equal(
		utimensat(AT_FDCWD, f->path, (struct timespec[]){file.st_atim, file.st_mtim}, 0),
		0);
}

static void fill_and_close(const struct fixture *f)
{
	struct store *store = open_store(f);

	assert_int_equal(store_begin(store), 0);
	for (uint64_t id = 1; id <= JOBS; id++)
		assert_int_equal(add(store, id), 0);
	assert_int_equal(store_commit(store), 0);
	assert_true(store_checked_us(store) > 0);
	store_close(store);
}

/* What is as it was left is not read again at the start; the daily look finds it, and the next
 * start sets it aside. */
static void test_check_of_each_day_finds_what_rots(void **state)
{
	const struct fixture *f = *state;
	struct store_reader *reader;
	struct uw_err err = {0};
	struct store *store;

	fill_and_close(f);
	rot(f);
	store = open_store(f);
	reader = open_reader(f);
	assert_true(store_checked_us(store) > 0);
	assert_int_equal(store_reader_check(reader, f->pool.path, &err), -EUCLEAN);
	assert_non_null(strstr(err.text, "is damaged"));
	store_reader_close(reader);
	store_close(store);
	expect_set_aside(f);
}

static void test_check_follows_damage_that_was_met(void **state)
{
	const struct fixture *f = *state;
	struct store *store;
	uint64_t id = 1;
	int rc = 0;

	fill_and_close(f);
	rot(f);
	store = open_store(f);
	assert_int_equal(store_begin(store), 0);
	for (; !rc && id <= JOBS; id++)
		rc = update(store, id);
	assert_int_equal(rc, -EUCLEAN);
	store_rollback(store);
	store_close(store);
	expect_set_aside(f);
}

static void test_check_is_made_when_the_file_was_changed(void **state)
{
	const struct fixture *f = *state;

	fill_and_close(f);
	rot(f);
	assert_int_equal(utimensat(AT_FDCWD, f->path, NULL, 0), 0);
	expect_set_aside(f);
}

static void test_check_is_made_at_the_first_start_of_a_boot(void **state)
{
	const struct fixture *f = *state;
	char mark[160];

	fill_and_close(f);
	rot(f);
	snprintf(mark, sizeof(mark), "%s/checked", f->pool.path);
	spoil(mark, 2, "00000000-0000-0000-0000-000000000000");
	expect_set_aside(f);
}

/* Its log makes good what it left; but that is looked at soon, beside all else. */
static void test_check_after_a_kill_waits(void **state)
{
	const struct fixture *f = *state;
	struct store_reader *reader;
	struct uw_err err = {0};
	struct store *store;
	int status;
	pid_t pid;

	fill_and_close(f);
	pid = fork();
	if (!pid) {
		store = open_store(f);
		_exit(store_begin(store) || update(store, 1) || store_commit(store));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	store = open_store(f);
	assert_int_equal(store_checked_us(store), 0);
	reader = open_reader(f);
	assert_int_equal(store_reader_check(reader, f->pool.path, &err), 0);
	store_reader_close(reader);
	store_close(store);
	store = open_store(f);
	assert_true(store_checked_us(store) > 0);
	store_close(store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* ---- a disk that fails a read, once, or all ---- */

static long reads_left = -1; /* < 0: none fails any more */
static bool reads_fail;
static int writes_fail; /* with this; 0: they do not */

static ssize_t read_or_fail(int fd, void *to, size_t count, off_t at)
{
	if (reads_fail || (reads_left >= 0 && !reads_left--)) {
		errno = EIO;
		return -1;
	}
	return pread(fd, to, count, at);
}

static ssize_t write_or_fail(int fd, const void *from, size_t count, off_t at)
{
	if (writes_fail) {
		errno = writes_fail;
		return -1;
	}
	return pwrite(fd, from, count, at);
}

static void take_calls(sqlite3_syscall_ptr reads, sqlite3_syscall_ptr writes)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	vfs->xSetSystemCall(vfs, "pread64", reads);
	vfs->xSetSystemCall(vfs, "pwrite64", writes);
}

static int count_live(void *data, const struct store_live *live)
{
	(void)live;
	++*(uint32_t *)data;
	return 0;
}

static void expect_all(const struct fixture *f)
{
	struct store *store = open_store(f);
	uint32_t count = 0;

	assert_int_equal(store_each_live(store, count_live, &count), 0);
	assert_int_equal(count, JOBS);
	store_close(store);
}

static void test_check_that_could_not_read_sets_nothing_aside(void **state)
{
	const struct fixture *f = *state;
	char mark[128];

	snprintf(mark, sizeof(mark), "%s/checked", f->pool.path);
	fill_and_close(f);
	take_calls((sqlite3_syscall_ptr)read_or_fail, NULL);
	for (long n = 0; reads_left < 0; n++) {
		struct store *store = NULL;
		struct uw_err err = {0};
		int rc;

		unlink(mark); /* all of it is read */
		reads_left = n;
		rc = store_open(&f->options, &store, &err);
		if (rc)
			assert_int_equal(rc, -EIO);
		store_close(store);
		if (reads_left >= 0)
			break;
		expect_all(f);
	}
	reads_left = -1;
	take_calls(NULL, NULL);
}

/* What the first of two changes says, and the second, which meets what the first left. */
static void expect_no_change(struct store *store, int want)
{
	for (uint64_t id = 1; id <= 2; id++) {
		int rc = store_begin(store);

		if (!rc)
			rc = update(store, id);
		if (!rc)
			rc = store_commit(store);
		assert_int_equal(rc, want);
		store_rollback(store);
	}
}

static void test_check_takes_a_disk_that_fails_for_no_damage(void **state)
{
	const struct fixture *f = *state;
	struct store *store, *none = NULL;
	struct uw_err err = {0};
	char mark[128];

	snprintf(mark, sizeof(mark), "%s/checked", f->pool.path);
	fill_and_close(f);
	take_calls((sqlite3_syscall_ptr)read_or_fail, (sqlite3_syscall_ptr)write_or_fail);
	store = open_store(f);
	reads_fail = true;
	writes_fail = EIO;
	expect_no_change(store, -EIO);
	assert_int_equal(access(mark, F_OK), 0); /* it is not in doubt */
	store_close(store);
	assert_int_equal(store_open(&f->options, &none, &err), -EIO);
	reads_fail = false;
	writes_fail = 0;
	expect_all(f);
	take_calls(NULL, NULL);
}

static void test_check_names_a_disk_that_is_read_only(void **state)
{
	const struct fixture *f = *state;
	struct store *store;

	fill_and_close(f);
	take_calls(NULL, (sqlite3_syscall_ptr)write_or_fail);
	store = open_store(f);
	writes_fail = EROFS;
	expect_no_change(store, -EROFS);
	writes_fail = 0;
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(update(store, 1), 0);
	assert_int_equal(store_commit(store), 0);
	store_close(store);
	take_calls(NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_check_of_each_day_finds_what_rots),
		TEST(test_check_follows_damage_that_was_met),
		TEST(test_check_is_made_when_the_file_was_changed),
		TEST(test_check_is_made_at_the_first_start_of_a_boot),
		TEST(test_check_after_a_kill_waits),
		TEST(test_check_that_could_not_read_sets_nothing_aside),
		TEST(test_check_takes_a_disk_that_fails_for_no_damage),
		TEST(test_check_names_a_disk_that_is_read_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
