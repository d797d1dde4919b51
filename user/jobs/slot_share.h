/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A user's share of the jobs that run: of what others leave of max-running no more than user-share,
 * so that there is always a slot for another user, and for root, who is not bound. Where the core
 * would start a job past it, the job is held in the core, with its turn kept, until one of its
 * user's has ended. 8 bytes for each that waits so.
 */
#ifndef UW_JOBS_SLOT_SHARE_H
#define UW_JOBS_SLOT_SHARE_H

#include "user/jobs/jobs.h"

bool slot_share_has_room(const struct jobs *jobs, uint32_t uid);

/* job, which is queued, waits until its user has room. */
void slot_share_wait(struct jobs *jobs, struct job *job);

/* As many as there is room for go back to the core. O(users that wait). */
void slot_share_let_go(struct jobs *jobs);

/* Forgets who waits. */
void slot_share_done(struct jobs *jobs);

#endif
