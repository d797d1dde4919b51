// SPDX-License-Identifier: GPL-2.0-or-later
/* The memory of pools: sealed, there only where it was committed, and gone after a fork. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/lib/segment/segment.h"

#define PAGE 4096ULL
#define STEP SEGMENT_STEP_BYTES

static struct segment *make(uint64_t bytes)
{
	struct segment *segment = NULL;

	assert_int_equal(segment_create(NULL, NULL, "test", bytes, &segment), 0);
	return segment;
}

static uint64_t there(const struct segment *segment)
{
	struct stat st;

	assert_int_equal(fstat(segment_fd(segment), &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static void test_file_is_sealed_private_and_empty(void **data)
{
	struct segment *segment = make(10 * STEP + 1);
	int fd = segment_fd(segment);
	struct stat st;

	(void)data;
	assert_int_equal(segment_bytes(segment), 10 * STEP + PAGE);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 10 * STEP + PAGE);
	assert_int_equal(there(segment), 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(ftruncate(fd, 1 << 30), -1);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	segment_close(segment);
	segment_close(NULL);
}

static void test_no_size_and_no_component_are_refused(void **data)
{
	struct segment *segment = NULL;
	int nobody;

	(void)data;
	assert_int_equal(segment_create(NULL, NULL, "test", 0, &segment), -EINVAL);
	assert_int_equal(segment_create(NULL, NULL, "test", SEGMENT_BYTES_MAX + 1, &segment),
			 -EINVAL);
	assert_int_equal(segment_create((struct uw *)(void *)&nobody, NULL, "test", PAGE, &segment),
			 -EINVAL);
	assert_null(segment);
}

static void test_pages_come_when_committed_and_go_when_punched(void **data)
{
	struct segment *segment = make(8 * STEP);
	uint8_t *base = segment_base(segment);

	(void)data;
	assert_int_equal(segment_commit(segment, PAGE, 3 * STEP), 0);
	assert_int_equal(there(segment), 3 * STEP);
	memset(base + PAGE, 0x5a, 3 * STEP);
	assert_int_equal(there(segment), 3 * STEP);
	assert_int_equal(segment_punch(segment, 2 * PAGE, STEP), 0);
	assert_int_equal(there(segment), 2 * STEP);
	assert_int_equal(base[2 * PAGE - 1], 0x5a);
	assert_int_equal(base[2 * PAGE + STEP], 0x5a);
	assert_int_equal(segment_commit(segment, 2 * PAGE, STEP), 0);
	assert_int_equal(base[2 * PAGE], 0);
	assert_int_equal(there(segment), 3 * STEP);
	segment_close(segment);
}

static void test_outside_of_the_segment_nothing_is_done(void **data)
{
	static const uint64_t wrong[][2] = {
		{4 * STEP, PAGE},
		{0, 4 * STEP + PAGE},
		{3 * STEP, UINT64_MAX - PAGE},
		{UINT64_MAX - PAGE, STEP},
		{PAGE, 0},
	};
	struct segment *segment = make(4 * STEP);

	(void)data;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(segment_commit(segment, wrong[i][0], wrong[i][1]), -ERANGE);
		assert_int_equal(segment_punch(segment, wrong[i][0], wrong[i][1]), -ERANGE);
		assert_int_equal(segment_show(segment, wrong[i][0], wrong[i][1]), -ERANGE);
	}
	assert_int_equal(there(segment), 0);
	segment_close(segment);
}

/* A stray read where nothing was committed must not allocate. */
static void test_hole_far_from_any_page_cannot_be_touched(void **data)
{
	struct segment *segment = make(4 * STEP);
	int fds[2];

	(void)data;
	assert_int_equal(segment_commit(segment, 0, PAGE), 0);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], segment_base(segment), 1), 1);
	assert_int_equal(write(fds[1], (uint8_t *)segment_base(segment) + 2 * STEP, 1), -1);
	assert_int_equal(errno, EFAULT);
	assert_int_equal(there(segment), PAGE);
	close(fds[0]);
	close(fds[1]);
	segment_close(segment);
}

/* ---- a backend that fails ---- */

static struct {
	int calls, interrupted; /* so many calls are, before one is not */
	uint64_t least, most, fails_at;
	const struct segment_backend *real;
} fake;

static int fake_commit(struct segment *segment, uint64_t offset, uint64_t bytes)
{
	fake.calls++;
	fake.most = bytes > fake.most ? bytes : fake.most;
	fake.least = bytes < fake.least ? bytes : fake.least;
	if (fake.interrupted-- > 0)
		return -EINTR;
	if (fake.fails_at >= offset && fake.fails_at < offset + bytes)
		return -ENOMEM;
	return fake.real->commit(segment, offset, bytes);
}

static struct segment *make_fake(uint64_t bytes)
{
	static const struct segment_backend backend = {.commit = fake_commit};
	struct segment *segment = make(bytes);

	memset(&fake, 0, sizeof(fake));
	fake.fails_at = fake.least = UINT64_MAX;
	fake.real = segment->backend;
	segment->backend = &backend;
	return segment;
}

static void test_commit_goes_in_steps_that_a_signal_makes_smaller(void **data)
{
	struct segment *segment = make_fake(8 * STEP);

	(void)data;
	assert_int_equal(segment_commit(segment, 0, 4 * STEP), 0);
	assert_int_equal(fake.calls, 4);
	assert_int_equal(fake.most, STEP);
	fake.interrupted = 100;
	assert_int_equal(segment_commit(segment, 4 * STEP, STEP), 0);
	assert_int_equal(fake.least, 64 << 10);
	assert_int_equal(there(segment), 5 * STEP);
	segment_close(segment);
}

static void test_commit_that_fails_leaves_nothing(void **data)
{
	struct segment *segment = make_fake(8 * STEP);

	(void)data;
	assert_int_equal(segment_commit(segment, 0, STEP), 0);
	fake.fails_at = 4 * STEP;
	assert_int_equal(segment_commit(segment, STEP, 5 * STEP), -ENOMEM);
	assert_int_equal(there(segment), STEP);
	segment_close(segment);
}

/* Of one step, after a signal that made it smaller. */
static void test_commit_that_fails_within_a_step_leaves_nothing(void **data)
{
	struct segment *segment = make_fake(8 * STEP);

	(void)data;
	fake.interrupted = 1;
	fake.fails_at = STEP - 1;
	assert_int_equal(segment_commit(segment, 0, STEP), -ENOMEM);
	assert_int_equal(there(segment), 0);
	segment_close(segment);
}

/* ---- from elsewhere ---- */

static int read_only(int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static void test_attached_reads_what_was_shown_to_it(void **data)
{
	struct segment *own = make(4 * STEP), *other = NULL;
	int fd = read_only(segment_fd(own)), fds[2];

	(void)data;
	assert_int_equal(segment_commit(own, STEP, PAGE), 0);
	strcpy((char *)segment_base(own) + STEP, "seen");
	assert_int_equal(segment_attach(fd, true, &other), -EACCES);
	assert_int_equal(segment_attach(fd, false, &other), 0);
	close(fd);
	assert_int_equal(segment_bytes(other), 4 * STEP);
	assert_int_equal(segment_show(other, 0, PAGE), -ENODATA);
	assert_int_equal(segment_show(other, STEP, 2 * PAGE), -ENODATA);
	assert_int_equal(segment_show(other, STEP + 100, PAGE), -ENODATA);
	assert_int_equal(segment_show(other, STEP, 2 * STEP), -ENODATA);
	assert_int_equal(segment_show(other, STEP, 64 * PAGE), -ENODATA);
	assert_int_equal(segment_show(other, STEP, 65 * PAGE), -ENODATA); /* its last page */
	assert_int_equal(segment_show(other, STEP + 100, PAGE - 100), 0);
	assert_string_equal((char *)segment_base(other) + STEP, "seen");
	assert_int_equal(segment_commit(other, 0, PAGE), -EPERM);
	assert_int_equal(segment_punch(other, STEP, PAGE), -EPERM);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], segment_base(other), 1), -1);
	assert_int_equal(there(own), PAGE);
	close(fds[0]);
	close(fds[1]);
	segment_close(other);
	segment_close(own);
}

static void test_attached_for_writing_writes(void **data)
{
	struct segment *own = make(STEP), *other = NULL;

	(void)data;
	assert_int_equal(segment_commit(own, 0, PAGE), 0);
	assert_int_equal(segment_attach(segment_fd(own), true, &other), 0);
	assert_int_equal(segment_show(other, 0, PAGE), 0);
	*(uint8_t *)segment_base(other) = 7;
	assert_int_equal(*(uint8_t *)segment_base(own), 7);
	segment_close(own);
	assert_int_equal(*(uint8_t *)segment_base(other), 7);
	segment_close(other);
}

static int unsealed(off_t size, int seals)
{
	int fd = memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void refused(int fd, int rc)
{
	struct segment *segment = NULL;

	assert_int_equal(segment_attach(fd, false, &segment), rc);
	assert_null(segment);
	close(fd);
}

static void test_attach_of_what_is_no_segment_is_refused(void **data)
{
	const int all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

	(void)data;
	refused(unsealed(PAGE, F_SEAL_GROW | F_SEAL_SEAL), -EPERM);
	refused(unsealed(PAGE, F_SEAL_SHRINK | F_SEAL_SEAL), -EPERM);
	refused(unsealed(PAGE, F_SEAL_SHRINK | F_SEAL_GROW), -EPERM);
	refused(unsealed(0, all), -EINVAL);
	refused(unsealed(PAGE + 1, all), -EINVAL);
	refused(open("/dev/null", O_RDWR | O_CLOEXEC), -EINVAL);
	refused(-1, -EBADF);
}

/* Of huge pages a hole that is touched may find none, and SIGBUS. */
static void test_attach_of_huge_pages_is_refused(void **data)
{
	const int all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	int fd = memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);
	struct stat st;

	(void)data;
	if (fd < 0)
		skip(); /* a kernel without them */
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(ftruncate(fd, st.st_blksize), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, all), 0);
	refused(fd, -EINVAL);
}

/* ---- fork ---- */

static void in_child(struct segment *segment)
{
	int fds[2];

	if (pipe(fds) || write(fds[1], segment_base(segment), 1) != -1 || errno != EFAULT)
		_exit(1);
	if (!segment_is_forked(segment) || segment_commit(segment, PAGE, PAGE) != -ECHILD ||
	    segment_punch(segment, 0, PAGE) != -ECHILD || segment_show(segment, 0, PAGE) != -ECHILD)
		_exit(2);
	segment_close(segment);
	_exit(0);
}

static void test_child_has_no_mapping_and_gives_nothing_back(void **data)
{
	struct segment *segment = make(STEP);
	int status = -1;
	pid_t child;

	(void)data;
	assert_int_equal(segment_commit(segment, 0, PAGE), 0);
	child = fork();
	if (!child)
		in_child(segment);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(there(segment), PAGE);
	*(uint8_t *)segment_base(segment) = 1;
	segment_close(segment);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file_is_sealed_private_and_empty),
		cmocka_unit_test(test_no_size_and_no_component_are_refused),
		cmocka_unit_test(test_pages_come_when_committed_and_go_when_punched),
		cmocka_unit_test(test_outside_of_the_segment_nothing_is_done),
		cmocka_unit_test(test_hole_far_from_any_page_cannot_be_touched),
		cmocka_unit_test(test_commit_goes_in_steps_that_a_signal_makes_smaller),
		cmocka_unit_test(test_commit_that_fails_leaves_nothing),
		cmocka_unit_test(test_commit_that_fails_within_a_step_leaves_nothing),
		cmocka_unit_test(test_attached_reads_what_was_shown_to_it),
		cmocka_unit_test(test_attached_for_writing_writes),
		cmocka_unit_test(test_attach_of_what_is_no_segment_is_refused),
		cmocka_unit_test(test_attach_of_huge_pages_is_refused),
		cmocka_unit_test(test_child_has_no_mapping_and_gives_nothing_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
