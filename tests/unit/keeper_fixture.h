/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keepers of pools, each in a process of its own and without a cgroup, at sockets in a folder. */
#ifndef TESTS_UNIT_KEEPER_FIXTURE_H
#define TESTS_UNIT_KEEPER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/keep/keep.h"

static pid_t keepers[2];

static inline int keeper_socket(const char *folder, uint32_t component,
				struct sockaddr_un *ret_address)
{
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(ret_address->sun_path, sizeof(ret_address->sun_path), "%s/keep-%u", folder,
		 component);
	return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static inline void keeper_spawn(const char *folder, uint32_t component)
{
	struct keep_options options = {.group = -1};
	struct sockaddr_un address;
	int ends[2];
	char none;

	options.listen = keeper_socket(folder, component, &address);
	unlink(address.sun_path);
	assert_int_equal(bind(options.listen, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(options.listen, 4), 0);
	assert_int_equal(pipe(ends), 0);
	keepers[component] = fork();
	if (!keepers[component]) {
		struct uw_err err = {0};

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (int fd = 3; fd < 256; fd++)
			if (fd != options.listen && fd != ends[1])
				close(fd);
		close(ends[1]); /* it has no client's socket any more */
		fclose(stderr); /* it has no right to be spared here */
		_exit(keep_run(&options, &err) ? 1 : 0);
	}
	close(options.listen);
	close(ends[1]);
	assert_int_equal(read(ends[0], &none, 1), 0);
	close(ends[0]);
}

static inline int keeper_call(const char *folder, uint32_t component)
{
	struct sockaddr_un address;
	int fd = keeper_socket(folder, component, &address);

	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	close(fd);
	return -ECONNREFUSED;
}

static inline int keeper_find(const char *folder, uint32_t component, bool start, int *ret_fd)
{
	int fd = keeper_call(folder, component);

	if (fd < 0 && start) {
		keeper_spawn(folder, component);
		fd = keeper_call(folder, component);
	}
	*ret_fd = fd;
	return fd < 0 ? fd : 0;
}

static inline void keeper_kill(const char *folder, uint32_t component)
{
	struct sockaddr_un address;
	int fd = keeper_socket(folder, component, &address);

	if (keepers[component] > 0) {
		kill(keepers[component], SIGKILL);
		waitpid(keepers[component], NULL, 0);
	}
	keepers[component] = 0;
	unlink(address.sun_path);
	close(fd);
}

#endif
