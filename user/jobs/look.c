// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Once a second every job that runs is looked at: how large it is, whether it stands still, whether
 * it has run into its time limit. The core hears the sizes; a limit that could not be lowered in
 * full is followed down, and one that was told to end and did not is killed.
 */
#include <inttypes.h>
#include <stddef.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/jobs/adopt.h"
#include "user/jobs/failed_starts.h"
#include "user/jobs/meters.h"
#include "user/jobs/outgrown.h"
#include "user/jobs/pause.h"
#include "user/jobs/state.h"
#include "user/jobs/stop.h"
#include "user/jobs/supply.h"

#define EMPTY_US (3 * US_PER_SEC) /* one that ends is empty for a moment */
#define RUNS_US  (1 * US_PER_SEC) /* a shim that comes to nothing is gone by then */

static void end_overdue(struct jobs *jobs, struct job *job, struct run *run)
{
	uint64_t now_us = clock_now_us(), ran_us = pause_ran_us(run, now_us);
	struct job_why why = {JOB_BECAUSE_TIME_LIMIT, ran_us, job->time_limit_us};

	if (run->stop.kill_us && now_us >= run->stop.kill_us) {
		stop_kill(jobs, run);
		return;
	}
	if (job->time_limit_us && ran_us > job->time_limit_us && !(job->flags & JOB_TIMED_OUT))
		stop_wish(jobs, job, JOB_TIMED_OUT, &why,
			  jobs->setup.config->admission.kill_grace_us, NULL, NULL);
}

/* Its command lives, and is not in there. */
static bool has_left_leaf(const struct jobs *jobs, const struct job *job)
{
	struct slot_record slot;

	return !run_read_slot(jobs->slots, job->slot, job, &slot) && slot.phase == SLOT_RUN &&
	       slot.child_pid > 0 && slot_is_locked(jobs->slots, job->slot);
}

/* Nothing of it is limited, measured or stopped then, and nothing else would say so. */
static void see_empty(struct jobs *jobs, struct job *job, struct run *run, bool empty)
{
	static const struct job_why left = {JOB_BECAUSE_LEFT_LEAF, 0, 0}, none = {0};
	uint64_t now_us = clock_now_us();

	if (empty && !run->empty_us)
		run->empty_us = now_us;
	if (empty && !run->has_left && now_us - run->empty_us >= EMPTY_US &&
	    has_left_leaf(jobs, job)) {
		run->has_left = true;
		state_set_why(job, &left);
		log_warning("job runs outside of its leaf, where nothing limits or freezes it "
			    "job=%" PRIu64 " component=%s",
			    job->id, run->component);
	}
	if (!empty && run->has_left)
		state_set_why(job, &none);
	run->has_left = run->has_left && empty;
	run->empty_us = empty ? run->empty_us : 0;
}

/* memory.peak cannot rise past memory.high by what is swapped out instead. */
static void see_peak(struct run *run, const struct jobs_usage *usage)
{
	uint64_t used_bytes = usage->current_bytes + usage->swapped_bytes;

	if (used_bytes < usage->peak_bytes)
		used_bytes = usage->peak_bytes;
	if (used_bytes > run->peak_bytes)
		run->peak_bytes = used_bytes;
}

static void look_at_run(struct jobs *jobs, uint32_t slot)
{
	struct run *run = jobs->run[slot];
	struct job *job = job_table_find(&jobs->table, run->id);
	struct jobs_usage usage;

	if (!job || run->ending || !run->launched)
		return;
	if (run->unwatched)
		run->unwatched = run_watch(jobs, slot, run->pidfd) != 0;
	if (clock_now_us() - run->started_us >= RUNS_US)
		failed_starts_see_run(jobs, job, run->started_us);
	run_open_leaf(jobs, run); /* where that failed before */
	if (run->leaf_open &&
	    !jobs->setup.ops->usage(jobs->setup.ops_data, &run->leaf, false, &usage)) {
		supply_see_swapped(jobs, run, usage.current_bytes);
		run->current_bytes = usage.current_bytes;
		see_peak(run, &usage);
		job->peak_bytes = run->peak_bytes;
		admit_usage(jobs->admit, job->id, usage.current_bytes, usage.swapped_bytes,
			    run->peak_bytes, jobs_now_us(jobs));
		pause_sync(jobs, job, run, usage.frozen);
		see_empty(jobs, job, run, usage.empty);
		run_limit(jobs, run, job->reserved_bytes);
		outgrown_sync(jobs, job, run);
	}
	end_overdue(jobs, job, run);
}

void jobs_look(struct jobs *jobs)
{
	if (jobs->unresolved)
		adopt_rest(jobs);
	for (uint32_t slot = 1; jobs->stats.slots_used && slot <= SLOTS_COUNT; slot++)
		if (jobs->run[slot])
			look_at_run(jobs, slot);
	meters_look(jobs);
}
