// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs one job: takes its slot over, forks the command into the job's leaf, carries its output,
 * passes SIGTERM on, and keeps the exit status. How far it came is written to the slot before each
 * step (enum slot_phase): SHIM when we are here, RUN on disk before we fork, ENDED or NOT_RUN on
 * disk before we exit; the lock goes with us. Killed between two of them we leave the earlier one,
 * unlocked.
 */
#include "user/shim/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cgroups/cgroups.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/shim/internal.h"

#define CGROUP2_MAGIC 0x63677270 /* CGROUP2_SUPER_MAGIC, include/uapi/linux/magic.h */
#define WRITE_TRIES   600        /* of the end, one a second */

struct shim {
	const struct shim_options *options;
	struct slot_record slot;
	struct job_spec spec;
	struct job_command command;
	struct pump out, err;
	pid_t child;
	int pidfd, signals, exec_report;
};

static int write_slot(const struct shim *shim, bool sync)
{
	return slot_write(SHIM_FD_SLOTS, shim->options->slot, &shim->slot, sync);
}

static int set_phase(struct shim *shim, enum slot_phase phase, bool sync)
{
	shim->slot.phase = phase;
	return write_slot(shim, sync);
}

/* ---- before the fork ---- */

static int read_spec(struct shim *shim, struct uw_err *err)
{
	struct stat file;
	void *bytes;
	int rc;

	if (fstat(SHIM_FD_SPEC, &file) || file.st_size <= 0 || file.st_size > JOB_PACK_MAX)
		return err_set(err, -EBADMSG, "shim: no job on file descriptor %d", SHIM_FD_SPEC);
	bytes = mmap(NULL, (size_t)file.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE,
		     SHIM_FD_SPEC, 0);
	if (bytes == MAP_FAILED)
		return err_set(err, -errno, "shim: read the job: %s", strerror(errno));
	if (job_unpack(bytes, (size_t)file.st_size, &shim->spec) < 0)
		return err_set(err, -EBADMSG, "shim: the job is not of this version");
	rc = command_make(&shim->spec, &shim->slot, &shim->command);
	shim->command.login = shim->options->login;
	shim->command.submit = shim->options->submit;
	shim->command.slot = shim->options->slot;
	return rc;
}

static int check_slot(struct shim *shim, struct uw_err *err)
{
	int rc = slot_read(SHIM_FD_SLOTS, shim->options->slot, &shim->slot);

	if (!rc && shim->slot.phase != SLOT_TAKEN)
		rc = -EBADMSG;
	return rc ? err_set(err, rc, "shim: slot %u is not ours", shim->options->slot) : 0;
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int open_pipes(struct shim *shim)
{
	uint64_t limit_bytes = shim->options->log_limit_bytes;
	int ends[2];
	int rc = pump_open(&shim->out, SHIM_FD_OUT, limit_bytes, &shim->command.out);

	if (!rc)
		rc = pump_open(&shim->err, SHIM_FD_ERR, limit_bytes, &shim->command.err);
	if (!rc && pipe2(ends, O_CLOEXEC))
		rc = -errno;
	if (rc)
		return rc;
	shim->exec_report = ends[0];
	shim->command.report = ends[1];
	shim->signals = open_signals();
	return shim->signals < 0 ? -errno : 0;
}

static bool is_cgroup(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && fs.f_type == CGROUP2_MAGIC;
}

/* With its pidfd or not at all: a child that could not be waited for would run unseen. */
static pid_t fork_child(int *ret_pidfd)
{
	int pidfd = -1;
	struct clone_args args = {
		.flags = CLONE_PIDFD,
		.pidfd = (uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	pid_t pid;

	if (is_cgroup(SHIM_FD_LEAF))
		return cg_fork_into(SHIM_FD_LEAF, ret_pidfd);
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid > 0)
		*ret_pidfd = pidfd;
	return pid < 0 ? -errno : pid;
}

/* ---- the child runs ---- */

/* All that is left to do is to write to open files and to pass a signal on. */
static void drop_rights(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct caps[2] = {
		{.effective = 1U << CAP_KILL, .permitted = 1U << CAP_KILL},
	};

	if (geteuid())
		return;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_capset, &head, caps))
		return; /* the rights that uw-launcher has itself: no less safe than it */
}

static void pass_on(const struct shim *shim)
{
	struct signalfd_siginfo info;

	/* Not reaped yet, so the number is still the child's; its session began with it. */
	while (read(shim->signals, &info, sizeof(info)) == sizeof(info)) {
		int number = info.ssi_signo == SIGUSR1 ? SIGKILL : SIGTERM;

		if (kill(-shim->child, number)) /* it has no session of its own yet */
			kill(shim->child, number);
	}
}

static void close_pump(struct pump *pump)
{
	close(pump->from);
	pump->from = -1;
}

static void wait_for_end(struct shim *shim)
{
	for (;;) {
		struct pollfd fds[] = {
			{.fd = shim->pidfd, .events = POLLIN},
			{.fd = shim->signals, .events = POLLIN},
			{.fd = shim->out.from, .events = POLLIN},
			{.fd = shim->err.from, .events = POLLIN},
		};

		if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
			continue;
		if (fds[1].revents)
			pass_on(shim);
		if (fds[2].revents && !pump_move(&shim->out))
			close_pump(&shim->out);
		if (fds[3].revents && !pump_move(&shim->err))
			close_pump(&shim->err);
		if (fds[0].revents)
			return;
	}
}

static uint64_t us_of(const struct timeval *time)
{
	return (uint64_t)time->tv_sec * US_PER_SEC + (uint64_t)time->tv_usec;
}

static void note_end(struct shim *shim, int status, const struct rusage *usage)
{
	struct slot_record *slot = &shim->slot;

	pump_drain(&shim->out);
	pump_drain(&shim->err);
	pump_trim(&shim->out);
	pump_trim(&shim->err);
	slot->end_us = clock_wall_us();
	slot->ran_us = clock_now_us() - slot->began_us;
	slot->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	slot->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	slot->cpu_us = us_of(&usage->ru_utime) + us_of(&usage->ru_stime);
	slot->max_rss_bytes = (uint64_t)usage->ru_maxrss << 10;
	slot->out_bytes = pump_kept(&shim->out);
	slot->err_bytes = pump_kept(&shim->err);
	slot->out_dropped = pump_dropped(&shim->out);
	slot->err_dropped = pump_dropped(&shim->err);
}

/* A disk that fails for a while must not cost an exit status. */
static int keep_end(struct shim *shim, enum slot_phase phase)
{
	const struct timespec second = {.tv_sec = 1};
	int rc = -EIO;

	for (int i = 0; i < WRITE_TRIES; i++) {
		rc = set_phase(shim, phase, true);
		if (!rc)
			return 0;
		nanosleep(&second, NULL);
	}
	return rc;
}

static int reap(struct shim *shim)
{
	struct rusage usage = {0};
	struct command_report report;
	int status = 0;

	while (wait4(shim->child, &status, 0, &usage) < 0 && errno == EINTR)
		;
	note_end(shim, status, &usage);
	if (read(shim->exec_report, &report, sizeof(report)) == sizeof(report)) {
		shim->slot.error = report.error;
		shim->slot.failed = report.failed;
		return keep_end(shim, SLOT_NOT_RUN);
	}
	return keep_end(shim, SLOT_ENDED);
}

static int start(struct shim *shim)
{
	pid_t pid;
	int rc;

	shim->slot.start_us = clock_wall_us();
	shim->slot.began_us = clock_now_us();
	rc = set_phase(shim, SLOT_RUN, true);
	if (rc)
		return rc;
	pid = fork_child(&shim->pidfd);
	if (!pid)
		command_exec(&shim->command);
	if (pid < 0) {
		shim->slot.error = -pid;
		return keep_end(shim, SLOT_NOT_RUN) ? -EIO : pid;
	}
	shim->child = pid;
	shim->slot.child_pid = pid;
	write_slot(shim, false); /* for whoever looks; nothing hangs on it */
	close(shim->command.out);
	close(shim->command.err);
	close(shim->command.report);
	close(SHIM_FD_SPEC);
	close(SHIM_FD_LEAF);
	return 0;
}

int shim_run(const struct shim_options *options, struct uw_err *err)
{
	static struct shim shim;
	int rc;

	shim.options = options;
	rc = check_slot(&shim, err);
	if (rc)
		return rc;
	shim.slot.shim_pid = getpid();
	rc = set_phase(&shim, SLOT_SHIM, false);
	if (!rc)
		rc = read_spec(&shim, err);
	if (!rc)
		rc = open_pipes(&shim);
	if (!rc)
		rc = start(&shim);
	if (rc)
		return err_set(err, rc, "shim: job %llu: %s", (unsigned long long)shim.slot.job,
			       strerror(-rc));
	drop_rights();
	wait_for_end(&shim);
	rc = reap(&shim);
	return rc ? err_set(err, rc, "shim: the end of job %llu could not be kept: %s",
			    (unsigned long long)shim.slot.job, strerror(-rc))
		  : 0;
}
