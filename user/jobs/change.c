// SPDX-License-Identifier: GPL-2.0-or-later
/* Where a job waits, and what its owner may do to it. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/base/text.h"
#include "user/jobs/internal.h"

const char *jobs_component(const struct jobs *jobs, const struct job *job)
{
	const struct run *run = job->slot ? jobs->run[job->slot] : NULL;

	if (run && run->id == job->id)
		return run->component;
	return job->component < jobs->component_count ? jobs->component[job->component] : "";
}

void jobs_component_recall(const struct jobs *jobs, const struct job *job, char buf[UW_NAME_LEN])
{
	struct store_row row;

	text_copy(buf, UW_NAME_LEN, jobs_component(jobs, job));
	if (!*buf && jobs->reader && !store_find(jobs->reader, job->id, &row))
		text_copy(buf, UW_NAME_LEN, row.component);
}

/* ---- who waits for whom ---- */

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

void jobs_keep_awaited(struct jobs *jobs, bool keep)
{
	memset(jobs->awaited, 0, sizeof(jobs->awaited));
	jobs->awaited_kept = keep;
}

/* 1 when it has not ended, and on which to wait; 0 when it has, well or any; -ECANCELED: badly;
 * -ESRCH: not known. */
static int look_after(struct jobs *jobs, uint64_t on, uint32_t place, bool any, uint64_t *ret_live)
{
	const struct job *job = table_find(&jobs->table, on);
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

int jobs_check_after(struct jobs *jobs, const uint64_t *after, uint32_t count, bool any,
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

uint64_t jobs_learn_key(const char *component, uint32_t uid, const char *key)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	if (!*key)
		return 0;
	/* Of each user by itself: nobody may teach the scheduler about the jobs of others. */
	hash = (hash ^ uid) * 0x100000001b3ULL;
	for (const char *at = component; *at; at++)
		hash = (hash ^ (uint8_t)*at) * 0x100000001b3ULL;
	hash = (hash ^ '/') * 0x100000001b3ULL;
	for (const char *at = key; *at; at++)
		hash = (hash ^ (uint8_t)*at) * 0x100000001b3ULL;
	return hash >> 1 ? hash >> 1 : 1; /* SQLite's integers have a sign */
}

int jobs_recall(const struct jobs *jobs, uint64_t key, struct admit_key *ret_key)
{
	const void *bytes;
	unsigned long size;
	int rc = admit_key_export(jobs->admit, key, ret_key);

	if (!rc)
		return 0;
	rc = store_find_key(jobs->reader, key, &bytes, &size);
	if (rc || size != sizeof(*ret_key))
		return rc ? rc : -ENOENT;
	memcpy(ret_key, bytes, sizeof(*ret_key));
	return ret_key->version == ADMIT_KEY_VERSION ? 0 : -ENOENT;
}

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
		.key = jobs_learn_key(jobs_component(jobs, job), job->uid, jobs_key(jobs, job)),
		.submit_us = job->submit_us,
		.request_bytes = job->memory_bytes,
		.declared_us = job->time_us ? job->time_us : job->time_limit_us,
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
	job.component = jobs_component_find(jobs, spec->component);
	if (job.component == UINT8_MAX)
		return -ENOENT;
	job.key = words_hold(jobs->words, spec->key);
	task = task_of(jobs, &job);
	recall(jobs, task.key);
	words_drop(jobs->words, job.key);
	return admit_preview(jobs->admit, &task, job.submit_us, ret_view);
}

static void say_unknown(const struct jobs *jobs, const struct job *job, int rc)
{
	char component[UW_NAME_LEN];

	jobs_component_recall(jobs, job, component);
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
	job->state = JOB_HELD;
	job->reason = JOB_BECAUSE_NO_COMPONENT;
	job->observed = 0;
	job->threshold = 0;
}

/* Ended without having run. -ENOMEM: nothing has changed. */
static int end_unrun(struct jobs *jobs, struct job *job, const struct job_why *why,
		     jobs_changed_fn done, void *data)
{
	struct job_entry *entry = entry_new(jobs, job, ENTRY_END);

	if (!entry)
		return -ENOMEM;
	admit_cancel(jobs->admit, job->id); /* -ENOENT: it waited elsewhere */
	job->state = JOB_CANCELLED;
	job->end_us = clock_wall_us();
	jobs_set_why(job, why);
	entry->job = *job;
	entry->done = done;
	entry->data = data;
	entry->result = (struct job_result){
		.state = JOB_CANCELLED,
		.status = -1,
		.end_us = job->end_us,
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
	int rc = jobs_check_after(jobs, spec->after, spec->after_count, any, &live, &failed);
	struct job_why why = {JOB_BECAUSE_AFTER_FAILED, failed, 0};

	/* Forgotten since: it ended so long ago that only its having ended is known. */
	if (rc == -ESRCH && any)
		rc = 0;
	if (rc == -ECANCELED || rc == -ESRCH) {
		end_unrun(jobs, job, &why, NULL, NULL);
		return;
	}
	if (!live) {
		job->state = JOB_QUEUED;
		jobs_enqueue(jobs, job, spec);
		return;
	}
	job->reason = JOB_BECAUSE_AFTER;
	job->observed = live;
	if (after_add(&jobs->after, live, job->id))
		hold_unknown(jobs, job, -ENOMEM);
}

int jobs_enqueue(struct jobs *jobs, struct job *job, const struct job_spec *spec)
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
	struct job *job = table_find(&jobs->table, id);
	struct store_row row;

	if (!job || job->state != JOB_WAITING || store_find(jobs->reader, id, &row))
		return;
	wait_for_others(jobs, job, &row.spec);
}

void jobs_after_end(struct jobs *jobs, uint64_t on)
{
	jobs_keep_awaited(jobs, true);
	after_take(&jobs->after, on, check_waiting, jobs);
	jobs_keep_awaited(jobs, false);
}

void jobs_forget(struct jobs *jobs, struct job *job)
{
	words_drop(jobs->words, job->key);
	words_drop(jobs->words, job->tags);
	table_remove(&jobs->table, job);
}

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
	struct job *job = table_find(&wish->jobs->table, wish->id);

	if ((!rc || rc == -ENOENT) && job) /* gone from the disk: no other uwd will ask */
		jobs_terminate(wish->jobs, job, wish->grace_us);
	if (wish->done)
		wish->done(wish->data, rc);
	free(wish);
}

int jobs_wish(struct jobs *jobs, struct job *job, enum job_flag flag, const struct job_why *why,
	      uint64_t grace_us, jobs_changed_fn done, void *data)
{
	struct wish *wish = calloc(1, sizeof(*wish));
	struct job_entry *entry;

	if (!wish)
		return -ENOMEM;
	*wish = (struct wish){jobs, job->id, grace_us, done, data};
	if (job->slot && jobs->run[job->slot])
		jobs->run[job->slot]->grace_us = grace_us; /* it may have yet to start */
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

int jobs_cancel(struct jobs *jobs, uint64_t id, uint32_t uid, uint64_t grace_us,
		jobs_changed_fn done, void *data)
{
	struct job_why why = {JOB_BECAUSE_REQUEST, uid, 0};
	struct job *job = table_find(&jobs->table, id);

	if (!job || job_state_is_end((enum job_state)job->state))
		return -ESRCH;
	if (!job_state_is_active((enum job_state)job->state))
		return end_unrun(jobs, job, &why, done, data);
	if (job->flags & JOB_CANCELLING)
		return -EALREADY;
	return jobs_wish(jobs, job, JOB_CANCELLING, &why, grace_us, done, data);
}

int jobs_hold(struct jobs *jobs, uint64_t id, uint32_t uid, jobs_changed_fn done, void *data)
{
	struct job *job = table_find(&jobs->table, id);

	if (!job || job_state_is_end((enum job_state)job->state))
		return -ESRCH;
	if (job->state == JOB_HELD)
		return -EALREADY;
	if (job_state_is_active((enum job_state)job->state))
		return -EBUSY;
	if (job->state == JOB_QUEUED && admit_hold(jobs->admit, id))
		return -EBUSY;
	job->state = JOB_HELD;
	job->reason = JOB_BECAUSE_REQUEST;
	job->observed = uid;
	job->threshold = 0;
	return put_change(jobs, job, JOB_STEP_HELD, uid, done, data);
}

int jobs_release(struct jobs *jobs, uint64_t id, uint32_t uid, jobs_changed_fn done, void *data)
{
	struct job *job = table_find(&jobs->table, id);
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
		job->state = JOB_QUEUED;
	} else {
		admit_cancel(jobs->admit, id); /* it waits for others first, if it was in there */
		job->state = row.spec.after_count ? JOB_WAITING : JOB_QUEUED;
		rc = jobs_enqueue(jobs, job, &row.spec);
	}
	if (rc)
		return rc;
	rc = put_change(jobs, job, JOB_STEP_RELEASED, uid, done, data);
	jobs_decide(jobs);
	return rc;
}

/* ---- again ---- */

struct again {
	struct jobs *jobs;
	uint64_t id;
	jobs_changed_fn done;
	void *data;
};

/* On disk, or still ended; meanwhile it may have been cancelled, or sorted anew. */
static void again_done(void *data, int rc)
{
	struct again *again = data;
	struct jobs *jobs = again->jobs;
	struct job *job = table_find(&jobs->table, again->id);
	struct admit_view view;

	if (job && job->state == JOB_QUEUED &&
	    admit_view(jobs->admit, job->id, jobs_now_us(jobs), &view)) {
		if (rc)
			jobs_forget(jobs, job);
		else
			jobs_enqueue(jobs, job, NULL);
	}
	if (!rc)
		jobs_decide(jobs);
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
	if (jobs_component_find(jobs, row.component) == UINT8_MAX)
		return -ENOENT;
	if (!jobs_room(jobs))
		return -EDQUOT;
	row.job.state = JOB_QUEUED;
	row.job.retries = (uint8_t)row.spec.retries;
	row.job.submit_us = jobs_now_us(jobs);
	row.job.queued_us = row.job.submit_us;
	row.job.start_us = 0;
	row.job.end_us = 0;
	job = jobs_insert(jobs, &row.job, &row.spec);
	if (!job)
		return -EDQUOT;
	rc = put_again(jobs, job, uid, done, data);
	if (rc)
		jobs_forget(jobs, job);
	return rc;
}

int jobs_requeue(struct jobs *jobs, uint64_t id, uint32_t uid, jobs_changed_fn done, void *data)
{
	struct job_why why = {JOB_BECAUSE_REQUEST, uid, 0};
	struct job *job = table_find(&jobs->table, id);

	if (!job)
		return requeue_ended(jobs, id, uid, done, data);
	if (!job_state_is_active((enum job_state)job->state))
		return job_state_is_end((enum job_state)job->state) ? -EBUSY : -EALREADY;
	if (job->flags & (JOB_CANCELLING | JOB_REQUEUING))
		return -EALREADY;
	return jobs_wish(jobs, job, JOB_REQUEUING, &why,
			 jobs->setup.config->admission.kill_grace_us, done, data);
}
