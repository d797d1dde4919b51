// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Answers History, and lets it and Recommend run their queries on the reader's thread
 * (history_later): a call is copied, run and written out there, and answered when the loop hears
 * that it is done.
 * A page goes from the newest ended job back, looks at no more than HISTORY_ROWS_MAX rows, and
 * carries a cursor for the next one.
 */
#include "user/daemon/methods/history.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/daemon/methods/encode_job.h"
#include "user/ipc/json.h"
#include "user/jobs/jobs.h"
#include "user/jobs/reader.h"

struct history_call {
	struct long_read read;
	struct daemon *daemon;
	uint64_t token;
	json_t *parameters; /* kept for what points into it */
	history_fn fn;
	struct json_writer answer;
	char query[];
};

/* What the thread hands back is the read in it. */
_Static_assert(offsetof(struct history_call, read) == 0,
	       "read_on_thread and read_done cast it back");

static void read_on_thread(struct long_read *read, struct store_reader *reader)
{
	struct history_call *pending = (struct history_call *)read;

	json_t *page = reader ? pending->fn(reader, pending->query) : NULL;

	if (page)
		json_write_value(&pending->answer, page);
}

static void call_free(struct history_call *pending)
{
	json_decref(pending->parameters);
	free(pending->answer.bytes);
	free(pending);
}

static void read_done(struct long_read *read)
{
	struct history_call *pending = (struct history_call *)read;
	struct ipc_answer answer = {0};

	if (pending->answer.count)
		ipc_answer_write(&answer, &pending->answer);
	else
		ipc_answer_fail(&answer, IPC_ERROR_FAILED, "the history cannot be read");
	if (pending->daemon->server)
		ipc_server_answer(pending->daemon->server, pending->token, &answer, clock_now_us());
	else
		ipc_answer_done(&answer);
	call_free(pending);
}

void history_later(struct daemon *daemon, const struct ipc_call *call, struct ipc_answer *answer,
		   history_fn fn, const void *query, size_t size)
{
	struct history_call *pending = calloc(1, sizeof(*pending) + size);
	int rc;

	if (!pending) {
		ipc_answer_fail(answer, IPC_ERROR_FAILED, "out of memory");
		return;
	}
	pending->read = (struct long_read){
		.read = read_on_thread, .done = read_done, .uid = call->peer->uid};
	pending->daemon = daemon;
	pending->token = call->token;
	pending->parameters = json_incref((json_t *)call->parameters);
	pending->fn = fn;
	memcpy(pending->query, query, size);
	rc = reader_thread_put(jobs_reader_thread(daemon->jobs), &pending->read);
	if (rc) {
		call_free(pending);
		ipc_answer_fail(answer, rc == -EBUSY ? IPC_ERROR_BUSY : IPC_ERROR_FAILED,
				"too many read the history now, or you do: %s; try again",
				strerror(-rc));
		return;
	}
	answer->later = true;
}

/* ---- History ---- */

struct past_page {
	const struct history_query *query;
	uint64_t seen;
	bool more;
	struct store_past last;
	json_t *list;
};

static int offer_past(void *data, const struct store_row *row)
{
	struct past_page *past = data;

	if (json_array_size(past->list) >= past->query->count || past->seen == HISTORY_ROWS_MAX) {
		past->more = true;
		return 1;
	}
	past->seen++;
	past->last = (struct store_past){row->job.end_us, row->job.id};
	if (select_has_row(&past->query->select, row))
		json_array_append_new(past->list, encode_history_entry(row));
	return 0;
}

static json_t *cursor(const struct store_past *past)
{
	char text[48];

	snprintf(text, sizeof(text), "%" PRIu64 ".%" PRIu64, past->end_us, past->id);
	return json_string(text);
}

json_t *history_page(struct store_reader *reader, const void *data)
{
	const struct history_query *query = data;
	struct past_page past = {.query = query, .last = query->past, .list = json_array()};

	if (store_each_ended(reader, query->since_us, query->has_past ? &query->past : NULL,
			     offer_past, &past) < 0) {
		json_decref(past.list);
		return NULL;
	}
	return json_pack("{s:o, s:o}", "jobs", past.list, "next",
			 past.more ? cursor(&past.last) : json_null());
}

static bool read_cursor(const json_t *from, struct history_query *query)
{
	const char *text = json_string_value(from);
	char end;

	query->has_past = text != NULL;
	return !from || json_is_null(from) ||
	       (text && sscanf(text, "%20" SCNu64 ".%20" SCNu64 "%c", &query->past.end_us,
			       &query->past.id, &end) == 2);
}

void method_history(struct daemon *daemon, const struct ipc_call *call, struct ipc_answer *answer)
{
	uint64_t count = json_get_u64_or(call->parameters, "count", IPC_JOBS_A_PAGE);
	struct history_query query = {
		.since_us = json_get_u64_or(call->parameters, "since_wall_us", 0),
		.count = count && count < IPC_JOBS_A_PAGE ? count : IPC_JOBS_A_PAGE,
	};

	if (!read_cursor(json_object_get(call->parameters, "from"), &query))
		ipc_answer_bad_parameter(answer, "from");
	else if (select_read(call, answer, "select", &query.select))
		history_later(daemon, call, answer, history_page, &query, sizeof(query));
}
