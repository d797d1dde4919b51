/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls that are long: who may send one, and whose is parsed next. Internal to ipc.
 */
#ifndef UW_IPC_LONG_H
#define UW_IPC_LONG_H

#include "user/ipc/inside.h"

/* Whether client may have more than IPC_CALL_SHORT bytes waiting; it is asked again when it might.
 */
bool long_may_read(struct ipc_server *server, struct client *client);

/* A call was taken from what waits: what is left may be short. */
void long_settle(struct ipc_server *server, struct client *client);

/* A whole call is parsed in its turn; then client->parsed. 0 or a negative errno. */
int long_put(struct ipc_server *server, struct client *client, const char *text, size_t count);

/* It waits for one or the other, and its next calls with it. */
bool long_is_waited_for(const struct client *client);

/* Something is parsed, or the parser is free again. */
void long_dispatch(struct ipc_server *server);

/* The message of a call that was parsed, after its handler has seen it: kept until
 * ipc_server_forget_call, or freed. */
void long_end_call(struct ipc_server *server, json_t *message, bool keep, uint64_t token);

/* client goes. */
void long_close(struct ipc_server *server, struct client *client);

#endif
