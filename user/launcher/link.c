// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwd's side of uw-launcher. The connection is made when it is needed and kept; one that turns out
 * to be gone before a request went into it is made anew at once. After that only the slot of the
 * job can say what came of the request: the launcher may have died before it forked, or after.
 *
 * What this process starts itself is a launcher that only makes others, one for each connection
 * that it is sent: it is killed by nobody but on purpose, and does nothing that could hang.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"
#include "user/launcher/packet.h"

#define SOCKET_FLAGS (SOCK_SEQPACKET | SOCK_CLOEXEC)
#define REAP_TRIES   100 /* one that the kernel holds is left behind */

static const struct timespec reap_pause = {.tv_nsec = 1000000};

static int set_timeouts(int fd, uint32_t ms)
{
	const struct timeval answer = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000),
	};

	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &answer, sizeof(answer)) ||
			       setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &answer, sizeof(answer))
		       ? -errno
		       : 0;
}

/* ---- one that systemd has ---- */

static int call_launcher(const struct launcher *launcher)
{
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCKET_FLAGS, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	text_copy(address.sun_path, sizeof(address.sun_path), launcher->path);
	if (fd < 0 || set_timeouts(fd, launcher->answer_ms) ||
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		return -errno;
	return TAKE_FD(fd);
}

/* ---- one of our own ---- */

static int spawn(const char *program, int socket, pid_t *ret_pid)
{
	char *argv[] = {(char *)"uw-launcher", (char *)LAUNCHER_EACH, NULL}, *env[] = {NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	sigset_t none, all;
	int rc;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&how);
	/* To its own number too: then it stays open. */
	posix_spawn_file_actions_adddup2(&files, socket, LAUNCHER_FD);
	posix_spawnattr_setsigmask(&how, &none);
	posix_spawnattr_setsigdefault(&how, &all);
	posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
					       POSIX_SPAWN_SETSIGDEF);
	rc = posix_spawn(ret_pid, program, &files, &how, argv, env);
	posix_spawnattr_destroy(&how);
	posix_spawn_file_actions_destroy(&files);
	return -rc;
}

static bool may_gain_nothing(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

static void end_child(struct launcher *launcher)
{
	if (!launcher->child)
		return;
	close(launcher->control);
	kill(launcher->child, SIGKILL); /* it may hang, and it has nothing to save */
	for (int i = 0; i < REAP_TRIES && !waitpid(launcher->child, NULL, WNOHANG); i++)
		nanosleep(&reap_pause, NULL);
	launcher->child = 0;
}

static int start_child(struct launcher *launcher)
{
	AUTO_CLOSE int ours = -1, its = -1;
	int ends[2], rc;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCKET_FLAGS, 0, ends))
		return -errno;
	ours = ends[0];
	its = ends[1];
	rc = set_timeouts(ours, launcher->answer_ms);
	if (!rc)
		rc = spawn(launcher->program, its, &pid);
	if (rc)
		return rc;
	launcher->child = pid;
	launcher->control = TAKE_FD(ours);
	return 0;
}

/* A connection to a launcher that the child makes; -EPIPE: there is no child. */
static int ask_child(struct launcher *launcher)
{
	AUTO_CLOSE int ours = -1, its = -1;
	int ends[2], rc;

	if (!launcher->child)
		return -EPIPE;
	if (socketpair(AF_UNIX, SOCKET_FLAGS, 0, ends))
		return -errno;
	ours = ends[0];
	its = ends[1];
	rc = set_timeouts(ours, launcher->answer_ms);
	if (!rc)
		rc = packet_send_connection(launcher->control, its);
	return rc ? rc : TAKE_FD(ours);
}

static int ask_own(struct launcher *launcher)
{
	int fd = ask_child(launcher), rc;

	if (fd != -EPIPE || may_gain_nothing())
		return fd;
	end_child(launcher);
	rc = start_child(launcher);
	return rc ? rc : ask_child(launcher);
}

/* ---- the connection ---- */

static int say_why(const struct launcher *launcher, int called, int asked, struct uw_err *err)
{
	if (asked != -EPIPE)
		return err_set(err, asked, "%s: %s; is uwctl installed in full?", launcher->program,
			       strerror(-asked));
	if (launcher->child)
		return err_set(err, asked,
			       "uw-launcher has gone, and uwd may start no other that "
			       "is not locked up as it is itself; restart uwd");
	return err_set(err, called, "%s: %s; is uw-launcher.socket active?", launcher->path,
		       strerror(-called));
}

static int open_link(struct launcher *launcher, struct uw_err *err)
{
	int called = call_launcher(launcher), fd = called < 0 ? ask_own(launcher) : called;

	if (fd < 0)
		return say_why(launcher, called, fd, err);
	launcher->socket = fd;
	launcher->connected = true;
	return 0;
}

static void close_link(struct launcher *launcher)
{
	if (launcher->connected)
		close(launcher->socket);
	launcher->connected = false;
}

int launcher_begin(struct launcher *launcher, struct uw_err *err)
{
	return may_gain_nothing() ? 0 : open_link(launcher, err);
}

void launcher_close(struct launcher *launcher)
{
	close_link(launcher);
	end_child(launcher);
}

/* ---- a start ---- */

/* Into one that was there before, which may have gone since, or into a new one. */
static int send_request(struct launcher *launcher, const struct shim_request *request,
			struct uw_err *err)
{
	int rc = launcher->connected ? packet_send_request(launcher->socket, request) : -EPIPE;

	if (!rc)
		return 0;
	close_link(launcher);
	rc = open_link(launcher, err);
	if (rc)
		return rc;
	rc = packet_send_request(launcher->socket, request);
	return rc ? err_set(err, rc, "uw-launcher: %s", strerror(-rc)) : 0;
}

int launcher_make_shim(struct launcher *launcher, const struct shim_request *request,
		       struct uw_err *err)
{
	int rc = send_request(launcher, request, err), result = -1;

	if (rc) {
		close_link(launcher);
		return rc;
	}
	rc = packet_receive_result(launcher->socket, &result);
	if (rc) {
		close_link(launcher);
		return err_set(err, -EINPROGRESS, "uw-launcher %s before it answered",
			       rc == -EAGAIN ? "was given up" : "went");
	}
	return result < 0 ? err_set(err, result, "uw-launcher: uw-shim: %s", strerror(-result))
			  : result;
}
