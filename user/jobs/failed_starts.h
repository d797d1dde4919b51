/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starts that came to nothing: there was no shim, or it died before the command's first
 * instruction. The job is held in the core for a while, with its turn kept, and others start
 * meanwhile; where it fails time and again, the job has failed. When several starts in a row come
 * to nothing, whosever they are, it is the machine: then nothing starts for a while, and a failed
 * start says less of its job. 32 bytes for each job that waits so.
 */
#ifndef UW_JOBS_FAILED_STARTS_H
#define UW_JOBS_FAILED_STARTS_H

#include "user/jobs/jobs.h"

struct failed_start {
	uint64_t id;
	uint64_t failed_us, wait_us; /* on clock_now_us; from then on, where nothing starts */
	uint32_t failed;             /* as of the job then: a later one has its own */
};

/* All zero: none. */
struct failed_starts {
	struct failed_start *start; /* who waits, in no order */
	uint32_t count, size;
	uint32_t in_row;    /* since one came to something */
	uint32_t uid;       /* whose these are ... */
	bool of_several;    /* ... or those of other users too */
	uint64_t failed_us; /* the last of them, on clock_now_us */
	uint64_t due_us;    /* nobody is let go before that */
};

/* An attempt of job has come to nothing. True when there is to be no other one. */
bool failed_starts_count(struct jobs *jobs, struct job *job);

/* job, which is in the core's queue again, waits; and if need be all others. */
void failed_starts_wait(struct jobs *jobs, struct job *job);

/* What was started then runs, or has run. */
void failed_starts_see_run(struct jobs *jobs, struct job *job, uint64_t started_us);

/* Those that have waited go back to the core. O(those that wait), when one of them is due. */
void failed_starts_let_go(struct jobs *jobs);

/* Forgets who waits. */
void failed_starts_done(struct jobs *jobs);

#endif
