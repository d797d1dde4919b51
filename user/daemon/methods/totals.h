/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The queue in sums: how many jobs are in which state, what became of those that ended since the
 * history begins, and how near the predictions came; by class, by component, and all of it.
 */
#ifndef UW_DAEMON_METHODS_TOTALS_H
#define UW_DAEMON_METHODS_TOTALS_H

#include <jansson.h>

#include "user/daemon/state.h"

/* The queue's part of Status: QueueState; null when there is no queue. */
json_t *totals_encode(struct daemon *daemon);

#endif
