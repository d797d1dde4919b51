/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where frames come from: uwd, over one connection that is kept. A round is some calls one after
 * the other (Status, Log, what the view needs, what was ordered), each sent when the answer to the
 * last one is there, so that nobody waits for uwd but by poll(2). Who uses this sees frames and no
 * JSON, but for the lines of --json.
 */
#ifndef UW_CLI_TOP_SOURCE_H
#define UW_CLI_TOP_SOURCE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "user/base/err.h"
#include "user/cli/top/act.h"
#include "user/cli/top/frame.h"
#include "user/ipc/client.h"

/* What a round is to bring beside the head, the components and what was done. */
struct top_want {
	enum top_view view;
	char component[UW_NAME_LEN]; /* of TOP_EXPLAIN and TOP_WHY */
	uint64_t job;                /* of TOP_STEPS and TOP_OUTPUT */
	int width;                   /* that lines are wrapped at */
};

enum source_call {
	SOURCE_STATUS,
	SOURCE_LOG,
	SOURCE_VIEW,
	SOURCE_ORDER,
	SOURCE__COUNT /* the round is over */
};

struct top_source {
	const char *path;
	struct ipc_client client; /* fd -1: uwd is away */
	struct top_want want;
	enum source_call call; /* whose answer is awaited; SOURCE__COUNT: none is */
	uint64_t sent_us;
	uint64_t uwd_pid;
	uint64_t log_after;          /* records up to here have ended and were told of */
	struct top_act order;        /* TOP_ACT_NONE: nothing */
	char said[TOP_LINE_LEN];     /* what came of the last order; "" = nothing yet */
	json_t *status, *records;    /* of the last round */
	struct top_frame *now, *was; /* the frame that is being filled, and the one before */
	bool has_was;
};

/* Path is borrowed. -ENOMEM. */
int source_init(struct top_source *source, const char *path);
void source_done(struct top_source *source);

/*
 * Begins a round; connects where there is no connection. Errors as of ipc_client_open and
 * ipc_client_send: uwd is away, and another round may be tried later. Nothing while one is going
 * on.
 */
int source_begin(struct top_source *source, const struct top_want *want, struct uw_err *err);

/* Readable while a round is going on: source_turn has something to do. -1: there is none. */
int source_fd(const struct top_source *source);

/*
 * Takes what has come. 1: the round is over, and source_frame is its frame until the next round
 * begins; 0: not yet. Negative: uwd went away (-EPIPE and others) or has not answered for
 * REMOTE_TIMEOUT_US; -EPERM: it will not tell us.
 */
int source_turn(struct top_source *source, struct uw_err *err);
const struct top_frame *source_frame(const struct top_source *source);

/* To be done with the next round, and never later: it is lost when uwd is away. said tells what
 * became of it. */
void source_order(struct top_source *source, const struct top_act *act);

/* The last round as one object with "v": 1, the caller's. */
json_t *source_json(const struct top_source *source);

#endif
