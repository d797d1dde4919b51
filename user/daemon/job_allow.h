/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may submit to a component: its allow list, by the user database as it is now. */
#ifndef UW_DAEMON_JOB_ALLOW_H
#define UW_DAEMON_JOB_ALLOW_H

#include <stdbool.h>

#include "user/ipc/server.h"
#include "user/model/config.h"

/* Whether the allow list names who is at the other end; root may always. Each question may wait for
 * the user database: ask once a component. */
bool submit_is_allowed(const struct component *component, const struct ipc_peer *peer);

/* Whether any component lets others than root submit: then any user may connect. */
bool submit_is_open(const struct config *config);

#endif
