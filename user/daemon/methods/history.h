/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A page of what is long, made on the thread of reader.h, so that no call of a client holds up the
 * loop. The pages of Recommend and History, which end where the next begins ("next", "from").
 */
#ifndef UW_DAEMON_METHODS_HISTORY_H
#define UW_DAEMON_METHODS_HISTORY_H

#include "user/daemon/methods/select.h"
#include "user/daemon/state.h"
#include "user/ipc/server.h"
#include "user/store/history.h"

/* On the thread: the answer, or NULL when the history cannot be read. */
typedef json_t *(*history_fn)(struct store_reader *reader, const void *query);

/* Has fn make the answer, from a copy of query, which may point into the call's parameters. */
void history_later(struct daemon *daemon, const struct ipc_call *call, struct ipc_answer *answer,
		   history_fn fn, const void *query, size_t size);

#define HISTORY_ROWS_MAX 1000U /* that are looked at for one page: a few ms */

struct history_query {
	struct job_select select;
	uint64_t since_us, count;
	bool has_past;
	struct store_past past;
};
json_t *history_page(struct store_reader *reader, const void *query);
void method_history(struct daemon *daemon, const struct ipc_call *call, struct ipc_answer *answer);

#endif
