/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Leases as JSON: for programs, and for the control interface. */
#ifndef UW_DAEMON_LEASES_REPORT_H
#define UW_DAEMON_LEASES_REPORT_H

#include <jansson.h>

#include "user/daemon/state.h"
#include "user/policy/lease/lease.h"

/* What uw_report(3) gives: the system, and each component. Malloced; NULL when memory is short. */
char *leases_report(struct daemon *daemon);

/* Leases of Status: of the daemon as a whole (null without leases), and of a component. */
json_t *leases_encode(const struct daemon *daemon);
void leases_put(const struct daemon *daemon, uint32_t component, json_t *object);

/* What somebody did not get of the component, or lost; the newest last. */
json_t *leases_encode_news(const struct daemon *daemon, uint32_t component);

/* One lease. */
json_t *leases_encode_one(const struct daemon *daemon, const struct lease_view *view);
json_t *leases_encode_pool(const struct daemon *daemon, uint32_t index,
			   const struct lease_pool_view *view);

#endif
