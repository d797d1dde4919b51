/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Leases of programs in uwd: the ledger with its file and socket, fed with what the frames say. */
#ifndef UW_DAEMON_LEASES_H
#define UW_DAEMON_LEASES_H

#include "user/daemon/state.h"

/* After the pool and the queue. Takes over what an earlier uwd left. When it fails there are no
 * leases, and leases_why says why. */
int leases_open(struct daemon *daemon, struct uw_err *err);
void leases_close(struct daemon *daemon); /* leases stay in the file */

int leases_watch(struct daemon *daemon);
void leases_unwatch(struct daemon *daemon);

/* After each full frame: what is free now, and who can be granted something by that. */
void leases_look(struct daemon *daemon);

/* Makes the file and the socket anew where they were removed. */
void leases_mend(struct daemon *daemon);

/* After a reload; to[i] is where the component of index i went. */
void leases_configure(struct daemon *daemon, const uint32_t to[static UW_COMPONENTS_MAX]);

/* Takes one from whoever has it. 0 or LEASE_STALE. */
int leases_take(struct daemon *daemon, uint64_t id);

#endif
