/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uw-launcher: the parent that shims of queued jobs are born of. A job may do what its submitter
 * may do in a shell, and inherits what its parent may not: so its parent is a root process of its
 * own, which uwd asks over a socket, and uwd itself can be locked up. It serves one connection, one
 * start after the other, and ends with it. It knows nothing of jobs and keeps nothing: a slot
 * (shim/slots.h) says what came of a start whose answer was lost.
 *
 * systemd makes one for each connection to LAUNCHER_SOCKET, which only root can connect to. Where
 * that is not there, uwd starts one itself before it is locked up, which makes the others
 * (LAUNCHER_EACH): what uwd started later would be locked up too. It looks who is at the other end,
 * and serves nobody but root (or who it runs as itself).
 */
#ifndef UW_LAUNCHER_LAUNCHER_H
#define UW_LAUNCHER_LAUNCHER_H

#include <stdbool.h>
#include <stdint.h>

#include "user/base/err.h"
#include "user/model/component.h"

#define LAUNCHER_SOCKET    "/run/uw/launcher"
#define LAUNCHER_ANSWER_MS 5000 /* a fork takes less than one, but on a host that is thrashing */
#define LAUNCHER_FD        3 /* of the program: its connection; SD_LISTEN_FDS_START, sd_listen_fds(3) */
#define LAUNCHER_EACH      "--each" /* connections come over it; a child each serves them */

/* What the shim is to have open, in the order of the wire. */
enum launcher_fd {
	LAUNCHER_SPEC, /* to LAUNCHER_ERR: as enum shim_fd */
	LAUNCHER_SLOTS,
	LAUNCHER_LEAF,
	LAUNCHER_OUT,
	LAUNCHER_ERR,
	LAUNCHER_LOG,   /* its standard error */
	LAUNCHER_GROUP, /* the cgroup that it begins in; -1: the launcher's */
	LAUNCHER_FD__COUNT
};

struct shim_request {
	uint32_t slot;
	uint64_t log_limit_bytes;
	char submit[SUBMIT_LEN];
	int fd[LAUNCHER_FD__COUNT]; /* the caller's */
};

/* The shim's pidfd, or a negative errno: then no shim is left. About 0.3 ms, all of it the fork of
 * whoever calls. */
int launcher_fork(const char *program, const struct shim_request *request);

/* Serves a connection until its other end is closed (0), or says what it should not (-EBADMSG). */
int launcher_serve(int socket, const char *program, struct uw_err *err);

/* Hands on the connections that come until the other end is closed (0): 1 in a child of its own
 * with each, which is to serve it. */
int launcher_hand_on(int socket, int *ret_connection, struct uw_err *err);

/* uwd's side. One thread at a time. */
struct launcher {
	const char *path;    /* LAUNCHER_SOCKET */
	const char *program; /* uw-launcher, for where nobody listens at path */
	uint32_t answer_ms;  /* LAUNCHER_ANSWER_MS */
	bool connected;      /* by socket */
	int socket;
	int child;   /* the pid of the one that makes others; 0: this process started none */
	int control; /* of child */
};

/* Before this process is locked up: starts what makes launchers, unless somebody listens at path or
 * it is too late (no_new_privs). */
int launcher_begin(struct launcher *launcher, struct uw_err *err);

/*
 * As launcher_fork, by the launcher, which is started where there is none. A process that may not
 * gain rights any more (no_new_privs) starts none itself: what came of it could not either.
 * -EINPROGRESS: the launcher was lost, or has not answered for answer_ms, and the shim's
 * slot says what came of it: it is locked while that is not sure.
 */
int launcher_make_shim(struct launcher *launcher, const struct shim_request *request,
		       struct uw_err *err);

/* Ends the connection, and launchers that this process has started. What they have started goes on.
 */
void launcher_close(struct launcher *launcher);

#endif
