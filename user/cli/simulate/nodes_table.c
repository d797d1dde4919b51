// SPDX-License-Identifier: GPL-2.0-or-later
#include "user/cli/simulate/nodes_table.h"

#include <errno.h>
#include <stdlib.h>

#include "user/base/cleanup.h"
#include "user/base/units.h"
#include "user/cli/simulate/figures_json.h"

#define HOUR_S 3600.0

/* ---- the replays ---- */

static void take_most(uint64_t *most, uint64_t value)
{
	*most = value > *most ? value : *most;
}

static int run_way(struct nodes_table *table, enum nodes_way way, struct figures *ret,
		   struct uw_err *err)
{
	struct nodes_options options = {table->replay, *table->placement, way};
	struct nodes_row *row = &table->row[way];
	struct nodes nodes;
	int r = nodes_run(table->trace, &options, &nodes, err);

	if (!r)
		r = figures_of(table->trace, &nodes.replay, ret, err);
	table->never = nodes.replay.never;
	row->used_of_pct += nodes.used_of_permyriad / 100.0 / table->runs;
	row->learned_requests += (double)nodes.learned_requests / table->runs;
	take_most(&row->most_given_bytes, nodes.most_given_bytes);
	take_most(&row->most_kept_bytes, nodes.most_kept_bytes);
	nodes_done(&nodes);
	return r;
}

int nodes_table_fill(struct nodes_table *table, struct uw_err *err)
{
	AUTO_FREE struct figures *figures = calloc(table->runs, sizeof(*figures));
	int r = 0;

	if (!figures)
		return err_set(err, -ENOMEM, "out of memory");
	for (int way = 0; way < NODES_WAY__COUNT && !r; way++) {
		for (uint32_t run = 0; run < table->runs && !r; run++) {
			table->replay->seed = table->seed + run;
			*table->run = (uint32_t)way * table->runs + run;
			r = run_way(table, (enum nodes_way)way, &figures[run], err);
		}
		if (!r)
			figures_mean(figures, table->runs, &table->row[way].figures);
	}
	return r;
}

/* ---- what is printed ---- */

static double per_hour(const struct figures *f)
{
	return f->makespan_s > 0 ? f->jobs * HOUR_S / f->makespan_s : 0;
}

static json_int_t permyriads(double pct)
{
	return (json_int_t)(pct * 100 + .5);
}

static json_t *row_json(const struct nodes_table *table, enum nodes_way way)
{
	const struct nodes_row *row = &table->row[way];
	const struct figures *f = &row->figures;

	return json_pack(
		"{s:s, s:o, s:o, s:f, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:I}",
		"system", nodes_way_name(way), "wait", figures_times_json(&f->wait_s), "slowdown",
		figures_ratios_json(&f->slowdown), "jobs_per_hour", per_hour(f),
		"allocated_permyriad", permyriads(f->allocated_pct), "used_permyriad",
		permyriads(f->used_pct), "used_of_allocated_permyriad",
		permyriads(row->used_of_pct), "failed_jobs", f->failed_jobs, "failed_attempts",
		f->failed_attempts, "grown", f->grown, "learned_requests", row->learned_requests,
		"stood_us", figures_us(f->stood_s), "makespan_us", figures_us(f->makespan_s),
		"most_given_bytes", (json_int_t)row->most_given_bytes, "most_kept_bytes",
		(json_int_t)row->most_kept_bytes);
}

static int print_json(const struct cli *cli, const struct nodes_table *table)
{
	json_t *systems = json_array();

	for (int way = 0; way < NODES_WAY__COUNT; way++)
		json_array_append_new(systems, row_json(table, (enum nodes_way)way));
	return cli_print_json(
		cli,
		json_pack("{s:s, s:i, s:I, s:s, s:f, s:I, s:i, s:i, s:I, s:i, s:i, s:i, s:i, s:o}",
			  "trace", table->path, "nodes", (int)table->placement->nodes, "node_bytes",
			  (json_int_t)table->placement->node_bytes, "placement",
			  placement_rule_name(table->placement->rule), "stretch",
			  table->replay->stretch_permille / 1000.0, "jitter_us",
			  (json_int_t)table->replay->jitter_us, "ramp_permyriad",
			  (int)table->replay->ramp_permille * 10, "run_count", (int)table->runs,
			  "seed", (json_int_t)table->seed, "jobs", (int)table->row[0].figures.jobs,
			  "left_out", (int)table->trace->left_out, "faulty_lines",
			  (int)table->trace->faulty, "never_fit", (int)table->never, "systems",
			  systems));
}

static const char *seconds(double s, char buf[static UNITS_TEXT_LEN])
{
	return units_print_us((uint64_t)(s * 1e6 + .5), buf);
}

static void print_row(struct table *table, const struct nodes_row *row, enum nodes_way way)
{
	const struct figures *f = &row->figures;
	char buf[UNITS_TEXT_LEN];

	table_cell(table, PAINT_PLAIN, "%s", nodes_way_name(way));
	table_cell(table, PAINT_PLAIN, "%.0f", per_hour(f));
	table_cell(table, PAINT_PLAIN, "%s", seconds(f->wait_s.mean, buf));
	table_cell(table, PAINT_PLAIN, "%s", seconds(f->wait_s.p95, buf));
	table_cell(table, PAINT_PLAIN, "%s", seconds(f->wait_s.max, buf));
	table_cell(table, PAINT_PLAIN, "%.2f", f->slowdown.mean);
	table_cell(table, PAINT_PLAIN, "%.1f %%", f->allocated_pct);
	table_cell(table, PAINT_PLAIN, "%.1f %%", row->used_of_pct);
	table_cell(table, PAINT_PLAIN, "%.0f", f->failed_attempts);
	table_cell(table, PAINT_PLAIN, "%.0f", f->grown);
	table_cell(table, PAINT_PLAIN, "%s", seconds(f->stood_s, buf));
}

static void print_rows(const struct cli *cli, const struct nodes_table *of)
{
	static const struct column columns[] = {
		{"", false, 0},         {"JOBS/H", true, 0}, {"WAIT", true, 0},
		{"P95", true, 0},       {"MAX", true, 1},    {"SLOWDOWN", true, 0},
		{"ALLOCATED", true, 0}, {"USED", true, 0},   {"FAILED", true, 0},
		{"GREW", true, 1},      {"STOOD", true, 1},
	};
	struct table table;

	table_init(&table, columns, ARRAY_SIZE(columns));
	for (int way = 0; way < NODES_WAY__COUNT; way++)
		print_row(&table, &of->row[way], (enum nodes_way)way);
	table_print(&table, &cli->screen);
	table_done(&table);
}

int nodes_table_print(const struct cli *cli, const struct nodes_table *table)
{
	FILE *out = cli->screen.out;
	char bytes[UNITS_TEXT_LEN];

	if (cli->options.json)
		return print_json(cli, table);
	fprintf(out, "%s: %u jobs, %u nodes of %s%s, placed %s, %u run%s\n\n", table->path,
		table->row[0].figures.jobs, table->placement->nodes,
		units_print_bytes(table->placement->node_bytes, bytes),
		table->trace->processors ? " (a processor is 1M)" : "",
		table->placement->rule == PLACEMENT_LEAST ? "where most is free" : "first fit",
		table->runs, table->runs == 1 ? "" : "s, their mean");
	print_rows(cli, table);
	if (table->trace->left_out)
		fprintf(out, "\nleft out     %u that never ran or asked for nothing\n",
			table->trace->left_out);
	if (table->trace->faulty)
		fprintf(out, "\nleft out     %u lines that are not as they should be, first %s\n",
			table->trace->faulty, table->trace->fault.text);
	if (table->never)
		fprintf(out, "\nleft out     %u that are wider than a node\n", table->never);
	return CLI_OK;
}
