// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libuw: its descriptors, those of the program around it, and who forks while they come and go.
 * Some of libc's calls are these instead, so that another thread has its turn at the worst moment.
 */
#include "tests/unit/hang_guard.h"
#include "tests/unit/uw_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>

#include "user/lib/pools.h"
#include "user/lib/segment/segment.h"

#define FORK_MS 100 /* a fork that nothing holds up is over by then */

/* ---- the moments ---- */

enum moment {
	NEVER,
	BEFORE_CLOSE,
	AFTER_CLOSE
};

static enum moment moment;
static int taken = -1;                        /* the number of what was closed, by the program */
static int closed, reached = -1, forked = -1; /* the number, and events: it was, another has */
static int bad_closes;
static struct uw_fixture *dies_when_watched; /* its server, as soon as a connection is */
static int watched;                          /* files that an epoll was given */
static int passed_on = -1;                   /* how a child ended that was forked at a hello */
static bool fork_at_hello;
static struct segment *local; /* that nobody is asked for */

static int close_now(int fd)
{
	int rc = (int)syscall(SYS_close, fd);

	bad_closes += rc < 0 && errno == EBADF;
	return rc;
}

/* Whoever forks has so long to do it. */
static void let_fork(int fd)
{
	struct pollfd over = {.fd = forked, .events = POLLIN};

	moment = NEVER;
	closed = fd;
	eventfd_write(reached, 1);
	poll(&over, 1, FORK_MS);
}

int close(int fd)
{
	enum moment now = moment;
	int rc;

	if (now == BEFORE_CLOSE)
		let_fork(fd);
	rc = close_now(fd);
	if (now == AFTER_CLOSE) {
		taken = fcntl(reached, F_DUPFD_CLOEXEC, fd);
		let_fork(fd);
	}
	return rc;
}

int epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
	int rc = (int)syscall(SYS_epoll_ctl, epoll, op, fd, event);
	struct uw_fixture *f = dies_when_watched;

	watched += op == EPOLL_CTL_ADD;
	if (f && op == EPOLL_CTL_ADD) {
		dies_when_watched = NULL;
		uw_fixture_kill(f);
	}
	return rc;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	if (fork_at_hello) {
		pid_t pid;

		fork_at_hello = false;
		pid = fork();
		if (!pid)
			_exit(fcntl(fd, F_GETFD) >= 0);
		waitpid(pid, &passed_on, 0);
	}
	return syscall(SYS_sendmsg, fd, message, flags);
}

/* ---- a thread that forks at such a moment ---- */

static int end_of_child(bool is_open)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid)
		_exit((fcntl(closed, F_GETFD) >= 0) != is_open);
	eventfd_write(forked, 1);
	waitpid(pid, &status, 0);
	return status;
}

/* A child has none of the handle's. */
static void *fork_before(void *data)
{
	await_readable(reached);
	return end_of_child(false) ? data : NULL;
}

/* What the program has opened meanwhile the child has too. */
static void *fork_after(void *data)
{
	await_readable(reached);
	return taken != closed || end_of_child(true) ? data : NULL;
}

static pthread_t fork_at(enum moment when)
{
	pthread_t thread;

	reached = eventfd(0, EFD_CLOEXEC);
	forked = eventfd(0, EFD_CLOEXEC);
	assert_true(reached >= 0 && forked >= 0);
	assert_int_equal(pthread_create(&thread, NULL,
					when == BEFORE_CLOSE ? fork_before : fork_after, &moment),
			 0);
	moment = when;
	return thread;
}

static void assert_child_is_well(pthread_t thread)
{
	void *failed = NULL;

	pthread_join(thread, &failed);
	assert_null(failed);
	close(reached);
	close(forked);
}

/* ---- tests ---- */

static void test_child_keeps_what_took_the_number_of_a_lost_connection(void **state)
{
	struct uw_fixture *f = *state;
	struct uw *uw = uw_fixture_open(f);
	pthread_t thread;

	uw_fixture_kill(f);
	thread = fork_at(AFTER_CLOSE);
	assert_int_equal(uw_dispatch(uw), 0);
	assert_child_is_well(thread);
	close(taken);
	uw_fixture_start(f);
	uw_close(uw);
}

static void test_child_has_no_copy_of_a_handle_that_is_closed(void **state)
{
	struct uw *uw = uw_fixture_open(*state);
	pthread_t thread = fork_at(BEFORE_CLOSE);

	uw_close(uw);
	assert_child_is_well(thread);
}

static void test_child_has_no_copy_of_a_pool_that_is_closed(void **state)
{
	struct uw *uw = uw_fixture_open(*state);
	struct segment *segment = NULL;
	struct lib_pool *pool = NULL;
	pthread_t thread;

	assert_int_equal(segment_create(uw, "trading_data", "one", MIB, &segment), 0);
	thread = fork_at(BEFORE_CLOSE);
	segment_close(segment);
	assert_child_is_well(thread);
	assert_int_equal(lib_pool_create(uw, "trading_data", "two", MIB, &pool, NULL), 0);
	thread = fork_at(BEFORE_CLOSE);
	lib_pool_close(pool);
	assert_child_is_well(thread);
	uw_close(uw);
}

static void test_child_has_no_copy_of_a_connection_that_is_made(void **state)
{
	struct uw *uw;

	passed_on = -1;
	fork_at_hello = true;
	uw = uw_fixture_open(*state);
	assert_int_equal(passed_on, 0);
	uw_close(uw);
}

static void hear_nothing(void *data, const struct uw_pressure *pressure)
{
	(void)data, (void)pressure;
}

/* A second close is that of another's file, where a thread has opened one in between. */
static void test_connection_lost_as_soon_as_made_is_closed_once(void **state)
{
	struct uw_fixture *f = *state;
	struct uw *uw = uw_fixture_open(f);

	assert_true(uw_fd(uw) >= 0);
	assert_int_equal(uw_on_pressure(uw, "ml_models", hear_nothing, NULL, NULL), 0);
	uw_fixture_kill(f);
	uw_fixture_start(f);
	uw_fixture_leases(f); /* it listens */
	bad_closes = 0;
	dies_when_watched = f;
	assert_true(uw_dispatch(uw) >= 0);
	assert_null(dies_when_watched);
	assert_int_equal(bad_closes, 0);
	uw_fixture_start(f);
	uw_close(uw);
}

/* Whom uwd answers pays for each look that an epoll has at its socket: so does uwd. */
static void test_connection_is_watched_from_when_somebody_looks(void **state)
{
	struct uw_fixture *f = *state;
	struct uw *uw = uw_fixture_open(f);
	int before = watched, fd;

	uw_fixture_kill(f);
	uw_fixture_start(f);
	uw_get(uw, 1);
	assert_int_equal(watched, before);
	fd = uw_fd(uw);
	assert_true(fd >= 0);
	assert_int_equal(watched, before + 1);
	assert_int_equal(uw_fd(uw), fd);
	assert_int_equal(watched, before + 1);
	uw_close(uw);
}

static bool is_quiet(struct uw *uw)
{
	struct pollfd ready = {.fd = uw_fd(uw), .events = POLLIN};

	return uw_dispatch(uw) >= 0 && !poll(&ready, 1, 0);
}

/* A program that looks at the descriptor would turn for good. */
static void test_lost_connection_is_not_reported_for_a_copy_of_it(void **state)
{
	struct uw_fixture *f = *state;
	struct uw *uw = uw_fixture_open(f);
	pid_t pid;

	UNTIL(is_quiet(uw));
	pid = _Fork(); /* as a program that forks without libc does */
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	uw_fixture_kill(f);
	uw_fixture_start(f);
	uw_fixture_leases(f);
	UNTIL(is_quiet(uw));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	uw_close(uw);
}

/* ---- locks ---- */

static void *commit(void *segment)
{
	return segment_commit(segment, 0, MIB) ? segment : NULL;
}

static void *fork_now(void *data)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	waitpid(pid, &status, 0);
	return status ? data : NULL;
}

static void assert_ends_well(pthread_t thread)
{
	struct timespec until;
	void *failed = NULL;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += HANG_GUARD_S;
	assert_int_equal(pthread_timedjoin_np(thread, &failed, &until), 0);
	assert_null(failed);
}

/* Who waits for uwd has a segment's lock, and takes the handle's when the answer is there. */
static void test_fork_takes_no_lock_that_who_is_before_it_needs(void **state)
{
	struct uw_fixture *f = *state;
	struct uw *uw = uw_fixture_open(f);
	struct segment *segment = NULL;
	pthread_t committer, forker;

	assert_int_equal(segment_create(uw, "trading_data", "held", MIB, &segment), 0);
	kill(f->server, SIGSTOP);
	assert_int_equal(pthread_create(&committer, NULL, commit, segment), 0);
	poll(NULL, 0, FORK_MS / 2); /* it asks */
	assert_int_equal(pthread_create(&forker, NULL, fork_now, f), 0);
	poll(NULL, 0, FORK_MS / 2);
	kill(f->server, SIGCONT);
	assert_ends_well(committer);
	assert_ends_well(forker);
	segment_close(segment);
	uw_close(uw);
}

/* As in a program that opens a pool of its own before it asks uwd for one. */
static int make_local_segment(void **state)
{
	(void)state;
	return segment_create(NULL, NULL, "own", MIB, &local);
}

static int close_local_segment(void **state)
{
	(void)state;
	segment_close(local);
	return 0;
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(test_##name, uw_fixture_setup, uw_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(child_keeps_what_took_the_number_of_a_lost_connection),
		TEST(child_has_no_copy_of_a_handle_that_is_closed),
		TEST(child_has_no_copy_of_a_pool_that_is_closed),
		TEST(child_has_no_copy_of_a_connection_that_is_made),
		TEST(connection_lost_as_soon_as_made_is_closed_once),
		TEST(connection_is_watched_from_when_somebody_looks),
		TEST(lost_connection_is_not_reported_for_a_copy_of_it),
		TEST(fork_takes_no_lock_that_who_is_before_it_needs),
	};

	return cmocka_run_group_tests(tests, make_local_segment, close_local_segment);
}
