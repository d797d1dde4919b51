// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each user whose jobs wait for a slot has a list of them, in the order in which the core would
 * have started them. What has been cancelled, held or released by somebody meanwhile is passed over
 * when its turn comes: a job that waits here is one that is queued, for this very reason.
 */
#include "user/jobs/slot_share.h"

#include <stdlib.h>

#include "user/jobs/state.h"
#include "user/jobs/supply.h"

struct slot_wait {
	struct slot_wait *next;
	uint32_t uid;
	uint64_t *id;
	uint32_t first, count, size; /* first is the next to go */
};

static uint64_t room_of(const struct jobs *jobs, uint32_t uid)
{
	return accounts_room(&jobs->accounts, uid, ACCOUNT_RUNNING, state_most_running(jobs),
			     jobs->setup.config->admission.user_share_permyriad);
}

bool slot_share_has_room(const struct jobs *jobs, uint32_t uid)
{
	return !uid || room_of(jobs, uid);
}

static struct slot_wait *wait_of(struct jobs *jobs, uint32_t uid)
{
	struct slot_wait *wait = jobs->slot_wait;

	while (wait && wait->uid != uid)
		wait = wait->next;
	if (wait)
		return wait;
	wait = calloc(1, sizeof(*wait));
	if (!wait)
		return NULL;
	wait->uid = uid;
	wait->next = jobs->slot_wait;
	jobs->slot_wait = wait;
	return wait;
}

static int add(struct slot_wait *wait, uint64_t id)
{
	uint32_t size = wait->size ? wait->size * 2 : 16;
	uint64_t *more = wait->id;

	if (wait->count == wait->size) {
		more = reallocarray(more, size, sizeof(*more));
		if (!more)
			return -1;
		wait->id = more;
		wait->size = size;
	}
	wait->id[wait->count++] = id;
	return 0;
}

void slot_share_wait(struct jobs *jobs, struct job *job)
{
	uint64_t own = accounts_held(&jobs->accounts, job->uid, ACCOUNT_RUNNING);
	struct job_why why = {JOB_BECAUSE_USER_SLOTS, own, own};
	struct slot_wait *wait = wait_of(jobs, job->uid);

	if (!wait || add(wait, job->id)) {
		supply_hold_back(jobs); /* out of memory: asked again in a while */
		return;
	}
	admit_hold(jobs->admit, job->id);
	state_set_why(job, &why);
}

static bool waits(const struct job *job)
{
	return job && job->state == JOB_QUEUED && job->reason == JOB_BECAUSE_USER_SLOTS;
}

static void let_go(struct jobs *jobs, struct slot_wait *wait)
{
	static const struct job_why none = {JOB_BECAUSE_NONE, 0, 0};
	uint64_t room = room_of(jobs, wait->uid);

	while (room && wait->first < wait->count) {
		struct job *job = job_table_find(&jobs->table, wait->id[wait->first++]);

		if (!waits(job))
			continue;
		state_set_why(job, &none);
		admit_release(jobs->admit, job->id);
		room--;
	}
}

void slot_share_let_go(struct jobs *jobs)
{
	struct slot_wait **link = &jobs->slot_wait, *wait;

	while ((wait = *link)) {
		let_go(jobs, wait);
		if (wait->first < wait->count) {
			link = &wait->next;
			continue;
		}
		*link = wait->next;
		free(wait->id);
		free(wait);
	}
}

void slot_share_done(struct jobs *jobs)
{
	while (jobs->slot_wait) {
		struct slot_wait *wait = jobs->slot_wait;

		jobs->slot_wait = wait->next;
		free(wait->id);
		free(wait);
	}
}
