// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One job's way to the disk and back. An entry is a copy of the job with its events; the recorder's
 * thread writes all of it in one transaction, and afterwards does there what needs the disk to have
 * spoken first: it launches the shim of a start, cleans the leaf of an end. Back on the loop,
 * whoever made the entry and whoever asked for it are called.
 */
#include "user/jobs/entry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/base/text.h"
#include "user/jobs/state.h"

/* ---- on the recorder's thread ---- */

static int write_events(struct store *store, const struct job_entry *entry)
{
	int rc = 0;

	for (uint32_t i = 0; !rc && i < entry->event_count; i++)
		rc = store_add_event(store, entry->job.id, &entry->event[i]);
	return rc;
}

static int write_run(struct store *store, const struct job_entry *entry)
{
	struct store_run run = {
		.job = &entry->job,
		.component = entry->component,
		.key = entry->key,
		.result = &entry->result,
		.reserved_first_bytes = entry->first_bytes,
		.predicted_us = entry->predicted_us,
		.has_run = entry->has_run,
		.outgrew = entry->outgrew,
	};

	return store_add_run(store, &run);
}

static int write_learned(struct store *store, const struct job_entry *entry)
{
	if (!entry->learned)
		return 0;
	return store_put_key(store, entry->learned->key, entry->result.end_us, entry->learned,
			     sizeof(*entry->learned));
}

/* -ENOENT: nobody knows the job any more. What is over is over then too: its leaf is cleaned. */
static int write_job(struct store *store, const struct job_entry *entry)
{
	if (entry->kind == ENTRY_END && job_state_is_end((enum job_state)entry->job.state))
		return store_end(store, &entry->job, &entry->result);
	return store_update(store, &entry->job, entry->job.slot, entry->boot);
}

static int write_entry(struct store *store, struct entry *base)
{
	struct job_entry *entry = (struct job_entry *)base;
	int rc = write_job(store, entry);

	if (rc == -ENOENT && entry->kind == ENTRY_END)
		return 0;
	if (!rc)
		rc = write_events(store, entry);
	if (!rc && entry->kind == ENTRY_END)
		rc = write_run(store, entry);
	if (!rc && entry->kind == ENTRY_END)
		rc = write_learned(store, entry);
	if (!rc && entry->kind == ENTRY_START) {
		free(TAKE(entry->pack)); /* of a try that failed */
		rc = store_read_pack(store, entry->job.id, &entry->pack, &entry->pack_size);
	}
	return rc;
}

/* Instants 2 to 4 of jobs.h. */
static int take_slot(const struct jobs *jobs, const struct job_entry *entry)
{
	struct slot_record slot = {
		.job = entry->job.id,
		.attempt = entry->job.attempts,
		.phase = SLOT_TAKEN,
		.status = -1,
	};

	text_copy(slot.boot, sizeof(slot.boot), entry->boot);
	return slot_write(jobs->slots, entry->slot, &slot, false);
}

static void launch(const struct jobs *jobs, struct job_entry *entry)
{
	struct jobs_launch launch = {
		.id = entry->job.id,
		.attempt = entry->job.attempts,
		.slot = entry->slot,
		.uid = entry->job.uid,
		.gid = entry->job.gid,
		.limit_bytes = entry->job.reserved_bytes,
		.output_bytes = entry->output_bytes,
		.pack = entry->pack,
		.pack_size = entry->pack_size,
	};
	struct uw_err err = {0};
	int rc = take_slot(jobs, entry);

	text_copy(launch.component, sizeof(launch.component), entry->component);
	text_copy(launch.submit, sizeof(launch.submit), entry->submit);
	run_leaf_name(entry->job.id, 0, launch.leaf);
	run_leaf_name(entry->job.id, entry->attempt, launch.own_leaf);
	if (rc)
		err_set(&err, rc, "slot %u: %s", entry->slot, strerror(-rc));
	else
		rc = jobs->setup.ops->launch(jobs->setup.ops_data, &launch, &err);
	if (rc == -EINPROGRESS)
		log_warning("job may have been started, its slot will say job=%llu: %s",
			    (unsigned long long)launch.id, err.text);
	else if (rc < 0)
		log_warning("job could not be started job=%llu error=%s: %s",
			    (unsigned long long)launch.id, strerrorname_np(-rc), err.text);
	else
		entry->unwatched = run_watch(jobs, entry->slot, rc) != 0;
	free(TAKE(entry->pack));
	entry->launched = rc;
}

void entry_reap(int pidfd)
{
	siginfo_t info;

	if (pidfd < 0)
		return;
	waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG); /* ours, or not */
	close(pidfd);                                           /* and out of the epoll with it */
}

static void count_output(const struct jobs *jobs, const struct job_entry *entry)
{
	const struct job *job = &entry->job;
	bool starts = entry->kind == ENTRY_START && job->attempts > 1;
	bool ends = entry->kind == ENTRY_END && job_state_is_end((enum job_state)job->state) &&
		    job->attempts;

	if (starts || (ends && !entry->clean)) /* it may have ended before, and been requeued */
		outputs_again(jobs->outputs, job->id);
	if (ends)
		outputs_ended(jobs->outputs, job->id, job->uid, entry->result.end_us);
}

static void clean(const struct jobs *jobs, const struct job_entry *entry)
{
	const struct jobs_ops *ops = jobs->setup.ops;
	char leaf[JOBS_LEAF_LEN];

	ops->clean(jobs->setup.ops_data, entry->component, run_leaf_name(entry->job.id, 0, leaf));
	ops->clean(jobs->setup.ops_data, entry->component,
		   run_leaf_name(entry->job.id, entry->attempt, leaf));
}

static void after_entry(void *data, struct entry *base)
{
	struct job_entry *entry = (struct job_entry *)base;
	const struct jobs *jobs = entry->jobs;

	(void)data;
	entry_reap(TAKE_FD(entry->ended));
	count_output(jobs, entry);
	if (entry->kind == ENTRY_START)
		launch(jobs, entry);
	else if (entry->clean)
		clean(jobs, entry);
}

/* ---- on the loop's thread ---- */

static void entry_done(void *data, struct entry *base)
{
	struct job_entry *entry = (struct job_entry *)base;

	(void)data;
	if (entry->finish)
		entry->finish(entry);
	if (entry->done)
		entry->done(entry->data, base->rc);
	entry_reap(entry->ended); /* not written */
	free(entry->pack);
	free(entry->learned);
	free(entry);
}

void entry_set_job(struct job_entry *entry, const struct job *job)
{
	const struct jobs *jobs = entry->jobs;

	entry->job = *job;
	entry->job.submit_us = jobs_wall_us(jobs, job->submit_us);
	entry->job.queued_us = jobs_wall_us(jobs, job->queued_us);
	entry->job.start_us = jobs_wall_us(jobs, job->start_us);
	entry->job.end_us = jobs_wall_us(jobs, job->end_us);
}

struct job_entry *entry_new(struct jobs *jobs, const struct job *job, enum job_entry_kind kind)
{
	struct job_entry *entry = malloc(sizeof(*entry)); /* calloc has no cache of free ones */

	if (!entry)
		return NULL;
	*entry = (struct job_entry){
		.entry =
			{
				.must = kind != ENTRY_START,
				.write = write_entry,
				.after = after_entry,
				.done = entry_done,
			},
		.jobs = jobs,
		.kind = kind,
		.slot = job->slot,
		.attempt = job->attempts,
		.output_bytes = jobs->setup.config->admission.output_bytes,
		.launched = -ECANCELED,
		.ended = -1,
	};
	entry_set_job(entry, job);
	if (job->slot)
		text_copy(entry->boot, sizeof(entry->boot), jobs->boot);
	if (job->slot && jobs->run[job->slot])
		text_copy(entry->component, sizeof(entry->component),
			  jobs->run[job->slot]->component);
	else
		state_recall_component(jobs, job, entry->component);
	text_copy(entry->key, sizeof(entry->key), jobs_key(jobs, job));
	if (kind == ENTRY_START)
		text_copy(entry->submit, sizeof(entry->submit),
			  jobs->setup.config->component[job->component].submit);
	return entry;
}

void entry_event(struct job_entry *entry, enum job_step step, const struct job_why *why,
		 uint64_t before_bytes, uint64_t after_bytes)
{
	if (entry->event_count == JOBS_EVENTS_MAX)
		return;
	entry->event[entry->event_count++] = (struct job_event){
		.wall_us = clock_wall_us(),
		.step = step,
		.attempt = entry->job.attempts,
		.before_bytes = before_bytes,
		.after_bytes = after_bytes,
		.why = *why,
	};
}

void entry_put(struct job_entry *entry)
{
	const struct jobs_setup *setup = &entry->jobs->setup;

	for (uint32_t i = 0; setup->step && i < entry->event_count; i++)
		setup->step(setup->data, &entry->job, &entry->event[i]);
	recorder_put(entry->jobs->recorder, &entry->entry);
}

void entry_note(struct jobs *jobs, const struct job *job, enum job_step step,
		const struct job_why *why)
{
	struct job_entry *entry = entry_new(jobs, job, ENTRY_UPDATE);

	if (!entry)
		return; /* the state in memory is right, and the next entry writes it */
	entry_event(entry, step, why, 0, 0);
	entry_put(entry);
}
