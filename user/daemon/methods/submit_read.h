/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The JSON of Submit as items of jobs_submit. Says nothing of whether they may be submitted, nor of
 * what stands in for what is not given. Where a call is no good the answer is set and false
 * returned.
 */
#ifndef UW_DAEMON_METHODS_SUBMIT_READ_H
#define UW_DAEMON_METHODS_SUBMIT_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/ipc/server.h"
#include "user/jobs/jobs.h"

/* One call, with the memory of its strings. Begins with call and answer set and the rest zero;
 * submit_read_done frees what it came to hold. */
struct submit_call {
	const struct ipc_call *call;
	struct ipc_answer *answer;
	uint32_t count;
	struct jobs_item *item;
	const char *name; /* of the item that was read last, as given: "" without one */
	char **text;      /* two blocks an item: arguments and environment */
	size_t env_total, env_count;
	struct jobs_item *plain; /* the first that has the environment of the context */
};

/* How many items there are, with room for them, and what they share. */
bool submit_read_list(struct submit_call *submit);

/* Of item at: first its name and component, which say who may submit it, and then all the rest. */
bool submit_read_names(struct submit_call *submit, uint32_t at);
bool submit_read_rest(struct submit_call *submit, uint32_t at);

/* What only the queue wanted to know: items have their names and numbers still. */
void submit_read_forget(struct submit_call *submit);

void submit_read_done(struct submit_call *submit);

#endif
