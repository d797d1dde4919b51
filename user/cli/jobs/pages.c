// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads a long list from uwd page by page over one connection. Each page is printed as it comes;
 * for --json the pages are put together to one answer first.
 */
#include "user/cli/jobs/pages.h"

#include "user/base/cleanup.h"
#include "user/cli/remote.h"

/* The list that "count" counts: the first of the answer's. */
static json_t *first_list(const json_t *answer)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)(uintptr_t)answer, key, value) {
		if (json_is_array(value))
			return value;
	}
	return NULL;
}

static uint64_t wanted(const struct pages *pages)
{
	uint64_t left = pages->most ? pages->most - pages->count : IPC_JOBS_A_PAGE;

	return left < IPC_JOBS_A_PAGE ? left : IPC_JOBS_A_PAGE;
}

/* Adds a page's list to that of the first page. Lists that only the first page has stay. */
static void gather(json_t **all, const json_t *answer)
{
	if (!*all)
		*all = json_incref((json_t *)(uintptr_t)answer);
	else
		json_array_extend(first_list(*all), first_list(answer));
}

static int read_page(struct pages *pages, struct ipc_client *client, const json_t *parameters,
		     json_t **ret_answer, struct uw_err *err)
{
	json_t *page = json_copy((json_t *)(uintptr_t)parameters);

	json_object_set_new(page, "count", json_integer((json_int_t)wanted(pages)));
	return ipc_client_call(client, pages->method, page, REMOTE_QUEUE_TIMEOUT_US, ret_answer,
			       err);
}

/* Whether there is a page after this one that is wanted; said is made to ask for it. */
static bool go_on(const struct pages *pages, json_t *said, const json_t *answer)
{
	json_t *next = json_object_get(answer, "next");
	bool more = next && !json_is_null(next) &&
		    !json_equal(next, json_object_get(said, "from")) &&
		    (!pages->most || pages->count < pages->most);

	json_object_set(said, "from", next);
	return more;
}

/* Prints each page, or puts all of them together where they are wanted as a whole. */
static int read_all(struct pages *pages, json_t *said, json_t **ret_all, struct uw_err *err)
{
	const struct options *options = &pages->cli->options;
	struct ipc_client client = {.fd = -1};
	bool more = true;
	int r = remote_open(pages->cli, &client, err);

	while (r >= 0 && more) {
		AUTO_JSON json_t *answer = NULL;

		r = read_page(pages, &client, said, &answer, err);
		if (r < 0)
			break;
		pages->count += json_array_size(first_list(answer));
		if (options->json || options->sort)
			gather(ret_all, answer);
		else
			pages->print(pages, answer);
		more = go_on(pages, said, answer);
	}
	ipc_client_close(&client);
	return r < 0 ? r : 0;
}

int pages_read(struct pages *pages, json_t *parameters)
{
	AUTO_JSON json_t *all = NULL, *said = parameters;
	const struct options *options = &pages->cli->options;
	struct uw_err err = {0};
	int r = pages->prepare ? pages->prepare(pages, &err) : 0;

	/* A wrong name of a column is told before anything is asked. */
	if (r >= 0 && pages->sort)
		r = pages->sort(pages, NULL, &err);
	if (r >= 0)
		r = read_all(pages, said, &all, &err);
	if (r >= 0 && pages->sort && all)
		r = pages->sort(pages, first_list(all), &err);
	if (r < 0)
		return cli_fail(pages->cli, &err);
	if (!options->json && all)
		pages->print(pages, all);
	if (!options->json)
		return CLI_OK;
	json_object_del(all, "next");
	return cli_print_json(pages->cli, TAKE(all));
}

bool pages_is_one(const struct cli *cli, enum ipc_method method, const json_t *select)
{
	AUTO_JSON json_t *answer = NULL;
	struct uw_err err = {0};

	if (cli->argc != 1 || json_object_size(select) != 1)
		return false;
	if (remote_call_queue(
		    cli, method,
		    json_pack("{s:O, s:i}", "select", (json_t *)(uintptr_t)select, "count", 2),
		    &answer, &err) < 0)
		return true;
	return json_array_size(first_list(answer)) < 2;
}
