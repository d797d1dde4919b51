/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The calling side of the control socket: one connection, one call at a time, blocking with a
 * timeout. Every failure has a text that says what to do about it.
 */
#ifndef UW_IPC_CLIENT_H
#define UW_IPC_CLIENT_H

#include <jansson.h>
#include <stdint.h>

#include "user/base/err.h"
#include "user/ipc/interface.h"
#include "user/ipc/wire.h"

struct ipc_client {
	int fd;
	struct wire_reader in;
};

/*
 * Connects. -ECONNREFUSED when uwd does not run, with or without a socket, -EACCES when the caller
 * has no right to the socket; others as of connect(2). The words of errors, here and below, are
 * those of uwctl(8).
 */
int ipc_client_open(const char *path, struct ipc_client *ret_client, struct uw_err *err);
void ipc_client_close(struct ipc_client *client); /* also one that was never opened: fd -1 */

/*
 * Sends a call; steals parameters (NULL = {}). With more, each ipc_client_next gives one answer.
 */
int ipc_client_send(struct ipc_client *client, enum ipc_method method, json_t *parameters,
		    bool more, struct uw_err *err);

/*
 * Waits for the next answer. 1 when more are to come after it, 0 when it is the last; *ret_answer
 * is its parameters, the caller's. -ETIMEDOUT after timeout_us (UINT64_MAX waits for ever), -EPIPE
 * when uwd went away, -EPERM, -EINVAL, -ENOENT (no such component or leaf), -ESRCH (no such job or
 * lease), -EDQUOT (the queue is full), -EOPNOTSUPP (a uwd that lacks the method), -EBUSY or
 * -EREMOTEIO for an error that uwd answered with, in its own words.
 */
int ipc_client_next(struct ipc_client *client, uint64_t timeout_us, json_t **ret_answer,
		    struct uw_err *err);

/* One call with one answer. */
int ipc_client_call(struct ipc_client *client, enum ipc_method method, json_t *parameters,
		    uint64_t timeout_us, json_t **ret_answer, struct uw_err *err);

#endif
