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
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/pid.h"
#include "user/base/text.h"
#include "user/ipc/listen.h"
#include "user/policy/lease/lease.h"

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

/* ---- a child of its ---- */

#define ANCESTORS 16

#define EFFECTIVE 1 /* behind the real one */

struct proc_status {
	pid_t parent;
	unsigned int uid[4];
};

/* Both stand before what may be long. */
static int read_status(pid_t pid, struct proc_status *ret_status)
{
	char path[32], text[1024];
	AUTO_CLOSE int fd = -1;
	const char *parent, *uid;
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (length < 0)
		return -ESRCH;
	text[length] = '\0';
	parent = strstr(text, "\nPPid:\t");
	uid = strstr(text, "\nUid:\t");
	if (!parent || !uid ||
	    sscanf(uid, "\nUid:\t%u\t%u\t%u\t%u", &ret_status->uid[0], &ret_status->uid[1],
		   &ret_status->uid[2], &ret_status->uid[3]) != 4)
		return -EPERM;
	ret_status->parent = (pid_t)strtol(parent + strlen("\nPPid:\t"), NULL, 10);
	return 0;
}

static bool is_of_user(const struct proc_status *status, uid_t uid)
{
	for (int i = 0; i < 4; i++)
		if (uid && status->uid[i] != uid)
			return false;
	return true;
}

static bool descends_from(struct proc_status status, pid_t ancestor)
{
	for (int i = 0; i < ANCESTORS && status.parent != ancestor; i++)
		if (status.parent <= 1 || read_status(status.parent, &status))
			return false;
	return status.parent == ancestor;
}

static bool is_beside(pid_t pid, pid_t other)
{
	char a[512], b[512];

	return !lease_peer_cgroup(pid, a, sizeof(a)) && !lease_peer_cgroup(other, b, sizeof(b)) &&
	       !strcmp(a, b);
}

bool lease_peer_runs(int pidfd)
{
	struct pollfd ended = {.fd = pidfd, .events = POLLIN};

	return !poll(&ended, 1, 0);
}

int lease_peer_hold(const struct ipc_peer *who)
{
	AUTO_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, who->pid, 0);
	struct proc_status status;
	int rc;

	if (pidfd < 0)
		return -errno;
	rc = read_status(who->pid, &status);
	if (!rc && (!is_of_user(&status, who->uid) || status.uid[EFFECTIVE] != who->uid))
		rc = -EPERM;
	if (!rc && !lease_peer_runs(pidfd))
		rc = -ESRCH;
	return rc ? rc : TAKE_FD(pidfd);
}

/* What was read was of the process behind pidfd if that runs still: its number is nobody else's. */
int lease_peer_child(const struct lease_peer *peer, int pidfd, struct lease_identity *ret_identity)
{
	struct proc_status status;
	pid_t pid = pid_of(pidfd);
	bool may, beside;
	int rc;

	*ret_identity = (struct lease_identity){.pid = pid};
	if (pid <= 1)
		return lease_peer_runs(pidfd) ? -EBADF : -ESRCH;
	rc = read_status(pid, &status);
	if (rc)
		return rc;
	may = is_of_user(&status, peer->who.uid) && descends_from(status, peer->who.pid);
	beside = is_beside(pid, peer->who.pid);
	ret_identity->uid = status.uid[0];
	if (pid_start_ticks(pid, &ret_identity->start_ticks) || !lease_peer_runs(pidfd))
		return -ESRCH;
	if (!may)
		return -EPERM;
	return beside ? 0 : -EBUSY;
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
