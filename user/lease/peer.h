/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is at the other end of a connection for leases: the process itself, by a pidfd, as leases end
 * with it. */
#ifndef UW_LEASE_PEER_H
#define UW_LEASE_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "user/ipc/server.h"

struct lease_identity;

struct lease_peer {
	struct ipc_peer who;
	int pidfd; /* -1: not known yet; the caller's */
	uint64_t start_ticks;
};

/* As the kernel says; the pidfd only from 6.5 on. -ESRCH: it has gone. */
int lease_peer_read(int fd, struct lease_peer *ret_peer);

/* Takes fd, a pidfd that the peer sent of itself, and closes it if it is not that, or not needed.
 * -EBADF: the pidfd of another, or none. */
int lease_peer_take(struct lease_peer *peer, int fd);

/* The pidfd of a process that is known by number and start. -ESRCH. */
int lease_peer_open(int32_t pid, uint64_t start_ticks, int *ret_pidfd);

/* A pidfd, the caller's, of the process that has the number of who: of the same user in all
 * respects, root's by its effective one, or -EPERM: it has become another's, or its number has.
 * -ESRCH: it has gone. */
int lease_peer_hold(const struct ipc_peer *who);

/*
 * Who the process behind pidfd is, where it is one that the peer may have moved: a descendant of
 * its, of the same user in all respects (root's may be anybody's), and still in
 * the cgroup of the peer. -EBADF: no pidfd; -ESRCH: it has gone; -EPERM: it is none such; -EBUSY:
 * it runs in another cgroup already.
 */
int lease_peer_child(const struct lease_peer *peer, int pidfd, struct lease_identity *ret_identity);

/* Runs still; one that has ended may be waited for still. */
bool lease_peer_runs(int pidfd);

/* The path of its cgroup below the mount, without the first slash. -errno, -EPROTO. */
int lease_peer_cgroup(int32_t pid, char *buf, size_t size);

#endif
