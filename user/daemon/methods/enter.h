/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Enter: whoever calls is moved into a leaf of a component, as its `submit` allows, and goes on
 * there. It is for services, whose own manager starts them: their memory stands on the component
 * from their first instruction on, and they need not be root.
 */
#ifndef UW_DAEMON_METHODS_ENTER_H
#define UW_DAEMON_METHODS_ENTER_H

#include "user/daemon/state.h"
#include "user/ipc/server.h"

#define ENTERED_MAX      256U /* leaves that were entered, at once: as many as are sampled */
#define ENTERED_MAX_USER 32U  /* of one user that is not root */

void method_enter(struct daemon *daemon, const struct ipc_call *call, struct ipc_answer *answer);

/* At the start, with the pool: what was entered by way of an earlier uwd, or without one. */
void enter_find_again(struct daemon *daemon);

/* Removes what was entered and left; once a second. */
void enter_keep_house(struct daemon *daemon);

#endif
