/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clients of both sockets wait while others want the processor that they make uwd use, so that it
 * has time for what is urgent.
 */
#ifndef UW_DAEMON_RATION_H
#define UW_DAEMON_RATION_H

#include "user/daemon/state.h"

/* Around each turn of clients; what the first returns the second is given: the CPU time used so
 * far, 0 while nobody is rationed. */
uint64_t ration_begin(const struct daemon *daemon);
void ration_end(struct daemon *daemon, uint64_t began_us);

int ration_watch(struct daemon *daemon);
void ration_unwatch(struct daemon *daemon);

#endif
