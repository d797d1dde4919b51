// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Takes over the queue of the uwd before, and the jobs that still run. The jobs are read into the
 * table and the core; then the slot of each running one says how far it came, by the table of
 * instants in jobs.h. Its lock is looked at first, since an unlocked slot changes no more. One
 * that is locked and names no shim yet is looked at again each second.
 */
#include "user/jobs/adopt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/jobs/end.h"
#include "user/jobs/enqueue.h"
#include "user/jobs/entry.h"
#include "user/jobs/pause.h"
#include "user/jobs/state.h"
#include "user/jobs/stop.h"

/* ---- the queue ---- */

struct loading {
	struct jobs *jobs;
	uint64_t *waiting; /* for others: looked at when all are there */
	uint32_t waiting_count, waiting_size;
	uint64_t env_on_disk; /* of the last job */
	uint32_t env_uid, env;
};

static int remember_waiting(struct loading *loading, uint64_t id)
{
	uint64_t *more;

	if (loading->waiting_count == loading->waiting_size) {
		loading->waiting_size = loading->waiting_size ? loading->waiting_size * 2 : 256;
		more = reallocarray(loading->waiting, loading->waiting_size, sizeof(*more));
		if (!more)
			return -ENOMEM;
		loading->waiting = more;
	}
	loading->waiting[loading->waiting_count++] = id;
	return 0;
}

/* It has a slot, or had one that is not this attempt's: end_attempt finds that out. */
static int load_active(struct jobs *jobs, struct job *job, const struct job_spec *spec,
		       uint32_t slot)
{
	int rc;

	state_set(jobs, job, JOB_QUEUED); /* for the core: first it waits, then it runs */
	rc = enqueue_job(jobs, job, spec);
	if (!slot || slot > SLOTS_COUNT || jobs->run[slot])
		return 0;
	/* Its component may be gone and the core not know it: what runs, runs all the same. */
	if (!rc)
		admit_started(jobs->admit, job->id, job->reserved_bytes, jobs_now_us(jobs));
	state_set(jobs, job, JOB_STARTING);
	return run_new(jobs, job, slot, spec->component) ? 0 : -ENOMEM;
}

/* The wall clock was set back since it was written. */
static void not_after_now(const struct jobs *jobs, uint64_t *at_us)
{
	uint64_t now_us = jobs_now_us(jobs);

	if (*at_us > now_us)
		*at_us = now_us;
}

/* Jobs of one submission share it, and stand together. */
static uint32_t env_of(struct loading *loading, const struct store_live *live)
{
	struct accounts *accounts = &loading->jobs->accounts;

	if (live->env == loading->env_on_disk && live->job.uid == loading->env_uid)
		return loading->env;
	accounts_env_drop(accounts, loading->env);
	loading->env = accounts_env_new(accounts, live->job.uid, live->env_bytes);
	loading->env_on_disk = live->env;
	loading->env_uid = live->job.uid;
	return loading->env;
}

static int load_one(void *data, const struct store_live *live)
{
	struct loading *loading = data;
	struct jobs *jobs = loading->jobs;
	struct job from = live->job, *job;

	from.env = env_of(loading, live);
	job = state_insert_job(jobs, &from, &live->spec);
	if (!job)
		return -ENOSPC;
	not_after_now(jobs, &job->submit_us);
	not_after_now(jobs, &job->queued_us);
	not_after_now(jobs, &job->start_us);
	if (job->id > jobs->last_id)
		jobs->last_id = job->id;
	if (job_state_is_active((enum job_state)job->state))
		return load_active(jobs, job, &live->spec, live->slot);
	if (job->state == JOB_WAITING)
		return remember_waiting(loading, job->id);
	enqueue_job(jobs, job, &live->spec);
	return 0;
}

static int load_key(void *data, const void *bytes, unsigned long size)
{
	struct jobs *jobs = data;
	struct admit_key key;

	if (size != sizeof(key))
		return 0; /* of another version: it is learned anew */
	memcpy(&key, bytes, size);
	admit_key_import(jobs->admit, &key);
	return 0;
}

static void load_waiting(struct jobs *jobs, const struct loading *loading)
{
	struct store_row row;

	enqueue_keep_awaited(jobs, true);
	for (uint32_t i = 0; i < loading->waiting_count; i++) {
		struct job *job = job_table_find(&jobs->table, loading->waiting[i]);

		if (job && !store_find(jobs->reader, job->id, &row))
			enqueue_job(jobs, job, &row.spec);
	}
	enqueue_keep_awaited(jobs, false);
}

int adopt_load(struct jobs *jobs, struct store *store, struct uw_err *err)
{
	struct loading loading = {.jobs = jobs};
	uint64_t last_id = 0;
	int rc = store_last_id(store, &last_id);

	if (last_id > jobs->last_id)
		jobs->last_id = last_id;
	if (!rc)
		rc = store_each_key(store, JOBS_KEYS_MAX, load_key, jobs);
	if (!rc)
		rc = store_each_live(store, load_one, &loading);
	accounts_env_drop(&jobs->accounts, loading.env);
	jobs->loaded_waiting = loading.waiting;
	jobs->loaded_waiting_count = loading.waiting_count;
	return rc ? err_set(err, rc, "queue: %s cannot be read back: %s", jobs->dir, strerror(-rc))
		  : 0;
}

/* ---- what runs ---- */

/* Its lock says that it began in this boot. An older shim did not say when: then the wall clock
 * has to do. */
static void set_start(const struct jobs *jobs, struct job *job, struct run *run,
		      const struct slot_record *slot)
{
	uint64_t now_us = clock_now_us(), queue_now_us = jobs_now_us(jobs);
	uint64_t ago_us = queue_now_us - job->start_us;

	if (slot->began_us && slot->began_us <= now_us)
		ago_us = now_us - slot->began_us;
	run->started_us = now_us > ago_us ? now_us - ago_us : 0;
	job->start_us = queue_now_us > ago_us ? queue_now_us - ago_us : 0;
	if (job->queued_us > job->start_us)
		job->queued_us = job->start_us;
}

static void adopt(struct jobs *jobs, struct job *job, struct run *run,
		  const struct slot_record *slot, int pidfd)
{
	struct job_why kept = {(enum job_reason)job->reason, job->observed, job->threshold};

	run->pidfd = pidfd;
	run->launched = true;
	run->shim_kills = slot->began_us;
	set_start(jobs, job, run, slot);
	pause_recall(jobs, job, run);
	state_set(jobs, job, JOB_RUNNING);
	jobs->stats.adopted++;
	run_open_leaf(jobs, run);
	run->unwatched = run_watch(jobs, job->slot, pidfd) != 0;
	entry_note(jobs, job, JOB_STEP_ADOPTED, &kept);
	if (job->flags & JOB_ENDING)
		stop_terminate(jobs, job, jobs->setup.config->admission.kill_grace_us);
}

/*
 * The pid in the slot was written by the shim itself. Still locked after the pidfd was opened, the
 * shim lived at that moment, so the pid was its own.
 */
static void look_at(struct jobs *jobs, uint32_t index)
{
	struct run *run = jobs->run[index];
	struct job *job = job_table_find(&jobs->table, run->id);
	bool locked = slot_is_locked(jobs->slots, index);
	struct slot_record slot;
	int pidfd = -1;

	if (run_read_slot(jobs->slots, index, job, &slot) == -ENODATA)
		locked = false;
	if (locked && slot.shim_pid > 0)
		pidfd = pidfd_open(slot.shim_pid, 0);
	if (locked && pidfd >= 0 && slot_is_locked(jobs->slots, index)) {
		adopt(jobs, job, run, &slot, pidfd);
		return;
	}
	if (pidfd >= 0)
		close(pidfd);
	if (locked && slot_is_locked(jobs->slots, index))
		return; /* it has yet to say its pid */
	end_attempt(jobs, index);
}

void adopt_rest(struct jobs *jobs)
{
	jobs->unresolved = 0;
	for (uint32_t slot = 1; slot <= SLOTS_COUNT; slot++) {
		if (!jobs->run[slot] || !jobs->run[slot]->found || jobs->run[slot]->launched ||
		    jobs->run[slot]->ending)
			continue;
		look_at(jobs, slot);
		jobs->unresolved +=
			jobs->run[slot] && !jobs->run[slot]->launched && !jobs->run[slot]->ending;
	}
}

void adopt_all(struct jobs *jobs)
{
	struct loading loading = {
		.waiting = jobs->loaded_waiting,
		.waiting_count = jobs->loaded_waiting_count,
	};

	for (uint32_t slot = 1; slot <= SLOTS_COUNT; slot++)
		if (jobs->run[slot])
			jobs->run[slot]->found = true;
	load_waiting(jobs, &loading);
	free(jobs->loaded_waiting);
	jobs->loaded_waiting = NULL;
	jobs->loaded_waiting_count = 0;
	adopt_rest(jobs);
	if (jobs->stats.adopted || jobs->unresolved)
		log_notice("queue adopted running=%lu in_doubt=%u",
			   (unsigned long)jobs->stats.adopted, jobs->unresolved);
}
