/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Jobs that stand still and go on again.
 */
#ifndef UW_JOBS_PAUSE_H
#define UW_JOBS_PAUSE_H

#include "user/jobs/jobs.h"
#include "user/jobs/run.h"

void pause_freeze(struct jobs *jobs, struct job *job, struct run *run,
		  const struct admit_decision *decision);
void pause_thaw(struct jobs *jobs, struct job *job, struct run *run,
		const struct admit_decision *decision);
/* Lets one that is to end go on. False: it is better killed, as it was stopped for another or
 * memory is short. */
bool pause_wake(struct jobs *jobs, struct job *job, struct run *run);
/* A core that was begun anew knows no pauses: what it paused goes on. */
void pause_forget(struct jobs *jobs, struct job *job);
/* How long it has run, without the time that it stood still. */
uint64_t pause_ran_us(const struct run *run, uint64_t now_us);
/* Of one that is adopted: how long it had stood still, as the uwd before noted. */
void pause_recall(const struct jobs *jobs, const struct job *job, struct run *run);
/* At each look: what is to stand still does, what is to go on does, and the rest shows as it is. */
void pause_sync(struct jobs *jobs, struct job *job, struct run *run, bool frozen);

#endif
