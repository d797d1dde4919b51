// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads of committed rows on a connection that cannot write. Each kind of question is one
 * statement, prepared when it is first asked and kept; the columns of a row are read in the order
 * of that statement. A page of what has ended begins behind the last row of the page before it, by
 * end and id, so that each page costs the same. An array is asked about by seeks in two indices,
 * without a look at its elements.
 */
#include "user/store/history.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"
#include "user/store/internal.h"

enum reader_statement {
	RD_FIND,
	RD_SIZE,
	RD_KEY,
	RD_FROM,
	RD_ENDED,
	RD_AWAITED,
	RD_EVENTS,
	RD_RUNS,
	RD_LATE_RUNS,
	RD_TOTALS,
	RD_PREDICTED,
	RD__COUNT
};

struct store_reader {
	sqlite3 *db;
	sqlite3_stmt *statement[RD__COUNT];
	char *spec; /* of the job that was found last, with what points into it */
	char component[UW_NAME_LEN], key[JOB_KEY_LEN];
};

#define ROW                                                                                              \
	"SELECT id, state, component, key, name, uid, gid, priority, memory_priority, memory,"           \
	" reserved, time, time_limit, array, idx, flags, retries, attempts, submit, queued, start, end," \
	" reason, observed, threshold, peak, cpu, status, signal, oom_kills, out_dropped, err_dropped, spec FROM jobs"

#define RUN                                                                                 \
	"SELECT key, component, uid, outgrew, state, asked, reserved_first, peak, run, end" \
	" FROM runs"

static const char *const sql[RD__COUNT] = {
	[RD_FIND] = ROW " WHERE id = ?1",
	[RD_SIZE] = "SELECT length(spec), (SELECT length(data) FROM env WHERE env.id = jobs.env)"
		    " FROM jobs WHERE id = ?1",
	[RD_KEY] = "SELECT data FROM keys WHERE key = ?1",
	[RD_FROM] = ROW " WHERE id >= ?1 ORDER BY id LIMIT ?2",
	[RD_ENDED] = ROW " INDEXED BY jobs_ended WHERE state >= 6 AND end >= ?1"
			 " AND (end, id) < (?2, ?3) ORDER BY end DESC, id DESC",
	/* Seeks: no look at the elements themselves. */
	[RD_AWAITED] = "SELECT (SELECT max(id) FROM jobs INDEXED BY jobs_array_live"
		       " WHERE array = ?1 AND state < 6),"
		       " EXISTS (SELECT 1 FROM jobs INDEXED BY jobs_array_bad"
		       " WHERE array = ?1 AND state > 6),"
		       " EXISTS (SELECT 1 FROM jobs WHERE array = ?1),"
		       " (SELECT state FROM jobs WHERE id = ?1)",
	[RD_EVENTS] = "SELECT at, step, attempt, before, after, reason, observed, threshold FROM"
		      " (SELECT rowid AS n, * FROM events WHERE job = ?1"
		      " ORDER BY rowid DESC LIMIT 64) ORDER BY n",
	[RD_RUNS] = RUN " INDEXED BY runs_key WHERE (key, component, uid) > (?1, ?2, ?3)"
			" AND key > '' AND (?4 IS NULL OR component = ?4)"
			" AND (?5 IS NULL OR uid = ?5) ORDER BY key, component, uid, id",
	[RD_LATE_RUNS] = RUN " WHERE id > (SELECT max(id) FROM runs) - ?1 ORDER BY id",
	[RD_TOTALS] = ("SELECT component, class, state, jobs, runs, sufficed, wait, wait_max, run,"
		       " asked, reserved, peak FROM totals"),
	[RD_PREDICTED] = "SELECT component, what, bucket, count, sum FROM predicted",
};

#define PATH_LEN     512
#define BUSY_WAIT_MS 100 /* only while the log is made anew */

int store_reader_open(const struct store_options *options, struct store_reader **ret_reader,
		      struct uw_err *err)
{
	struct store_reader *reader = calloc(1, sizeof(*reader));
	char path[PATH_LEN];
	int result;

	if (!reader)
		return err_set(err, -ENOMEM, "store: out of memory");
	snprintf(path, sizeof(path), "%s/%s", options->dir, STORE_FILE);
	result = sqlite3_open_v2(path, &reader->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX,
				 options->vfs);
	if (result == SQLITE_OK)
		result = sqlite3_busy_timeout(reader->db, BUSY_WAIT_MS);
	if (result == SQLITE_OK)
		result = sqlite3_exec(reader->db, "PRAGMA cache_size = -1024", NULL, NULL, NULL);
	if (result != SQLITE_OK) {
		err_set(err, store_errno(result), "store: %s cannot be read: %s", path,
			reader->db ? sqlite3_errmsg(reader->db) : "out of memory");
		store_reader_close(reader);
		return store_errno(result);
	}
	*ret_reader = reader;
	return 0;
}

sqlite3 *store_reader_db(struct store_reader *reader)
{
	return reader->db;
}

void store_reader_interrupt(struct store_reader *reader)
{
	sqlite3_interrupt(reader->db);
}

void store_reader_close(struct store_reader *reader)
{
	if (!reader)
		return;
	for (int i = 0; i < RD__COUNT; i++)
		sqlite3_finalize(reader->statement[i]);
	sqlite3_close(reader->db);
	free(reader->spec);
	free(reader);
}

static sqlite3_stmt *prepare(struct store_reader *reader, enum reader_statement which)
{
	sqlite3_stmt **statement = &reader->statement[which];

	if (!*statement)
		sqlite3_prepare_v3(reader->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT, statement,
				   NULL);
	return *statement;
}

/* Each row to fn, which reads it from the statement; closes the read. */
typedef int (*each_fn)(void *data, sqlite3_stmt *row);

static int each(struct store_reader *reader, sqlite3_stmt *statement, each_fn fn, void *data)
{
	int rc = 0, result = SQLITE_DONE;

	while (statement && !rc && (result = sqlite3_step(statement)) == SQLITE_ROW)
		rc = fn(data, statement);
	if (!statement)
		result = sqlite3_errcode(reader->db);
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	if (rc)
		return rc < 0 ? rc : 0;
	return store_errno(result);
}

/* ---- jobs ---- */

static void read_job(struct columns *row, struct store_row *to)
{
	struct job *job = &to->job;

	job->id = next_int(row);
	job->state = (uint8_t)next_int(row);
	to->component = next_text(row);
	to->key = next_text(row);
	text_copy(job->name, sizeof(job->name), next_text(row));
	job->uid = (uint32_t)next_int(row);
	job->gid = (uint32_t)next_int(row);
	job->priority = (uint8_t)next_int(row);
	job->memory_priority = (uint8_t)next_int(row);
	job->memory_bytes = next_int(row);
	job->reserved_bytes = next_int(row);
	job->time_us = next_int(row);
	job->time_limit_us = next_int(row);
	job->array = next_int(row);
	job->index = (uint32_t)next_int(row);
	job->flags = (uint16_t)next_int(row);
	job->retries = (uint8_t)next_int(row);
	job->attempts = (uint16_t)next_int(row);
	job->submit_us = next_int(row);
	job->queued_us = next_int(row);
	job->start_us = next_int(row);
	job->end_us = next_int(row);
	job->reason = (uint8_t)next_int(row);
	job->observed = next_int(row);
	job->threshold = next_int(row);
}

static int read_row(sqlite3_stmt *statement, struct store_row *to)
{
	struct columns row = {.statement = statement};
	struct job *job = &to->job;

	*to = (struct store_row){0};
	read_job(&row, to);
	job->peak_bytes = next_int(&row);
	to->result = (struct job_result){
		.state = (enum job_state)job->state,
		.queued_us = job->queued_us,
		.start_us = job->start_us,
		.end_us = job->end_us,
		.peak_bytes = job->peak_bytes,
		.why = {(enum job_reason)job->reason, job->observed, job->threshold},
	};
	to->result.cpu_us = next_int(&row);
	to->result.status = (int32_t)next_int(&row);
	to->result.signal = (int32_t)next_int(&row);
	to->result.oom_kills = next_int(&row);
	to->result.out_dropped = next_int(&row);
	to->result.err_dropped = next_int(&row);
	if (job_unpack(sqlite3_column_blob(statement, row.at),
		       (unsigned long)sqlite3_column_bytes(statement, row.at), &to->spec) < 0)
		return -EUCLEAN;
	job->input_bytes = to->spec.input_bytes;
	return 0;
}

struct row_call {
	store_row_fn fn;
	void *data;
};

static int call_row(void *data, sqlite3_stmt *statement)
{
	const struct row_call *call = data;
	struct store_row row;
	int rc = read_row(statement, &row);

	return rc ? rc : call->fn(call->data, &row);
}

/* A statement that is not reset would hold its view of the database, for all that is read later. */
static int keep_row(struct store_reader *reader, sqlite3_stmt *statement, struct store_row *row)
{
	int last = sqlite3_column_count(statement) - 1;
	unsigned long size = (unsigned long)sqlite3_column_bytes(statement, last);
	char *copy = realloc(reader->spec, size);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, sqlite3_column_blob(statement, last), size);
	reader->spec = copy;
	text_copy(reader->component, sizeof(reader->component), row->component);
	text_copy(reader->key, sizeof(reader->key), row->key);
	row->component = reader->component;
	row->key = reader->key;
	return job_unpack(copy, size, &row->spec) < 0 ? -EUCLEAN : 0;
}

int store_find(struct store_reader *reader, uint64_t id, struct store_row *ret_row)
{
	sqlite3_stmt *statement = prepare(reader, RD_FIND);
	int result, rc;

	if (!statement)
		return store_errno(sqlite3_errcode(reader->db));
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)id);
	result = sqlite3_step(statement);
	if (result == SQLITE_ROW) {
		rc = read_row(statement, ret_row);
		if (!rc)
			rc = keep_row(reader, statement, ret_row);
	} else {
		rc = result == SQLITE_DONE ? -ENOENT : store_errno(result);
	}
	sqlite3_reset(statement);
	return rc;
}

int store_find_size(struct store_reader *reader, uint64_t id, uint64_t *ret_spec_bytes,
		    uint64_t *ret_env_bytes)
{
	sqlite3_stmt *statement = prepare(reader, RD_SIZE);
	int result;

	if (!statement)
		return store_errno(sqlite3_errcode(reader->db));
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)id);
	result = sqlite3_step(statement);
	if (result == SQLITE_ROW) {
		*ret_spec_bytes = (uint64_t)sqlite3_column_int64(statement, 0);
		*ret_env_bytes = (uint64_t)sqlite3_column_int64(statement, 1);
	}
	sqlite3_reset(statement);
	return result == SQLITE_ROW ? 0 : result == SQLITE_DONE ? -ENOENT : store_errno(result);
}

int store_find_key(struct store_reader *reader, uint64_t key, const void **ret_bytes,
		   unsigned long *ret_size)
{
	sqlite3_stmt *statement = prepare(reader, RD_KEY);
	int result, rc = 0;
	char *copy;

	if (!statement)
		return store_errno(sqlite3_errcode(reader->db));
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)key);
	result = sqlite3_step(statement);
	if (result != SQLITE_ROW) {
		rc = result == SQLITE_DONE ? -ENOENT : store_errno(result);
	} else {
		*ret_size = (unsigned long)sqlite3_column_bytes(statement, 0);
		copy = realloc(reader->spec, *ret_size + 1);
		rc = copy ? 0 : -ENOMEM;
		if (copy && *ret_size)
			memcpy(copy, sqlite3_column_blob(statement, 0), *ret_size);
		reader->spec = copy ? copy : reader->spec;
		*ret_bytes = reader->spec;
	}
	sqlite3_reset(statement);
	return rc;
}

int store_each_from(struct store_reader *reader, uint64_t first, uint32_t count, store_row_fn fn,
		    void *data)
{
	sqlite3_stmt *statement = prepare(reader, RD_FROM);
	struct row_call call = {fn, data};

	if (first > INT64_MAX)
		return 0;
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)first);
	sqlite3_bind_int64(statement, 2, count);
	return each(reader, statement, call_row, &call);
}

int store_each_ended(struct store_reader *reader, uint64_t since_us, const struct store_past *past,
		     store_row_fn fn, void *data)
{
	sqlite3_stmt *statement = prepare(reader, RD_ENDED);
	struct row_call call = {fn, data};

	sqlite3_bind_int64(statement, 1, (sqlite3_int64)since_us);
	sqlite3_bind_int64(statement, 2, past ? (sqlite3_int64)past->end_us : INT64_MAX);
	sqlite3_bind_int64(statement, 3, past ? (sqlite3_int64)past->id : INT64_MAX);
	return each(reader, statement, call_row, &call);
}

static int read_awaited(void *data, sqlite3_stmt *statement)
{
	struct store_awaited *awaited = data;
	bool is_there = sqlite3_column_type(statement, 3) != SQLITE_NULL;
	enum job_state state = (enum job_state)sqlite3_column_int(statement, 3);

	awaited->live = (uint64_t)sqlite3_column_int64(statement, 0);
	if (is_there && !job_state_is_end(state) && !awaited->live)
		awaited->live = awaited->on;
	awaited->bad = sqlite3_column_int(statement, 1) || (is_there && state > JOB_DONE);
	awaited->known = is_there || sqlite3_column_int(statement, 2);
	return 0;
}

int store_find_awaited(struct store_reader *reader, uint64_t on, struct store_awaited *ret_awaited)
{
	sqlite3_stmt *statement = prepare(reader, RD_AWAITED);

	*ret_awaited = (struct store_awaited){.on = on};
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)on);
	return each(reader, statement, read_awaited, ret_awaited);
}

/* ---- events, runs, totals ---- */

struct event_call {
	store_event_fn fn;
	void *data;
};

static int call_event(void *data, sqlite3_stmt *statement)
{
	const struct event_call *call = data;
	struct columns row = {.statement = statement};
	struct job_event event = {0};

	event.wall_us = next_int(&row);
	event.step = (enum job_step)next_int(&row);
	event.attempt = (uint32_t)next_int(&row);
	event.before_bytes = next_int(&row);
	event.after_bytes = next_int(&row);
	event.why.reason = (enum job_reason)next_int(&row);
	event.why.observed = next_int(&row);
	event.why.threshold = next_int(&row);
	return call->fn(call->data, &event);
}

int store_each_event(struct store_reader *reader, uint64_t id, store_event_fn fn, void *data)
{
	sqlite3_stmt *statement = prepare(reader, RD_EVENTS);
	struct event_call call = {fn, data};

	sqlite3_bind_int64(statement, 1, (sqlite3_int64)id);
	return each(reader, statement, call_event, &call);
}

struct run_call {
	store_run_fn fn;
	void *data;
};

static int call_run(void *data, sqlite3_stmt *statement)
{
	const struct run_call *call = data;
	struct columns row = {.statement = statement};
	struct store_run_row run = {0};

	run.key = next_text(&row);
	run.component = next_text(&row);
	run.uid = (uint32_t)next_int(&row);
	run.outgrew = next_int(&row);
	run.state = (enum job_state)next_int(&row);
	run.asked_bytes = next_int(&row);
	run.reserved_first_bytes = next_int(&row);
	run.peak_bytes = next_int(&row);
	run.run_us = next_int(&row);
	run.end_us = next_int(&row);
	return call->fn(call->data, &run);
}

int store_each_run(struct store_reader *reader, const struct store_key_at *after,
		   const char *component, const uint32_t *uid, store_run_fn fn, void *data)
{
	sqlite3_stmt *statement = prepare(reader, RD_RUNS);
	struct run_call call = {fn, data};

	sqlite3_bind_text(statement, 1, after ? after->key : "", -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 2, after ? after->component : "", -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 3, after ? (sqlite3_int64)after->uid : -1);
	sqlite3_bind_text(statement, 4, component, -1, SQLITE_STATIC);
	if (uid)
		sqlite3_bind_int64(statement, 5, *uid);
	return each(reader, statement, call_run, &call);
}

int store_each_late_run(struct store_reader *reader, uint32_t count, store_run_fn fn, void *data)
{
	sqlite3_stmt *statement = prepare(reader, RD_LATE_RUNS);
	struct run_call call = {fn, data};

	sqlite3_bind_int64(statement, 1, count);
	return each(reader, statement, call_run, &call);
}

struct total_call {
	store_total_fn fn;
	void *data;
};

static int call_total(void *data, sqlite3_stmt *statement)
{
	const struct total_call *call = data;
	struct columns row = {.statement = statement};
	struct store_total total = {0};

	total.component = next_text(&row);
	total.class = (enum job_class)next_int(&row);
	total.state = (enum job_state)next_int(&row);
	total.jobs = next_int(&row);
	total.runs = next_int(&row);
	total.sufficed = next_int(&row);
	total.wait_us = next_int(&row);
	total.wait_max_us = next_int(&row);
	total.run_us = next_int(&row);
	total.asked_bytes = sqlite3_column_double(statement, row.at++);
	total.reserved_bytes = sqlite3_column_double(statement, row.at++);
	total.peak_bytes = sqlite3_column_double(statement, row.at);
	return call->fn(call->data, &total);
}

int store_each_total(struct store_reader *reader, store_total_fn fn, void *data)
{
	struct total_call call = {fn, data};

	return each(reader, prepare(reader, RD_TOTALS), call_total, &call);
}

struct prediction_call {
	store_prediction_fn fn;
	void *data;
};

static int call_prediction(void *data, sqlite3_stmt *statement)
{
	const struct prediction_call *call = data;
	struct columns row = {.statement = statement};
	struct store_prediction prediction = {0};

	prediction.component = next_text(&row);
	prediction.what = (enum store_predicted)next_int(&row);
	prediction.bucket = (uint32_t)next_int(&row);
	prediction.count = next_int(&row);
	prediction.sum_permyriad = next_int(&row);
	return call->fn(call->data, &prediction);
}

int store_each_prediction(struct store_reader *reader, store_prediction_fn fn, void *data)
{
	struct prediction_call call = {fn, data};

	return each(reader, prepare(reader, RD_PREDICTED), call_prediction, &call);
}
