// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the owner of a job may ask for: that it is cancelled, held, released, or run once more. Each
 * call says at once whether it can be done, and is answered when it is on disk.
 */
#include <errno.h>
#include <stdlib.h>

#include "user/jobs/enqueue.h"
#include "user/jobs/entry.h"
#include "user/jobs/state.h"
#include "user/jobs/stop.h"

/* ---- what an owner asks for ---- */

static int put_change(struct jobs *jobs, struct job *job, enum job_step step, uint32_t uid,
		      jobs_changed_fn done, void *data)
{
	struct job_why why = {JOB_BECAUSE_REQUEST, uid, 0};
	struct job_entry *entry = entry_new(jobs, job, ENTRY_UPDATE);

	if (!entry)
		return -ENOMEM;
	entry->done = done;
	entry->data = data;
	entry_event(entry, step, &why, 0, 0);
	entry_put(entry);
	return 0;
}

/* Than what it was told already: whoever asks last may only make the end come earlier. */
static bool is_sooner(const struct run *run, uint64_t grace_us)
{
	if (!run || !run->stop.kill_us)
		return run && grace_us < run->stop.grace_us;
	return clock_now_us() + grace_us < run->stop.kill_us;
}

int jobs_cancel(struct jobs *jobs, uint64_t id, uint32_t uid, uint64_t grace_us,
		jobs_changed_fn done, void *data)
{
	struct job_why why = {JOB_BECAUSE_REQUEST, uid, 0};
	struct job *job = job_table_find(&jobs->table, id);

	if (!job || job_state_is_end((enum job_state)job->state))
		return -ESRCH;
	if (!job_state_is_active((enum job_state)job->state))
		return enqueue_end_unrun(jobs, job, &why, done, data);
	if (job->flags & JOB_CANCELLING && !is_sooner(jobs->run[job->slot], grace_us))
		return -EALREADY;
	return stop_wish(jobs, job, JOB_CANCELLING, &why, grace_us, done, data);
}

int jobs_hold(struct jobs *jobs, uint64_t id, uint32_t uid, jobs_changed_fn done, void *data)
{
	struct job *job = job_table_find(&jobs->table, id);

	if (!job || job_state_is_end((enum job_state)job->state))
		return -ESRCH;
	if (job->state == JOB_HELD)
		return -EALREADY;
	if (job_state_is_active((enum job_state)job->state))
		return -EBUSY;
	if (job->state == JOB_QUEUED && admit_hold(jobs->admit, id))
		return -EBUSY;
	state_set(jobs, job, JOB_HELD);
	job->reason = JOB_BECAUSE_REQUEST;
	job->observed = uid;
	job->threshold = 0;
	return put_change(jobs, job, JOB_STEP_HELD, uid, done, data);
}

int jobs_release(struct jobs *jobs, uint64_t id, uint32_t uid, jobs_changed_fn done, void *data)
{
	struct job *job = job_table_find(&jobs->table, id);
	struct store_row row;
	int rc;

	if (!job || job_state_is_end((enum job_state)job->state))
		return -ESRCH;
	if (job->state != JOB_HELD)
		return -EALREADY;
	rc = store_find(jobs->reader, id, &row);
	if (rc)
		return rc;
	if (!row.spec.after_count && !admit_release(jobs->admit, id)) {
		state_set(jobs, job, JOB_QUEUED);
	} else {
		admit_cancel(jobs->admit, id); /* it waits for others first, if it was in there */
		state_set(jobs, job, row.spec.after_count ? JOB_WAITING : JOB_QUEUED);
		rc = enqueue_job(jobs, job, &row.spec);
	}
	if (rc)
		return rc;
	rc = put_change(jobs, job, JOB_STEP_RELEASED, uid, done, data);
	state_decide_next_turn(jobs);
	return rc;
}

/* ---- again ---- */

struct again {
	struct jobs *jobs;
	uint64_t id;
	jobs_changed_fn done;
	void *data;
};

/* Or needs not any more: since it was put on its way it may have been cancelled, or sorted anew. */
static bool has_entered(const struct jobs *jobs, const struct job *job)
{
	struct admit_view view;

	if (job->state == JOB_WAITING)
		return job->reason == JOB_BECAUSE_AFTER;
	return job->state != JOB_QUEUED ||
	       !admit_view(jobs->admit, job->id, jobs_now_us(jobs), &view);
}

/* What it waits for is asked again: that may have been queued again with it. */
static void enter_again(struct jobs *jobs, struct job *job)
{
	struct store_row row = {0};

	if (job->state != JOB_WAITING || !store_find(jobs->reader, job->id, &row))
		enqueue_job(jobs, job, &row.spec);
}

/* On disk, or still ended. */
static void again_done(void *data, int rc)
{
	struct again *again = data;
	struct jobs *jobs = again->jobs;
	struct job *job = job_table_find(&jobs->table, again->id);

	if (job && !has_entered(jobs, job)) {
		if (rc)
			state_forget_job(jobs, job);
		else
			enter_again(jobs, job);
	}
	if (!rc)
		state_decide_soon(jobs);
	if (again->done)
		again->done(again->data, rc);
	free(again);
}

/* Into the core when it is on disk, and no sooner: else it could start, and the disk say later that
 * it had ended. */
static int put_again(struct jobs *jobs, struct job *job, uint32_t uid, jobs_changed_fn done,
		     void *data)
{
	struct job_why why = {JOB_BECAUSE_REQUEST, uid, 0};
	struct again *again = calloc(1, sizeof(*again));
	struct job_entry *entry = again ? entry_new(jobs, job, ENTRY_UPDATE) : NULL;

	if (!entry) {
		free(again);
		return -ENOMEM;
	}
	*again = (struct again){jobs, job->id, done, data};
	entry->entry.must = false;
	entry->done = again_done;
	entry->data = again;
	entry_event(entry, JOB_STEP_REQUEUED, &why, 0, 0);
	entry_put(entry);
	return 0;
}

/* Sets what it counts for; its environment is held once. */
static int make_room(struct jobs *jobs, struct job *job)
{
	uint64_t spec_bytes, env_bytes;
	struct uw_err none;
	int rc = store_find_size(jobs->reader, job->id, &spec_bytes, &env_bytes);

	if (!rc)
		rc = state_check_room(jobs, job->uid, ACCOUNT_JOBS, 1, &none);
	if (!rc)
		rc = state_check_room(jobs, job->uid, ACCOUNT_BYTES, spec_bytes + env_bytes, &none);
	if (rc)
		return rc;
	job->bytes = (uint32_t)spec_bytes;
	job->env = accounts_env_new(&jobs->accounts, job->uid, env_bytes);
	return 0;
}

static int requeue_ended(struct jobs *jobs, uint64_t id, uint32_t uid, jobs_changed_fn done,
			 void *data)
{
	struct store_row row;
	struct job *job;
	int rc = store_find(jobs->reader, id, &row);

	if (rc)
		return rc == -ENOENT ? -ESRCH : rc;
	if (!job_state_is_end((enum job_state)row.job.state))
		return -EBUSY;
	if (state_find_component(jobs, row.component) == UINT8_MAX)
		return -ENOENT;
	rc = make_room(jobs, &row.job);
	if (rc)
		return rc;
	row.job.state = row.spec.after_count ? JOB_WAITING : JOB_QUEUED;
	row.job.reason = JOB_BECAUSE_REQUEST;
	row.job.observed = uid;
	row.job.retries = (uint8_t)row.spec.retries;
	row.job.submit_us = jobs_now_us(jobs);
	row.job.queued_us = row.job.submit_us;
	row.job.start_us = 0;
	row.job.end_us = 0;
	job = state_insert_job(jobs, &row.job, &row.spec);
	accounts_env_drop(&jobs->accounts, row.job.env);
	if (!job)
		return -EDQUOT;
	rc = put_again(jobs, job, uid, done, data);
	if (rc)
		state_forget_job(jobs, job);
	return rc;
}

int jobs_requeue(struct jobs *jobs, uint64_t id, uint32_t uid, jobs_changed_fn done, void *data)
{
	struct job_why why = {JOB_BECAUSE_REQUEST, uid, 0};
	struct job *job = job_table_find(&jobs->table, id);

	if (!job)
		return requeue_ended(jobs, id, uid, done, data);
	if (!job_state_is_active((enum job_state)job->state))
		return job_state_is_end((enum job_state)job->state) ? -EBUSY : -EALREADY;
	if (job->flags & (JOB_CANCELLING | JOB_REQUEUING))
		return -EALREADY;
	return stop_wish(jobs, job, JOB_REQUEUING, &why,
			 jobs->setup.config->admission.kill_grace_us, done, data);
}
