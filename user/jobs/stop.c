// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Ending a job that runs. First the wish is written to the disk as a flag of the job: an uwd that
 * dies right after can then tell this end from one of the job's own. Then the job gets SIGTERM, and
 * SIGKILL for all that is left in its leaf when its grace is over.
 */
#include "user/jobs/stop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>

#include "user/base/clock.h"
#include "user/jobs/entry.h"
#include "user/jobs/pause.h"
#include "user/jobs/state.h"

/* The wish is on disk before the job hears of it: else an uwd that dies in between would take the
 * end that it caused for one of the job's own. */
struct wish {
	struct jobs *jobs;
	uint64_t id, grace_us;
	jobs_changed_fn done;
	void *data;
};

static void wish_done(void *data, int rc)
{
	struct wish *wish = data;
	struct job *job = job_table_find(&wish->jobs->table, wish->id);

	if ((!rc || rc == -ENOENT) && job) /* gone from the disk: no other uwd will ask */
		stop_terminate(wish->jobs, job, wish->grace_us);
	if (wish->done)
		wish->done(wish->data, rc);
	free(wish);
}

int stop_wish(struct jobs *jobs, struct job *job, enum job_flag flag, const struct job_why *why,
	      uint64_t grace_us, jobs_changed_fn done, void *data)
{
	struct wish *wish = calloc(1, sizeof(*wish));
	struct job_entry *entry;

	if (!wish)
		return -ENOMEM;
	*wish = (struct wish){jobs, job->id, grace_us, done, data};
	if (job->slot && jobs->run[job->slot])
		jobs->run[job->slot]->stop.grace_us = grace_us; /* it may have yet to start */
	job->flags |= (uint16_t)flag;
	entry = entry_new(jobs, job, ENTRY_UPDATE);
	if (!entry) {
		job->flags &= (uint16_t)~flag;
		free(wish);
		return -ENOMEM;
	}
	entry->done = wish_done;
	entry->data = wish;
	entry_event(entry, flag == JOB_REQUEUING ? JOB_STEP_REQUEUED : JOB_STEP_CANCELLED, why, 0,
		    0);
	entry_put(entry);
	return 0;
}

/* One that left its leaf, as root may, is known to its shim alone. */
void stop_kill(struct jobs *jobs, struct run *run)
{
	if (run->leaf_open)
		jobs->setup.ops->kill(jobs->setup.ops_data, &run->leaf);
	if (run->pidfd >= 0 && run->shim_kills && pidfd_send_signal(run->pidfd, SIGUSR1, NULL, 0))
		return; /* it has ended */
}

void stop_terminate(struct jobs *jobs, struct job *job, uint64_t grace_us)
{
	struct run *run = job->slot ? jobs->run[job->slot] : NULL;
	uint64_t now_us = clock_now_us(), kill_us = now_us + grace_us;

	if (!run || run->ending || run->pidfd < 0)
		return; /* when it has started, or at its end, its flags are looked at again */
	if (grace_us && run->stop.kill_us) { /* told already */
		run->stop.kill_us = kill_us < run->stop.kill_us ? kill_us : run->stop.kill_us;
		return;
	}
	if (grace_us && (job->state != JOB_FROZEN || pause_wake(jobs, job, run))) {
		run->stop.kill_us = kill_us;
		if (!pidfd_send_signal(run->pidfd, SIGTERM, NULL, 0))
			return;
	}
	run->stop.kill_us = now_us;
	stop_kill(jobs, run);
}
