// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes the shim of one job: one fork, straight into the shims' cgroup, and in the child nothing
 * but what is safe between fork and exec of a program with threads.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroups/cgroups.h"
#include "user/launcher/launcher.h"
#include "user/shim/shim.h"

#define ABOVE      64 /* out of the way of the numbers that the shim wants */
#define EXIT_NO_GO 127

_Static_assert((int)SHIM_FD__END - SHIM_FD_SPEC == LAUNCHER_LOG, "a file of each for the shim");

struct shim_words {
	char slot[16], limit[24];
};

static void place_files(const struct shim_request *request)
{
	int null = open("/dev/null", O_RDWR), above[LAUNCHER_GROUP];

	for (int i = 0; i < LAUNCHER_GROUP; i++) {
		above[i] = fcntl(request->fd[i], F_DUPFD, ABOVE);
		if (above[i] < 0)
			_exit(EXIT_NO_GO);
	}
	for (int i = STDIN_FILENO; i < STDERR_FILENO; i++)
		if (null < 0 || dup2(null, i) < 0)
			_exit(EXIT_NO_GO);
	for (int i = 0; i < LAUNCHER_LOG; i++)
		if (dup2(above[i], SHIM_FD_SPEC + i) < 0)
			_exit(EXIT_NO_GO);
	if (dup2(above[LAUNCHER_LOG], STDERR_FILENO) < 0)
		_exit(EXIT_NO_GO);
	close_range(SHIM_FD__END, ~0U, 0);
}

static _Noreturn void run_child(const char *program, const struct shim_request *request,
				const struct shim_words *words, const sigset_t *blocked)
{
	char *argv[] = {(char *)"uw-shim", (char *)words->slot, (char *)words->limit,
			(char *)request->submit, NULL},
	     *env[] = {NULL};

	setsid();
	place_files(request);
	if (chdir("/") || sigprocmask(SIG_SETMASK, blocked, NULL))
		_exit(EXIT_NO_GO);
	execve(program, argv, env);
	_exit(EXIT_NO_GO);
}

static pid_t fork_shim(int group, int *ret_pidfd)
{
	pid_t pid;

	if (group >= 0)
		return cg_fork_into(group, ret_pidfd);
	pid = fork();
	if (pid > 0)
		*ret_pidfd = pidfd_open(pid, 0);
	return pid < 0 ? -errno : pid;
}

/* Born with them blocked: until the shim waits for one, it waits, as it is meant for the command.
 */
static void block_for_shim(sigset_t *set)
{
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGUSR1);
}

int launcher_fork(const char *program, const struct shim_request *request)
{
	sigset_t all, before, blocked;
	struct shim_words words;
	int pidfd = -1;
	pid_t pid;

	if (access(program, X_OK))
		return -errno;
	snprintf(words.slot, sizeof(words.slot), "%" PRIu32, request->slot);
	snprintf(words.limit, sizeof(words.limit), "%" PRIu64, request->log_limit_bytes);
	sigfillset(&all); /* a handler that reaps would take one that ends before it has a pidfd */
	pthread_sigmask(SIG_BLOCK, &all, &before);
	blocked = before;
	block_for_shim(&blocked);
	pid = fork_shim(request->fd[LAUNCHER_GROUP], &pidfd);
	if (!pid)
		run_child(program, request, &words, &blocked);
	if (pid > 0 && pidfd < 0) { /* not to be followed: how far it came says its slot */
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return pid < 0 ? pid : pidfd < 0 ? -EMFILE : pidfd;
}
