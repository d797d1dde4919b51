// SPDX-License-Identifier: GPL-2.0-or-later
/* uwctl pool list shows the memory that programs have made in a component and share: how much of it
 * is there, whose it is, and who else may have it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/cli/command.h"
#include "user/cli/remote.h"

static const struct column columns[] = {
	{"ID", false, 0},       {"NAME", false, 0},   {"COMPONENT", false, 0}, {"BYTES", true, 0},
	{"COMMITTED", true, 0}, {"READERS", true, 3}, {"AGE", true, 4},        {"PID", true, 2},
	{"USER", false, 1},     {"STATE", false, 0},  {"SHARED", false, 5},
};

static const char *state_of(const json_t *pool)
{
	if (json_get_bool(pool, "orphan"))
		return "orphan";
	return json_get_bool(pool, "awaited") ? "awaited" : "owned";
}

/* "0440 u12 g8"; "-" for a pool that is its owner's alone. */
static const char *shared_with(const json_t *pool, char *buf, size_t size)
{
	uint64_t uid = json_get_u64(pool, "shared_uid"), gid = json_get_u64(pool, "shared_gid");
	const char *mode = json_get_text(pool, "shared_mode");
	char user[sizeof(" u4294967295")] = "", group[sizeof(user)] = "";

	if (!strcmp(mode, "0000"))
		return "-";
	if (uid != UINT64_MAX)
		snprintf(user, sizeof(user), " u%" PRIu32, (uint32_t)uid);
	if (gid != UINT64_MAX)
		snprintf(group, sizeof(group), " g%" PRIu32, (uint32_t)gid);
	snprintf(buf, size, "%.4s%s%s", mode, user, group);
	return buf;
}

static void add_row(struct table *table, const json_t *pool)
{
	bool known = json_get_u64(pool, "committed_bytes") != UINT64_MAX;
	char text[VALUE_LEN];

	table_cell(table, PAINT_BOLD, "%" PRIu64, json_get_u64_or(pool, "id", 0));
	table_cell(table, PAINT_PLAIN, "%s", json_get_text(pool, "name"));
	table_cell(table, PAINT_PLAIN, "%s", json_get_text(pool, "component"));
	table_cell(table, PAINT_PLAIN, "%s", value_bytes(pool, "bytes", text));
	table_cell(table, PAINT_PLAIN, "%s",
		   known ? value_bytes(pool, "committed_bytes", text) : "-");
	table_cell(table, PAINT_PLAIN, "%" PRIu64, json_get_u64_or(pool, "readers", 0));
	table_cell(table, PAINT_PLAIN, "%s", value_us(pool, "age_us", text));
	table_cell(table, PAINT_PLAIN, "%" PRIu64, json_get_u64_or(pool, "pid", 0));
	table_cell(table, PAINT_PLAIN, "%s", value_user(pool, text));
	table_cell(table, PAINT_DIM, "%s", state_of(pool));
	table_cell(table, PAINT_PLAIN, "%s", shared_with(pool, text, sizeof(text)));
}

static void print_pools(const struct cli *cli, const json_t *list)
{
	const json_t *pool;
	struct table table;
	size_t i;

	table_init(&table, columns, ARRAY_SIZE(columns));
	json_array_foreach (list, i, pool)
		add_row(&table, pool);
	if (table.rows)
		table_print(&table, &cli->screen);
	else
		fprintf(cli->screen.out, "no program has a pool\n");
	table_done(&table);
}

int command_pool(struct cli *cli)
{
	AUTO_JSON json_t *answer = NULL;
	json_t *parameters = json_object();
	struct uw_err err = {0};

	if (strcmp(cli->argv[0], "list") != 0) {
		json_decref(parameters);
		return cli_usage(cli, "pool takes list [COMPONENT]");
	}
	if (cli->argc > 1)
		json_object_set_new(parameters, "component", json_string(cli->argv[1]));
	if (remote_call(cli, IPC_POOLS, parameters, &answer, &err) < 0)
		return cli_fail(cli, &err);
	if (cli->options.json)
		return cli_print_json(cli, json_incref(answer));
	print_pools(cli, json_object_get(answer, "pools"));
	return CLI_OK;
}
