// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uw-launcher: makes the shims of queued jobs for uwd, which it is connected to by fd 3. It looks
 * who that is, stays in memory, and goes on in serve.c.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/base/text.h"
#include "user/base/urgency.h"
#include "user/launcher/launcher.h"

static const char usage[] =
	"Usage: uw-launcher [--each]\n"
	"Starts uw-shim for each queued job. Started by uwd or by uw-launcher.socket, never by hand,\n"
	"with a connection to uwd as fd 3; --each: connections come over it, and a child serves each.\n"
	"Exit status: 0 uwd has gone, 1 failure, 2 usage.\n";

static int print_usage(int fd, int status)
{
	return write(fd, usage, sizeof(usage) - 1) < 0 ? EXIT_FAILURE : status;
}

/* Its shims are followed by who asked for them: here they are only waited for. */
static void reap(int number)
{
	int before = errno;

	(void)number;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	errno = before;
}

static void take_signals(void)
{
	const struct sigaction reaps = {.sa_handler = reap, .sa_flags = SA_RESTART | SA_NOCLDSTOP};
	const struct sigaction ignore = {.sa_handler = SIG_IGN};

	sigaction(SIGCHLD, &reaps, NULL);
	sigaction(SIGHUP, &ignore, NULL);
	sigaction(SIGINT, &ignore, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

static bool is_ours(int socket)
{
	struct ucred who;
	socklen_t size = sizeof(who);

	return !getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &size) && who.uid == geteuid();
}

/* Beside this program, wherever that is. */
static const char *find_shim(char *path, size_t size)
{
	ssize_t len = readlink("/proc/self/exe", path, size - 1);
	char *name;

	if (len < 0)
		return NULL;
	path[len] = '\0';
	name = strrchr(path, '/') + 1;
	return text_copy(name, size - (size_t)(name - path), "uw-shim") ? path : NULL;
}

/* Neither of it comes with a fork. */
static void begin_to_serve(void)
{
	struct urgency urgency = {0};

	/* As uwd does, for when everybody wants a processor; its shims inherit nothing of that. */
	urgency_begin(&urgency, URGENCY_UWD, clock_now_us());
	/* A host that is thrashing is when it must not wait; where it may not, it does. */
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		log_debug("uw-launcher: its memory is not locked");
}

static int serve(int socket, const char *shim, bool each, struct uw_err *err)
{
	int rc, connection = socket;

	begin_to_serve();
	if (each) {
		rc = launcher_hand_on(socket, &connection, err);
		if (rc <= 0)
			return rc;
		if (!is_ours(connection))
			return err_set(err, -EPERM, "uw-launcher: a connection of somebody else");
		begin_to_serve();
	}
	return launcher_serve(connection, shim, err);
}

int main(int argc, char **argv)
{
	bool each = argc == 2 && !strcmp(argv[1], LAUNCHER_EACH);
	char path[PATH_MAX];
	struct uw_err err = {0};

	if (argc == 2 && (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help")))
		return print_usage(STDOUT_FILENO, EXIT_SUCCESS);
	if (argc != 1 + each || !is_ours(LAUNCHER_FD))
		return print_usage(STDERR_FILENO, 2);
	take_signals();
	prctl(PR_SET_THP_DISABLE, 0UL, 0UL, 0UL, 0UL); /* as uwd has set for itself alone */
	if (!find_shim(path, sizeof(path))) {
		log_err("uw-launcher: it cannot be said where uw-shim is");
		return EXIT_FAILURE;
	}
	if (serve(LAUNCHER_FD, path, each, &err)) {
		log_err("%s", err.text);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
