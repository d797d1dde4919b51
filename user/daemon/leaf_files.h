/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Single values of leaves, read as they are now. */
#ifndef UW_DAEMON_LEAF_FILES_H
#define UW_DAEMON_LEAF_FILES_H

#include "user/daemon/state.h"
#include "user/jobs/jobs.h"

/* A file of one number, or a key of one that has several. 0 where there is none. */
uint64_t leaf_read_u64(const struct daemon *daemon, const char *component, const char *leaf,
		       enum cg_knob knob);
uint64_t leaf_read_key(const struct daemon *daemon, const char *component, const char *leaf,
		       enum cg_knob knob, const char *key);

/* What a run teaches that is over, before its leaf goes: its peak, and where it was held to its
 * limit no time, as it might have been larger. */
void leaf_read_run(const struct daemon *daemon, const char *component, const char *leaf,
		   struct jobs_run *run);

#endif
