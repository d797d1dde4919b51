/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who may submit to a component: its list of names as numbers. The user database may be far away,
 * so it is asked when the configuration is read and never for a call; who is created later counts
 * from the next reload on.
 */
#ifndef UW_DAEMON_SUBMITTERS_H
#define UW_DAEMON_SUBMITTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "user/ipc/server.h"
#include "user/model/config.h"

#define JOB_ALLOW_MAX (SUBMIT_LEN / 2) /* names of one letter, with a blank or comma between */

struct job_allow {
	bool all;
	uint32_t uid_count, gid_count;
	uint32_t uid[JOB_ALLOW_MAX], gid[JOB_ALLOW_MAX];
};

/* Resolves one list; waits for the user database. A name that it does not know is logged and lets
 * nobody in. */
void job_allow_resolve(const struct component *component, struct job_allow *ret_allow);

/* Whether it names who is at the other end; root may always. */
bool submit_is_allowed(const struct job_allow *allow, const struct ipc_peer *peer);

/* Whether any component lets others than root submit: then any user may connect. */
bool submit_is_open(const struct config *config);

#endif
