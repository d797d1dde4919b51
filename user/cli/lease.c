// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl lease list shows what is promised to programs, read page by page; uwctl lease free takes
 * leases away by their ids, one call each.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/units.h"
#include "user/cli/command.h"
#include "user/cli/remote.h"

static const struct column columns[] = {
	{"ID", false, 0},      {"COMPONENT", false, 0},   {"BYTES", true, 0},
	{"BORROWED", true, 6}, {"PRI", true, 4},          {"AGE", true, 3},
	{"ENDS IN", true, 2},  {"PID", true, 0},          {"USER", false, 1},
	{"STATE", false, 5},   {"DESCRIPTION", false, 0}, {"TAGS", false, 7},
};

static const char *state_of(const json_t *lease)
{
	if (json_get_bool(lease, "awaited"))
		return "awaited";
	if (json_get_bool(lease, "credit"))
		return "credit";
	if (json_get_bool(lease, "task"))
		return "task";
	return json_get_bool(lease, "inside") ? "inside" : "outside";
}

static void add_row(struct table *table, const json_t *lease)
{
	bool ends = json_get_u64(lease, "expires_in_us") != UINT64_MAX;
	char text[VALUE_LEN];

	table_cell(table, PAINT_BOLD, "%" PRIu64, json_get_u64_or(lease, "id", 0));
	table_cell(table, PAINT_PLAIN, "%s", json_get_text(lease, "component"));
	table_cell(table, PAINT_PLAIN, "%s", value_bytes(lease, "bytes", text));
	table_cell(table, PAINT_PLAIN, "%s", value_bytes(lease, "borrowed_bytes", text));
	table_cell(table, PAINT_PLAIN, "%" PRIu64, json_get_u64_or(lease, "priority", 0));
	table_cell(table, PAINT_PLAIN, "%s", value_us(lease, "age_us", text));
	table_cell(table, PAINT_PLAIN, "%s", ends ? value_us(lease, "expires_in_us", text) : "-");
	table_cell(table, PAINT_PLAIN, "%" PRIu64, json_get_u64_or(lease, "pid", 0));
	table_cell(table, PAINT_PLAIN, "%s", value_user(lease, text));
	table_cell(table, PAINT_DIM, "%s", state_of(lease));
	table_cell(table, PAINT_PLAIN, "%s", json_get_text(lease, "description"));
	table_cell(table, PAINT_DIM, "%s", json_get_text(lease, "tags"));
}

/* Adds a page to list; *from is where the next one begins, null after the last. */
static int read_page(const struct cli *cli, struct ipc_client *client, json_t *list, json_t **from,
		     struct uw_err *err)
{
	AUTO_JSON json_t *answer = NULL;
	json_t *parameters = json_pack("{s:O}", "from", *from);
	int rc;

	if (cli->argc > 1)
		json_object_set_new(parameters, "component", json_string(cli->argv[1]));
	rc = ipc_client_call(client, IPC_LEASES, parameters, REMOTE_TIMEOUT_US, &answer, err);
	if (rc < 0)
		return rc;
	json_array_extend(list, json_object_get(answer, "leases"));
	json_decref(*from);
	*from = json_incref(json_object_get(answer, "next"));
	return 0;
}

static void print_leases(const struct cli *cli, const json_t *list)
{
	const json_t *lease;
	struct table table;
	size_t i;

	table_init(&table, columns, ARRAY_SIZE(columns));
	json_array_foreach (list, i, lease)
		add_row(&table, lease);
	if (table.rows)
		table_print(&table, &cli->screen);
	else
		fprintf(cli->screen.out, "no program has a lease\n");
	table_done(&table);
}

static int lease_list(const struct cli *cli)
{
	AUTO_JSON json_t *list = json_array(), *from = json_integer(0);
	struct ipc_client client = {.fd = -1};
	struct uw_err err = {0};
	int rc = remote_open(cli, &client, &err);

	while (rc >= 0 && json_is_integer(from))
		rc = read_page(cli, &client, list, &from, &err);
	ipc_client_close(&client);
	if (rc < 0)
		return cli_fail(cli, &err);
	if (cli->options.json)
		return cli_print_json(cli, json_pack("{s:O}", "leases", list));
	print_leases(cli, list);
	return CLI_OK;
}

static int free_one(const struct cli *cli, const char *word, json_t *freed, struct uw_err *err)
{
	AUTO_JSON json_t *answer = NULL;
	uint64_t id;
	int rc;

	if (units_parse_uint(word, 1, INT64_MAX, &id) < 0)
		return err_set(err, -EINVAL,
			       "'%s' is not the id of a lease; 'uwctl lease list' shows them",
			       word);
	rc = remote_call(cli, IPC_FREE_LEASE, json_pack("{s:I}", "id", (json_int_t)id), &answer,
			 err);
	if (rc < 0)
		return rc;
	json_array_append_new(freed, json_integer((json_int_t)id));
	if (!cli->options.json)
		fprintf(cli->screen.out, "freed %" PRIu64 "\n", id);
	return 0;
}

static int lease_free_words(const struct cli *cli)
{
	AUTO_JSON json_t *freed = json_array();
	struct uw_err err = {0};

	for (int i = 1; i < cli->argc; i++)
		if (free_one(cli, cli->argv[i], freed, &err) < 0)
			return cli_fail(cli, &err);
	return cli->options.json ? cli_print_json(cli, json_pack("{s:O}", "freed", freed)) : CLI_OK;
}

int command_lease(struct cli *cli)
{
	if (!strcmp(cli->argv[0], "list") && cli->argc <= 2)
		return lease_list(cli);
	if (!strcmp(cli->argv[0], "free") && cli->argc >= 2)
		return lease_free_words(cli);
	return cli_usage(cli, "lease takes list [COMPONENT], or free ID...");
}
