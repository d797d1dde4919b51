// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps what is known of each running job beside the job: its slot, its leaf, its shim's pidfd and
 * its limit. The limit of a job, memory.high of its leaf, is set here by run_limit; it is lowered
 * no further than to what the job holds, since the kernel would swap out at once what is in use,
 * and later looks follow it down.
 */
#include "user/jobs/run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/base/text.h"
#include "user/jobs/entry.h"
#include "user/jobs/state.h"

#define LIMIT_SLACK_BYTES (1ULL << 20) /* what may be added between the look and the write */

const char *run_leaf_name(uint64_t id, uint32_t attempt, char buf[JOBS_LEAF_LEN])
{
	int size = snprintf(buf, JOBS_LEAF_LEN, JOBS_LEAF_PREFIX "%" PRIu64, id);

	if (attempt)
		snprintf(buf + size, (size_t)(JOBS_LEAF_LEN - size), "-%" PRIu32, attempt);
	return buf;
}

/* ---- slots and what stands in them ---- */

struct run *run_new(struct jobs *jobs, struct job *job, uint32_t slot, const char *component)
{
	struct run *run = malloc(sizeof(*run)); /* as entry_new */

	if (!run)
		return NULL;
	*run = (struct run){
		.id = job->id,
		.attempt = job->attempts,
		.uid = job->uid,
		.pidfd = -1,
		.shim_kills = true,
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
	accounts_add(&jobs->accounts, run->uid, ACCOUNT_RUNNING, 1);
	return run;
}

void run_free(struct jobs *jobs, uint32_t slot)
{
	struct run *run = jobs->run[slot];

	if (!run)
		return;
	if (run->pidfd >= 0)
		close(run->pidfd); /* and out of the epoll with it */
	if (run->leaf_open)
		cg_group_close(&run->leaf);
	accounts_take(&jobs->accounts, run->uid, ACCOUNT_RUNNING, 1);
	free(run);
	jobs->run[slot] = NULL;
	jobs->stats.slots_used--;
}

int run_watch(const struct jobs *jobs, uint32_t slot, int pidfd)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.u32 = slot};

	if (!epoll_ctl(jobs->epoll, EPOLL_CTL_ADD, pidfd, &event) ||
	    (errno == EEXIST && !epoll_ctl(jobs->epoll, EPOLL_CTL_MOD, pidfd, &event)))
		return 0;
	log_err("end of a job is not watched slot=%u error=%s", slot, strerrorname_np(errno));
	return -errno;
}

void run_open_leaf(struct jobs *jobs, struct run *run)
{
	char name[JOBS_LEAF_LEN];

	for (uint32_t attempt = run->attempt; !run->leaf_open; attempt = 0) {
		run_leaf_name(run->id, attempt, name);
		run->leaf_open = !jobs->setup.ops->open(jobs->setup.ops_data, run->component, name,
							&run->leaf);
		if (!attempt)
			return;
	}
}

/* ---- limits ---- */

/*
 * A memory.high below what is there is reclaimed down to within the write: what is there, read just
 * now, and a little more is the least that is written. Later looks follow it down.
 */
void run_limit(struct jobs *jobs, struct run *run, uint64_t bytes)
{
	bool raised = run->limit_bytes && bytes >= run->limit_bytes;
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
	if (!jobs->setup.ops->limit(jobs->setup.ops_data, &run->leaf, bytes, raised))
		run->limit_bytes = bytes;
}

int run_read_slot(int slots, uint32_t index, const struct job *job, struct slot_record *ret_slot)
{
	int rc = slot_read(slots, index, ret_slot);

	return !rc && (ret_slot->job != job->id || ret_slot->attempt != job->attempts) ? -ENODATA
										       : rc;
}

void run_has_room(struct job *job, struct run *run, const struct job_why *why)
{
	run->outgrown.cramped_us = run->outgrown.since_us = 0;
	state_set_why(job, why);
}
