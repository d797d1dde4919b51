/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose call is answered next, and for how long in one go. Internal to ipc.
 */
#ifndef UW_IPC_TURN_H
#define UW_IPC_TURN_H

#include "user/ipc/inside.h"

/* Answers clients that are ready and does parts of works, for IPC_TURN_US and the last of them. */
void turn_serve(struct ipc_server *server);

/* There is something to do that makes no socket readable. */
void turn_kick(const struct ipc_server *server);

void turn_drop_works(struct ipc_server *server);

#endif
