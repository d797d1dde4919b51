/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making a shim for a job that is on disk as starting. For the recorder's thread. */
#ifndef UW_JOBS_SHIM_START_H
#define UW_JOBS_SHIM_START_H

#include "user/jobs/jobs.h"
#include "user/launcher/launcher.h"

struct launch_place {
	const char *dir;           /* state directory */
	struct launcher *launcher; /* who makes the shim; NULL: the caller, of program */
	const char *program;       /* uw-shim */
	uint64_t log_limit_bytes;  /* of each of its two files */
	int shims_dirfd;           /* the cgroup that shims stand in; -1: the caller's */
	int leaf_dirfd;            /* the job's leaf; -1: none */
};

/*
 * Locks the job's slot, makes its log files, which are its submitter's, and has its shim started.
 * The shim's pidfd, or a negative errno: then no shim is left; but for -EINPROGRESS, where the slot
 * says what came of it (launcher.h).
 */
int launch_shim(const struct launch_place *place, const struct jobs_launch *launch,
		struct uw_err *err);

#endif
