/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The answer of Metrics: what uwd counts and measures, for monitoring systems. */
#ifndef UW_DAEMON_METHODS_METRICS_H
#define UW_DAEMON_METHODS_METRICS_H

#include <jansson.h>

#include "user/daemon/state.h"

/* Reads the host and the totals of the store; else nothing but memory. NULL: out of memory. */
json_t *metrics_encode(struct daemon *daemon);

#endif
