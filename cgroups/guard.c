// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Starts programs inside a cgroup, so that not even their first page is charged elsewhere, and
 * uw-guard in particular. clone3 puts the child there; where it is not allowed, the child moves
 * itself before it goes on. The guard is cloned first and waits for a word before it executes, so
 * that systemd can make a scope around it meanwhile; it is spared from the OOM killer.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroups/internal.h"
#include "user/base/cleanup.h"
#include "user/base/text.h"

#define EXIT_NOT_STARTED 125
#define FIRST_FREE_FD    3
#define OOM_NEVER        "-1000"
#define GUARD_EXEC_MS    500 /* a quarter of what the guard takes for a hang */

static pid_t clone_into(int cgroup_dirfd, int *ret_pidfd)
{
	struct clone_args args = {
		.flags = CLONE_PIDFD | (cgroup_dirfd >= 0 ? CLONE_INTO_CGROUP : 0),
		.pidfd = (__u64)(uintptr_t)ret_pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = cgroup_dirfd >= 0 ? (__u64)cgroup_dirfd : 0,
	};
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	return pid < 0 ? -errno : (pid_t)pid;
}

/* 0 is whoever writes. */
static int join_self(int cgroup_dirfd)
{
	return cgroup_dirfd < 0 ? 0 : text_write_at(cgroup_dirfd, "cgroup.procs", "0");
}

static _Noreturn void give_up(int report, int failure)
{
	ssize_t n = write(report, &failure, sizeof(failure));

	_exit(n == (ssize_t)sizeof(failure) ? EXIT_NOT_STARTED : EXIT_FAILURE);
}

/* The child is in the group before fork_and_join returns in either process. */
static pid_t fork_and_join(int cgroup_dirfd, int *ret_pidfd)
{
	AUTO_CLOSE int ours = -1, childs = -1;
	int ends[2], failure = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	ours = ends[0];
	childs = ends[1];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		failure = -join_self(cgroup_dirfd);
		if (failure)
			give_up(childs, failure);
		return 0;
	}
	close(TAKE_FD(childs));
	do
		n = read(ours, &failure, sizeof(failure));
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof(failure)) {
		waitpid(pid, NULL, 0);
		return -failure;
	}
	*ret_pidfd = pidfd_open(pid, 0);
	return pid;
}

/*
 * A seccomp filter cannot look into clone3's arguments, so those of systemd's RestrictNamespaces=
 * and of older container runtimes answer ENOSYS.
 */
static pid_t fork_into(int cgroup_dirfd, int *ret_pidfd)
{
	int pidfd = -1;
	pid_t pid = clone_into(cgroup_dirfd, &pidfd);

	if (pid == -ENOSYS)
		pid = fork_and_join(cgroup_dirfd, &pidfd);
	if (pid > 0 && ret_pidfd)
		*ret_pidfd = pidfd;
	else if (pid > 0)
		close(pidfd);
	return pid;
}

pid_t cg_fork_into(int cgroup_dirfd, int *ret_pidfd)
{
	return cgroup_dirfd < 0 ? -EBADF : fork_into(cgroup_dirfd, ret_pidfd);
}

int cg_guard_find(int holder_dirfd, pid_t *ret_pid, int *ret_pidfd)
{
	pid_t pid;
	int count = cg_procs_read(holder_dirfd, &pid, 1), fd;

	if (count <= 0)
		return count ? count : -ESRCH;
	fd = pidfd_open(pid, 0);
	if (fd < 0)
		return -errno;
	*ret_pid = pid;
	*ret_pidfd = fd;
	return 0;
}

/* ---- the child, between clone3 and exec: only what is safe in a signal handler ---- */

struct child {
	const char *program, *pool_path;
	int go, report;
};

static void detach_stdio(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(kmsg >= 0 ? kmsg : null, STDERR_FILENO);
}

static void default_signals(void)
{
	static const int reset[] = {SIGPIPE, SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};
	sigset_t none;

	for (size_t i = 0; i < ARRAY_SIZE(reset); i++)
		signal(reset[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The kernel must not take the one that undoes what uwd left behind. */
static void spare_from_oom(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, OOM_NEVER, strlen(OOM_NEVER)) < 0)
		errno = 0; /* in a user namespace: the guard runs on without */
	close(fd);
}

static void __attribute__((noreturn)) run_child(const struct child *child)
{
	char *argv[] = {(char *)child->program, (char *)"--pool", (char *)child->pool_path, NULL};
	int failure;
	char go;

	setsid();
	default_signals();
	spare_from_oom();
	if (chdir("/") || read(child->go, &go, 1) != 1)
		_exit(EXIT_NOT_STARTED);
	detach_stdio();
	close_range(FIRST_FREE_FD, ~0U, CLOSE_RANGE_CLOEXEC);
	execv(child->program, argv);
	failure = errno;
	if (write(child->report, &failure, sizeof(failure)) < 0)
		_exit(EXIT_NOT_STARTED);
	_exit(EXIT_NOT_STARTED);
}

/* Their numbers may be those that they are to have. */
static int place_fds(const int fds[static CG_SPAWN_FDS])
{
	int above[CG_SPAWN_FDS];

	for (int i = 0; i < CG_SPAWN_FDS; i++) {
		above[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FIRST_FREE_FD + CG_SPAWN_FDS);
		if (above[i] < 0)
			return -errno;
	}
	for (int i = 0; i < CG_SPAWN_FDS; i++)
		if (dup2(above[i], FIRST_FREE_FD + i) < 0)
			return -errno;
	return 0;
}

static void __attribute__((noreturn))
run_program(const char *program, const char *argument, const int fds[static CG_SPAWN_FDS])
{
	char *argv[] = {(char *)program, (char *)argument, NULL};

	setsid();
	default_signals();
	spare_from_oom();
	if (!chdir("/") && !place_fds(fds)) {
		detach_stdio();
		close_range(FIRST_FREE_FD + CG_SPAWN_FDS, ~0U, CLOSE_RANGE_CLOEXEC);
		execv(program, argv);
	}
	_exit(EXIT_NOT_STARTED);
}

/* ---- the parent ---- */

pid_t cg_spawn_into(int cgroup_dirfd, const char *program, const char *argument,
		    const int fds[static CG_SPAWN_FDS])
{
	pid_t pid = cg_fork_into(cgroup_dirfd, NULL);

	if (!pid)
		run_program(program, argument, fds);
	return pid;
}

int cg_guard_begin(const char *program, const char *pool_path, int holder_dirfd,
		   struct cg_guard_start *ret_start, struct uw_err *err)
{
	AUTO_CLOSE int go_r = -1, go_w = -1, report_r = -1, report_w = -1;
	char path[PATH_MAX]; /* the child changes its directory */
	struct child child = {.program = path, .pool_path = pool_path};
	int fds[2], pidfd = -1;
	pid_t pid;

	if (!realpath(program, path) || access(path, X_OK))
		return err_set(err, -errno, "guard: %s: %s; run 'make install'", program,
			       strerror(errno));
	if (pipe2(fds, O_CLOEXEC))
		return err_set(err, -errno, "guard: pipe: %s", strerror(errno));
	go_r = fds[0];
	go_w = fds[1];
	if (pipe2(fds, O_CLOEXEC))
		return err_set(err, -errno, "guard: pipe: %s", strerror(errno));
	report_r = fds[0];
	report_w = fds[1];
	child.go = go_r;
	child.report = report_w;

	pid = fork_into(holder_dirfd, &pidfd);
	if (!pid) {
		close(go_w);
		run_child(&child);
	}
	if (pid < 0)
		return err_set(err, pid, "guard: clone3: %s", strerror(-pid));
	*ret_start = (struct cg_guard_start){
		.pid = pid, .pidfd = pidfd, .go = TAKE_FD(go_w), .report = TAKE_FD(report_r)};
	return 0;
}

static void reap(const struct cg_guard_start *start)
{
	while (waitpid(start->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

void cg_guard_abort(struct cg_guard_start *start)
{
	close(start->go);
	close(start->report);
	reap(start);
	close(start->pidfd);
}

/* What could not be done, or 0; also when the child has not come so far in time: who waits may be
 * uwd's loop, the child is as nice as anybody, and one that fails later is seen to end. */
static int read_report(int report, int *ret_failure)
{
	struct pollfd come = {.fd = report, .events = POLLIN};
	int rc;

	do
		rc = poll(&come, 1, GUARD_EXEC_MS);
	while (rc < 0 && errno == EINTR); /* nobody signals uwd so often that this never ends */
	if (rc <= 0)
		return 0;
	return read(report, ret_failure, sizeof(*ret_failure)) != 0;
}

int cg_guard_finish(struct cg_guard_start *start, const char *program, int *ret_pidfd,
		    struct uw_err *err)
{
	int failure = 0;

	if (write(start->go, "", 1) != 1) {
		cg_guard_abort(start);
		return err_set(err, -EPIPE, "guard: it died before it started");
	}
	if (read_report(start->report, &failure)) {
		cg_guard_abort(start);
		return err_set(err, -failure, "guard: exec %s: %s", program, strerror(failure));
	}
	close(start->go);
	close(start->report);
	*ret_pidfd = start->pidfd;
	return 0;
}
