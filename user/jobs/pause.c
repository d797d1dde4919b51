// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes jobs stand still and go on again as the core of admission decides, for want of room or for
 * another job. The freezing is asked of policy, which ends each freeze after freeze-max, so it is
 * asked for again in time; without uwd a pause ends by itself. A job that policy or a person froze
 * is only shown as frozen.
 */
#include "user/jobs/pause.h"

#include <stddef.h>

#include "user/base/clock.h"
#include "user/jobs/entry.h"
#include "user/jobs/state.h"

#define CONFIRM_US (3 * US_PER_SEC) /* the freezer is asynchronous: up to 1 s was seen */

#define RECLAIM_EVERY_US    (5 * US_PER_SEC)
#define RECLAIM_LEAST_BYTES (4ULL << 20) /* not worth another reclaim */
#define EMPTY_RECLAIMS_MAX  6U

/* Where that is refused, as too much is asked for at once, the next look asks again. */
static void ask_to_stand_still(struct jobs *jobs, const struct job *job, struct run *run)
{
	const struct jobs_ops *ops = jobs->setup.ops;

	if (ops->freeze(jobs->setup.ops_data, job->component, &run->leaf, true))
		return;
	run->freeze.asked_us = clock_now_us();
}

static void ask_to_go_on(struct jobs *jobs, const struct job *job, struct run *run)
{
	run->freeze.paused = false;
	run->freeze.for_id = 0;
	run->freeze.asked_us = 0;
	if (!run->freeze.thawing)
		run->freeze.thaw_us = clock_now_us();
	run->freeze.thawing = true;
	jobs->setup.ops->freeze(jobs->setup.ops_data, job->component, &run->leaf, false);
}

/* A person thawed it, or it cannot be frozen, or its memory cannot be had: so be it. */
static void give_up(struct jobs *jobs, struct job *job, struct run *run)
{
	static const struct job_why why = {JOB_BECAUSE_NONE, 0, 0};

	ask_to_go_on(jobs, job, run); /* what has stopped of it */
	state_set(jobs, job, JOB_RUNNING);
	state_set_why(job, &why);
	admit_thawed(jobs->admit, job->id, jobs_now_us(jobs));
	entry_note(jobs, job, JOB_STEP_THAWED, &why);
}

static bool still_waits(const struct jobs *jobs, uint64_t id)
{
	const struct job *job = job_table_find(&jobs->table, id);

	return job && job->state == JOB_QUEUED;
}

/*
 * What it holds now, as the last look may be older than most of it; again, as some may have failed;
 * and no more when the other has started. Where nothing comes it stands still for nothing.
 */
static void ask_for_its_memory(struct jobs *jobs, struct job *job, struct run *run)
{
	const struct jobs_ops *ops = jobs->setup.ops;
	uint64_t now_us = clock_now_us();
	struct jobs_usage usage;

	if (!run->freeze.for_id || now_us - run->freeze.reclaim_us < RECLAIM_EVERY_US ||
	    !still_waits(jobs, run->freeze.for_id) ||
	    ops->usage(jobs->setup.ops_data, &run->leaf, false, &usage) ||
	    usage.current_bytes < RECLAIM_LEAST_BYTES)
		return;
	if (run->freeze.reclaim_us &&
	    usage.current_bytes + RECLAIM_LEAST_BYTES > run->freeze.reclaim_bytes)
		run->freeze.empty_reclaims++;
	else
		run->freeze.empty_reclaims = 0;
	if (run->freeze.empty_reclaims == EMPTY_RECLAIMS_MAX) {
		give_up(jobs, job, run);
		return;
	}
	if (ops->reclaim(jobs->setup.ops_data, job->component, &run->leaf, usage.current_bytes))
		return;
	run->freeze.reclaim_us = now_us;
	run->freeze.reclaim_bytes = usage.current_bytes;
}

void pause_freeze(struct jobs *jobs, struct job *job, struct run *run,
		  const struct admit_decision *decision)
{
	struct job_why why = state_why_of(decision);

	/* Without a leaf there is nothing to name but all of its component; and one that was told
	 * to end is to do so. */
	if (!run->leaf_open || job->flags & JOB_ENDING) {
		admit_thawed(jobs->admit, job->id, jobs_now_us(jobs));
		return;
	}
	run->freeze.paused = true;
	run->freeze.for_id = decision->for_id;
	run->freeze.reclaim_us = 0;
	run->freeze.empty_reclaims = 0;
	run->freeze.thawing = false;
	state_set(jobs, job, JOB_FROZEN);
	state_set_why(job, &why);
	admit_frozen(jobs->admit, job->id, jobs_now_us(jobs));
	entry_note(jobs, job, JOB_STEP_FROZEN, &why);
	ask_to_stand_still(jobs, job, run);
	ask_for_its_memory(jobs, job, run);
}

void pause_thaw(struct jobs *jobs, struct job *job, struct run *run,
		const struct admit_decision *decision)
{
	struct job_why why = state_why_of(decision);

	if (!run->leaf_open)
		return; /* never frozen */
	run_limit(jobs, run, decision->amount);
	state_set(jobs, job, JOB_RUNNING);
	job->reserved_bytes = decision->amount;
	state_set_why(job, &why);
	if (decision->why.reason == ADMIT_WHY_ROOM)
		run_has_room(job, run, &why);
	ask_to_go_on(jobs, job, run);
	admit_thawed(jobs->admit, job->id, jobs_now_us(jobs));
	entry_note(jobs, job, JOB_STEP_THAWED, &why);
}

/* Going on, it would want back at once what was taken from it: from level high on policy may
 * freeze. */
bool pause_wake(struct jobs *jobs, struct job *job, struct run *run)
{
	if (!run->leaf_open || run->freeze.for_id || jobs->supply.level >= LEVEL_HIGH)
		return false;
	if (run->freeze.paused)
		admit_thawed(jobs->admit, job->id, jobs_now_us(jobs));
	ask_to_go_on(jobs, job, run);
	return true;
}

/* The core knows it as running: if it is to stand still again, it will say so. */
void pause_forget(struct jobs *jobs, struct job *job)
{
	struct run *run = job->slot ? jobs->run[job->slot] : NULL;

	if (!run || !run->freeze.paused)
		return;
	state_set(jobs, job, JOB_RUNNING);
	ask_to_go_on(jobs, job, run);
}

uint64_t pause_ran_us(const struct run *run, uint64_t now_us)
{
	uint64_t since_us = now_us - run->started_us;

	return since_us > run->freeze.sum_us ? since_us - run->freeze.sum_us : 0;
}

/* For the uwd after this one, in the job's slot. */
static void note_frozen(const struct jobs *jobs, const struct job *job, const struct run *run)
{
	struct slot_note note = {
		.job = job->id,
		.attempt = job->attempts,
		.frozen_us = run->freeze.sum_us,
		.seen_us = run->freeze.seen_us,
	};

	if (slot_write_note(jobs->slots, job->slot, &note))
		return; /* the next look writes it */
}

void pause_recall(const struct jobs *jobs, const struct job *job, struct run *run)
{
	struct slot_note note;

	if (slot_read_note(jobs->slots, job->slot, &note) || note.job != job->id ||
	    note.attempt != job->attempts || note.seen_us > clock_now_us())
		return;
	run->freeze.sum_us = note.frozen_us;
	run->freeze.seen_us = note.seen_us; /* and to the next look, if it stands still then */
}

/* From one look to the next: up to one period too little for each pause. */
static void count_frozen(const struct jobs *jobs, const struct job *job, struct run *run,
			 bool frozen)
{
	uint64_t now_us = clock_now_us();

	if (!frozen && !run->freeze.seen_us)
		return;
	if (frozen && run->freeze.seen_us)
		run->freeze.sum_us += now_us - run->freeze.seen_us;
	run->freeze.seen_us = frozen ? now_us : 0;
	note_frozen(jobs, job, run);
}

void pause_sync(struct jobs *jobs, struct job *job, struct run *run, bool frozen)
{
	uint64_t asked_ago_us = clock_now_us() - run->freeze.asked_us;

	count_frozen(jobs, job, run, frozen);
	if (run->freeze.paused &&
	    (!run->freeze.asked_us ||
	     (frozen && asked_ago_us >= jobs->setup.config->policy.freeze_max_us / 2)))
		ask_to_stand_still(jobs, job, run);
	else if (run->freeze.paused && !frozen && asked_ago_us >= CONFIRM_US)
		give_up(jobs, job, run);
	if (run->freeze.paused) {
		ask_for_its_memory(jobs, job, run);
		return;
	}
	/* What freezes it again meanwhile is another matter. */
	run->freeze.thawing =
		run->freeze.thawing && frozen && clock_now_us() - run->freeze.thaw_us < CONFIRM_US;
	if (run->freeze.thawing)
		ask_to_go_on(jobs, job, run);
	state_set(jobs, job, frozen ? JOB_FROZEN : JOB_RUNNING);
}
