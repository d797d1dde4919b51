// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl status prints what uwd knows, as a head about uwd itself, a table of the components and a
 * sentence for each that something is done about, or one component at length. --watch prints it
 * again each second.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/cli/command.h"
#include "user/cli/debts.h"
#include "user/cli/jobs/totals.h"
#include "user/cli/payoff.h"
#include "user/cli/remote.h"

#define LABEL_WIDTH 10
#define PERIOD_S    1

static void label(const struct screen *screen, const char *text)
{
	screen_paint(screen, PAINT_DIM, "%-*s", LABEL_WIDTH, text);
}

/* "pages, stalls", and why what is wanted beside them is off. */
static void print_sensors(const struct screen *screen, const json_t *daemon)
{
	const json_t *sensors = json_object_get(daemon, "sensors"), *sensor;
	const char *comma = "", *why, *said = "";
	size_t i;

	label(screen, "sensors");
	json_array_foreach (sensors, i, sensor) {
		if (!json_get_bool(sensor, "on"))
			continue;
		fprintf(screen->out, "%s%s", comma, json_get_text(sensor, "name"));
		comma = ", ";
	}
	fprintf(screen->out, "%s\n", *comma ? "" : "no BPF: PSI triggers and polling");
	json_array_foreach (sensors, i, sensor) {
		why = json_get_text(sensor, "text");
		if (!*why || !strcmp(why, said))
			continue;
		label(screen, "");
		screen_paint(screen, PAINT_WARN, "off:");
		screen_wrap(screen, PAINT_PLAIN, LABEL_WIDTH + 4, LABEL_WIDTH, why);
		said = why;
	}
}

static void print_drop(const struct screen *screen, uint64_t count, const char *what)
{
	if (!count)
		return;
	label(screen, "dropped");
	screen_paint(screen, PAINT_WARN, "%" PRIu64 " %s", count, what);
	fputc('\n', screen->out);
}

static void print_drops(const struct screen *screen, const json_t *daemon)
{
	const json_t *acts = json_object_get(daemon, "acts"), *drop;
	size_t i;

	print_drop(screen, json_get_u64_or(daemon, "events_dropped", 0), "events: frame full");
	print_drop(screen, json_get_u64_or(daemon, "actions_dropped", 0), "actions: plan full");
	print_drop(screen, json_get_u64_or(acts, "outcomes_dropped", 0), "outcomes: ring full");
	json_array_foreach (json_object_get(daemon, "drops"), i, drop)
		print_drop(screen, json_get_u64_or(drop, "count", 0), json_get_text(drop, "name"));
}

/* What uw-guard had to mend is worth a line; that it lives is not. */
static void print_guard(const struct screen *screen, const json_t *guard)
{
	uint64_t undone = json_get_u64_or(guard, "undone", 0);
	char text[VALUE_LEN];

	if (!undone)
		return;
	label(screen, "guard");
	screen_paint(screen, PAINT_WARN,
		     "undid %" PRIu64 " freezes and limits, the last time in %s", undone,
		     value_us(guard, "last_took_us", text));
	fputc('\n', screen->out);
}

/* Where any program has one, or waits for one; and pools. */
static void print_leases(const struct screen *screen, const json_t *status)
{
	const json_t *leases = json_object_get(status, "leases"), *component;
	uint64_t count = 0, sum = 0, denied = 0, pools = 0, pool_sum = 0;
	uint64_t waits = json_get_u64_or(leases, "waits", 0);
	char text[UNITS_TEXT_LEN];
	size_t i;

	json_array_foreach (json_object_get(status, "components"), i, component) {
		count += json_get_u64_or(component, "leases", 0);
		pools += json_get_u64_or(component, "pools", 0);
		pool_sum += json_get_u64_or(component, "pool_bytes", 0);
		sum += json_get_u64_or(component, "leased_bytes", 0);
		denied += json_get_u64_or(component, "lease_denials", 0);
	}
	if (pools) {
		label(screen, "pools");
		fprintf(screen->out, "%" PRIu64 " of %s\n", pools,
			units_print_bytes(pool_sum, text));
	}
	if (!count && !waits)
		return;
	label(screen, "leases");
	fprintf(screen->out, "%" PRIu64 " of %s, %" PRIu64 " waiting, %" PRIu64 " denied\n", count,
		units_print_bytes(sum, text), waits, denied);
}

static void print_head(const struct screen *screen, const json_t *status)
{
	const json_t *daemon = json_object_get(status, "daemon");
	const json_t *pool = json_object_get(status, "pool");
	const json_t *host = json_object_get(status, "host");
	char a[VALUE_LEN], b[VALUE_LEN], c[VALUE_LEN], d[VALUE_LEN];

	label(screen, "uwd");
	fprintf(screen->out, "%s, pid %" PRIu64 ", up %s, ticks %" PRIu64 " (the longest %s)\n",
		json_get_text(daemon, "version"), json_get_u64_or(daemon, "pid", 0),
		value_us(daemon, "up_us", a), json_get_u64_or(daemon, "ticks", 0),
		value_us(daemon, "tick_max_us", b));
	label(screen, "pool");
	fprintf(screen->out, "%s, %s usable\n", json_get_text(pool, "root"),
		value_bytes(pool, "usable_bytes", a));
	label(screen, "host");
	fprintf(screen->out, "%s of %s available, swap %s of %s free\n",
		value_bytes(host, "available_bytes", a), value_bytes(host, "total_bytes", b),
		value_bytes(host, "swap_free_bytes", c), value_bytes(host, "swap_total_bytes", d));
	if (json_is_object(json_object_get(status, "queue"))) {
		label(screen, "jobs");
		totals_line(screen, json_object_get(status, "queue"), LABEL_WIDTH);
	}
	print_leases(screen, status);
	print_sensors(screen, daemon);
	print_guard(screen, json_object_get(daemon, "guard"));
	print_drops(screen, daemon);
	fputc('\n', screen->out);
}

static void add_row(struct table *table, const json_t *component)
{
	const char *level = json_get_text(component, "level");
	const char *tier = json_get_text(component, "tier");
	bool stalls = json_get_u64_or(component, "some_permyriad", 0) >= 100;
	char text[VALUE_LEN];

	table_cell(table, PAINT_BOLD, "%s", json_get_text(component, "name"));
	table_cell(table, level_paint(level), "%s", level);
	table_cell(table, PAINT_PLAIN, "%s", value_bytes(component, "current_bytes", text));
	table_cell(table, PAINT_PLAIN, "%s", value_bytes(component, "in_force_bytes", text));
	table_cell(table, PAINT_PLAIN, "%s", value_bytes(component, "budget_bytes", text));
	table_cell(table, PAINT_PLAIN, "%s", value_bytes(component, "working_set_bytes", text));
	table_cell(table, PAINT_PLAIN, "%s", value_percent(component, "use_permyriad", text));
	table_cell(table, PAINT_PLAIN, "%s", value_bytes(component, "swap_bytes", text));
	table_cell(table, stalls ? PAINT_WARN : PAINT_PLAIN, "%s",
		   value_percent(component, "some_permyriad", text));
	table_cell(table, PAINT_PLAIN, "%s", value_rate(component, "growth_bytes_per_s", text));
	table_cell(table, PAINT_PLAIN, "%s", value_us(component, "time_to_limit_us", text));
	table_cell(table, strcmp(tier, "none") ? PAINT_WARN : PAINT_DIM, "%s", tier);
}

static void print_table(const struct screen *screen, const json_t *components)
{
	static const struct column columns[] = {
		{"COMPONENT", false, 0}, {"LEVEL", false, 0},  {"USED", true, 0},
		{"OF", true, 0},         {"BUDGET", true, 6},  {"SET", true, 7},
		{"USE", true, 0},        {"SWAP", true, 3},    {"STALL", true, 2},
		{"GROWTH", true, 4},     {"FULL IN", true, 1}, {"TIER", false, 0},
	};
	const json_t *component;
	struct table table;
	size_t i;

	table_init(&table, columns, ARRAY_SIZE(columns));
	json_array_foreach (components, i, component)
		add_row(&table, component);
	table_print(&table, screen);
	table_done(&table);
}

static bool is_frozen_by_other(const json_t *leaf)
{
	return json_get_bool(leaf, "frozen") && !strcmp(json_get_text(leaf, "frozen_by"), "other");
}

static uint64_t frozen_by_other(const json_t *component)
{
	const json_t *leaf;
	uint64_t count = 0;
	size_t i;

	json_array_foreach (json_object_get(component, "leaves"), i, leaf)
		count += is_frozen_by_other(leaf);
	return count;
}

static const char *leaves_word(uint64_t count)
{
	return count == 1 ? "leaf" : "leaves";
}

/* "; 1 leaf frozen, thawed within 12s; 1 leaf frozen, by other; memory.high squeezed to 600M" or ""
 */
static void state_text(const json_t *component, char *buf, size_t size)
{
	uint64_t frozen = json_get_u64_or(component, "frozen_leaves", 0);
	uint64_t others = frozen_by_other(component);
	char text[VALUE_LEN];
	size_t at = 0;

	*buf = '\0';
	if (frozen)
		at = (size_t)snprintf(buf, size, "; %" PRIu64 " %s frozen, thawed within %s",
				      frozen, leaves_word(frozen),
				      value_us(component, "thaw_in_us", text));
	if (others && at < size)
		at += (size_t)snprintf(buf + at, size - at, "; %" PRIu64 " %s frozen, by other",
				       others, leaves_word(others));
	if (json_get_bool(component, "squeezed") && at < size)
		snprintf(buf + at, size - at, "; memory.high squeezed to %s",
			 value_limit(component, "high_bytes", text));
}

static bool is_remarkable(const json_t *component)
{
	return strcmp(json_get_text(component, "level"), "normal") != 0 ||
	       strcmp(json_get_text(component, "tier"), "none") != 0 ||
	       json_get_u64_or(component, "frozen_leaves", 0) || frozen_by_other(component) ||
	       json_get_bool(component, "squeezed");
}

/* What goes on with a component, in a sentence. */
static void print_remark(const struct screen *screen, const json_t *component)
{
	const char *level = json_get_text(component, "level");
	const json_t *why = json_object_get(component, "why");
	bool normal = !strcmp(level, "normal");
	char text[512], state[160], time[VALUE_LEN];
	int at;

	if (!is_remarkable(component))
		return;
	state_text(component, state, sizeof(state));
	snprintf(text, sizeof(text), "%s for %s%s%s%s", level,
		 value_us(component, "level_for_us", time), normal ? "" : ": ",
		 normal ? "" : json_get_text(why, "text"), state);
	at = fprintf(screen->out, "%s:", json_get_text(component, "name"));
	screen_wrap(screen, level_paint(level), at, 2, text);
}

static void print_all(const struct screen *screen, const json_t *status)
{
	const json_t *components = json_object_get(status, "components");
	const json_t *component;
	bool any = false;
	size_t i;

	print_head(screen, status);
	print_table(screen, components);
	json_array_foreach (components, i, component)
		any |= is_remarkable(component);
	if (any)
		fputc('\n', screen->out);
	json_array_foreach (components, i, component)
		print_remark(screen, component);
}

/* ---- one component ---- */

struct component_line {
	const char *label, *key;
	const char *(*text)(const json_t *object, const char *key, char buf[static VALUE_LEN]);
};

static const char *value_points(const json_t *object, const char *key, char buf[static VALUE_LEN])
{
	int64_t permyriad = json_get_i64(object, key);
	uint64_t size = permyriad < 0 ? (uint64_t)-permyriad : (uint64_t)permyriad;

	if (!size)
		return "0";
	snprintf(buf, VALUE_LEN, "%c%" PRIu64 ".%02" PRIu64 " points", permyriad < 0 ? '-' : '+',
		 size / 100, size % 100);
	return buf;
}

static const char *value_ago(const json_t *object, const char *key, char buf[static VALUE_LEN])
{
	uint64_t us = json_get_u64(object, key);
	char text[UNITS_TEXT_LEN];

	if (us == UINT64_MAX)
		return "-";
	snprintf(buf, VALUE_LEN, "%.20s ago", units_print_us(us, text));
	return buf;
}

static const struct component_line fields[] = {
	{"used", "current_bytes", value_bytes},
	{"working set", "working_set_bytes", value_bytes},
	{"in use", "hot_bytes", value_bytes},
	{"cold", "cold_bytes", value_bytes},
	{"idle 1 min", "idle_bytes", value_bytes},
	{"looked at", "looked_us", value_ago},
	{"budget", "budget_bytes", value_bytes},
	{"in force", "in_force_bytes", value_bytes},
	{"borrowed", "borrowed_bytes", value_bytes},
	{"lent", "lent_bytes", value_bytes},
	{"use", "use_permyriad", value_permyriad},
	{"edges moved", "edge_shift_permyriad", value_points},
	{"swap", "swap_bytes", value_bytes},
	{"growth", "growth_bytes_per_s", value_rate},
	{"limit in", "time_to_limit_us", value_us},
	{"some stalled", "some_permyriad", value_permyriad},
	{"all stalled", "full_permyriad", value_permyriad},
	{"memory.min", "min_bytes", value_limit},
	{"memory.low", "low_bytes", value_limit},
	{"memory.high", "high_bytes", value_limit},
	{"leased", "leased_bytes", value_bytes},
	{"in pools", "pool_bytes", value_bytes},
	{"not yet used", "promised_bytes", value_bytes},
};

static const char *leaf_state(const json_t *leaf)
{
	if (is_frozen_by_other(leaf))
		return "frozen, by other";
	if (json_get_bool(leaf, "frozen"))
		return "frozen";
	return json_get_bool(leaf, "populated") ? "running" : "empty";
}

static void print_leaves(const struct screen *screen, const json_t *leaves)
{
	static const struct column columns[] = {
		{"LEAF", false, 0}, {"STATE", false, 0}, {"USED", true, 0},      {"COLD", true, 1},
		{"SWAP", true, 1},  {"AGE", true, 2},    {"CGROUP ID", true, 3},
	};
	const json_t *leaf;
	struct table table;
	size_t i;

	table_init(&table, columns, ARRAY_SIZE(columns));
	json_array_foreach (leaves, i, leaf) {
		bool frozen = json_get_bool(leaf, "frozen");
		char text[VALUE_LEN];

		table_cell(&table, PAINT_BOLD, "%s", json_get_text(leaf, "name"));
		table_cell(&table, frozen ? PAINT_WARN : PAINT_PLAIN, "%s", leaf_state(leaf));
		table_cell(&table, PAINT_PLAIN, "%s", value_bytes(leaf, "current_bytes", text));
		table_cell(&table, PAINT_PLAIN, "%s", value_bytes(leaf, "cold_bytes", text));
		table_cell(&table, PAINT_PLAIN, "%s", value_bytes(leaf, "swap_bytes", text));
		table_cell(&table, PAINT_PLAIN, "%s", value_us(leaf, "age_us", text));
		table_cell(&table, PAINT_DIM, "%" PRIu64, json_get_u64_or(leaf, "id", 0));
	}
	if (table.rows) {
		fputc('\n', screen->out);
		table_print(&table, screen);
	}
	table_done(&table);
}

static void print_one(const struct screen *screen, const json_t *component)
{
	const char *level = json_get_text(component, "level");
	char text[VALUE_LEN];

	screen_paint(screen, PAINT_BOLD, "%s", json_get_text(component, "name"));
	fprintf(screen->out, "  priority %" PRIu64 ", level ",
		json_get_u64_or(component, "priority", 0));
	screen_paint(screen, level_paint(level), "%s", level);
	fprintf(screen->out, " for %s, tier %s\n\n", value_us(component, "level_for_us", text),
		json_get_text(component, "tier"));
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		fprintf(screen->out, "%*s", i % 2 ? 4 : 2, "");
		screen_paint(screen, PAINT_DIM, "%-13s", fields[i].label);
		fprintf(screen->out, "%10s%s", fields[i].text(component, fields[i].key, text),
			i % 2 ? "\n" : "");
	}
	if (ARRAY_SIZE(fields) % 2)
		fputc('\n', screen->out);
	debts_print(screen, component);
	payoff_print(screen, component);
	print_leaves(screen, json_object_get(component, "leaves"));
	if (is_remarkable(component))
		fputc('\n', screen->out);
	print_remark(screen, component);
}

static int print_status(const struct cli *cli, json_t *status)
{
	const json_t *components = json_object_get(status, "components");

	if (cli->options.json)
		return cli_print_json(cli, json_incref(status));
	if (cli->options.watch && cli->screen.width)
		fputs("\033[H\033[J", cli->screen.out);
	if (cli->options.jobs)
		totals_print(&cli->screen, json_object_get(status, "queue"));
	else if (cli->argc)
		print_one(&cli->screen, json_array_get(components, 0));
	else
		print_all(&cli->screen, status);
	return fflush(cli->screen.out) == 0 ? CLI_OK : CLI_FAILED;
}

static int show(const struct cli *cli, struct ipc_client *client, struct uw_err *err)
{
	AUTO_JSON json_t *status = NULL;
	int r = ipc_client_call(client, IPC_STATUS, remote_component(cli), REMOTE_TIMEOUT_US,
				&status, err);

	if (r < 0)
		return r;
	return print_status(cli, status) == CLI_OK ? 0 : err_set(err, -EIO, "write to stdout");
}

int command_status(struct cli *cli)
{
	struct ipc_client client = {.fd = -1};
	struct uw_err err = {0};
	int r = remote_open(cli, &client, &err);

	if (r >= 0)
		r = show(cli, &client, &err);
	while (r >= 0 && cli->options.watch) {
		sleep(PERIOD_S);
		r = show(cli, &client, &err);
	}
	ipc_client_close(&client);
	return r < 0 ? cli_fail(cli, &err) : CLI_OK;
}
