// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes the shim of one job. All that it is to have is opened first: the job's specification in a
 * memory file, its slot with the lock taken, its leaf, its two output files. Then comes one fork,
 * straight into the shims' cgroup, and in the child nothing but what is safe between fork and exec
 * of a program with threads.
 */
#include "user/jobs/shim_start.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/jobs/output_file.h"
#include "user/shim/shim.h"
#include "user/shim/slots.h"

#define FIRST_FD   64 /* ours, out of the way of the numbers that the shim wants */
#define EXIT_NO_GO 127

struct prepared {
	int fd[SHIM_FD__END]; /* by the number that it shall have */
	const char *program, *submit;
	char slot[16], limit[24];
};

static void prepared_close(struct prepared *prepared)
{
	for (int i = SHIM_FD_SPEC; i < SHIM_FD__END; i++)
		if (prepared->fd[i] >= 0)
			close(prepared->fd[i]);
}

/* Moves fd, which may be a negative errno, out of the way. */
static int keep(struct prepared *prepared, enum shim_fd as, int fd)
{
	int moved = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD);
	int rc = fd < 0 ? fd : moved < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	prepared->fd[as] = moved;
	return rc;
}

static int make_pack(const struct jobs_launch *launch)
{
	AUTO_CLOSE int fd = memfd_create("uw-job", MFD_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, launch->pack, launch->pack_size);
	if (n < 0)
		return -errno;
	return (unsigned long)n == launch->pack_size ? TAKE_FD(fd) : -EIO;
}

static int lock_slot(const struct launch_place *place, const struct jobs_launch *launch)
{
	AUTO_CLOSE int fd = slots_reopen(place->dir);
	int rc = fd < 0 ? fd : slot_lock(fd, launch->slot);

	return rc ? rc : TAKE_FD(fd);
}

static int open_log(const struct launch_place *place, const struct jobs_launch *launch,
		    bool err_file)
{
	char dir[512], name[OUTPUTS_NAME_LEN];

	snprintf(dir, sizeof(dir), "%s/%s", place->dir, JOBS_LOG_DIR);
	return output_open(dir, outputs_name(launch->id, err_file, name), launch->uid, launch->gid,
			   launch->attempt > 1);
}

static int open_leaf(const struct launch_place *place)
{
	int fd = place->leaf_dirfd >= 0 ? fcntl(place->leaf_dirfd, F_DUPFD_CLOEXEC, FIRST_FD)
					: open("/dev/null", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int prepare(const struct launch_place *place, const struct jobs_launch *launch,
		   struct prepared *prepared)
{
	int rc = keep(prepared, SHIM_FD_SPEC, make_pack(launch));

	if (!rc)
		rc = keep(prepared, SHIM_FD_SLOTS, lock_slot(place, launch));
	if (!rc)
		rc = keep(prepared, SHIM_FD_LEAF, open_leaf(place));
	if (!rc)
		rc = keep(prepared, SHIM_FD_OUT, open_log(place, launch, false));
	if (!rc)
		rc = keep(prepared, SHIM_FD_ERR, open_log(place, launch, true));
	prepared->program = place->program;
	prepared->submit = launch->submit;
	snprintf(prepared->slot, sizeof(prepared->slot), "%" PRIu32, launch->slot);
	snprintf(prepared->limit, sizeof(prepared->limit), "%" PRIu64, place->log_limit_bytes);
	return rc;
}

/* Between fork and exec of a threaded program: only what is safe in a signal handler. */
static _Noreturn void run_child(const struct prepared *prepared)
{
	char *argv[] = {(char *)"uw-shim", (char *)prepared->slot, (char *)prepared->limit,
			(char *)prepared->submit, NULL};
	int null = open("/dev/null", O_RDWR);

	setsid();
	for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
		if (null < 0 || (i < STDERR_FILENO && dup2(null, i) < 0))
			_exit(EXIT_NO_GO);
	for (int i = SHIM_FD_SPEC; i < SHIM_FD__END; i++)
		if (dup2(prepared->fd[i], i) < 0)
			_exit(EXIT_NO_GO);
	close_range(SHIM_FD__END, ~0U, 0);
	if (chdir("/"))
		_exit(EXIT_NO_GO);
	execv(prepared->program, argv);
	_exit(EXIT_NO_GO);
}

static pid_t fork_shim(const struct launch_place *place, int *ret_pidfd)
{
	pid_t pid;

	if (place->shims_dirfd >= 0)
		return cg_fork_into(place->shims_dirfd, ret_pidfd);
	pid = fork();
	if (pid > 0)
		*ret_pidfd = pidfd_open(pid, 0);
	return pid < 0 ? -errno : pid;
}

static int start(const struct launch_place *place, const struct prepared *prepared)
{
	int pidfd = -1;
	sigset_t term, before;
	pid_t pid;

	/* Born with them blocked: until the shim waits for one, it waits, as it is meant for the
	 * command. */
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigaddset(&term, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &term, &before);
	pid = fork_shim(place, &pidfd);
	if (!pid)
		run_child(prepared);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (pid > 0 && pidfd < 0) { /* not to be followed: how far it came says its slot */
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return -EMFILE;
	}
	return pid < 0 ? pid : pidfd;
}

int launch_shim(const struct launch_place *place, const struct jobs_launch *launch,
		struct uw_err *err)
{
	struct prepared prepared = {.fd = {[SHIM_FD_SPEC... SHIM_FD_ERR] = -1}};
	int rc = access(place->program, X_OK) ? -errno : 0;

	if (rc)
		return err_set(err, rc, "%s: %s; is uwctl installed in full?", place->program,
			       strerror(-rc));
	rc = prepare(place, launch, &prepared);
	if (!rc)
		rc = start(place, &prepared);
	prepared_close(&prepared);
	if (rc < 0)
		return err_set(err, rc, "start uw-shim for job %" PRIu64 ": %s", launch->id,
			       strerror(-rc));
	return rc;
}
