/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a job that is on disk waits, and what its end means to those that wait for it.
 */
#ifndef UW_JOBS_ENQUEUE_H
#define UW_JOBS_ENQUEUE_H

#include "user/jobs/entry.h"
#include "user/jobs/jobs.h"

/* Puts a job that is on disk into the queue of the core, or where else it waits. */
int enqueue_job(struct jobs *jobs, struct job *job, const struct job_spec *spec);
/* Ends one that has not run, as cancelled. -ENOMEM: nothing has changed. */
int enqueue_end_unrun(struct jobs *jobs, struct job *job, const struct job_why *why,
		      jobs_changed_fn done, void *data);
/* finish of an entry for an end: it is told of, the job is forgotten, and who waited for it is
 * looked at again. */
void enqueue_end_done(struct job_entry *entry);
/* on has ended, and that is on disk: who waited for it may go, or never will. */
void enqueue_after_end(struct jobs *jobs, uint64_t on);

/* In each turn: as many of these as there is time for. */
void enqueue_waiting(struct jobs *jobs);
/* *ret_live is one of those in after that have not ended, untouched when all have; an array's first
 * element stands for all of it. -ESRCH: *ret_failed is not known; -ECANCELED: it ended badly, which
 * with any does not matter. */
int enqueue_check_after(struct jobs *jobs, const uint64_t *after, uint32_t count, bool any,
			uint64_t *ret_live, uint64_t *ret_failed);
/* keep: what enqueue_check_after learns is true until the end of this turn of the loop, so that an
 * array after an array reads each of them once. */
void enqueue_keep_awaited(struct jobs *jobs, bool keep);

#endif
