// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Dispatches the methods of jobs, and holds those that only read what jobs there are. Queue lists
 * those that run, then those in the order in which they will start, then the rest; as a page near
 * the top is what is asked for most, it is made without a look at all the jobs. Job and Logs tell
 * of the first job that a range names.
 */
#include "user/daemon/methods/queue.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "user/base/cleanup.h"
#include "user/daemon/methods/change.h"
#include "user/daemon/methods/encode_job.h"
#include "user/daemon/methods/history.h"
#include "user/daemon/methods/recommend.h"
#include "user/daemon/methods/scan.h"
#include "user/daemon/methods/select.h"
#include "user/daemon/methods/submit.h"
#include "user/daemon/methods/wait.h"
#include "user/ipc/json.h"
#include "user/jobs/jobs.h"

#define PATH_LEN 512

static uint64_t page_of(const struct ipc_call *call)
{
	uint64_t count = json_get_u64_or(call->parameters, "count", IPC_JOBS_A_PAGE);

	return count < IPC_JOBS_A_PAGE ? count : IPC_JOBS_A_PAGE;
}

/* ---- Queue: those that run, those in the order of the queue, and then the rest ---- */

struct queue_page {
	const struct jobs *jobs;
	const struct job_select *select;
	uint64_t from, count, total;
	json_t *list;
};

static void offer(struct queue_page *page, const struct job *job)
{
	if (!job || !select_has(page->select, page->jobs, job))
		return;
	if (page->total >= page->from && page->total - page->from < page->count)
		json_array_append_new(page->list, encode_queue_entry(page->jobs, job));
	page->total++;
}

static void offer_active(struct queue_page *page)
{
	uint32_t slot = 0;
	const struct job *job;

	while ((job = jobs_next_active(page->jobs, &slot)))
		offer(page, job);
}

/* All jobs, and a page that lies among those that run and those that wait for their turn: nothing
 * else needs to be looked at. False when it does not. */
static bool offer_plain_page(struct queue_page *page)
{
	const struct job_select *select = page->select;
	uint64_t end = page->from + page->count, skip;
	uint64_t queued[IPC_JOBS_A_PAGE];
	uint32_t count, want;

	if (select->range_count || select->component || select->key || select->tag ||
	    select->states || select->one_user)
		return false;
	offer_active(page);
	if (end > page->total) {
		skip = page->from > page->total ? page->from - page->total : 0;
		want = (uint32_t)(end - page->total - skip);
		count = admit_queue(jobs_admit(page->jobs), (uint32_t)skip, queued, want);
		page->total += skip;
		for (uint32_t i = 0; i < count; i++)
			offer(page, jobs_find(page->jobs, queued[i]));
		if (count < want)
			return false;
	}
	page->total = jobs_count(page->jobs);
	return true;
}

static int by_id(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Held, waiting for others, or too large for their component as it is. */
static void offer_rest(struct queue_page *page, const uint64_t *queued, uint32_t count)
{
	AUTO_FREE uint64_t *rest = calloc(jobs_count(page->jobs) + 1UL, sizeof(*rest));
	AUTO_FREE uint8_t *seen = calloc(JOBS_MAX, 1);
	uint32_t found = 0;

	if (!rest || !seen)
		return;
	for (uint32_t i = 0; i < count; i++) {
		const struct job *job = jobs_find(page->jobs, queued[i]);

		if (job)
			seen[jobs_place(page->jobs, job)] = 1;
	}
	for (const struct job *job = jobs_next(page->jobs, NULL); job;
	     job = jobs_next(page->jobs, job))
		if (!job_state_is_active((enum job_state)job->state) &&
		    !seen[jobs_place(page->jobs, job)])
			rest[found++] = job->id;
	qsort(rest, found, sizeof(*rest), by_id);
	for (uint32_t i = 0; i < found; i++)
		offer(page, jobs_find(page->jobs, rest[i]));
}

static json_t *encode_page(const struct queue_page *page)
{
	uint64_t end = page->from + page->count;

	return json_pack("{s:o, s:I, s:o}", "jobs", page->list, "total", (json_int_t)page->total,
			 "next", end < page->total ? json_u64(end) : json_null());
}

static void method_queue(struct daemon *daemon, const struct ipc_call *call,
			 struct ipc_answer *answer)
{
	AUTO_FREE uint64_t *queued = calloc(jobs_count(daemon->jobs) + 1UL, sizeof(*queued));
	struct job_select select;
	struct queue_page page = {
		.jobs = daemon->jobs,
		.select = &select,
		.from = json_get_u64_or(call->parameters, "from", 0),
		.count = page_of(call),
	};
	uint32_t count;

	if (!queued) {
		ipc_answer_fail(answer, IPC_ERROR_FAILED, "out of memory");
		return;
	}
	if (!select_read(call, answer, "select", &select))
		return;
	page.list = json_array();
	if (offer_plain_page(&page)) {
		answer->parameters = encode_page(&page);
		return;
	}
	page.total = 0;
	json_array_clear(page.list);
	offer_active(&page);
	count = admit_queue(jobs_admit(daemon->jobs), 0, queued, jobs_count(daemon->jobs));
	for (uint32_t i = 0; i < count; i++)
		offer(&page, jobs_find(daemon->jobs, queued[i]));
	offer_rest(&page, queued, count);
	answer->parameters = encode_page(&page);
}

/* ---- one job: the first that the range names ---- */

struct one_job {
	struct scan scan; /* first */
	uint64_t id;      /* 0: none yet */
	void (*encode)(struct daemon *daemon, const struct store_row *row,
		       struct ipc_answer *answer);
};

static void no_job(struct ipc_answer *answer)
{
	ipc_answer_fail(answer, IPC_ERROR_NO_JOB, "there is no such job of yours");
}

static void one_free(struct scan *scan)
{
	scan_done(scan);
	free(scan);
}

static int take_first(struct scan *scan, const struct job *job, const struct job_result *result)
{
	(void)result;
	((struct one_job *)scan)->id = job->id;
	return 1;
}

/* Its row is that of the last read. */
static void one_found(struct scan *scan, int rc, struct ipc_answer *answer)
{
	struct one_job *one = (struct one_job *)scan;
	struct daemon *daemon = scan->daemon;
	struct store_row row;

	if (rc == -EBUSY)
		ipc_answer_fail(answer, IPC_ERROR_BUSY, "too many read the queue now; try again");
	else if (rc || !one->id || store_find(jobs_reader(daemon->jobs), one->id, &row))
		no_job(answer);
	else
		one->encode(daemon, &row, answer);
	one_free(scan);
}

static const struct scan_use use_one = {.take = take_first, .finish = one_found, .drop = one_free};

static void find_one(struct daemon *daemon, const struct ipc_call *call, struct ipc_answer *answer,
		     void (*encode)(struct daemon *daemon, const struct store_row *row,
				    struct ipc_answer *answer))
{
	struct one_job *one = calloc(1, sizeof(*one));

	if (!one) {
		ipc_answer_fail(answer, IPC_ERROR_FAILED, "out of memory");
		return;
	}
	one->encode = encode;
	if (select_read_ranges(call, answer, json_object_get(call->parameters, "job"),
			       &one->scan.select))
		scan_begin(&one->scan, &use_one, daemon, call, answer);
	else
		one_free(&one->scan);
}

static json_t *encode_argv(const struct job_spec *spec)
{
	json_t *list = json_array();

	for (const char *at = job_block_next(&spec->argv, NULL); at;
	     at = job_block_next(&spec->argv, at))
		json_array_append_new(list, json_string(at));
	return list;
}

static json_t *encode_after(const struct job_spec *spec)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < spec->after_count; i++)
		json_array_append_new(list, json_u64(spec->after[i]));
	return list;
}

static int add_step(void *data, const struct job_event *event)
{
	json_array_append_new(data, encode_job_step(event));
	return 0;
}

static json_t *encode_steps(const struct daemon *daemon, const struct job *job)
{
	json_t *list = json_array();
	struct job_event submitted = {
		.wall_us = job->submit_us,
		.step = JOB_STEP_SUBMITTED,
		.why = {JOB_BECAUSE_SUBMIT, job->uid, 0},
	};

	add_step(list, &submitted);
	store_each_event(jobs_reader(daemon->jobs), job->id, add_step, list);
	return list;
}

static void encode_one(struct daemon *daemon, const struct store_row *row,
		       struct ipc_answer *answer)
{
	const struct job *live = jobs_find(daemon->jobs, row->job.id);
	struct job job = row->job;
	bool ended = job_state_is_end((enum job_state)job.state);

	if (!live && !ended) {
		no_job(answer); /* its end is on the way to the disk */
		return;
	}
	answer->parameters = json_pack("{s:o, s:s, s:o, s:o}", "argv", encode_argv(&row->spec),
				       "cwd", row->spec.cwd, "after", encode_after(&row->spec),
				       "ended", live ? json_null() : encode_history_entry(row));
	if (!answer->parameters) {
		ipc_answer_fail(answer, IPC_ERROR_FAILED, "job %" PRIu64 " is no text", job.id);
		return;
	}
	/* Last, as it reads too, and the strings of row live until the next read. */
	json_object_set_new(answer->parameters, "queued",
			    live ? encode_queue_entry(daemon->jobs, live) : json_null());
	json_object_set_new(answer->parameters, "steps", encode_steps(daemon, &job));
}

static void method_job(struct daemon *daemon, const struct ipc_call *call,
		       struct ipc_answer *answer)
{
	find_one(daemon, call, answer, encode_one);
}

static json_t *encode_log(const struct daemon *daemon, const struct store_row *row, bool err_file)
{
	uint64_t dropped = err_file ? row->result.err_dropped : row->result.out_dropped;
	char path[PATH_LEN];
	struct stat file = {0};
	int64_t allocated;
	bool removed = false;

	jobs_log_path(daemon->jobs, row->job.id, err_file, path, sizeof(path));
	if (stat(path, &file)) {
		/* Made before it ran; only for want of room it goes while the job is known. */
		removed = errno == ENOENT && row->job.attempts &&
			  job_state_is_end((enum job_state)row->job.state);
		file.st_size = 0;
	}
	allocated = file.st_blocks * 512; /* less than its size where the middle was left out */
	return json_pack("{s:s, s:I, s:o, s:o, s:b}", "path", path, "bytes",
			 (json_int_t)(allocated < file.st_size ? allocated : file.st_size),
			 "dropped_bytes", json_u64(dropped), "limit_bytes",
			 json_u64(daemon->config.admission.output_bytes), "removed", removed);
}

static void encode_logs(struct daemon *daemon, const struct store_row *row,
			struct ipc_answer *answer)
{
	const struct job *live = jobs_find(daemon->jobs, row->job.id);

	answer->parameters = json_pack(
		"{s:o, s:s, s:o, s:o, s:o}", "id", json_u64(row->job.id), "state",
		job_state_name((enum job_state)(live ? live->state : row->job.state)), "out",
		encode_log(daemon, row, false), "err", encode_log(daemon, row, true), "total_bytes",
		json_u64(daemon->config.admission.output_total_bytes));
}

static void method_logs(struct daemon *daemon, const struct ipc_call *call,
			struct ipc_answer *answer)
{
	find_one(daemon, call, answer, encode_logs);
}

/* ---- */

typedef void (*method_fn)(struct daemon *daemon, const struct ipc_call *call,
			  struct ipc_answer *answer);

static const method_fn methods[IPC_METHOD__COUNT] = {
	[IPC_SUBMIT] = method_submit,
	[IPC_QUEUE] = method_queue,
	[IPC_JOB] = method_job,
	[IPC_WAIT] = method_wait,
	[IPC_CANCEL] = method_change,
	[IPC_HOLD] = method_change,
	[IPC_RELEASE] = method_change,
	[IPC_REQUEUE] = method_change,
	[IPC_LOGS] = method_logs,
	[IPC_HISTORY] = method_history,
	[IPC_RECOMMEND] = method_recommend,
};

bool methods_queue_handle(struct daemon *daemon, const struct ipc_call *call,
			  struct ipc_answer *answer)
{
	if (!methods[call->method])
		return false;
	if (daemon->jobs)
		methods[call->method](daemon, call, answer);
	else
		ipc_answer_fail(answer, IPC_ERROR_FAILED, "uwd has no queue: %s",
				daemon->jobs_why.text);
	return true;
}
