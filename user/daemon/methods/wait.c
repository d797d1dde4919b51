// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Counts the ends of the jobs that are named, while others of them end. A job that is still known
 * in memory has its end before it; when that comes it is a matter of where the scan stands: if it
 * has come by the job, which then was counted as left, the end is counted now; if the part in which
 * the job stands is being read at this moment, whether the row has the end already is not known, so
 * the end is kept until the part is there; and if the scan is not there yet it will find the end.
 */
#include "user/daemon/methods/wait.h"

#include <errno.h>
#include <stdlib.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/daemon/methods/encode_job.h"
#include "user/daemon/methods/scan.h"
#include "user/ipc/json.h"
#include "user/jobs/jobs.h"

struct late_end {
	struct late_end *next;
	bool counted;
	struct job job;
	struct job_result result;
};

struct wait_call {
	struct scan scan; /* first */
	struct wait_call *next, **link;
	bool more;
	struct json_writer bad, good; /* of each as many as are shown, if there are no others */
	uint32_t bad_count, good_count;
	size_t good_end[IPC_JOBS_SHOWN + 1]; /* of the text, by how many of them */
	uint64_t ended, left;
	struct late_end *late; /* came while a part was read */
	int rc;
};

static void wait_free(struct wait_call *wait)
{
	struct late_end *late, *next;

	if (wait->link) {
		*wait->link = wait->next;
		if (wait->next)
			wait->next->link = wait->link;
	}
	for (late = wait->late; late; late = next) {
		next = late->next;
		free(late);
	}
	free(wait->bad.bytes);
	free(wait->good.bytes);
	scan_done(&wait->scan);
	free(wait);
}

static void count_end(struct wait_call *wait, const struct job *job,
		      const struct job_result *result)
{
	bool good = result->state == JOB_DONE;
	uint32_t *count = good ? &wait->good_count : &wait->bad_count;

	wait->ended++;
	if (*count == IPC_JOBS_SHOWN)
		return;
	++*count;
	json_write_element(good ? &wait->good : &wait->bad, encode_job_end(job, result));
	if (good)
		wait->good_end[*count] = wait->good.count;
}

static struct late_end *find_late(struct wait_call *wait, uint64_t id)
{
	struct late_end *late = wait->late;

	while (late && late->job.id != id)
		late = late->next;
	return late;
}

/* One whose end is on disk and not yet told is told to this follower too: once is enough. */
static int take(struct scan *scan, const struct job *job, const struct job_result *result)
{
	struct wait_call *wait = (struct wait_call *)scan;
	struct late_end *late = find_late(wait, job->id);

	if (late) {
		late->counted = true;
		count_end(wait, &late->job, &late->result);
	} else if (!job_state_is_end((enum job_state)job->state) ||
		   jobs_is_unannounced(scan->daemon->jobs, job->id)) {
		wait->left++;
	} else {
		count_end(wait, job, result);
	}
	return 0;
}

/* An end that came while the part was read, of a job whose row has been forgotten since, is one all
 * the same; what lies behind the part will be found. */
static void part(struct scan *scan)
{
	struct wait_call *wait = (struct wait_call *)scan;
	struct late_end *late;

	while ((late = wait->late)) {
		if (!late->counted && select_walk_has_passed(&scan->walk, &late->job))
			count_end(wait, &late->job, &late->result);
		wait->late = late->next;
		free(late);
	}
}

static void see_late(struct wait_call *wait, const struct job *job, const struct job_result *result)
{
	struct late_end *late = malloc(sizeof(*late));

	if (!late) {
		wait->rc = -ENOMEM;
		return;
	}
	*late = (struct late_end){.next = wait->late, .job = *job, .result = *result};
	wait->late = late;
}

static void see_end(struct wait_call *wait, const struct job *job, const struct job_result *result)
{
	if (!select_has_plain(&wait->scan.select, job))
		return;
	if (select_walk_has_passed(&wait->scan.walk, job)) {
		wait->left--;
		count_end(wait, job, result);
	} else {
		see_late(wait, job, result);
	}
}

void wait_see_end(struct daemon *daemon, const struct job *job, const struct job_result *result)
{
	AUTO_JSON json_t *parameters = NULL;
	struct ipc_server_stats stats;

	for (struct wait_call *wait = daemon->waits; wait; wait = wait->next)
		see_end(wait, job, result);
	ipc_server_stats(daemon->server, &stats);
	if (!stats.followers)
		return;
	parameters = json_pack("{s:[o], s:i, s:i}", "ended", encode_job_end(job, result),
			       "ended_count", 1, "left", 0);
	if (parameters)
		ipc_server_publish_to(daemon->server, IPC_WAIT, job->uid, parameters,
				      clock_now_us());
}

/* Those that ended badly come first, and as many others as there is room for. */
static void encode(struct wait_call *wait, struct ipc_answer *answer)
{
	uint32_t room = IPC_JOBS_SHOWN - wait->bad_count;
	struct json_writer whole = {0};

	wait->good.count = wait->good_end[wait->good_count < room ? wait->good_count : room];
	json_write(&whole, "{\"ended\":[");
	json_write_list(&whole, &wait->bad);
	json_write_list(&whole, &wait->good);
	json_write(&whole, "],\"ended_count\":");
	json_write_value(&whole, json_number(wait->ended));
	json_write(&whole, ",\"left\":");
	json_write_value(&whole, json_number(wait->left));
	json_write(&whole, "}");
	ipc_answer_write(answer, &whole);
}

static void finish(struct scan *scan, int rc, struct ipc_answer *answer)
{
	struct wait_call *wait = (struct wait_call *)scan;

	rc = rc ? rc : wait->rc;
	if (rc == -EBUSY) {
		ipc_answer_fail(answer, IPC_ERROR_BUSY, "too many read the queue now; try again");
	} else if (rc) {
		ipc_answer_fail(answer, IPC_ERROR_FAILED, "the jobs cannot be read");
	} else if (!wait->ended && !wait->left) {
		select_answer_none(&scan->select, answer);
	} else {
		answer->follow = wait->more;
		answer->method = IPC_WAIT;
		encode(wait, answer);
	}
	wait_free(wait);
}

static void drop(struct scan *scan)
{
	wait_free((struct wait_call *)scan);
}

static const struct scan_use use = {.take = take, .part = part, .finish = finish, .drop = drop};

void method_wait(struct daemon *daemon, const struct ipc_call *call, struct ipc_answer *answer)
{
	const json_t *jobs = json_object_get(call->parameters, "jobs");
	struct wait_call *wait;

	if (!json_is_array(jobs)) {
		ipc_answer_bad_parameter(answer, "jobs");
		return;
	}
	wait = calloc(1, sizeof(*wait));
	if (!wait) {
		ipc_answer_fail(answer, IPC_ERROR_FAILED, "out of memory");
		return;
	}
	if (!select_read_ranges(call, answer, jobs, &wait->scan.select)) {
		wait_free(wait);
		return;
	}
	wait->more = call->more;
	wait->next = daemon->waits;
	wait->link = &daemon->waits;
	if (wait->next)
		wait->next->link = &wait->next;
	daemon->waits = wait;
	scan_begin(&wait->scan, &use, daemon, call, answer);
}
