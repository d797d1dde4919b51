// SPDX-License-Identifier: GPL-2.0-or-later
/* What the core decides is done here, and what then happens is told to it. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/base/text.h"
#include "user/jobs/internal.h"

#define LIMIT_SLACK_BYTES (1ULL << 20) /* what may be added between the look and the write */

const char *jobs_leaf_name(uint64_t id, char buf[JOBS_LEAF_LEN])
{
	snprintf(buf, JOBS_LEAF_LEN, "job-%" PRIu64, id);
	return buf;
}

/* ---- slots and what stands in them ---- */

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

struct run *jobs_run_new(struct jobs *jobs, struct job *job, uint32_t slot, const char *component)
{
	struct run *run = malloc(sizeof(*run)); /* as entry_new */

	if (!run)
		return NULL;
	*run = (struct run){
		.id = job->id,
		.pidfd = -1,
		.leaf.dir = -1,
		.started_us = clock_now_us(),
		.first_bytes = job->reserved_bytes,
	};
	for (int i = 0; i < CG_KNOB__COUNT; i++)
		run->leaf.fd[i] = -1;
	text_copy(run->component, sizeof(run->component), component);
	job->slot = slot;
	jobs->run[slot] = run;
	jobs->stats.slots_used++;
	return run;
}

void jobs_run_free(struct jobs *jobs, uint32_t slot)
{
	struct run *run = jobs->run[slot];

	if (!run)
		return;
	if (run->pidfd >= 0)
		close(run->pidfd); /* and out of the epoll with it */
	if (run->leaf_open)
		cg_group_close(&run->leaf);
	free(run);
	jobs->run[slot] = NULL;
	jobs->stats.slots_used--;
}

int jobs_watch(const struct jobs *jobs, uint32_t slot, int pidfd)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.u32 = slot};

	if (!epoll_ctl(jobs->epoll, EPOLL_CTL_ADD, pidfd, &event) ||
	    (errno == EEXIST && !epoll_ctl(jobs->epoll, EPOLL_CTL_MOD, pidfd, &event)))
		return 0;
	log_err("end of a job is not watched slot=%u error=%s", slot, strerrorname_np(errno));
	return -errno;
}

void jobs_open_leaf(struct jobs *jobs, struct run *run)
{
	char name[JOBS_LEAF_LEN];

	if (run->leaf_open)
		return;
	run->leaf_open = jobs->setup.ops->open(jobs->setup.ops_data, run->component,
					       jobs_leaf_name(run->id, name), &run->leaf) == 0;
}

void jobs_terminate(struct jobs *jobs, struct job *job, uint64_t grace_us)
{
	struct run *run = job->slot ? jobs->run[job->slot] : NULL;
	uint64_t now_us = clock_now_us(), kill_us = now_us + grace_us;

	if (!run || run->ending || run->pidfd < 0)
		return; /* when it has started, or at its end, its flags are looked at again */
	if (grace_us && run->kill_us) { /* told already */
		run->kill_us = kill_us < run->kill_us ? kill_us : run->kill_us;
		return;
	}
	if (grace_us && (job->state != JOB_FROZEN || jobs_wake(jobs, job, run))) {
		run->kill_us = kill_us;
		if (!pidfd_send_signal(run->pidfd, SIGTERM, NULL, 0))
			return;
	}
	run->kill_us = now_us;
	if (run->leaf_open)
		jobs->setup.ops->kill(jobs->setup.ops_data, &run->leaf);
}

/* ---- starting ---- */

static const enum job_reason reason_of[ADMIT_REASON__COUNT] = {
	[ADMIT_WHY_FITS] = JOB_BECAUSE_FITS,
	[ADMIT_WHY_ENDS_BEFORE] = JOB_BECAUSE_BACKFILL,
	[ADMIT_WHY_BESIDE] = JOB_BECAUSE_BESIDE,
	[ADMIT_WHY_CANARY] = JOB_BECAUSE_CANARY,
	[ADMIT_WHY_NO_ROOM_HOST] = JOB_BECAUSE_HOST,
	[ADMIT_WHY_NO_ROOM_BUDGET] = JOB_BECAUSE_MEMORY,
	[ADMIT_WHY_NEVER_FITS] = JOB_BECAUSE_TOO_LARGE,
	[ADMIT_WHY_TURN] = JOB_BECAUSE_TURN,
	[ADMIT_WHY_HEAD_FIRST] = JOB_BECAUSE_HEAD_FIRST,
	[ADMIT_WHY_HELD] = JOB_BECAUSE_REQUEST,
	[ADMIT_WHY_GROWTH_FIRST] = JOB_BECAUSE_GROWTH_FIRST,
	[ADMIT_WHY_OUTGREW] = JOB_BECAUSE_GROWTH,
	[ADMIT_WHY_PLATEAU] = JOB_BECAUSE_PLATEAU,
	[ADMIT_WHY_NO_ROOM_TO_GROW] = JOB_BECAUSE_NO_GROWTH,
	[ADMIT_WHY_ROOM] = JOB_BECAUSE_ROOM,
	[ADMIT_WHY_DEADLOCK] = JOB_BECAUSE_DEADLOCK,
	[ADMIT_WHY_PREEMPTED] = JOB_BECAUSE_PREEMPTED,
	[ADMIT_WHY_PRESSURE] = JOB_BECAUSE_PRESSURE,
};

enum job_reason jobs_reason_of(enum admit_reason reason)
{
	return (unsigned int)reason < ADMIT_REASON__COUNT ? reason_of[reason] : JOB_BECAUSE_NONE;
}

struct job_why jobs_why_of(const struct admit_decision *decision)
{
	struct job_why why = {
		.reason = reason_of[decision->why.reason],
		.observed = decision->why.observed,
		.threshold = decision->why.threshold,
	};

	if (decision->verdict == ADMIT_FREEZE && decision->for_id)
		why = (struct job_why){JOB_BECAUSE_PREEMPTED, decision->for_id, 0};
	return why;
}

void jobs_set_why(struct job *job, const struct job_why *why)
{
	job->reason = (uint8_t)why->reason;
	job->observed = why->observed;
	job->threshold = why->threshold;
}

bool jobs_is_full(const struct jobs *jobs, uint64_t *ret_running, uint64_t *ret_most)
{
	uint32_t max = jobs->setup.config->admission.max_running;

	*ret_running = jobs->stats.slots_used;
	*ret_most = max && max < SLOTS_COUNT ? max : SLOTS_COUNT;
	return *ret_running >= *ret_most;
}

static bool is_closed(const struct jobs *jobs)
{
	uint64_t running, most;

	return jobs_is_full(jobs, &running, &most) || clock_now_us() < jobs->pause_us;
}

/* Closed, there is no room: asked again, the core would start the same jobs at once. */
void jobs_give_supply(struct jobs *jobs)
{
	struct admit_supply supply = jobs->supply;

	jobs->closed = is_closed(jobs);
	if (jobs->closed) {
		supply.host_valid = true;
		supply.host_available_bytes = 0;
	}
	supply.swap_bytes_per_s = jobs_swap_speed(jobs);
	admit_supply(jobs->admit, &supply, jobs_now_us(jobs));
}

void jobs_pause(struct jobs *jobs)
{
	jobs->pause_us = clock_now_us() + JOBS_PAUSE_US;
	jobs_give_supply(jobs);
}

static void give_back(struct jobs *jobs, struct job *job)
{
	job->state = JOB_QUEUED;
	job->slot = SLOT_NONE;
	job->start_us = 0;
	admit_exit(jobs->admit, job->id, ADMIT_EXIT_AGAIN, 0, jobs_now_us(jobs));
}

static void start(struct jobs *jobs, struct job *job, const struct admit_decision *decision)
{
	struct job_why why = jobs_why_of(decision);
	uint32_t slot = is_closed(jobs) ? SLOT_NONE : free_slot(jobs);
	struct job_entry *entry;

	if (!slot || !jobs_run_new(jobs, job, slot, jobs_component(jobs, job))) {
		give_back(jobs, job);
		jobs_give_supply(jobs);
		return;
	}
	job->state = JOB_STARTING;
	job->attempts++;
	job->start_us = clock_wall_us();
	job->reserved_bytes = decision->amount;
	job->peak_bytes = 0;
	jobs->run[slot]->first_bytes = decision->amount;
	jobs->run[slot]->limit_bytes = decision->amount;
	jobs_set_why(job, &why);
	entry = entry_new(jobs, job, ENTRY_START);
	if (!entry) {
		jobs_run_free(jobs, slot);
		job->attempts--;
		give_back(jobs, job);
		jobs_pause(jobs);
		return;
	}
	entry_event(entry, JOB_STEP_STARTED, &why, 0, decision->amount);
	entry_put(entry);
}

/* Not on disk, so nothing was done about it. */
static void not_written(struct jobs *jobs, struct job *job, const struct job_entry *entry)
{
	jobs_run_free(jobs, entry->slot);
	job->attempts--;
	job->reason = JOB_BECAUSE_START_FAILED;
	job->observed = (uint64_t)-entry->entry.rc;
	give_back(jobs, job);
	jobs_pause(jobs);
}

/* Nothing ran, and nothing ever can: what is to be run is not known any more. */
static void row_is_gone(struct jobs *jobs, struct job *job, const struct job_entry *entry)
{
	log_err("job is gone from the database job=%" PRIu64, entry->job.id);
	jobs_run_free(jobs, entry->slot);
	admit_exit(jobs->admit, job->id, ADMIT_EXIT_NOT_RUN, 0, jobs_now_us(jobs));
	jobs_forget(jobs, job);
	jobs_after_end(jobs, entry->job.id);
	jobs_decide(jobs);
}

/* The slot says whether something ran: as a rule nothing did. */
static void not_launched(struct jobs *jobs, struct run *run, const struct job_entry *entry)
{
	run->error = -entry->launched;
	jobs_exit(jobs, entry->slot);
}

void jobs_start_done(struct jobs *jobs, struct job_entry *entry)
{
	struct job *job = table_find(&jobs->table, entry->job.id);
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
		not_launched(jobs, run, entry);
		return;
	}
	run->pidfd = TAKE_FD(entry->launched);
	run->launched = true;
	run->unwatched = entry->unwatched;
	job->state = JOB_RUNNING;
	jobs->stats.started++;
	jobs_open_leaf(jobs, run);
	admit_started(jobs->admit, job->id, job->reserved_bytes, jobs_now_us(jobs));
	if (run->gone)
		jobs_exit(jobs, entry->slot);
	else if (job->flags & JOB_ENDING)
		jobs_terminate(jobs, job, run->grace_us);
}

/* ---- what the core says of those that run ---- */

/*
 * A memory.high below what is there is reclaimed down to within the write, on the loop: what is
 * there, read just now, and a little more is the least that is written. Later looks follow it down.
 */
void jobs_limit(struct jobs *jobs, struct run *run, uint64_t bytes)
{
	uint64_t least_bytes;
	struct jobs_usage usage;

	if (!run->leaf_open || bytes == run->limit_bytes ||
	    jobs->setup.ops->usage(jobs->setup.ops_data, &run->leaf, false, &usage))
		return;
	least_bytes = usage.current_bytes + LIMIT_SLACK_BYTES;
	if (bytes < run->limit_bytes && least_bytes >= run->limit_bytes)
		return;
	if (bytes < least_bytes)
		bytes = least_bytes;
	if (!jobs->setup.ops->limit(jobs->setup.ops_data, &run->leaf, bytes))
		run->limit_bytes = bytes;
}

static void resize(struct jobs *jobs, struct job *job, struct run *run,
		   const struct admit_decision *decision)
{
	struct job_why why = jobs_why_of(decision);
	uint64_t before_bytes = job->reserved_bytes;
	struct job_entry *entry;

	job->reserved_bytes = decision->amount;
	jobs_limit(jobs, run, decision->amount);
	if (decision->verdict == ADMIT_SHRINK)
		return;
	entry = entry_new(jobs, job, ENTRY_UPDATE);
	if (!entry)
		return;
	entry_event(entry, JOB_STEP_GREW, &why, before_bytes, decision->amount);
	entry_put(entry);
	jobs_has_room(job, run, &why);
}

/* Killed at once: it stands still, and it said that it may be started again. */
static void restart(struct jobs *jobs, struct job *job, const struct admit_decision *decision)
{
	struct job_why why = jobs_why_of(decision);

	job->flags |= JOB_ENLARGING;
	jobs_set_why(job, &why);
	entry_note(jobs, job, JOB_STEP_RESTARTED, &why);
	jobs_terminate(jobs, job, 0);
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
	struct job *job = table_find(&jobs->table, decision->id);
	struct run *run = job && job->slot ? jobs->run[job->slot] : NULL;
	struct job_why why;

	if (decision->verdict == ADMIT_START && job && job->state == JOB_QUEUED) {
		start(jobs, job, decision);
		return;
	}
	if (decision->verdict == ADMIT_WAIT && job) {
		why = jobs_why_of(decision);
		jobs_set_why(job, &why);
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
		why = jobs_why_of(decision);
		jobs_has_no_room(jobs, job, run, &why);
		break;
	case ADMIT_FREEZE:
		jobs_freeze(jobs, job, run, decision);
		break;
	case ADMIT_THAW:
		jobs_thaw(jobs, job, run, decision);
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

void jobs_decide(struct jobs *jobs)
{
	if (jobs->deciding)
		return;
	jobs->deciding = true;
	if (jobs->closed && !is_closed(jobs))
		jobs_give_supply(jobs);
	do {
		admit_decide(jobs->admit, jobs_now_us(jobs), &jobs->decisions);
		for (uint32_t i = 0; i < jobs->decisions.count; i++)
			carry_out(jobs, &jobs->decisions.decision[i]);
	} while (jobs->decisions.more);
	jobs->deciding = false;
}
