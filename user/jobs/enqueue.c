// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A job that is on disk goes where it waits: into the core's queue; to the list of those that wait
 * for others (after.c); or, where its component is not configured, it is held. When a job has
 * ended, all that waited for it come through here once more. One that can never start, as what it
 * waits for ended badly, ends here without having run.
 */
#include "user/jobs/enqueue.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/jobs/entry.h"
#include "user/jobs/state.h"

#define WAITING_US 500U /* of a turn: two reads of the database for each that waited */

/* ---- how those ended that are waited for ---- */

/* Elements of an array wait for the same ones, each at its place in the list: asked once. */
static int find_awaited(struct jobs *jobs, uint64_t on, uint32_t place,
			struct store_awaited *ret_awaited)
{
	struct store_awaited *known = &jobs->awaited[place];
	int rc;

	if (jobs->awaited_kept && known->on == on) {
		*ret_awaited = *known;
		return 0;
	}
	rc = store_find_awaited(jobs->reader, on, ret_awaited);
	memset(known, 0, sizeof(*known));
	if (!rc)
		*known = *ret_awaited;
	return rc;
}

void enqueue_keep_awaited(struct jobs *jobs, bool keep)
{
	memset(jobs->awaited, 0, sizeof(jobs->awaited));
	jobs->awaited_kept = keep;
}

/* 1 when it has not ended, and on which to wait; 0 when it has, well or any; -ECANCELED: badly;
 * -ESRCH: not known. */
static int look_after(struct jobs *jobs, uint64_t on, uint32_t place, bool any, uint64_t *ret_live)
{
	const struct job *job = job_table_find(&jobs->table, on);
	struct store_awaited awaited;
	int rc;

	*ret_live = on;
	if (job && job->index == JOB_NO_INDEX)
		return 1;
	rc = find_awaited(jobs, on, place, &awaited);
	if (rc < 0)
		return rc;
	if (job && !awaited.live)
		awaited.live = on; /* it is queued again, or its end is not told of yet */
	if (!awaited.known)
		return -ESRCH;
	if (awaited.bad && !any)
		return -ECANCELED;
	*ret_live = awaited.live;
	return awaited.live ? 1 : 0;
}

int enqueue_check_after(struct jobs *jobs, const uint64_t *after, uint32_t count, bool any,
			uint64_t *ret_live, uint64_t *ret_failed)
{
	for (uint32_t i = 0; i < count; i++) {
		uint64_t live;
		int rc = look_after(jobs, after[i], i, any, &live);

		if (rc < 0) {
			*ret_failed = after[i];
			return rc;
		}
		if (rc)
			*ret_live = live;
	}
	return 0;
}

/* ---- into the queue of the core ---- */

/* What was learned of a key that the core has pushed out. */
static void recall(struct jobs *jobs, uint64_t key)
{
	struct admit_key known;

	if (key && admit_key_export(jobs->admit, key, NULL) && !jobs_recall(jobs, key, &known))
		admit_key_import(jobs->admit, &known);
}

static struct admit_task task_of(const struct jobs *jobs, const struct job *job)
{
	return (struct admit_task){
		.id = job->id,
		.key = jobs_learn_key(jobs, state_component_of(jobs, job), job->uid,
				      jobs_key(jobs, job)),
		.submit_us = job->submit_us,
		.request_bytes = job->memory_bytes,
		.declared_us = job->time_us ? job->time_us : job->time_limit_us,
		.limit_us = job->time_limit_us,
		.input_bytes = job->input_bytes,
		.least_bytes = job->attempts ? job->reserved_bytes : 0,
		.component = job->component,
		.priority = job->priority,
		.memory_priority = job->memory_priority,
		.flags = (uint8_t)((job->state == JOB_HELD ? ADMIT_HELD : 0) |
				   (job->flags & JOB_FREEZABLE ? ADMIT_FREEZABLE : 0) |
				   (job_may_run_again(job) ? ADMIT_RESTARTABLE : 0)),
	};
}

static int submit_to_core(struct jobs *jobs, struct job *job)
{
	struct admit_task task = task_of(jobs, job);

	if (job->component >= jobs->component_count)
		return -ENOENT;
	if (jobs->recorder)
		recall(jobs, task.key);
	return admit_submit(jobs->admit, &task, jobs_now_us(jobs));
}

int jobs_preview(struct jobs *jobs, const struct job_spec *spec, struct admit_view *ret_view)
{
	struct admit_task task;
	struct job job;

	job_init(&job, spec);
	job.id = UINT64_MAX; /* never given */
	job.submit_us = jobs_now_us(jobs);
	job.component = state_find_component(jobs, spec->component);
	if (job.component == UINT8_MAX)
		return -ENOENT;
	job.key = strings_hold(jobs->strings, spec->key);
	task = task_of(jobs, &job);
	recall(jobs, task.key);
	strings_drop(jobs->strings, job.key);
	return admit_preview(jobs->admit, &task, job.submit_us, ret_view);
}

static void say_unknown(const struct jobs *jobs, const struct job *job, int rc)
{
	char component[UW_NAME_LEN];

	state_recall_component(jobs, job, component);
	if (rc == -ENOENT)
		log_warning("job has no component to run in job=%" PRIu64
			    " component=%s: put [component %s] into the configuration and run "
			    "'uwctl reload', or cancel it",
			    job->id, component, component);
	else
		log_warning("job is held job=%" PRIu64 " component=%s error=%s", job->id, component,
			    strerrorname_np(-rc));
}

/* After a reload there may be thousands: they are told of in one line. */
static void hold_unknown(struct jobs *jobs, struct job *job, int rc)
{
	if (jobs->entering && rc == -ENOENT)
		jobs->without_component++;
	else
		say_unknown(jobs, job, rc);
	state_set(jobs, job, JOB_HELD);
	job->reason = rc == -ENOENT ? JOB_BECAUSE_NO_COMPONENT : JOB_BECAUSE_REFUSED;
	job->observed = rc == -ENOENT ? 0 : (uint64_t)-rc;
	job->threshold = 0;
}

/* Ended without having run. -ENOMEM: nothing has changed. */
int enqueue_end_unrun(struct jobs *jobs, struct job *job, const struct job_why *why,
		      jobs_changed_fn done, void *data)
{
	struct job_entry *entry = entry_new(jobs, job, ENTRY_END);

	if (!entry)
		return -ENOMEM;
	admit_cancel(jobs->admit, job->id); /* -ENOENT: it waited elsewhere */
	state_set(jobs, job, JOB_CANCELLED);
	job->end_us = jobs_now_us(jobs);
	state_set_why(job, why);
	entry_set_job(entry, job);
	entry->finish = enqueue_end_done;
	entry->done = done;
	entry->data = data;
	entry->result = (struct job_result){
		.state = JOB_CANCELLED,
		.status = -1,
		.queued_us = jobs_wall_us(jobs, job->queued_us),
		.end_us = jobs_wall_us(jobs, job->end_us),
		.why = *why,
	};
	entry_event(entry, JOB_STEP_CANCELLED, why, 0, 0);
	entry_put(entry);
	return 0;
}

/* On one of those that have not ended: at its end all of them are looked at again. */
static void wait_for_others(struct jobs *jobs, struct job *job, const struct job_spec *spec)
{
	uint64_t failed = 0, live = JOB_NONE;
	bool any = spec->flags & JOB_AFTER_ANY;
	int rc = enqueue_check_after(jobs, spec->after, spec->after_count, any, &live, &failed);
	struct job_why why = {JOB_BECAUSE_AFTER_FAILED, failed, 0};

	/* Forgotten since: it ended so long ago that only its having ended is known. */
	if (rc == -ESRCH && any)
		rc = 0;
	if (rc == -ECANCELED || rc == -ESRCH) {
		enqueue_end_unrun(jobs, job, &why, NULL, NULL);
		return;
	}
	if (!live) {
		state_set(jobs, job, JOB_QUEUED);
		enqueue_job(jobs, job, spec);
		return;
	}
	job->reason = JOB_BECAUSE_AFTER;
	job->observed = live;
	if (after_add(&jobs->after, live, job->id))
		hold_unknown(jobs, job, -ENOMEM);
}

int enqueue_job(struct jobs *jobs, struct job *job, const struct job_spec *spec)
{
	int rc;

	if (job->state == JOB_WAITING) {
		wait_for_others(jobs, job, spec);
		return 0;
	}
	rc = submit_to_core(jobs, job);
	if (rc)
		hold_unknown(jobs, job, rc);
	return rc;
}

/* ---- an end, for those that waited for it ---- */

static void check_waiting(void *data, uint64_t id)
{
	struct jobs *jobs = data;
	struct job *job = job_table_find(&jobs->table, id);
	struct store_row row;

	if (!job || job->state != JOB_WAITING || store_find(jobs->reader, id, &row))
		return;
	wait_for_others(jobs, job, &row.spec);
}

/* Until until_us. True when there are more. */
static bool check_until(struct jobs *jobs, uint64_t until_us)
{
	bool more;

	enqueue_keep_awaited(jobs, true);
	do
		more = after_tell_some(&jobs->after, check_waiting, jobs);
	while (more && clock_now_us() < until_us);
	enqueue_keep_awaited(jobs, false);
	return more;
}

void enqueue_after_end(struct jobs *jobs, uint64_t on)
{
	if (after_end(&jobs->after, on))
		log_err("out of memory: who waits for it goes on with the next uwd job=%" PRIu64,
			on);
}

void enqueue_waiting(struct jobs *jobs)
{
	if (!after_has_due(&jobs->after))
		return;
	if (check_until(jobs, clock_now_us() + WAITING_US))
		state_ask_turn(jobs);
	state_decide_soon(jobs);
}

void enqueue_end_done(struct job_entry *entry)
{
	struct jobs *jobs = entry->jobs;
	struct job *job = job_table_find(&jobs->table, entry->job.id);
	enum job_state state = (enum job_state)entry->job.state;

	if (entry->entry.rc)
		return; /* uwd ends; the next one finds the same end */
	run_free(jobs, entry->slot);
	if (!job || !job_state_is_end(state))
		return;
	jobs->stats.ended++;
	if (jobs->setup.ended)
		jobs->setup.ended(jobs->setup.data, job, &entry->result);
	state_forget_job(jobs, job);
	if (after_waits(&jobs->after, entry->job.id))
		enqueue_after_end(jobs, entry->job.id);
	else if (!jobs->closed && !jobs->slot_wait)
		return; /* its memory was given out when it ended */
	state_decide_soon(jobs);
}
