/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The end of an attempt to run a job.
 */
#ifndef UW_JOBS_END_H
#define UW_JOBS_END_H

#include "user/jobs/jobs.h"
#include "user/shim/slots.h"

/* What becomes of a job by the end of an attempt. */
struct verdict {
	enum job_state state; /* JOB_QUEUED: again */
	enum job_step step;
	enum admit_exit_how how;
	bool has_run;
	struct job_why why;
};

/* By what its slot says, which is_ours when it is this attempt's; counts the attempt and the retry
 * in job. error: errno of a shim that could not be made. */
struct verdict end_judge(const struct jobs *jobs, struct job *job, const struct slot_record *slot,
			 bool is_ours, const struct jobs_usage *usage, int error);
/* The shim of what runs in slot is gone: its end is read and goes to the disk. */
void end_attempt(struct jobs *jobs, uint32_t slot);

#endif
