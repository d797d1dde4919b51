// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl simulate reads a trace and options, replays it as often as asked with different random
 * delays, and prints the figures, as text, JSON or a web page. On a terminal it says how far it is.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/units.h"
#include "user/cli/command.h"
#include "user/cli/simulate/figures.h"
#include "user/cli/simulate/figures_json.h"
#include "user/cli/simulate/html.h"
#include "user/cli/simulate/nodes_table.h"

#define RUNS_MAX         1000
#define CAPACITY_DEFAULT (20 * GIB)
#define RAMP_DEFAULT     1000 /* permille */
#define TELL_EVERY_US    (200 * US_PER_MS)

struct progress {
	uint64_t told_us;
	uint32_t run, runs;
	bool shown;
};

struct simulation {
	const char *path;
	struct replay_options options;
	struct placement_options placement; /* nodes 0: one machine */
	uint64_t seed;
	uint32_t runs;
	struct trace trace;
	struct figures *figures; /* one a run */
	uint32_t never;
	struct progress progress;
};

/* A positive decimal as permille: "12", "0.5". */
static int parse_factor(const char *text, uint32_t *ret_permille)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !isfinite(value) || value < 0.001 || value > 1000)
		return -EINVAL;
	*ret_permille = (uint32_t)(value * 1000 + .5);
	return 0;
}

static int refuse(struct uw_err *err, const char *option, const char *text, const char *allowed)
{
	return err_set(err, -EINVAL, "--%s: '%s' is not %s", option, text, allowed);
}

static int read_counts(const struct options *given, struct simulation *sim, struct uw_err *err)
{
	uint64_t runs = 1;

	sim->seed = 1;
	if (given->seed && units_parse_uint(given->seed, 0, UINT32_MAX, &sim->seed) < 0)
		return refuse(err, "seed", given->seed, "a number below 4294967296");
	if (given->runs && units_parse_uint(given->runs, 1, RUNS_MAX, &runs) < 0)
		return refuse(err, "runs", given->runs, "a number from 1 to 1000");
	sim->runs = (uint32_t)runs;
	return 0;
}

/* What the table of a cluster does not tell, or tells of each system. */
static int read_nodes(const struct options *given, struct simulation *sim, struct uw_err *err)
{
	struct placement_options *placement = &sim->placement;
	uint64_t nodes = 0;

	if (given->placement && !given->nodes)
		return err_set(err, -EINVAL, "--placement is of a cluster: with --nodes");
	if (!given->nodes)
		return 0;
	if (units_parse_uint(given->nodes, 1, PLACEMENT_NODES_MAX, &nodes) < 0)
		return refuse(err, "nodes", given->nodes, "a number from 1 to 10000");
	if (given->placement && placement_rule_parse(given->placement, &placement->rule) < 0)
		return refuse(err, "placement", given->placement, "first or least");
	if (given->policy || given->html)
		return err_set(err, -EINVAL, "--%s: not with --nodes, where Slurm has the order",
			       given->policy ? "policy" : "html");
	placement->nodes = (uint32_t)nodes;
	placement->node_bytes = sim->options.capacity_bytes;
	placement->backfill_us = PLACEMENT_BACKFILL_US;
	placement->tests = placement->reserved = PLACEMENT_TESTS;
	return 0;
}

static int read_options(const struct options *given, struct simulation *sim, struct uw_err *err)
{
	struct replay_options *options = &sim->options;
	uint32_t permyriad;
	int r;

	*options = (struct replay_options){
		.policy = REPLAY_UW,
		.capacity_bytes = CAPACITY_DEFAULT,
		.stretch_permille = 1000,
		.ramp_permille = RAMP_DEFAULT,
	};
	if (given->policy && replay_policy_parse(given->policy, &options->policy) < 0)
		return refuse(err, "policy", given->policy,
			      "one of fcfs, easy, easy-learned, uw, oracle");
	if (given->capacity &&
	    (units_parse_bytes(given->capacity, &options->capacity_bytes) < 0 ||
	     options->capacity_bytes < MIB || options->capacity_bytes > (1ULL << 50)))
		return refuse(err, "capacity", given->capacity, "a size from 1M to 1024T");
	if (given->stretch && parse_factor(given->stretch, &options->stretch_permille) < 0)
		return refuse(err, "stretch", given->stretch, "a number from 0.001 to 1000");
	if (given->jitter && (units_parse_us(given->jitter, &options->jitter_us) < 0 ||
			      options->jitter_us > 365 * 24 * 3600 * US_PER_SEC))
		return refuse(err, "jitter", given->jitter, "a time with its unit: 30s, 2min");
	if (given->ramp) {
		if (units_parse_permyriad(given->ramp, &permyriad) < 0)
			return refuse(err, "ramp", given->ramp, "a share from 0% to 100%");
		options->ramp_permille = permyriad / 10;
	}
	r = read_counts(given, sim, err);
	return r ? r : read_nodes(given, sim, err);
}

/* On a terminal, where one waits. */
static void tell_progress(uint32_t permille, void *data)
{
	struct progress *progress = data;
	uint64_t now = clock_now_us();

	if (now - progress->told_us < TELL_EVERY_US)
		return;
	progress->told_us = now;
	progress->shown = true;
	fprintf(stderr, "\rsimulate: run %u of %u, %u %%\033[K", progress->run + 1, progress->runs,
		permille / 10);
}

static void end_progress(struct simulation *sim)
{
	if (sim->progress.shown)
		fprintf(stderr, "\r\033[K");
	sim->progress.shown = false;
}

/* The name of the file, what was replayed, and how. */
static void html_title(const struct simulation *sim, char *buf, size_t size)
{
	const char *slash = strrchr(sim->path, '/');
	char capacity[UNITS_TEXT_LEN];

	snprintf(buf, size, "%s: %s with %s, submit times x%g", slash ? slash + 1 : sim->path,
		 replay_policy_name(sim->options.policy),
		 units_print_bytes(sim->options.capacity_bytes, capacity),
		 sim->options.stretch_permille / 1000.0);
}

static int run_once(struct simulation *sim, uint32_t run, const char *html, struct uw_err *err)
{
	struct replay replay;
	char title[256];
	int r;

	sim->options.seed = sim->seed + run;
	sim->progress.run = run;
	r = replay_run(&sim->trace, &sim->options, &replay, err);
	if (!r)
		r = figures_of(&sim->trace, &replay, &sim->figures[run], err);
	if (!r)
		r = sizing_of(&sim->trace, &sim->options, &sim->figures[run].sizing, err);
	if (!r && html && run == 0) {
		html_title(sim, title, sizeof(title));
		r = html_write(html, title, &sim->trace, &replay, &sim->figures[0], err);
	}
	sim->never = replay.never;
	replay_done(&replay);
	return r;
}

static int run_all(struct simulation *sim, const char *html, struct uw_err *err)
{
	int r = 0;

	sim->figures = calloc(sim->runs, sizeof(*sim->figures));
	if (!sim->figures)
		return err_set(err, -ENOMEM, "out of memory");
	sim->progress.runs = sim->runs;
	sim->progress.told_us = clock_now_us();
	if (isatty(STDERR_FILENO)) {
		sim->options.progress = tell_progress;
		sim->options.progress_data = &sim->progress;
	}
	for (uint32_t run = 0; run < sim->runs && !r; run++)
		r = run_once(sim, run, html, err);
	end_progress(sim);
	return r;
}

static json_int_t permyriads(double pct)
{
	return (json_int_t)(pct * 100 + .5);
}

static json_t *class_json(const struct figures_class *class)
{
	return json_pack("{s:i, s:o, s:o, s:f}", "jobs", (int)class->jobs, "wait",
			 figures_times_json(&class->wait_s), "slowdown",
			 figures_ratios_json(&class->slowdown), "inverted", class->inverted);
}

static json_t *inversions_json(const struct figures_inversions *inversions)
{
	return json_pack("{s:f, s:f, s:f}", "by_class", inversions->by_class, "by_size",
			 inversions->by_size, "by_length", inversions->by_length);
}

/* Counts are fractions where they are means of several runs. */
static json_t *figures_json(const struct figures *f)
{
	json_t *classes = json_object();

	for (int i = 0; i < ADMIT_CLASS__COUNT; i++)
		json_object_set_new(classes, admit_class_name((enum admit_class)i),
				    class_json(&f->class[i]));
	return json_pack(
		"{s:o, s:o, s:o, s:I, s:I, s:I, s:f, s:f, s:f, s:I, s:f, s:f, s:I, s:I, s:{s:I, s:I}, s:o}",
		"wait", figures_times_json(&f->wait_s), "slowdown",
		figures_ratios_json(&f->slowdown), "classes", classes, "allocated_permyriad",
		permyriads(f->allocated_pct), "used_permyriad", permyriads(f->used_pct),
		"failed_permyriad", permyriads(f->failed_pct), "failed_jobs", f->failed_jobs,
		"failed_attempts", f->failed_attempts, "grown", f->grown, "stood_us",
		figures_us(f->stood_s), "overtaken_mean", f->overtaken_mean, "overtaken_max",
		f->overtaken_max, "makespan_us", figures_us(f->makespan_s), "waste_byte_hours",
		(json_int_t)(f->waste_gib_h * (double)GIB), "sizing", "waste_byte_hours",
		(json_int_t)(f->sizing.waste_gb_h * 1e9), "failed_permyriad",
		permyriads(f->sizing.failed_pct), "inversions", inversions_json(&f->inversions));
}

static int print_json(const struct cli *cli, const struct simulation *sim,
		      const struct figures *mean)
{
	uint32_t worst = figures_worst(sim->figures, sim->runs);
	json_t *runs = json_array();
	json_t *run;

	for (uint32_t i = 0; i < sim->runs; i++) {
		run = figures_json(&sim->figures[i]);
		json_object_set_new(run, "seed",
				    json_integer((json_int_t)sim->seed + (json_int_t)i));
		json_array_append_new(runs, run);
	}
	return cli_print_json(
		cli,
		json_pack("{s:s, s:s, s:I, s:f, s:I, s:i, s:i, s:i, s:i, s:i, s:b, s:o, s:I, s:o}",
			  "trace", sim->path, "policy", replay_policy_name(sim->options.policy),
			  "capacity_bytes", (json_int_t)sim->options.capacity_bytes, "stretch",
			  sim->options.stretch_permille / 1000.0, "jitter_us",
			  (json_int_t)sim->options.jitter_us, "ramp_permyriad",
			  (int)sim->options.ramp_permille * 10, "jobs", (int)mean->jobs, "left_out",
			  (int)sim->trace.left_out, "faulty_lines", (int)sim->trace.faulty,
			  "never_fit", (int)sim->never, "processors", sim->trace.processors, "mean",
			  figures_json(mean), "worst_seed", (json_int_t)sim->seed + worst, "runs",
			  runs));
}

static const char *seconds(double s, char buf[static UNITS_TEXT_LEN])
{
	return units_print_us((uint64_t)(s * 1e6 + .5), buf);
}

static void print_spreads(const struct cli *cli, const struct figures *f)
{
	static const struct column columns[] = {
		{"", false, 0},   {"MEAN", true, 0}, {"P50", true, 0},
		{"P95", true, 0}, {"P99", true, 0},  {"MAX", true, 1},
	};
	const struct figures_spread *w = &f->wait_s, *s = &f->slowdown;
	const double waits[] = {w->mean, w->p50, w->p95, w->p99, w->max};
	const double slowdowns[] = {s->mean, s->p50, s->p95, s->p99, s->max};
	char buf[UNITS_TEXT_LEN];
	struct table table;

	table_init(&table, columns, ARRAY_SIZE(columns));
	table_cell(&table, PAINT_PLAIN, "wait");
	for (size_t i = 0; i < ARRAY_SIZE(waits); i++)
		table_cell(&table, PAINT_PLAIN, "%s", seconds(waits[i], buf));
	table_cell(&table, PAINT_PLAIN, "bounded slowdown");
	for (size_t i = 0; i < ARRAY_SIZE(slowdowns); i++)
		table_cell(&table, PAINT_PLAIN, "%.2f", slowdowns[i]);
	table_print(&table, &cli->screen);
	table_done(&table);
}

static void print_classes(const struct cli *cli, const struct figures *f)
{
	static const struct column columns[] = {{"CLASS", false, 0}, {"JOBS", true, 0},
						{"WAIT", true, 0},   {"P95", true, 0},
						{"MAX", true, 0},    {"SLOWDOWN", true, 0}};
	char buf[UNITS_TEXT_LEN];
	struct table table;

	table_init(&table, columns, ARRAY_SIZE(columns));
	for (int i = 0; i < ADMIT_CLASS__COUNT; i++) {
		if (!f->class[i].jobs)
			continue;
		table_cell(&table, PAINT_PLAIN, "%s", admit_class_name((enum admit_class)i));
		table_cell(&table, PAINT_PLAIN, "%u", f->class[i].jobs);
		table_cell(&table, PAINT_PLAIN, "%s", seconds(f->class[i].wait_s.mean, buf));
		table_cell(&table, PAINT_PLAIN, "%s", seconds(f->class[i].wait_s.p95, buf));
		table_cell(&table, PAINT_PLAIN, "%s", seconds(f->class[i].wait_s.max, buf));
		table_cell(&table, PAINT_PLAIN, "%.2f", f->class[i].slowdown.mean);
	}
	table_print(&table, &cli->screen);
	table_done(&table);
}

static void print_worst(FILE *out, const struct simulation *sim)
{
	uint32_t worst = figures_worst(sim->figures, sim->runs);
	char wait[UNITS_TEXT_LEN];

	fprintf(out, "worst seed   %" PRIu64 ": wait %s, bounded slowdown %.2f\n",
		sim->seed + worst, seconds(sim->figures[worst].wait_s.mean, wait),
		sim->figures[worst].slowdown.mean);
}

static void print_left_out(FILE *out, const struct simulation *sim)
{
	const struct trace *trace = &sim->trace;

	if (trace->left_out)
		fprintf(out, "left out     %u that never ran or asked for nothing\n",
			trace->left_out);
	if (trace->faulty)
		fprintf(out, "left out     %u lines that are not as they should be, first %s\n",
			trace->faulty, trace->fault.text);
	if (sim->never)
		fprintf(out, "left out     %u that are wider than the capacity\n", sim->never);
}

static int print_text(const struct cli *cli, const struct simulation *sim, const struct figures *f)
{
	FILE *out = cli->screen.out;
	char capacity[UNITS_TEXT_LEN], makespan[UNITS_TEXT_LEN], stood[UNITS_TEXT_LEN];

	fprintf(out, "%s: %u jobs, policy %s, capacity %s%s, %u run%s\n\n", sim->path, f->jobs,
		replay_policy_name(sim->options.policy),
		units_print_bytes(sim->options.capacity_bytes, capacity),
		sim->trace.processors ? " (a processor is 1M)" : "", sim->runs,
		sim->runs == 1 ? "" : "s, their mean");
	print_spreads(cli, f);
	fputc('\n', out);
	print_classes(cli, f);
	fprintf(out, "\nallocated    %.1f %% of the capacity, used %.1f %%, over %s\n",
		f->allocated_pct, f->used_pct, seconds(f->makespan_s, makespan));
	fprintf(out, "failed       %.2f %% of the jobs, %.1f attempts\n", f->failed_pct,
		f->failed_attempts);
	fprintf(out, "grew         %.0f times in place; stood still for it %s in all\n", f->grown,
		seconds(f->stood_s, stood));
	fprintf(out, "sizing       one by one: %.1f GB h wasted, %.2f failed tries in 100 jobs\n",
		f->sizing.waste_gb_h, f->sizing.failed_pct);
	fprintf(out, "overtaken    %.1f times a job, at most %.0f\n", f->overtaken_mean,
		f->overtaken_max);
	fprintf(out,
		"inverted     %.0f jobs, passed by a later one of a lower class; %.0f by a larger,"
		" %.0f by a longer one\n",
		f->inversions.by_class, f->inversions.by_size, f->inversions.by_length);
	if (sim->runs > 1)
		print_worst(out, sim);
	print_left_out(out, sim);
	return CLI_OK;
}

static int simulate_nodes(const struct cli *cli, struct simulation *sim, struct uw_err *err)
{
	struct nodes_table table = {
		.path = sim->path,
		.trace = &sim->trace,
		.replay = &sim->options,
		.placement = &sim->placement,
		.seed = sim->seed,
		.runs = sim->runs,
	};

	if (isatty(STDERR_FILENO)) {
		sim->options.progress = tell_progress;
		sim->options.progress_data = &sim->progress;
	}
	sim->progress.runs = sim->runs * NODES_WAY__COUNT;
	sim->progress.told_us = clock_now_us();
	table.run = &sim->progress.run;
	if (nodes_table_fill(&table, err) < 0) {
		end_progress(sim);
		return cli_fail(cli, err);
	}
	end_progress(sim);
	return nodes_table_print(cli, &table);
}

static int simulate(const struct cli *cli, struct simulation *sim, struct uw_err *err)
{
	struct figures mean;
	int r = read_options(&cli->options, sim, err);

	if (!r)
		r = trace_open(sim->path, &sim->trace, err);
	if (!r && sim->placement.nodes)
		return simulate_nodes(cli, sim, err);
	if (!r)
		r = run_all(sim, cli->options.html, err);
	if (r < 0)
		return cli_fail(cli, err);
	figures_mean(sim->figures, sim->runs, &mean);
	return cli->options.json ? print_json(cli, sim, &mean) : print_text(cli, sim, &mean);
}

int command_simulate(struct cli *cli)
{
	struct simulation sim = {.path = cli->argv[0]};
	struct uw_err err = {0};
	int status = simulate(cli, &sim, &err);

	free(sim.figures);
	trace_done(&sim.trace);
	return status;
}
