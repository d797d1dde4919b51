/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keepers of pools for a server of leases without cgroups: a process for each component, which ends
 * with the server. */
#ifndef TESTS_PYTHON_KEEPER_H
#define TESTS_PYTHON_KEEPER_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "user/keep/keep.h"

static inline int keeper_socket(const char *path, uint32_t component,
				struct sockaddr_un *ret_address)
{
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (snprintf(ret_address->sun_path, sizeof(ret_address->sun_path), "%s.keep-%u", path,
		     component) >= (int)sizeof(ret_address->sun_path))
		return -ENAMETOOLONG;
	return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* It has no file of the server's: one that it kept open would never be seen to end. */
static inline void keeper_be(int listener)
{
	const struct keep_options options = {.listen = listener, .group = -1};
	struct uw_err err = {0};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int fd = 0; fd < 1024; fd++)
		if (fd != listener)
			close(fd);
	_exit(keep_run(&options, &err) ? 1 : 0);
}

static inline int keeper_spawn(const char *path, uint32_t component)
{
	struct sockaddr_un address;
	int listener = keeper_socket(path, component, &address);
	pid_t pid = -1;

	if (listener < 0)
		return listener;
	unlink(address.sun_path);
	if (!bind(listener, (struct sockaddr *)&address, sizeof(address)) && !listen(listener, 4))
		pid = fork();
	if (!pid)
		keeper_be(listener);
	close(listener);
	return pid < 0 ? -errno : 0;
}

static inline int keeper_call(const char *path, uint32_t component)
{
	struct sockaddr_un address;
	int fd = keeper_socket(path, component, &address);

	if (fd < 0 || !connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	close(fd);
	return -ECONNREFUSED;
}

/* path is the server's socket. */
static inline int keeper_find(const char *path, uint32_t component, bool start, int *ret_fd)
{
	int fd = keeper_call(path, component);

	if (fd < 0 && start && !keeper_spawn(path, component))
		fd = keeper_call(path, component);
	*ret_fd = fd;
	return fd < 0 ? fd : 0;
}

#endif
