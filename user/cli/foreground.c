// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs a command in a cgroup as if it had been started by the shell itself. The child is cloned
 * straight into the group. Until it ends we sit between: signals that were sent to us go on to it,
 * and when it stops we stop as well, so that job control works through us.
 */
#include "user/cli/foreground.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroups/cgroups.h"
#include "user/base/cleanup.h"
#include "user/base/text.h"

/* What somebody may send to us and mean the command. Stops that the terminal sends reach the
 * command by itself; we stop after it has (see child_changed). */
static const int passed_on[] = {
	SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT, SIGWINCH, SIGALRM,
};

#define SILENT_MS 2000 /* so long without a word where the command cannot begin */

struct supervisor {
	int cgroup;
	int pidfd;
	int signals;
	int exec_report; /* an errno comes when exec failed, end of file when it did not */
	struct foreground_end end;
};

static void signals_fill(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++)
		sigaddset(set, passed_on[i]);
}

static _Noreturn void child_exec(char **argv, const sigset_t *mask, int report)
{
	int error;

	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(argv[0], argv);
	error = errno;
	_exit(write(report, &error, sizeof(error)) == sizeof(error) ? 127 : 125);
}

static int start_error(int r, struct uw_err *err)
{
	switch (r) {
	case -EACCES:
	case -EPERM:
		return err_set(err, r,
			       "no right to start a process in this component: run it as "
			       "root, or have the pool delegated to you");
	case -EBUSY:
		return err_set(err, r,
			       "the kernel lets no process start in this group; is "
			       "cgroup.subtree_control of the leaf set?");
	default:
		return err_set(err, r, "clone3 into the component's group: %s", strerror(-r));
	}
}

static int start(struct supervisor *super, int cgroup_dirfd, char **argv, const sigset_t *mask,
		 struct uw_err *err)
{
	AUTO_CLOSE int read_end = -1, write_end = -1;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(err, -errno, "pipe: %s", strerror(errno));
	read_end = ends[0];
	write_end = ends[1];
	pid = cg_fork_into(cgroup_dirfd, &super->pidfd);
	if (pid == 0)
		child_exec(argv, mask, write_end);
	if (pid < 0)
		return start_error(pid, err);
	super->end.pid = pid;
	super->exec_report = TAKE_FD(read_end);
	return 0;
}

/* A signal of the kernel (the terminal's keys, a hang-up) went to the whole process group and so to
 * the command too; one of a process was for us alone. */
static void pass_on(const struct supervisor *super, const struct signalfd_siginfo *info)
{
	if (info->ssi_code > 0)
		return;
	/* It may be gone by now: its end is on its way to us then. */
	(void)pidfd_send_signal(super->pidfd, (int)info->ssi_signo, NULL, 0);
}

/* Stops as the command was stopped, so that the shell sees it; comes back when it is continued. */
static void stop_like(int signal)
{
	sigset_t one;

	sigemptyset(&one);
	sigaddset(&one, signal);
	/* Raised while blocked, it joins the one that the terminal may have sent: one stop, not
	 * two. */
	raise(signal);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	sigprocmask(SIG_BLOCK, &one, NULL);
}

static void child_stopped(const struct supervisor *super)
{
	siginfo_t info = {0};

	if (waitid(P_PIDFD, (id_t)super->pidfd, &info, WSTOPPED | WNOHANG) < 0 || !info.si_pid)
		return;
	stop_like(info.si_status);
	(void)pidfd_send_signal(super->pidfd, SIGCONT, NULL, 0);
}

static void read_signals(const struct supervisor *super)
{
	struct signalfd_siginfo info;

	while (read(super->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			child_stopped(super);
		else
			pass_on(super, &info);
	}
}

static void read_exec_report(struct supervisor *super)
{
	int error;

	if (read(super->exec_report, &error, sizeof(error)) == sizeof(error))
		super->end.exec_error = error;
	close(super->exec_report);
	super->exec_report = -1;
}

static int reap(struct supervisor *super, struct uw_err *err)
{
	siginfo_t info = {0};

	if (super->exec_report >= 0)
		read_exec_report(super);
	if (waitid(P_PIDFD, (id_t)super->pidfd, &info, WEXITED) < 0)
		return err_set(err, -errno, "wait for the command: %s", strerror(errno));
	super->end.exit_code = info.si_code == CLD_EXITED ? info.si_status : -1;
	super->end.signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
	return 0;
}

/* Its group, or one above it, stands still, and the command with it. */
static void say_frozen(const struct supervisor *super)
{
	char text[128];
	uint64_t frozen = 0;

	if (text_read_at(super->cgroup, "cgroup.events", text, sizeof(text)) >= 0 &&
	    !text_key_u64(text, "frozen", &frozen) && frozen)
		fprintf(stderr, "uwctl run: its component is frozen, and the command begins when "
				"that is thawed (uwctl status, uwctl thaw)\n");
}

static int supervise(struct supervisor *super, struct uw_err *err)
{
	int wait_ms = SILENT_MS;

	for (;;) {
		struct pollfd fds[] = {
			{.fd = super->signals, .events = POLLIN},
			{.fd = super->exec_report, .events = POLLIN},
			{.fd = super->pidfd, .events = POLLIN},
		};

		int ready = poll(fds, ARRAY_SIZE(fds), super->exec_report < 0 ? -1 : wait_ms);

		if (ready < 0 && errno != EINTR)
			return err_set(err, -errno, "poll: %s", strerror(errno));
		if (!ready) {
			say_frozen(super);
			wait_ms = -1;
		}
		if (fds[1].revents)
			read_exec_report(super);
		if (fds[0].revents)
			read_signals(super);
		if (fds[2].revents)
			return reap(super, err);
	}
}

int foreground_run(int cgroup_dirfd, char **argv, struct foreground_end *ret_end,
		   struct uw_err *err)
{
	AUTO_CLOSE int signals = -1;
	struct supervisor super = {
		.cgroup = cgroup_dirfd, .pidfd = -1, .exec_report = -1, .end.exit_code = -1};
	sigset_t ours, before;
	int r;

	signals_fill(&ours);
	/* Inherited as ignored, SIGCHLD would leave nothing to wait for. */
	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_BLOCK, &ours, &before);
	signals = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		return err_set(err, -errno, "signalfd: %s", strerror(errno));
	super.signals = signals;
	r = start(&super, cgroup_dirfd, argv, &before, err);
	if (r >= 0)
		r = supervise(&super, err);
	if (super.exec_report >= 0)
		close(super.exec_report);
	if (super.pidfd >= 0)
		close(super.pidfd);
	if (r < 0)
		return r;
	*ret_end = super.end;
	return 0;
}
