// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uw-keep holds the pools of one component. uwd starts it in the component's leaf "pools" with two
 * files open: the socket that it is asked at, and the directory of that leaf.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/log.h"
#include "user/keep/keep.h"
#include "user/keep/start.h"

static const char usage[] =
	"Usage: uw-keep COMPONENT\n"
	"Holds the pools of a component. uwd starts it, with a listening socket as fd 3 and the\n"
	"directory of its cgroup as fd 4.\n"
	"Exit status: 0 done, 1 failure, 2 usage.\n";

static int print_usage(int fd, int status)
{
	return write(fd, usage, sizeof(usage) - 1) < 0 ? EXIT_FAILURE : status;
}

/* What ends a session must not end pools. */
static void take_signals(void)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};

	sigaction(SIGHUP, &ignore, NULL);
	sigaction(SIGINT, &ignore, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

static int is_started_by_uwd(void)
{
	struct stat socket, group;

	return !fstat(KEEP_FD_LISTEN, &socket) && S_ISSOCK(socket.st_mode) &&
	       !fstat(KEEP_FD_GROUP, &group) && S_ISDIR(group.st_mode);
}

int main(int argc, char **argv)
{
	struct keep_options options = {.listen = KEEP_FD_LISTEN, .group = KEEP_FD_GROUP};
	struct uw_err err = {0};

	if (argc == 2 && (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help")))
		return print_usage(STDOUT_FILENO, EXIT_SUCCESS);
	if (argc != 2 || !is_started_by_uwd())
		return print_usage(STDERR_FILENO, 2);
	take_signals();
	if (keep_run(&options, &err)) {
		log_err("%s", err.text);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
