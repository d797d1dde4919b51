// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The core is asked what to do, and each of its decisions is carried out: a start is written to the
 * disk and then launched, a job that runs grows, shrinks, stands still, goes on or is begun anew.
 * What came of a start is told back to the core.
 */
#include "user/jobs/decide.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/jobs/end.h"
#include "user/jobs/enqueue.h"
#include "user/jobs/entry.h"
#include "user/jobs/failed_starts.h"
#include "user/jobs/meters.h"
#include "user/jobs/outgrown.h"
#include "user/jobs/pause.h"
#include "user/jobs/slot_share.h"
#include "user/jobs/state.h"
#include "user/jobs/stop.h"
#include "user/jobs/supply.h"

/* ---- starting ---- */

static uint32_t free_slot(struct jobs *jobs)
{
	for (uint32_t i = 0; i < SLOTS_COUNT; i++) {
		uint32_t slot = 1 + (jobs->slot_hint + i) % SLOTS_COUNT;

		/* Locked without an owner: a shim of a queue that was set aside. */
		if (jobs->run[slot] || slot_is_locked(jobs->slots, slot))
			continue;
		jobs->slot_hint = slot % SLOTS_COUNT;
		return slot;
	}
	return SLOT_NONE;
}

static void give_back(struct jobs *jobs, struct job *job)
{
	state_set(jobs, job, JOB_QUEUED);
	job->slot = SLOT_NONE;
	job->start_us = 0;
	admit_exit(jobs->admit, job->id, ADMIT_EXIT_AGAIN, 0, jobs_now_us(jobs));
}

/* Not on disk, so nothing was done about it. */
static void not_written(struct jobs *jobs, struct job *job, const struct job_entry *entry)
{
	run_free(jobs, entry->slot);
	job->attempts--;
	job->reason = JOB_BECAUSE_START_FAILED;
	job->observed = (uint64_t)-entry->entry.rc;
	give_back(jobs, job);
	supply_hold_back(jobs);
}

/* Nothing ran, and nothing ever can: what is to be run is not known any more. */
static void row_is_gone(struct jobs *jobs, struct job *job, const struct job_entry *entry)
{
	log_err("job is gone from the database job=%" PRIu64, entry->job.id);
	run_free(jobs, entry->slot);
	admit_exit(jobs->admit, job->id, ADMIT_EXIT_NOT_RUN, 0, jobs_now_us(jobs));
	state_forget_job(jobs, job);
	enqueue_after_end(jobs, entry->job.id);
	state_decide_soon(jobs);
}

/* The slot says whether something ran: as a rule nothing did. It may run by now where the launcher
 * was lost, and is adopted then. */
static void not_launched(struct jobs *jobs, struct job *job, const struct job_entry *entry)
{
	if (entry->launched == -EINPROGRESS) {
		admit_started(jobs->admit, job->id, job->reserved_bytes, jobs_now_us(jobs));
		supply_hold_back(jobs); /* the next may wait as long for its answer */
	} else {
		jobs->run[entry->slot]->error = -entry->launched;
	}
	end_attempt(jobs, entry->slot);
}

static void start_done(struct job_entry *entry)
{
	struct jobs *jobs = entry->jobs;
	struct job *job = job_table_find(&jobs->table, entry->job.id);
	struct run *run = jobs->run[entry->slot];

	if (!job || !run)
		return;
	if (entry->entry.rc == -ENOENT) {
		row_is_gone(jobs, job, entry);
		return;
	}
	if (entry->entry.rc) {
		not_written(jobs, job, entry);
		return;
	}
	if (entry->launched < 0) {
		not_launched(jobs, job, entry);
		return;
	}
	run->pidfd = TAKE_FD(entry->launched);
	run->launched = true;
	run->unwatched = entry->unwatched;
	state_set(jobs, job, JOB_RUNNING);
	jobs->stats.started++;
	meters_see_start(jobs, job);
	run_open_leaf(jobs, run);
	admit_started(jobs->admit, job->id, job->reserved_bytes, jobs_now_us(jobs));
	if (run->gone)
		end_attempt(jobs, entry->slot);
	else if (job->flags & JOB_ENDING)
		stop_terminate(jobs, job, run->stop.grace_us);
}

static void start(struct jobs *jobs, struct job *job, const struct admit_decision *decision)
{
	struct job_why why = state_why_of(decision);
	uint32_t slot = supply_is_closed(jobs) ? SLOT_NONE : free_slot(jobs);
	struct job_entry *entry;

	if (!slot_share_has_room(jobs, job->uid)) {
		give_back(jobs, job);
		slot_share_wait(jobs, job);
		return;
	}
	if (!slot || !run_new(jobs, job, slot, state_component_of(jobs, job))) {
		give_back(jobs, job);
		supply_give(jobs);
		return;
	}
	state_set(jobs, job, JOB_STARTING);
	job->attempts++;
	job->start_us = jobs_now_us(jobs);
	job->reserved_bytes = decision->amount;
	job->peak_bytes = 0;
	jobs->run[slot]->first_bytes = decision->amount;
	jobs->run[slot]->limit_bytes = decision->amount;
	state_set_why(job, &why);
	entry = entry_new(jobs, job, ENTRY_START);
	if (!entry) {
		run_free(jobs, slot);
		job->attempts--;
		give_back(jobs, job);
		supply_hold_back(jobs);
		return;
	}
	entry->finish = start_done;
	entry_event(entry, JOB_STEP_STARTED, &why, 0, decision->amount);
	entry_put(entry);
}

/* ---- what the core says of those that run ---- */

static void resize(struct jobs *jobs, struct job *job, struct run *run,
		   const struct admit_decision *decision)
{
	struct job_why why = state_why_of(decision);
	uint64_t before_bytes = job->reserved_bytes;
	struct job_entry *entry;

	job->reserved_bytes = decision->amount;
	run_limit(jobs, run, decision->amount);
	if (decision->verdict == ADMIT_SHRINK)
		return;
	entry = entry_new(jobs, job, ENTRY_UPDATE);
	if (!entry)
		return;
	entry_event(entry, JOB_STEP_GREW, &why, before_bytes, decision->amount);
	entry_put(entry);
	run_has_room(job, run, &why);
}

/* Killed at once: it stands still, and it said that it may be started again. */
static void restart(struct jobs *jobs, struct job *job, const struct admit_decision *decision)
{
	struct job_why why = state_why_of(decision);

	job->flags |= JOB_ENLARGING;
	state_set_why(job, &why);
	entry_note(jobs, job, JOB_STEP_RESTARTED, &why);
	stop_terminate(jobs, job, 0);
}

static void log_switch(const struct jobs *jobs, const struct admit_decision *decision)
{
	char why[160];

	log_notice("queue strategy from=%s to=%s why=\"%s\"", admit_strategy_name(decision->before),
		   admit_strategy_name((enum admit_strategy)decision->amount),
		   admit_why_text(&decision->why, jobs_now_us(jobs), why, sizeof(why)));
}

static void carry_out(struct jobs *jobs, const struct admit_decision *decision)
{
	struct job *job = job_table_find(&jobs->table, decision->id);
	struct run *run = job && job->slot ? jobs->run[job->slot] : NULL;
	struct job_why why;

	if (decision->verdict == ADMIT_START && job && job->state == JOB_QUEUED) {
		start(jobs, job, decision);
		return;
	}
	if (decision->verdict == ADMIT_WAIT && job) {
		why = state_why_of(decision);
		state_set_why(job, &why);
		return;
	}
	if (decision->verdict == ADMIT_SWITCH) {
		log_switch(jobs, decision);
		return;
	}
	if (!run || run->ending)
		return;
	switch (decision->verdict) {
	case ADMIT_GROW:
	case ADMIT_SHRINK:
		resize(jobs, job, run, decision);
		break;
	case ADMIT_THROTTLE:
		why = state_why_of(decision);
		outgrown_has_no_room(jobs, job, run, &why);
		break;
	case ADMIT_FREEZE:
		pause_freeze(jobs, job, run, decision);
		break;
	case ADMIT_THAW:
		pause_thaw(jobs, job, run, decision);
		break;
	case ADMIT_RESTART:
		restart(jobs, job, decision);
		break;
	case ADMIT_START:
	case ADMIT_WAIT:
	case ADMIT_SWITCH:
	case ADMIT_VERDICT__COUNT:
		break;
	}
}

void decide_if_due(struct jobs *jobs)
{
	uint64_t until_us = clock_now_us() + jobs->part_us;

	if (!jobs->decide_due)
		return;
	jobs->decide_due = false;
	if (jobs->closed && !supply_is_closed(jobs))
		supply_give(jobs);
	slot_share_let_go(jobs);
	failed_starts_let_go(jobs);
	do {
		admit_decide(jobs->admit, jobs_now_us(jobs), &jobs->decisions);
		for (uint32_t i = 0; i < jobs->decisions.count; i++)
			carry_out(jobs, &jobs->decisions.decision[i]);
	} while (jobs->decisions.more && clock_now_us() < until_us);
	if (jobs->decisions.more)
		state_decide_next_turn(jobs);
}
