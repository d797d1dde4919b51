/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's state as JSON, in the types of the control interface (user/ipc/interface.c). Reads
 * and changes nothing; each function returns a new object, or NULL when memory is short.
 */
#ifndef UW_DAEMON_METHODS_ENCODE_H
#define UW_DAEMON_METHODS_ENCODE_H

#include <jansson.h>

#include "user/daemon/state.h"

json_t *encode_daemon(const struct daemon *daemon);
json_t *encode_pool(const struct daemon *daemon);
json_t *encode_host(const struct host_sample *host);
json_t *encode_component(const struct daemon *daemon, uint32_t component);

/* What reclaim came to at the tiers at which anything was taken. */
json_t *encode_payoff(const struct component_view *view);
/* The keys from budget_bytes to high_bytes of what Status and Metrics say of a component. */
void encode_put_view(const struct daemon *daemon, uint32_t component, json_t *object);
json_t *encode_action_entry(const struct action_entry *entry);
json_t *encode_why(const struct why *why);

/* Of a component's level. What is normal has none: that of the level before is over. */
json_t *encode_level_why(const struct component_view *view);

#endif
