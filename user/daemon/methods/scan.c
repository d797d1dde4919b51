// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A scan alternates between two threads: the reading one fills a part with rows, the loop's takes
 * them and asks for the next part. Between parts others have their turn on both. The thread walks
 * on a copy, so that the loop knows at each moment what has been taken.
 */
#include "user/daemon/methods/scan.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/jobs/jobs.h"

#define SCAN_IS_OVER 1

struct scan_row {
	struct job job;
	struct job_result result;
};

/* What the thread hands back is the read in it. */
_Static_assert(offsetof(struct scan, read) == 0, "read_part and part_is_read cast it back");

static struct scan *scan_of(struct ipc_work *work)
{
	return (struct scan *)((char *)work - offsetof(struct scan, work));
}

void scan_done(struct scan *scan)
{
	json_decref(scan->parameters);
	free(scan->row);
	scan->parameters = NULL;
	scan->row = NULL;
}

/* ---- on the thread ---- */

static int keep_row(void *data, const struct store_row *row)
{
	struct scan *scan = data;

	scan->row[scan->count++] = (struct scan_row){row->job, row->result};
	return 0;
}

static void read_part(struct long_read *read, struct store_reader *reader)
{
	struct scan *scan = (struct scan *)read;

	scan->row = calloc(SCAN_ROWS_PART, sizeof(*scan->row));
	scan->rc = !scan->row ? -ENOMEM
		   : reader ? select_walk_part(&scan->ahead, reader, SCAN_ROWS_PART, keep_row, scan)
			    : -EIO;
}

/* ---- on the loop's ---- */

static void finish(struct scan *scan, int rc)
{
	struct daemon *daemon = scan->daemon;
	struct ipc_answer answer = {0};
	uint64_t token = scan->token;

	scan->use->finish(scan, rc, &answer);
	if (!answer.later)
		ipc_server_answer(daemon->server, token, &answer, clock_now_us());
}

static void part_is_read(struct long_read *read)
{
	struct scan *scan = (struct scan *)read;

	if (scan->daemon->server)
		ipc_server_put_work(scan->daemon->server, &scan->work);
	else
		scan->use->drop(scan);
}

static int ask_for_part(struct scan *scan, bool again)
{
	scan->ahead = scan->walk;
	scan->ahead.select = &scan->select;
	scan->count = scan->taken = 0;
	scan->rc = -ECANCELED; /* unless it is read */
	scan->read = (struct long_read){
		.uid = scan->select.uid,
		.read = read_part,
		.done = part_is_read,
		.goes_on = again,
	};
	return reader_thread_put(jobs_reader_thread(scan->daemon->jobs), &scan->read);
}

/* Of the rows that were read those for which there is time. Positive: enough. */
static int take_some(struct scan *scan)
{
	uint64_t until_us = clock_now_us() + IPC_PART_US;
	int rc = 0;

	while (!rc && scan->taken < scan->count && clock_now_us() < until_us) {
		const struct scan_row *row = &scan->row[scan->taken++];

		rc = scan->use->take(scan, &row->job, &row->result);
	}
	return rc;
}

/* All were taken, or enough. 1: there is more to be read. */
static int end_part(struct scan *scan, int rc)
{
	free(TAKE(scan->row));
	scan->walk = scan->ahead;
	if (scan->use->part)
		scan->use->part(scan);
	return rc < 0 ? rc : !rc && scan->rc;
}

static bool scan_step(struct ipc_work *work)
{
	struct scan *scan = scan_of(work);
	int rc;

	if (!ipc_server_is_awaited(scan->daemon->server, scan->token)) {
		scan->use->drop(scan);
		return false;
	}
	rc = scan->rc < 0 ? scan->rc : take_some(scan);
	if (!rc && scan->taken < scan->count)
		return true;
	rc = end_part(scan, rc);
	if (rc > 0)
		rc = ask_for_part(scan, true);
	else
		rc = rc < 0 ? rc : SCAN_IS_OVER;
	if (rc)
		finish(scan, rc < 0 ? rc : 0);
	return false;
}

static void scan_drop(struct ipc_work *work)
{
	struct scan *scan = scan_of(work);

	scan->use->drop(scan);
}

static int take_at_once(void *data, const struct store_row *row)
{
	struct scan *scan = data;

	return scan->use->take(scan, &row->job, &row->result);
}

void scan_begin(struct scan *scan, const struct scan_use *use, struct daemon *daemon,
		const struct ipc_call *call, struct ipc_answer *answer)
{
	int rc;

	scan->use = use;
	scan->daemon = daemon;
	scan->token = call->token;
	scan->parameters = json_incref((json_t *)call->parameters);
	scan->work = (struct ipc_work){.step = scan_step, .drop = scan_drop};
	select_walk_begin(&scan->walk, &scan->select);
	rc = select_walk_part(&scan->walk, jobs_reader(daemon->jobs), SCAN_ROWS_LOOP, take_at_once,
			      scan);
	if (rc > 0)
		rc = ask_for_part(scan, false);
	else
		rc = rc < 0 ? rc : SCAN_IS_OVER;
	if (rc)
		use->finish(scan, rc < 0 ? rc : 0, answer);
	else
		answer->later = true;
}
