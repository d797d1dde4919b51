// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SO_PEERCRED names the process that connected, SO_PEERPIDFD (6.5) holds on to it. Before 6.5 the
 * process sends a pidfd of itself, and what /proc says of that must be the pid that the kernel
 * named. Whoever opens a pidfd by number looks at the start time after it: if it is the same
 * process now, it was when the pidfd was made.
 */
#include "user/lease/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/base/pid.h"
#include "user/base/text.h"
#include "user/ipc/listen.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* include/uapi/asm-generic/socket.h, 6.5 */
#endif

int lease_peer_read(int fd, struct lease_peer *ret_peer)
{
	struct lease_peer peer = {.pidfd = -1};
	socklen_t size = sizeof(peer.pidfd);
	int rc = listen_peer(fd, false, 0, &peer.who);

	if (rc)
		return rc;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &peer.pidfd, &size) < 0)
		peer.pidfd = -1;
	rc = pid_start_ticks(peer.who.pid, &peer.start_ticks);
	if (rc) {
		if (peer.pidfd >= 0)
			close(peer.pidfd);
		return -ESRCH;
	}
	*ret_peer = peer;
	return 0;
}

/* Of a pidfd: -1 when its process has gone, or when it is none. */
static pid_t pid_of(int pidfd)
{
	char path[48], text[512];
	const char *at;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	if (text_read_at(AT_FDCWD, path, text, sizeof(text)) < 0)
		return -1;
	at = strstr(text, "\nPid:\t");
	return at ? (pid_t)strtol(at + strlen("\nPid:\t"), NULL, 10) : -1;
}

int lease_peer_take(struct lease_peer *peer, int fd)
{
	bool good = pid_of(fd) == peer->who.pid;

	if (good && peer->pidfd < 0) {
		peer->pidfd = fd;
		return 0;
	}
	close(fd);
	return good ? 0 : -EBADF;
}

int lease_peer_open(int32_t pid, uint64_t start_ticks, int *ret_pidfd)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	uint64_t ticks = 0;

	if (fd < 0)
		return -ESRCH;
	if (pid_start_ticks(pid, &ticks) || ticks != start_ticks) {
		close(fd);
		return -ESRCH;
	}
	*ret_pidfd = fd;
	return 0;
}

int lease_peer_cgroup(int32_t pid, char *buf, size_t size)
{
	char path[32], text[4096];
	const char *at;
	long length;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	length = text_read_at(AT_FDCWD, path, text, sizeof(text));
	if (length < 0)
		return (int)length;
	/* Version 2 is hierarchy 0, which may stand behind lines of version 1. */
	at = !strncmp(text, "0::/", 4) ? text : strstr(text, "\n0::/");
	if (!at)
		return -EPROTO;
	at = strchr(at, '/') + 1;
	length = (long)strcspn(at, "\n");
	if ((size_t)length >= size)
		return -ENAMETOOLONG;
	memcpy(buf, at, (size_t)length);
	buf[length] = '\0';
	return 0;
}
