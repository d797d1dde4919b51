/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Jobs that are at their limit while there is no room for more.
 */
#ifndef UW_JOBS_OUTGROWN_H
#define UW_JOBS_OUTGROWN_H

#include "user/jobs/jobs.h"
#include "user/jobs/run.h"

void outgrown_has_no_room(struct jobs *jobs, struct job *job, struct run *run,
			  const struct job_why *why);
/* At each look: whether it still wants more, and how long that may last. */
void outgrown_sync(struct jobs *jobs, struct job *job, struct run *run);

#endif
