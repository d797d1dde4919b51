// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each question is a call of Metrics with a deadline; what came of it is kept for a moment, or who
 * may fetch the page could keep uwd busy. That uwd went away or came back is said in the log once.
 */
#include "user/exporter/ask.h"

#include <errno.h>
#include <stdlib.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/ipc/client.h"
#include "user/ipc/json.h"
#include "user/metrics/metrics.h"

static void tell_change(struct ask *ask)
{
	if (!ask->answer && !ask->was_away)
		log_warning("%s", ask->err.text);
	if (ask->answer && ask->was_away)
		log_notice("uwd answers again");
	ask->was_away = !ask->answer;
}

static int call(const struct ask *ask, json_t **ret_answer, struct uw_err *err)
{
	struct ipc_client client = {.fd = -1};
	int rc = ipc_client_open(ask->socket, &client, err);

	if (rc >= 0)
		rc = ipc_client_call(&client, IPC_METRICS, NULL, ask->timeout_us, ret_answer, err);
	ipc_client_close(&client);
	return rc;
}

static void ask_anew(struct ask *ask)
{
	uint64_t now_us = clock_now_us();
	json_t *answer = NULL;

	if (ask->asked_us && now_us - ask->asked_us < ask->fresh_us)
		return;
	json_decref(TAKE(ask->answer));
	ask->err = (struct uw_err){0};
	if (call(ask, &answer, &ask->err) >= 0)
		ask->answer = answer;
	ask->asked_us = clock_now_us(); /* a deadline is no moment to ask again at once */
	tell_change(ask);
}

static void print_page(const struct ask *ask, const struct metrics_text *text)
{
	if (ask->answer) {
		metrics_print(text, ask->answer);
		return;
	}
	fprintf(text->out, "# %s\n", ask->err.text);
	metrics_print_down(text);
}

void ask_page(struct ask *ask, enum metrics_format format, struct page *ret_page)
{
	struct metrics_text text;

	ask_anew(ask);
	*ret_page = (struct page){.format = ask->answer ? format : METRICS_TEXT,
				  .up = ask->answer != NULL};
	text.format = ret_page->format;
	text.out = open_memstream(&ret_page->text, &ret_page->size);
	if (!text.out)
		return;
	print_page(ask, &text);
	if (ferror(text.out) | fclose(text.out))
		free(TAKE(ret_page->text));
}

void ask_done(struct ask *ask)
{
	json_decref(TAKE(ask->answer));
}
