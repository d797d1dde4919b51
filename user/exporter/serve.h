/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Serves the page over HTTP, on a thread of its own: GET /metrics, 503 while uwd is away. Few
 * connections, each with a bound on its memory and its time.
 */
#ifndef UW_EXPORTER_SERVE_H
#define UW_EXPORTER_SERVE_H

#include "user/base/err.h"
#include "user/exporter/ask.h"

#define SERVE_CONNECTIONS 16

struct serve; /* opaque, owned by the caller from serve_start to serve_stop */

/* A socket that listens on "127.0.0.1:PORT" or "[::1]:PORT". -EINVAL, or as of bind(2). */
int serve_listen(const char *address, int *ret_fd, struct uw_err *err);

/* Takes listen_fd. Raises the soft limit on files to what it takes; -EMFILE where the hard one is
 * below. ask belongs to the thread until serve_stop. */
int serve_start(int listen_fd, struct ask *ask, struct serve **ret_serve, struct uw_err *err);

/* Closes all connections. Takes NULL. */
void serve_stop(struct serve *serve);

#endif
