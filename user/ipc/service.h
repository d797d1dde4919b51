/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From one call to one answer, with no socket in sight: which method, may this peer, what came out;
 * and the org.varlink.service methods by which `varlinkctl` finds out about us. Internal to ipc.
 */
#ifndef UW_IPC_SERVICE_H
#define UW_IPC_SERVICE_H

#include "user/ipc/server.h"

#define SERVICE_NO_FOLLOW (-1)
#define SERVICE_LATER     (-2) /* no reply yet */
#define SERVICE_SILENT    (-3) /* none at all, but what was asked is not done yet */

/*
 * Answers message. *ret_bytes, the reply with its NUL, is the caller's; NULL for a
 * "oneway" call; *ret_follow is the method
 * to follow or one of the above. is_long: it is longer than calls of most methods may be. 0; 1 when
 * the peer had no right to it (it is answered all the same); -EBADMSG when it is no call; -ENOMEM.
 */
int service_answer(const struct ipc_server_conf *conf, const struct ipc_peer *peer, uint64_t token,
		   const json_t *message, bool is_long, char **ret_bytes, size_t *ret_count,
		   int *ret_follow);

/* Whether its method is one whose calls may be long. */
bool service_is_long(const json_t *message);

/* Whether it is about the process that called, and for nobody else. */
bool service_is_of_caller(const json_t *message);

/* A reply object; steals parameters (NULL = {}). error NULL for success. NULL when out of memory.
 */
json_t *service_reply(json_t *parameters, const char *error, bool continues);

/* The reply with its NUL, of what answer has: takes it. -ENOMEM, -EMSGSIZE. */
int service_write(struct ipc_answer *answer, char **ret_bytes, size_t *ret_count);

#endif
