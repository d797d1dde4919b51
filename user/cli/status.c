// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl status prints what uwd knows, as a head about uwd itself, a table of the components and a
 * sentence for each that something is done about, or one component at length. --watch prints it
 * again each second.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/cli/command.h"
#include "user/cli/component.h"
#include "user/cli/jobs/totals.h"
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

/* Counted since uwd was started: nobody knows when the last was. */
static void print_drop(const struct screen *screen, const json_t *daemon, uint64_t count,
		       const char *what)
{
	char time[VALUE_LEN];

	if (!count)
		return;
	label(screen, "dropped");
	screen_paint(screen, PAINT_WARN, "%" PRIu64 " %s", count, what);
	fprintf(screen->out, ", in the %s since uwd was started\n",
		value_us(daemon, "up_us", time));
}

static void print_drops(const struct screen *screen, const json_t *daemon)
{
	const json_t *acts = json_object_get(daemon, "acts"), *drop;
	size_t i;

	print_drop(screen, daemon, json_get_u64_or(daemon, "events_dropped", 0),
		   "events: frame full");
	print_drop(screen, daemon, json_get_u64_or(daemon, "actions_dropped", 0),
		   "actions: plan full");
	print_drop(screen, daemon, json_get_u64_or(acts, "outcomes_dropped", 0),
		   "outcomes: ring full");
	json_array_foreach (json_object_get(daemon, "drops"), i, drop)
		print_drop(screen, daemon, json_get_u64_or(drop, "count", 0),
			   json_get_text(drop, "name"));
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

static const struct column columns[] = {
	{"COMPONENT", false, 0}, {"LEVEL", false, 0},   {"USED", true, 0},    {"OF", true, 0},
	{"USE", true, 0},        {"STALL", true, 0},    {"FULL IN", true, 2}, {"SWAP", true, 5},
	{"LENT", true, 3},       {"BORROWED", true, 4}, {"GROWTH", true, 6},  {"BUDGET", true, 7},
	{"SET", true, 8},        {"TIER", false, 1},
};

/* What each is sorted by. */
static const char *const keys[ARRAY_SIZE(columns)] = {
	"name",
	NULL,
	"current_bytes",
	"in_force_bytes",
	"use_permyriad",
	"some_permyriad",
	"time_to_limit_us",
	"swap_bytes",
	"lent_bytes",
	"borrowed_bytes",
	"growth_bytes_per_s",
	"budget_bytes",
	"working_set_bytes",
	NULL,
};

/* Nothing is "-", which is easier to look past than "0". */
static const char *value_some(const json_t *object, const char *key, char buf[static VALUE_LEN])
{
	return json_get_u64_or(object, key, 0) ? value_bytes(object, key, buf) : "-";
}

static void add_row(struct table *table, const json_t *component)
{
	const char *tier = json_get_text(component, "tier");
	bool stalls = json_get_u64_or(component, "some_permyriad", 0) >= 100;
	char text[VALUE_LEN];

	table_cell(table, PAINT_BOLD, "%s", json_get_text(component, "name"));
	table_cell(table, component_paint(component), "%s", json_get_text(component, "level"));
	table_cell(table, PAINT_PLAIN, "%s", value_bytes(component, "current_bytes", text));
	table_cell(table, PAINT_PLAIN, "%s", value_bytes(component, "in_force_bytes", text));
	table_cell(table, PAINT_PLAIN, "%s", value_percent(component, "use_permyriad", text));
	table_cell(table, stalls ? PAINT_WARN : PAINT_PLAIN, "%s",
		   value_percent(component, "some_permyriad", text));
	table_cell(table, PAINT_PLAIN, "%s", value_us(component, "time_to_limit_us", text));
	table_cell(table, PAINT_PLAIN, "%s", value_some(component, "swap_bytes", text));
	table_cell(table, PAINT_PLAIN, "%s", value_some(component, "lent_bytes", text));
	table_cell(table, PAINT_PLAIN, "%s", value_some(component, "borrowed_bytes", text));
	table_cell(table, PAINT_PLAIN, "%s", value_rate(component, "growth_bytes_per_s", text));
	table_cell(table, PAINT_PLAIN, "%s", value_bytes(component, "budget_bytes", text));
	table_cell(table, PAINT_PLAIN, "%s", value_bytes(component, "working_set_bytes", text));
	table_cell(table, strcmp(tier, "none") ? PAINT_WARN : PAINT_DIM, "%s", tier);
}

static void print_table(const struct cli *cli, const json_t *components)
{
	const json_t *component;
	struct table table;
	size_t i;

	table_init(&table, columns, ARRAY_SIZE(columns));
	(void)table_choose(&table, cli->options.output, NULL); /* checked before uwd was asked */
	json_array_foreach (components, i, component)
		add_row(&table, component);
	table_print(&table, &cli->screen);
	table_done(&table);
}

/* Wrong names of columns are told before anything is asked. */
static int check_columns(const struct cli *cli, struct uw_err *err)
{
	struct table table;
	int r;

	table_init(&table, columns, ARRAY_SIZE(columns));
	r = table_choose(&table, cli->options.output, err);
	if (r >= 0)
		r = table_sort(columns, keys, ARRAY_SIZE(columns), cli->options.sort, NULL, err);
	table_done(&table);
	return r;
}

static void print_all(const struct cli *cli, const json_t *status)
{
	json_t *components = json_object_get(status, "components");
	const struct screen *screen = &cli->screen;
	const json_t *component;
	bool any = false;
	size_t i;

	(void)table_sort(columns, keys, ARRAY_SIZE(columns), cli->options.sort, components, NULL);
	if (!cli->options.output)
		print_head(screen, status);
	print_table(cli, components);
	json_array_foreach (components, i, component)
		any |= !cli->options.output && component_is_remarkable(component);
	if (any)
		fputc('\n', screen->out);
	json_array_foreach (components, i, component)
		if (any)
			component_print_remark(screen, component);
}

static void print_text(const struct cli *cli, const json_t *status)
{
	if (cli->options.jobs)
		totals_print(&cli->screen, json_object_get(status, "queue"));
	else if (cli->argc && !cli->options.output)
		component_print(&cli->screen,
				json_array_get(json_object_get(status, "components"), 0));
	else
		print_all(cli, status);
}

/* Over what stands there, line by line, so that nothing flickers; what the screen has no room for
 * is left out. */
static void redraw(const struct screen *screen, char *text)
{
	int lines = screen->height > 1 ? screen->height - 1 : INT_MAX;

	fputs("\033[H", screen->out);
	while (*text && lines--) {
		int length = (int)strcspn(text, "\n");

		fprintf(screen->out, "%.*s\033[K\n", length, text);
		text += length + (text[length] == '\n');
	}
	fputs("\033[J", screen->out);
}

static void print_again(const struct cli *cli, const json_t *status)
{
	AUTO_FREE char *text = NULL;
	struct cli drawn = *cli;
	size_t size = 0;

	drawn.screen.out = open_memstream(&text, &size);
	if (!drawn.screen.out)
		return;
	print_text(&drawn, status);
	if (fclose(drawn.screen.out) == 0)
		redraw(&cli->screen, text);
}

static int print_status(const struct cli *cli, json_t *status)
{
	if (cli->options.json && cli->options.watch)
		return cli_print_json_line(cli, json_incref(status));
	if (cli->options.json)
		return cli_print_json(cli, json_incref(status));
	if (cli->options.watch && cli->screen.width)
		print_again(cli, status);
	else
		print_text(cli, status);
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

/* A second between two looks; a uwd that is restarted is waited for. */
static int watch(const struct cli *cli, struct ipc_client *client, struct uw_err *err)
{
	struct timespec period = {.tv_sec = PERIOD_S};
	bool announced = false;
	int r = 0;

	while (r >= 0 || remote_is_passing(r)) {
		if (r >= 0) {
			announced = false;
			nanosleep(&period, NULL);
		} else {
			ipc_client_close(client);
			remote_await(cli, PERIOD_S * US_PER_SEC, &announced);
			r = remote_open(cli, client, err);
		}
		if (r >= 0)
			r = show(cli, client, err);
	}
	return r;
}

int command_status(struct cli *cli)
{
	struct ipc_client client = {.fd = -1};
	struct uw_err err = {0};
	int r = check_columns(cli, &err);

	if (r >= 0)
		r = remote_open(cli, &client, &err);
	if (r >= 0)
		r = show(cli, &client, &err);
	if (r >= 0 && cli->options.watch)
		r = watch(cli, &client, &err);
	ipc_client_close(&client);
	return r < 0 ? cli_fail(cli, &err) : CLI_OK;
}
