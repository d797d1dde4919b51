// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whose a job's output is, and what its submitter can do with it. Shims are started as uwd does it,
 * with a program that ends at once in their place; the submitter is a child that drops its rights.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/unit/hang_guard.h"
#include "tests/unit/tmp_pool.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/jobs/outputs.h"
#include "user/jobs/shim_start.h"
#include "user/shim/slots.h"

#define NOBODY  65534U
#define OTHER   65533U
#define SOON_US (10 * US_PER_SEC) /* a lease is waited for 45 s, /proc/sys/fs/lease-break-time */

struct fixture {
	struct tmp_pool pool;
	int slots;
	char log[128], out[160];
};

static int setup(void **state)
{
	static struct fixture f;
	struct uw_err err = {0};

	tmp_pool_init(&f.pool);
	chmod(f.pool.path, 0711);
	assert_int_equal(slots_open(f.pool.path, &f.slots, &err), 0);
	snprintf(f.log, sizeof(f.log), "%s/%s", f.pool.path, JOBS_LOG_DIR);
	snprintf(f.out, sizeof(f.out), "%s/7.out", f.log);
	assert_int_equal(mkdir(f.log, 0711), 0);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close(f->slots);
	tmp_pool_done(&f->pool);
	return 0;
}

static void need_root(void)
{
	if (geteuid())
		skip();
}

static void start(const struct fixture *f, uint32_t uid, uint32_t attempt)
{
	struct launch_place place = {
		.dir = f->pool.path,
		.program = "/bin/true",
		.shims_dirfd = -1,
		.leaf_dirfd = -1,
	};
	struct jobs_launch launch = {.id = 7,
				     .attempt = attempt,
				     .slot = 1,
				     .uid = uid,
				     .gid = uid,
				     .pack = "x",
				     .pack_size = 1};
	struct uw_err err = {0};
	AUTO_CLOSE int pidfd = launch_shim(&place, &launch, &err);
	siginfo_t info;

	if (pidfd < 0)
		fail_msg("%s", err.text);
	poll(&(struct pollfd){.fd = pidfd, .events = POLLIN}, 1, HANG_GUARD_MS);
	waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED);
}

static void write_out(const struct fixture *f, const char *text)
{
	AUTO_CLOSE int fd = open(f->out, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void expect_out(const struct fixture *f, const char *text)
{
	AUTO_CLOSE int fd = open(f->out, O_RDONLY | O_CLOEXEC);
	char read_back[64] = "";

	assert_true(read(fd, read_back, sizeof(read_back) - 1) >= 0);
	assert_string_equal(read_back, text);
}

/* The errno of try as that user, 0 where it did. */
static int as_user(uint32_t uid, int (*try)(const struct fixture *f), const struct fixture *f)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		if (setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
			_exit(99);
		_exit(try(f) ? errno : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int try_read(const struct fixture *f)
{
	char byte;

	return read(open(f->out, O_RDONLY | O_CLOEXEC), &byte, 1) != 1;
}

static int try_write(const struct fixture *f)
{
	return open(f->out, O_WRONLY | O_CLOEXEC) < 0;
}

static int try_lease(const struct fixture *f)
{
	return fcntl(open(f->out, O_RDONLY | O_CLOEXEC), F_SETLEASE, F_RDLCK);
}

static int try_chmod(const struct fixture *f)
{
	return chmod(f->out, 0666);
}

static void test_output_may_be_read_by_its_submitter_and_no_more(void **state)
{
	const struct fixture *f = *state;

	need_root();
	start(f, NOBODY, 1);
	write_out(f, "said");
	assert_int_equal(as_user(NOBODY, try_read, f), 0);
	assert_int_equal(as_user(NOBODY, try_write, f), EACCES);
	assert_int_equal(as_user(NOBODY, try_lease, f), EACCES);
	assert_int_equal(as_user(NOBODY, try_chmod, f), EPERM);
	assert_int_equal(as_user(OTHER, try_write, f), EACCES);
	assert_int_equal(as_user(OTHER, try_chmod, f), EPERM);
	start(f, NOBODY, 2);
	expect_out(f, "said");
	assert_int_equal(as_user(NOBODY, try_write, f), EACCES);
}

/* As an uwd of before made it. */
static void make_theirs(const struct fixture *f, uint32_t uid)
{
	write_out(f, "said");
	assert_int_equal(chown(f->out, uid, uid), 0);
}

static void test_output_of_an_older_uwd_becomes_roots(void **state)
{
	const struct fixture *f = *state;
	struct stat file;

	need_root();
	make_theirs(f, NOBODY);
	start(f, NOBODY, 2);
	expect_out(f, "said");
	assert_int_equal(stat(f->out, &file), 0);
	assert_int_equal(file.st_uid, 0);
	assert_int_equal(as_user(NOBODY, try_read, f), 0);
}

/* Holds it until it is killed; says so with a byte. */
static pid_t hold_lease(const struct fixture *f, uint32_t uid)
{
	int ends[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		signal(SIGIO, SIG_IGN); /* "give it up" */
		if (setresuid(uid, uid, uid) || prctl(PR_SET_PDEATHSIG, SIGKILL) ||
		    fcntl(open(f->out, O_RDWR | O_CLOEXEC), F_SETLEASE, F_WRLCK) ||
		    write(ends[1], "x", 1) != 1)
			_exit(99);
		for (;;)
			pause();
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	close(ends[0]);
	return pid;
}

static void test_output_with_a_lease_holds_nobody_up(void **state)
{
	const struct fixture *f = *state;
	uint64_t began_us = clock_now_us();
	pid_t pid;

	need_root();
	make_theirs(f, NOBODY);
	pid = hold_lease(f, NOBODY);
	start(f, NOBODY, 2);
	assert_true(clock_now_us() - began_us < SOON_US);
	expect_out(f, "");
	assert_int_equal(as_user(NOBODY, try_lease, f), EACCES);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* After a power loss an id may come again that had been given to somebody else. */
static void test_output_of_others_is_never_given_to_a_job(void **state)
{
	const struct fixture *f = *state;

	need_root();
	start(f, OTHER, 1);
	write_out(f, "secret");
	start(f, NOBODY, 1);
	expect_out(f, "");
	start(f, OTHER, 1);
	write_out(f, "secret");
	start(f, NOBODY, 2);
	expect_out(f, "");
	assert_int_equal(unlink(f->out), 0);
	assert_int_equal(symlink("/etc/hostname", f->out), 0);
	start(f, NOBODY, 2);
	expect_out(f, "");
}

static void test_output_counts_for_who_may_read_it(void **state)
{
	const struct fixture *f = *state;
	uint32_t uid = 0;

	need_root();
	start(f, NOBODY, 1);
	assert_int_equal(output_owner(f->log, "7.out", &uid), 0);
	assert_int_equal(uid, NOBODY);
	start(f, 0, 1);
	assert_int_equal(output_owner(f->log, "7.out", &uid), 0);
	assert_int_equal(uid, 0);
	assert_int_equal(output_owner(f->log, "8.out", &uid), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_output_may_be_read_by_its_submitter_and_no_more),
		TEST(test_output_of_an_older_uwd_becomes_roots),
		TEST(test_output_with_a_lease_holds_nobody_up),
		TEST(test_output_of_others_is_never_given_to_a_job),
		TEST(test_output_counts_for_who_may_read_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
