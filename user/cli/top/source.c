// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Asks uwd for frames. A round goes through its calls in order; each answer is read into the frame
 * that is being filled. Of the log only what is new is asked for, and from the first record on that
 * had not ended yet, as records change when they end. Another process behind the socket has a log
 * of its own, which is asked for from its beginning.
 */
#include "user/cli/top/source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/cli/remote.h"
#include "user/cli/top/read.h"

#define READ_US (10 * US_PER_MS) /* for what is there already */

int source_init(struct top_source *source, const char *path)
{
	*source = (struct top_source){
		.path = path,
		.client.fd = -1,
		.call = SOURCE__COUNT,
		.now = calloc(1, sizeof(*source->now)),
		.was = calloc(1, sizeof(*source->was)),
	};
	return source->now && source->was ? 0 : -ENOMEM;
}

/* It is not kept: what is done later than it was asked for is done to another state of things. */
static void lose_order(struct top_source *source)
{
	bool sent = source->call == SOURCE_ORDER;
	char text[128];

	if (source->order.kind == TOP_ACT_NONE)
		return;
	act_text(&source->order, text, sizeof(text));
	snprintf(source->said, sizeof(source->said), "%s: uwd went away; %s", text,
		 sent ? "it may have been done" : "nothing was done");
	source->order.kind = TOP_ACT_NONE;
}

static void go_away(struct top_source *source)
{
	lose_order(source);
	ipc_client_close(&source->client);
	source->call = SOURCE__COUNT;
}

void source_done(struct top_source *source)
{
	go_away(source);
	json_decref(source->status);
	json_decref(source->records);
	free(source->now);
	free(source->was);
}

int source_fd(const struct top_source *source)
{
	return source->call == SOURCE__COUNT ? -1 : source->client.fd;
}

const struct top_frame *source_frame(const struct top_source *source)
{
	return source->now;
}

void source_order(struct top_source *source, const struct top_act *act)
{
	source->order = *act;
	source->said[0] = '\0';
}

json_t *source_json(const struct top_source *source)
{
	json_t *all = json_pack("{s:i, s:I}", "v", 1, "wall_us", (json_int_t)clock_wall_us());

	json_object_update(all, source->status);
	json_object_set(all, "records", json_object_get(source->records, "records"));
	return all;
}

/* ---- what is asked for ---- */

static json_t *of_component(const struct top_source *source)
{
	return json_pack("{s:s}", "component", source->want.component);
}

static json_t *of_job(const struct top_source *source)
{
	json_int_t id = (json_int_t)source->want.job;

	return json_pack("{s:{s:I, s:I}}", "job", "first", id, "last", id);
}

static json_t *of_all(const struct top_source *source)
{
	(void)source;
	return json_pack("{s:i}", "count", TOP_JOBS_MAX);
}

/* A view without a row is served by what is asked for in any case. */
static const struct view_call {
	json_t *(*parameters)(const struct top_source *source);
	enum ipc_method method;
} views[TOP_VIEW__COUNT] = {
	[TOP_JOBS] = {of_all, IPC_QUEUE},    [TOP_EXPLAIN] = {of_component, IPC_EXPLAIN},
	[TOP_WHY] = {of_component, IPC_WHY}, [TOP_STEPS] = {of_job, IPC_JOB},
	[TOP_OUTPUT] = {of_job, IPC_LOGS},
};

static bool is_due(const struct top_source *source, enum source_call call)
{
	if (call == SOURCE_VIEW)
		return views[source->want.view].parameters;
	return call != SOURCE_ORDER || source->order.kind != TOP_ACT_NONE;
}

static int send_call(struct top_source *source, struct uw_err *err)
{
	enum ipc_method method = IPC_STATUS;
	json_t *parameters = NULL;

	if (source->call == SOURCE_LOG) {
		method = IPC_LOG;
		parameters = json_pack("{s:I, s:i}", "after", (json_int_t)source->log_after,
				       "count", TOP_RECORDS_MAX);
	} else if (source->call == SOURCE_VIEW) {
		method = views[source->want.view].method;
		parameters = views[source->want.view].parameters(source);
	} else if (source->call == SOURCE_ORDER) {
		method = act_call(&source->order, &parameters);
	}
	source->sent_us = clock_now_us();
	return ipc_client_send(&source->client, method, parameters, false, err);
}

static void begin_frame(struct top_source *source)
{
	struct top_frame *was = source->was;

	source->was = source->now;
	source->now = was;
	memset(source->now, 0, top_frame_bytes(source->now));
	source->now->at_us = clock_now_us();
	source->now->view = source->want.view;
	source->now->about_job = source->want.job;
	text_copy(source->now->about, sizeof(source->now->about), source->want.component);
}

int source_begin(struct top_source *source, const struct top_want *want, struct uw_err *err)
{
	int r = 0;

	if (source->call != SOURCE__COUNT)
		return 0;
	if (source->client.fd < 0)
		r = ipc_client_open(source->path, &source->client, err);
	if (r < 0) {
		lose_order(source);
		return r;
	}
	source->want = *want;
	source->call = SOURCE_STATUS;
	begin_frame(source);
	r = send_call(source, err);
	if (r < 0)
		go_away(source);
	return r;
}

/* ---- what is answered ---- */

static void keep(json_t **place, json_t *answer)
{
	json_decref(*place);
	*place = json_incref(answer);
}

static void take_status(struct top_source *source, json_t *answer)
{
	struct top_frame *frame = source->now;

	keep(&source->status, answer);
	read_status(answer, source->has_was ? source->was : NULL, frame);
	read_clock(clock_wall_us(), frame->head.clock);
	frame->is_new_uwd = frame->head.pid != source->uwd_pid;
	if (frame->is_new_uwd)
		source->log_after = 0;
	source->uwd_pid = frame->head.pid;
	source->has_was = true;
}

static void take_log(struct top_source *source, json_t *answer)
{
	const struct top_frame *frame = source->now;

	keep(&source->records, answer);
	read_records(answer, source->now);
	for (uint32_t i = 0; i < frame->record_count; i++) {
		if (!frame->record[i].ended && *frame->record[i].effect)
			return;
		source->log_after = frame->record[i].sequence;
	}
}

static void take_view(struct top_source *source, const json_t *answer)
{
	int width = source->want.width;

	switch (source->want.view) {
	case TOP_JOBS:
		read_jobs(answer, clock_wall_us(), source->now);
		break;
	case TOP_EXPLAIN:
		read_conditions(answer, source->now);
		break;
	case TOP_WHY:
		read_why(answer, width, source->now);
		break;
	case TOP_STEPS:
		read_steps(answer, width, source->now);
		break;
	case TOP_OUTPUT:
		read_output(answer, source->now);
		break;
	default:
		break;
	}
}

/* Of jobs uwd says at once what it did; what comes of the others is in the log. */
static void take_order(struct top_source *source, const json_t *answer)
{
	const json_t *change = json_array_get(json_object_get(answer, "jobs"), 0);
	const char *why = json_get_text(change, "text");
	char text[128];

	act_text(&source->order, text, sizeof(text));
	snprintf(source->said, sizeof(source->said), "%s: %s", text,
		 *why                     ? why
		 : json_is_object(change) ? "done"
					  : "asked for; what comes of it is in Actions");
	source->order.kind = TOP_ACT_NONE;
}

static void take(struct top_source *source, json_t *answer)
{
	switch (source->call) {
	case SOURCE_STATUS:
		take_status(source, answer);
		break;
	case SOURCE_LOG:
		take_log(source, answer);
		break;
	case SOURCE_VIEW:
		take_view(source, answer);
		break;
	default:
		take_order(source, answer);
	}
}

/* Whether uwd is there and has said no. */
static bool is_refusal(int r)
{
	return r == -EPERM || r == -EINVAL || r == -ENOENT || r == -ESRCH || r == -EDQUOT ||
	       r == -EOPNOTSUPP || r == -EBUSY || r == -EREMOTEIO;
}

/* What a round can go on without. */
static bool take_refusal(struct top_source *source, const struct uw_err *err)
{
	if (source->call == SOURCE_VIEW) {
		text_copy(source->now->refused, sizeof(source->now->refused), err->text);
	} else if (source->call == SOURCE_ORDER) {
		act_text(&source->order, source->said, sizeof(source->said));
		snprintf(source->said + strlen(source->said),
			 sizeof(source->said) - strlen(source->said), ": %s", err->text);
		source->order.kind = TOP_ACT_NONE;
	} else {
		return false;
	}
	return true;
}

static int go_on(struct top_source *source, struct uw_err *err)
{
	int r;

	do
		source->call++;
	while (source->call < SOURCE__COUNT && !is_due(source, source->call));
	if (source->call == SOURCE__COUNT)
		return 1;
	r = send_call(source, err);
	if (r < 0)
		go_away(source);
	return r;
}

int source_turn(struct top_source *source, struct uw_err *err)
{
	AUTO_JSON json_t *answer = NULL;
	int r;

	if (source->call == SOURCE__COUNT)
		return 0;
	r = ipc_client_next(&source->client, READ_US, &answer, err);
	if (r == -ETIMEDOUT && clock_now_us() - source->sent_us < REMOTE_TIMEOUT_US)
		return 0;
	if (r >= 0)
		take(source, answer);
	else if (!is_refusal(r) || !take_refusal(source, err)) {
		go_away(source);
		return r;
	}
	return go_on(source, err);
}
