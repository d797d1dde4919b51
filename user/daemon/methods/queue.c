// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Dispatches the methods of jobs, and holds those that tell of one: Job and Logs, of the first job
 * that a range names. All that is told comes from its row in the database and from what the queue
 * knows of it while it has not ended.
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
#include "user/daemon/methods/queue_page.h"
#include "user/daemon/methods/recommend.h"
#include "user/daemon/methods/scan.h"
#include "user/daemon/methods/select.h"
#include "user/daemon/methods/submit.h"
#include "user/daemon/methods/wait.h"
#include "user/ipc/json.h"
#include "user/jobs/jobs.h"

#define PATH_LEN 512

/* ---- one job: the first that the range names ---- */

struct one_job {
	struct scan scan; /* first */
	uint64_t id;      /* 0: none yet */
	void (*encode)(struct daemon *daemon, const struct store_row *row,
		       struct ipc_answer *answer);
};

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
		select_answer_none(&one->scan.select, answer);
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
		ipc_answer_fail(answer, IPC_ERROR_BUSY, "job %" PRIu64 " ends just now; try again",
				job.id);
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
	json_object_set_new(answer->parameters, "predicted_by",
			    encode_predicted_by(daemon->jobs, live));
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
	[IPC_QUEUE] = method_queue_page,
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
