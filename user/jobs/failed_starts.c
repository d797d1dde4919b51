// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How long a job waits grows with the starts in a row that came to nothing, so that each next try
 * is that of another job until all have been tried: whoever can start is found behind any number of
 * those that cannot. As soon as something starts, all have waited long enough.
 */
#include "user/jobs/failed_starts.h"

#include <stdlib.h>

#include "user/base/clock.h"
#include "user/jobs/state.h"
#include "user/jobs/supply.h"

/* Five tries where others start meanwhile, eight or nine within minutes where nothing does. */
#define FAILED_MOST  10U
#define FAILED_ITS   2U /* by a failed start that is the job's own fault, as it seems */
#define FAILED_ANY   1U /* by one that may be the machine's */
#define ROW_MACHINES 3U /* so many in a row are the machine's */

#define WAIT_US      (5 * US_PER_SEC) /* by the starts in a row ... */
#define WAIT_MOST_US (600 * US_PER_SEC)

static bool is_machines(const struct failed_starts *failed)
{
	return failed->in_row >= ROW_MACHINES;
}

bool failed_starts_count(struct jobs *jobs, struct job *job)
{
	struct failed_starts *failed = &jobs->failed_starts;

	failed->of_several = failed->in_row && (failed->of_several || failed->uid != job->uid);
	failed->uid = job->uid;
	failed->in_row++;
	failed->failed_us = clock_now_us();
	job->failed_starts =
		(uint8_t)(job->failed_starts + (is_machines(failed) ? FAILED_ANY : FAILED_ITS));
	return job->failed_starts >= FAILED_MOST;
}

/* ---- who waits ---- */

static int add(struct failed_starts *failed, const struct failed_start *start)
{
	uint32_t size = failed->size ? failed->size * 2 : 16;
	struct failed_start *more = failed->start;

	if (failed->count == failed->size) {
		more = reallocarray(more, size, sizeof(*more));
		if (!more)
			return -1;
		failed->start = more;
		failed->size = size;
	}
	failed->start[failed->count++] = *start;
	return 0;
}

/* Not where all are of one user and others have jobs too: theirs may be able to start. */
static bool all_must_wait(const struct jobs *jobs)
{
	const struct failed_starts *failed = &jobs->failed_starts;

	return is_machines(failed) &&
	       (failed->of_several || accounts_held(&jobs->accounts, failed->uid, ACCOUNT_JOBS) ==
					      jobs->accounts.total[ACCOUNT_JOBS]);
}

void failed_starts_wait(struct jobs *jobs, struct job *job)
{
	struct failed_starts *failed = &jobs->failed_starts;
	uint64_t wait_us = failed->in_row * WAIT_US;
	struct failed_start start = {
		.id = job->id,
		.failed_us = failed->failed_us,
		.wait_us = wait_us < WAIT_MOST_US ? wait_us : WAIT_MOST_US,
		.failed = job->failed_starts,
	};

	if (all_must_wait(jobs))
		supply_hold_back(jobs);
	if (add(failed, &start)) {
		supply_hold_back(jobs); /* out of memory: tried again in a while */
		return;
	}
	if (failed->count == 1 || start.failed_us + start.wait_us < failed->due_us)
		failed->due_us = start.failed_us + start.wait_us;
	admit_hold(jobs->admit, job->id);
}

/* ---- who goes on ---- */

void failed_starts_see_run(struct jobs *jobs, struct job *job, uint64_t started_us)
{
	struct failed_starts *failed = &jobs->failed_starts;

	job->failed_starts = 0;
	if (!failed->in_row || started_us < failed->failed_us)
		return;
	failed->in_row = 0;
	failed->due_us = 0;
}

/* It may have been cancelled or held by somebody meanwhile, or have failed once more. */
static struct job *waiting_job(struct jobs *jobs, const struct failed_start *start)
{
	struct job *job = job_table_find(&jobs->table, start->id);

	return job && job->state == JOB_QUEUED && job->reason == JOB_BECAUSE_START_FAILED &&
			       job->failed_starts == start->failed
		       ? job
		       : NULL;
}

static void let_go(struct jobs *jobs, const struct failed_start *start)
{
	static const struct job_why none = {JOB_BECAUSE_NONE, 0, 0};
	struct job *job = waiting_job(jobs, start);

	if (!job)
		return;
	state_set_why(job, &none);
	admit_release(jobs->admit, job->id);
}

void failed_starts_let_go(struct jobs *jobs)
{
	struct failed_starts *failed = &jobs->failed_starts;
	uint64_t now_us = clock_now_us(), due_us = UINT64_MAX;
	uint32_t kept = 0;

	if (!failed->count || now_us < failed->due_us)
		return;
	for (uint32_t i = 0; i < failed->count; i++) {
		const struct failed_start *start = &failed->start[i];
		uint64_t at_us = start->failed_us + (failed->in_row ? start->wait_us : WAIT_US);

		if (now_us >= at_us) {
			let_go(jobs, start);
			continue;
		}
		due_us = at_us < due_us ? at_us : due_us;
		failed->start[kept++] = *start;
	}
	failed->count = kept;
	failed->due_us = due_us;
}

void failed_starts_done(struct jobs *jobs)
{
	free(jobs->failed_starts.start);
	jobs->failed_starts = (struct failed_starts){0};
}
