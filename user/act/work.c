// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Does what a worker may block in. A reclaim goes chunk by chunk, until enough is freed, its time
 * is over, nothing comes any more or it is interrupted. A lowered memory.high is one write, during
 * which the kernel reclaims. A page-in goes through the processes of a leaf. Each fills the outcome
 * with how much came down.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "user/act/internal.h"
#include "user/act/page_in.h"

#define RECLAIM_TEXT_LEN 48
#define PIDS_TEXT_LEN    8192

/* So many chunks in a row that freed nothing end a reclaim: one may have met a writeback peak. */
#define EMPTY_CHUNKS 2

static uint64_t read_current(struct act *act, const struct cg_group *group)
{
	uint64_t bytes = 0;

	act->ops->read(act->ops_data, group, CG_CURRENT, &bytes);
	return bytes;
}

static int write_chunk(struct act *act, const struct cg_group *group, uint64_t bytes,
		       int32_t swappiness)
{
	char text[RECLAIM_TEXT_LEN];
	int rc;

	if (swappiness >= 0 && atomic_load(&act->swappiness)) {
		snprintf(text, sizeof(text), "%llu swappiness=%d", (unsigned long long)bytes,
			 (int)swappiness);
		rc = act->ops->write(act->ops_data, group, CG_RECLAIM, text);
		if (rc != -EINVAL)
			return rc;
		atomic_store(&act->swappiness, false);
	}
	snprintf(text, sizeof(text), "%llu", (unsigned long long)bytes);
	return act->ops->write(act->ops_data, group, CG_RECLAIM, text);
}

/*
 * What one chunk freed. A write that succeeds has freed at least what it asked for: the kernel
 * counted the pages, while memory.current may have grown meanwhile. One that came up short has
 * freed what use fell by, if it fell.
 */
static int reclaim_chunk(struct act *act, const struct cg_group *group, uint64_t bytes,
			 int32_t swappiness, uint64_t *ret_freed)
{
	uint64_t before = read_current(act, group), after;
	int rc = write_chunk(act, group, bytes, swappiness);

	if (!rc) {
		*ret_freed = bytes;
		return 0;
	}
	after = read_current(act, group);
	*ret_freed = before > after ? before - after : 0;
	if (*ret_freed > bytes)
		*ret_freed = bytes;
	return rc;
}

/* Whether to go on after a chunk; fills the outcome where not. */
static bool judge(int rc, uint64_t freed, unsigned int *empty, struct outcome *outcome)
{
	outcome->done += freed;
	*empty = freed ? 0 : *empty + 1;
	if (!rc || rc == -EINTR || (rc == -EAGAIN && *empty < EMPTY_CHUNKS))
		return true;
	if (rc == -EAGAIN) {
		outcome->result = OUTCOME_SHORT;
		return false;
	}
	outcome->result = rc == -ENODEV || rc == -ENOENT ? OUTCOME_GONE : OUTCOME_FAILED;
	outcome->error = -rc;
	return false;
}

/* Whether to stop before the next chunk; fills the outcome then. */
static bool is_over(const struct act_worker *worker, uint64_t until_us, struct outcome *outcome)
{
	const struct act *act = worker->act;

	if (atomic_load(&worker->interrupted)) {
		outcome->result = OUTCOME_SHORT;
		outcome->error = ECANCELED;
		return true;
	}
	if (act->ops->now_us(act->ops_data) >= until_us) {
		outcome->result = OUTCOME_DEADLINE;
		return true;
	}
	return false;
}

static void reclaim_group(struct act_worker *worker, const struct cg_group *group,
			  const struct action *action, uint64_t until_us, struct outcome *outcome)
{
	uint64_t chunk_max = atomic_load(&worker->act->chunk_bytes), freed;
	unsigned int empty = 0;
	bool go_on = true;

	while (go_on && outcome->done < action->amount && !is_over(worker, until_us, outcome)) {
		uint64_t left = action->amount - outcome->done;
		int rc = reclaim_chunk(worker->act, group, left < chunk_max ? left : chunk_max,
				       action->swappiness, &freed);

		go_on = judge(rc, freed, &empty, outcome);
	}
	atomic_fetch_add(&worker->act->freed_bytes, outcome->done);
}

/* A leaf is opened here and not by the loop, which might close it under a write. */
void act_run_reclaim(struct act_worker *worker, const struct act_work *work, uint64_t until_us,
		     struct outcome *outcome)
{
	struct cg_group leaf = {0};
	int rc;

	if (!work->leaf[0]) {
		reclaim_group(worker, &worker->group, &work->action, until_us, outcome);
		return;
	}
	rc = cg_group_open(worker->group.dir, work->leaf, 1U << CG_CURRENT | 1U << CG_RECLAIM,
			   &leaf);
	if (!rc && leaf.id != work->action.leaf)
		rc = -ENODEV;
	if (rc)
		*outcome = act_outcome_of(&work->action, outcome->began_us, rc);
	else
		reclaim_group(worker, &leaf, &work->action, until_us, outcome);
	cg_group_close(&leaf);
}

struct act_page_in {
	const struct act_worker *worker;
	uint64_t until_us;
	struct outcome *outcome;
};

static bool page_in_is_over(void *data)
{
	struct act_page_in *page_in = data;

	return is_over(page_in->worker, page_in->until_us, page_in->outcome);
}

/* Of one leaf's own processes, as many as the text holds: some thousand. */
static int page_in_leaf(struct act_worker *worker, const struct cg_group *leaf, uint64_t until_us,
			struct outcome *outcome)
{
	struct act_page_in page_in = {worker, until_us, outcome};
	char pids[PIDS_TEXT_LEN], *at = pids, *end;
	uint64_t before = read_current(worker->act, leaf), after;
	long rc = cg_read_text(leaf, CG_PROCS, pids, sizeof(pids));

	while (rc >= 0 && *at) {
		long pid = strtol(at, &end, 10);

		if (end == at)
			break;
		at = end;
		rc = page_in_process((pid_t)pid, page_in_is_over, &page_in);
		if (rc == -ESRCH || rc == -ENOENT)
			rc = 0;
	}
	after = read_current(worker->act, leaf);
	outcome->done = after > before ? after - before : 0;
	return rc == -ECANCELED || rc > 0 ? 0 : (int)rc; /* the outcome says why it is over */
}

void act_run_page_in(struct act_worker *worker, const struct act_work *work, uint64_t until_us,
		     struct outcome *outcome)
{
	struct cg_group leaf = {0};
	int rc = cg_group_open(worker->group.dir, work->leaf, 1U << CG_CURRENT | 1U << CG_PROCS,
			       &leaf);

	if (!rc && leaf.id != work->action.leaf)
		rc = -ENODEV;
	if (!rc && !worker->act->ops->dry)
		rc = page_in_leaf(worker, &leaf, until_us, outcome);
	if (rc)
		*outcome = act_outcome_of(&work->action, outcome->began_us, rc);
	cg_group_close(&leaf);
}

/* The value stands from the start of the write; how far use came down is another question. */
void act_run_high(struct act_worker *worker, const struct action *action, struct outcome *outcome)
{
	struct act *act = worker->act;
	uint64_t before = read_current(act, &worker->group), after;
	int rc = -ECANCELED;

	if (!atomic_load(&worker->interrupted))
		rc = act_write_u64(act, &worker->group, CG_HIGH, action->amount);
	if (rc) {
		*outcome = act_outcome_of(action, outcome->began_us, rc);
		return;
	}
	after = read_current(act, &worker->group);
	outcome->done = before > after ? before - after : 0;
	if (after > action->amount)
		outcome->result = OUTCOME_SHORT;
	if (atomic_load(&worker->interrupted))
		outcome->error = ECANCELED;
}
