/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ending a job that runs, because its owner, its time limit or its want of memory says so.
 */
#ifndef UW_JOBS_STOP_H
#define UW_JOBS_STOP_H

#include "user/jobs/jobs.h"
#include "user/jobs/run.h"

/* SIGKILL for all of it, wherever its command is. */
void stop_kill(struct jobs *jobs, struct run *run);
/* SIGTERM now, SIGKILL after grace_us; that of an earlier call stands if it is sooner. One that
 * stands still goes on to hear it, and is killed at once where its memory is needed: see
 * pause_wake.
 */
void stop_terminate(struct jobs *jobs, struct job *job, uint64_t grace_us);
/* Sets a flag of a job that runs, and when that is on disk ends it. */
int stop_wish(struct jobs *jobs, struct job *job, enum job_flag flag, const struct job_why *why,
	      uint64_t grace_us, jobs_changed_fn done, void *data);

#endif
