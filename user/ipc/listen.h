/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The socket file and who is behind a connection. Internal to ipc. */
#ifndef UW_IPC_LISTEN_H
#define UW_IPC_LISTEN_H

#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/types.h>

#include "user/base/err.h"
#include "user/ipc/server.h"

/* True and *ret_gid when a group of that name is there. */
bool listen_group(const char *name, gid_t *ret_gid);

struct listen_place {
	const char *what; /* of messages: "control socket" */
	const char *path;
	int type;         /* SOCK_STREAM or SOCK_SEQPACKET */
	const gid_t *gid; /* NULL: no group's */
	bool open;        /* to all */
};

/*
 * A listening, non-blocking unix socket: root's alone (0600), or 0660 for *gid, or 0666 when open.
 * Makes the folder of path when it is missing. A socket file that nobody answers on is replaced;
 * -EADDRINUSE when somebody does.
 */
int listen_open(const struct listen_place *place, int *ret_fd, struct uw_err *err);

/* The mode of the socket file: 0666 when open, else 0660 with a group and 0600 without. */
int listen_set_mode(const char *path, bool has_group, bool open);

/*
 * Whether accept4 failed, with this errno, in a way that leaves who waits where it is: there is no
 * file or no memory for it now. A listener that is watched on is ready all the time then, and the
 * loop turns without getting anywhere.
 */
bool listen_is_starved(int error);

/* Has epoll report fd, which is in it, with what it knows it by, or not. 0 or a negative errno. */
int listen_report(int epoll, int fd, epoll_data_t known_by, bool report);

/* Who is at the other end of fd, as the kernel recorded it at connect(2). */
int listen_peer(int fd, bool has_group, gid_t gid, struct ipc_peer *ret_peer);

#endif
