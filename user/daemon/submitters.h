/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who may submit to a component, or have leases of it: its list of names as numbers. The user
 * database may be far away, so it is asked when the configuration is read and never for a call; who
 * is created later counts from the next reload on.
 */
#ifndef UW_DAEMON_SUBMITTERS_H
#define UW_DAEMON_SUBMITTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "user/ipc/server.h"
#include "user/model/config.h"

#define SUBMITTERS_MAX (SUBMIT_LEN / 2) /* names of one letter, with a blank or comma between */

struct submitters {
	bool all;
	uint32_t uid_count, gid_count;
	uint32_t uid[SUBMITTERS_MAX], gid[SUBMITTERS_MAX];
};

/* Resolves one list; waits for the user database. A name that it does not know is logged and lets
 * nobody in. */
void submitters_resolve(const struct component *component, struct submitters *ret_submitters);
void submitters_resolve_lease(const struct component *component, struct submitters *ret_submitters);

/* Whether it names who is at the other end; root may always. */
bool submitters_include(const struct submitters *submitters, const struct ipc_peer *peer);

/* Whether any component lets others than root submit: then any user may connect. */
bool submitters_beside_root(const struct config *config);

#endif
