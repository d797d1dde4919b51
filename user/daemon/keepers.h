/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The processes that hold pools, one a component that has any. */
#ifndef UW_DAEMON_KEEPERS_H
#define UW_DAEMON_KEEPERS_H

#include "user/daemon/state.h"

/* As the keeper of struct lease_server_conf; data is the daemon. Makes a process where one is
 * started, and waits for none. */
int keepers_connect(void *data, uint32_t component, bool start, int *ret_fd);

/* What the pools of a component have as memory now. */
uint64_t keepers_use(const struct daemon *daemon, uint32_t component);

/* Now and then: reaps those that have ended, removes leaves without pools. */
void keepers_keep_house(struct daemon *daemon);

/* At the start, and when the components are others: any of them may have such a leaf. */
void keepers_look_again(struct daemon *daemon);

#endif
