// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Answers Cancel, Hold, Release and Requeue, for one job or for many thousand. The jobs are listed
 * first, from the rows of the ranges that are named (scan.c) or from all that have not ended; then
 * they are changed. Both is done in parts in the turns of the clients. Each change is a write to
 * disk of its own, so a batch of changes is on its way at a time, and each that is done makes room
 * for the next. What was left alone, and why, is noted on the way; when the last change is on disk
 * the client gets one answer for all. In a dry run nothing is on its way, and the state of each job
 * says what would have become of it.
 */
#include "user/daemon/methods/change.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/daemon/methods/encode_job.h"
#include "user/daemon/methods/scan.h"
#include "user/daemon/methods/select.h"
#include "user/daemon/submitters.h"
#include "user/ipc/json.h"
#include "user/ipc/server.h"
#include "user/jobs/jobs.h"

#define BATCH        1000U               /* changes on their way to the disk at a time */
#define JOBS_PART    50U                 /* looked at, before the clock */
#define GRACE_MAX_US (3600 * US_PER_SEC) /* as of kill-grace in the configuration */

/* One job of it. */
struct one_change {
	struct one_change *next; /* of those that are done */
	struct change *change;
	uint64_t id;
	int rc;
};

/* One call. Lives until the last of its changes is on disk. */
struct change {
	struct scan scan;                 /* first: what the ranges name, with the selection */
	struct jobs_later later;          /* until what was submitted before it is in the queue */
	struct ipc_work work;             /* its parts */
	bool entered;                     /* what was submitted before it */
	bool begun, queued;               /* queued: for its next part */
	struct change *next_call, **link; /* of all, in the order in which they came */
	struct daemon *daemon;
	enum ipc_method method;
	uint64_t token;
	struct ipc_peer peer;
	char asked[UW_NAME_LEN]; /* the last component that was asked about */
	bool allowed;            /* to submit to it */
	uint64_t grace_us;
	bool dry_run, selected;
	const struct job *at; /* the last that was looked at */
	json_t *parameters;   /* the select points into them */
	uint64_t *id;         /* what was selected */
	uint32_t count, size, next, pending;
	uint64_t changed, refused;
	struct one_change *done_first;
	struct json_writer left_alone, done; /* of which are shown */
	uint32_t shown;
};

_Static_assert(offsetof(struct change, scan) == 0, "take and selected_all cast it back");

static struct change *change_of_work(struct ipc_work *work)
{
	return (struct change *)((char *)work - offsetof(struct change, work));
}

static struct change *change_of_later(struct jobs_later *later)
{
	return (struct change *)((char *)later - offsetof(struct change, later));
}

static void put_part(struct change *change)
{
	if (!change->entered || change->queued || !change->daemon->server)
		return;
	change->queued = true;
	ipc_server_put_work(change->daemon->server, &change->work);
}

/* Of one user one after the other: what is held and then released is not to be held again. */
static struct change *next_of_user(struct change *change, const struct change *than)
{
	while (change && change->peer.uid != than->peer.uid)
		change = change->next_call;
	return change;
}

static void line_up(struct change *change)
{
	struct change **link = &change->daemon->changes;

	while (*link)
		link = &(*link)->next_call;
	*link = change;
	change->link = link;
}

static void leave_line(struct change *change)
{
	struct change *next = next_of_user(change->next_call, change);

	*change->link = change->next_call;
	if (change->next_call)
		change->next_call->link = change->link;
	if (next)
		put_part(next);
}

static void change_free(struct change *change)
{
	struct one_change *next;

	if (change->link)
		leave_line(change);
	for (struct one_change *one = change->done_first; one; one = next) {
		next = one->next;
		free(one);
	}
	scan_done(&change->scan);
	json_decref(change->parameters);
	free(change->left_alone.bytes);
	free(change->done.bytes);
	free(change->id);
	free(change);
}

/* ---- what was selected ---- */

static int remember(struct change *change, uint64_t id)
{
	uint64_t *more;

	if (change->count == change->size) {
		change->size = change->size ? change->size * 2 : 64;
		more = reallocarray(change->id, change->size, sizeof(*more));
		if (!more)
			return -ENOMEM;
		change->id = more;
	}
	change->id[change->count++] = id;
	return 0;
}

/* Of those that have not ended memory knows best; those that have are meant only where they are
 * named, and one that has ended since its row was read is told so. */
static int take(struct scan *scan, const struct job *job, const struct job_result *result)
{
	struct change *change = (struct change *)scan;
	const struct jobs *jobs = scan->daemon->jobs;
	const struct job *live = jobs_find(jobs, job->id);

	(void)result;
	return live && !select_has(&scan->select, jobs, live) ? 0 : remember(change, job->id);
}

static bool select_next(struct change *change)
{
	struct jobs *jobs = change->daemon->jobs;

	change->at = jobs_next(jobs, change->at);
	return change->at && (!select_has(&change->scan.select, jobs, change->at) ||
			      !remember(change, change->at->id));
}

/* True when there are more. */
static bool select_some(struct change *change)
{
	uint64_t until_us = clock_now_us() + IPC_PART_US;

	do
		for (uint32_t i = 0; i < JOBS_PART; i++)
			if (!select_next(change))
				return false;
	while (clock_now_us() < until_us);
	return true;
}

/* ---- one after the other ---- */

static const char *why_not(const struct change *change, int rc)
{
	switch (rc) {
	case -ESRCH:
		return "it has ended";
	case -EALREADY:
		return change->method == IPC_CANCEL    ? "it is being cancelled already"
		       : change->method == IPC_HOLD    ? "it is held already"
		       : change->method == IPC_RELEASE ? "it is not held"
						       : "it is queued already";
	case -EBUSY:
		return change->method == IPC_HOLD ? "it has started" : "its end is not on disk yet";
	case -EPERM:
		return "you may not submit to its component, or are not in all of its groups";
	case -EDQUOT:
		return "there is no room for it in the queue: max-queued, queue-size or user-share";
	default:
		return strerror(-rc);
	}
}

static void note(struct change *change, uint64_t id, int rc)
{
	const struct job *job = jobs_find(change->daemon->jobs, id);
	struct store_row row;
	json_t *object;

	change->changed += rc == 0;
	change->refused += rc != 0;
	if (change->shown >= IPC_JOBS_SHOWN)
		return;
	if (!job && !store_find(jobs_reader(change->daemon->jobs), id, &row))
		job = &row.job;
	if (!job)
		return;
	change->shown++;
	object = json_object();
	json_object_set_new(object, "id", json_u64(id));
	encode_job_place(object, job);
	json_object_set_new(object, "changed", json_boolean(rc == 0));
	json_object_set_new(object, "state",
			    json_string(job_state_name((enum job_state)job->state)));
	json_object_set_new(object, "text", json_string(rc ? why_not(change, rc) : ""));
	json_write_element(rc ? &change->left_alone : &change->done, object);
}

static void is_changed(void *data, int rc)
{
	struct one_change *one = data;
	struct change *change = one->change;

	one->rc = rc;
	one->next = change->done_first;
	change->done_first = one;
	change->pending--;
	put_part(change);
}

static void note_done(struct change *change, uint64_t until_us)
{
	while (change->done_first && clock_now_us() < until_us) {
		struct one_change *one = change->done_first;

		change->done_first = one->next;
		note(change, one->id, one->rc);
		free(one);
	}
}

/* ---- what may be submitted may be queued again, and released ---- */

static bool is_allowed(struct change *change, const char *component)
{
	const struct config *config = &change->daemon->config;
	int at;

	if (strcmp(change->asked, component) != 0) {
		at = config_find(config, component);
		change->allowed =
			at >= 0 &&
			submitters_include(&change->daemon->component[at].allow, &change->peer);
		text_copy(change->asked, sizeof(change->asked), component);
	}
	return change->allowed;
}

/* It runs with the groups it was submitted with: its owner must have them still. */
static int check_rights(struct change *change, uint64_t id)
{
	struct store_row row;
	bool has_all;
	int rc;

	if ((change->method != IPC_REQUEUE && change->method != IPC_RELEASE) ||
	    change->peer.uid == 0)
		return 0;
	rc = store_find(jobs_reader(change->daemon->jobs), id, &row);
	if (rc)
		return rc == -ENOENT ? -ESRCH : rc;
	has_all = ipc_peer_in_group(&change->peer, row.spec.gid);
	for (uint32_t i = 0; has_all && i < row.spec.group_count; i++)
		has_all = ipc_peer_in_group(&change->peer, row.spec.group[i]);
	return has_all && is_allowed(change, row.component) ? 0 : -EPERM;
}

/* In a dry run only whether it would be tried: its state says the rest. */
static int would(const struct change *change, uint64_t id)
{
	const struct job *job = jobs_find(change->daemon->jobs, id);
	bool active = job && job_state_is_active((enum job_state)job->state);

	switch (change->method) {
	case IPC_CANCEL:
		return !job ? -ESRCH : job->flags & JOB_CANCELLING ? -EALREADY : 0;
	case IPC_HOLD:
		return !job ? -ESRCH : active ? -EBUSY : job->state == JOB_HELD ? -EALREADY : 0;
	case IPC_RELEASE:
		return !job ? -ESRCH : job->state != JOB_HELD ? -EALREADY : 0;
	default:
		return job && !active ? -EALREADY : 0;
	}
}

static int try_one(struct change *change, uint64_t id, struct one_change *one)
{
	struct jobs *jobs = change->daemon->jobs;

	switch (change->method) {
	case IPC_CANCEL:
		return jobs_cancel(jobs, id, change->peer.uid, change->grace_us, is_changed, one);
	case IPC_HOLD:
		return jobs_hold(jobs, id, change->peer.uid, is_changed, one);
	case IPC_RELEASE:
		return jobs_release(jobs, id, change->peer.uid, is_changed, one);
	default:
		return jobs_requeue(jobs, id, change->peer.uid, is_changed, one);
	}
}

static void change_one(struct change *change, uint64_t id)
{
	int rc = check_rights(change, id);
	struct one_change *one;

	if (rc || change->dry_run) {
		note(change, id, rc ? rc : would(change, id));
		return;
	}
	one = malloc(sizeof(*one));
	if (!one) {
		note(change, id, -ENOMEM);
		return;
	}
	*one = (struct one_change){.change = change, .id = id};
	change->pending++; /* before it may be done */
	rc = try_one(change, id, one);
	if (rc) {
		change->pending--;
		free(one);
		note(change, id, rc);
	}
}

/* Those that were left alone come first. */
static void encode(struct change *change, struct ipc_answer *answer)
{
	struct json_writer whole = {0};

	json_write(&whole, "{\"changed\":");
	json_write_value(&whole, json_number(change->changed));
	json_write(&whole, ",\"refused\":");
	json_write_value(&whole, json_number(change->refused));
	json_write(&whole, ",\"jobs\":[");
	json_write_list(&whole, &change->left_alone);
	json_write_list(&whole, &change->done);
	json_write(&whole, "]}");
	ipc_answer_write(answer, &whole);
}

static void send(struct daemon *daemon, uint64_t token, struct ipc_answer *answer)
{
	if (daemon->server)
		ipc_server_answer(daemon->server, token, answer, clock_now_us());
	else
		ipc_answer_done(answer);
}

static void end(struct change *change)
{
	struct ipc_answer answer = {0};

	if (change->count)
		encode(change, &answer);
	else
		select_answer_none(&change->scan.select, &answer);
	send(change->daemon, change->token, &answer);
	change_free(change);
}

static void selected_all(struct scan *scan, int rc, struct ipc_answer *answer)
{
	struct change *change = (struct change *)scan;

	if (rc) {
		ipc_answer_fail(answer, rc == -EBUSY ? IPC_ERROR_BUSY : IPC_ERROR_FAILED,
				"the jobs cannot be read: %s", strerror(-rc));
		change_free(change);
		return;
	}
	change->selected = true;
	put_part(change);
	answer->later = true;
}

static void drop_scan(struct scan *scan)
{
	change_free((struct change *)scan);
}

static const struct scan_use use = {.take = take, .finish = selected_all, .drop = drop_scan};

/* A part; true when there is another at once. */
static bool change_some(struct change *change)
{
	uint64_t until_us = clock_now_us() + IPC_PART_US;

	note_done(change, until_us);
	while (change->next < change->count && change->pending < BATCH && clock_now_us() < until_us)
		change_one(change, change->id[change->next++]);
	return change->done_first || (change->next < change->count && change->pending < BATCH);
}

static void scan_ranges(struct change *change)
{
	struct ipc_call call = {.parameters = change->parameters, .token = change->token};
	struct daemon *daemon = change->daemon;
	struct ipc_answer answer = {0};

	scan_begin(&change->scan, &use, daemon, &call, &answer);
	if (!answer.later)
		send(daemon, call.token, &answer);
}

static bool step(struct ipc_work *work)
{
	struct change *change = change_of_work(work);

	change->queued = false;
	if (next_of_user(change->daemon->changes, change) != change)
		return false; /* that one asks for us */
	if (!change->begun && change->scan.select.range_count) {
		change->begun = true;
		scan_ranges(change);
		return false;
	}
	change->begun = true;
	change->queued = true; /* what is done at once need not ask for a part */
	if (!change->selected) {
		change->selected = !select_some(change);
		return true;
	}
	if (change_some(change))
		return true;
	change->queued = false;
	if (change->next == change->count && !change->pending)
		end(change);
	return false;
}

static void drop(struct ipc_work *work)
{
	change_free(change_of_work(work));
}

/* ---- the call ---- */

static struct change *change_new(struct daemon *daemon, const struct ipc_call *call)
{
	struct change *change = calloc(1, sizeof(*change));

	if (!change)
		return NULL;
	change->daemon = daemon;
	change->method = call->method;
	change->token = call->token;
	change->peer = *call->peer;
	change->dry_run = json_get_bool(call->parameters, "dry_run");
	change->grace_us = json_get_u64_or(call->parameters, "grace_us",
					   daemon->config.admission.kill_grace_us);
	change->work = (struct ipc_work){.step = step, .drop = drop};
	change->parameters = json_incref((json_t *)call->parameters);
	return change;
}

static void begin_later(struct jobs_later *later, int rc)
{
	struct change *change = change_of_later(later);
	struct ipc_answer answer = {0};

	if (!rc) {
		change->entered = true;
		put_part(change);
		return;
	}
	ipc_answer_fail(&answer, IPC_ERROR_FAILED, "uwd ends");
	send(change->daemon, change->token, &answer);
	change_free(change);
}

void method_change(struct daemon *daemon, const struct ipc_call *call, struct ipc_answer *answer)
{
	struct change *change = change_new(daemon, call);

	if (!change) {
		ipc_answer_fail(answer, IPC_ERROR_FAILED, "out of memory");
		return;
	}
	if (change->grace_us > GRACE_MAX_US)
		ipc_answer_fail(
			answer, IPC_ERROR_BAD_JOB,
			"a grace is an hour at most: give a shorter one, or 0 to kill at once");
	if (answer->error || !select_read(call, answer, "select", &change->scan.select)) {
		change_free(change);
		return;
	}
	change->later.fn = begin_later;
	answer->later = true;
	line_up(change);
	change->entered = !jobs_wait_coming(daemon->jobs, &change->later);
	put_part(change);
}
