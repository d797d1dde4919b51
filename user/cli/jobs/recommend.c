// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl recommend prints what jobs asked for, what they used and what would have been enough, in a
 * table by key and user and, for root, one by component. uwd does the statistics; here are the
 * tables. With --budgets it is about components alone, by what was recorded: budgets.c; with
 * --slurm about other nodes, by files: slurm_requests.c.
 */
#include "user/cli/jobs/recommend.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/cli/budgets.h"
#include "user/cli/command.h"
#include "user/cli/jobs/job_text.h"
#include "user/cli/jobs/pages.h"
#include "user/cli/jobs/slurm_requests.h"
#include "user/cli/remote.h"

#define MIB_S_PER_GIB_H (1024 * 3600ULL)

/* Memory over time, in GiB hours with one decimal below ten. */
static const char *saved_text(const json_t *advice, char buf[static JOB_TEXT_LEN])
{
	uint64_t mib_s = json_get_u64(advice, "saved_mib_s");
	uint64_t tenths;

	if (mib_s == UINT64_MAX)
		return "-";
	tenths = mib_s / (MIB_S_PER_GIB_H / 10);
	if (mib_s < 3600)
		return "0";
	if (!tenths)
		snprintf(buf, JOB_TEXT_LEN, "%" PRIu64 " MiB h", mib_s / 3600);
	else if (tenths < 100)
		snprintf(buf, JOB_TEXT_LEN, "%" PRIu64 ".%" PRIu64 " GiB h", tenths / 10,
			 tenths % 10);
	else
		snprintf(buf, JOB_TEXT_LEN, "%" PRIu64 " GiB h", tenths / 10);
	return buf;
}

static void add_memory(struct table *table, const json_t *advice)
{
	char text[VALUE_LEN];

	table_cell(table, PAINT_PLAIN, "%" PRIu64, json_get_u64_or(advice, "runs", 0));
	table_cell(table, PAINT_PLAIN, "%s", value_bytes(advice, "asked_bytes", text));
	table_cell(table, PAINT_PLAIN, "%s", value_bytes(advice, "p50_bytes", text));
	table_cell(table, PAINT_PLAIN, "%s", value_bytes(advice, "p95_bytes", text));
	table_cell(table, PAINT_PLAIN, "%s", value_bytes(advice, "max_bytes", text));
}

/* ">=" where none that had more memory has ended well yet. */
static void add_enough(struct table *table, const json_t *advice, const char *key)
{
	char text[VALUE_LEN];

	table_cell(table, PAINT_BOLD, "%s%s", json_get_bool(advice, "at_least") ? ">=" : "",
		   value_bytes(advice, key, text));
}

/* What tells its memory, and how far off that was, of what was asked. */
static void add_predictor(struct table *table, const json_t *by)
{
	const char *word = json_get_text(by, "memory");
	char text[VALUE_LEN];

	table_cell(table, PAINT_PLAIN, "%s", *word ? word : "-");
	table_cell(table, PAINT_PLAIN, "%s", value_percent(by, "memory_off_permyriad", text));
}

static void print_keys(struct table *table, const struct screen *screen, const json_t *keys)
{
	static const struct column columns[] = {
		{"KEY", false, 0},  {"USER", false, 5},  {"RUNS", true, 3}, {"ASKED", true, 0},
		{"P50", true, 2},   {"P95", true, 0},    {"MAX", true, 0},  {"ENOUGH", true, 0},
		{"SAVES", true, 0}, {"IN ALL", true, 4}, {"BY", false, 6},  {"OFF", true, 6},
	};
	const json_t *advice;
	char text[JOB_TEXT_LEN];
	size_t i;

	if (!table->column)
		table_init(table, columns, ARRAY_SIZE(columns));
	json_array_foreach (keys, i, advice) {
		table_cell(table, PAINT_PLAIN, "%s", json_get_text(advice, "key"));
		table_cell(table, PAINT_PLAIN, "%s", job_text_user(advice, text));
		add_memory(table, advice);
		add_enough(table, advice, "request_bytes");
		table_cell(table, PAINT_GOOD, "%s", value_bytes(advice, "saved_bytes", text));
		table_cell(table, PAINT_PLAIN, "%s", saved_text(advice, text));
		add_predictor(table, json_object_get(advice, "predicted_by"));
	}
	if (table->rows)
		table_print(table, screen);
	table_continue(table);
}

static void print_components(const struct screen *screen, const json_t *components)
{
	static const struct column columns[] = {
		{"COMPONENT", false, 0}, {"RUNS", true, 3},   {"ASKED", true, 4},
		{"P50", true, 2},        {"P95", true, 0},    {"MAX", true, 0},
		{"ENOUGH", true, 0},     {"BUDGET", true, 0}, {"SHARE", true, 1},
		{"SERVES", true, 0},     {"SAVES", true, 0},
	};
	struct table table;
	const json_t *advice;
	char text[VALUE_LEN];
	size_t i;

	table_init(&table, columns, ARRAY_SIZE(columns));
	json_array_foreach (components, i, advice) {
		table_cell(&table, PAINT_PLAIN, "%s", json_get_text(advice, "component"));
		add_memory(&table, advice);
		add_enough(&table, advice, "serving_bytes");
		table_cell(&table, PAINT_PLAIN, "%s", value_bytes(advice, "budget_bytes", text));
		table_cell(&table, PAINT_PLAIN, "%s",
			   value_percent(advice, "share_permyriad", text));
		table_cell(&table, PAINT_BOLD, "%s",
			   value_percent(advice, "serving_permyriad", text));
		table_cell(&table, PAINT_GOOD, "%s", value_bytes(advice, "saved_bytes", text));
	}
	if (table.rows)
		table_print(&table, screen);
	table_done(&table);
}

void recommend_print(struct table *table, const struct screen *screen, const json_t *answer,
		     bool first)
{
	if (first && json_array_size(json_object_get(answer, "components"))) {
		print_components(screen, json_object_get(answer, "components"));
		fputc('\n', screen->out);
	}
	print_keys(table, screen, json_object_get(answer, "keys"));
}

static void print_page(struct pages *pages, const json_t *answer)
{
	recommend_print(&pages->table, &pages->cli->screen, answer, !pages->table.row);
}

#define OF_JOBS \
	(OPTION_BIT(OPTION_OF_KEY) | OPTION_BIT(OPTION_OF_COMPONENT) | OPTION_BIT(OPTION_LINES))
#define OF_BUDGETS (OPTION_BIT(OPTION_RECORDING) | OPTION_BIT(OPTION_SINCE))

/* What the other options would say is of the other table. CLI_OK: there are none. */
static int refuse_mixture(const struct cli *cli)
{
	const struct options *options = &cli->options;

	if (options->slurm && (options->budgets || (options->given & (OF_JOBS | OF_BUDGETS))))
		return cli_usage(cli, "--slurm is of all keys in its files: no other table's "
				      "options");
	if (options->slurm && !cli->argc)
		return cli_usage(cli, "--slurm wants files of what nodes have seen, as 'uwctl "
				      "recommend --json' prints them there; - is standard input");
	if (!options->slurm && cli->argc)
		return cli_usage(cli, "'%s': files are of --slurm", cli->argv[0]);
	if (!options->budgets && (options->given & OF_BUDGETS))
		return cli_usage(cli, "--recording and --since are of --budgets");
	if (options->budgets && (options->given & OF_JOBS))
		return cli_usage(cli, "--budgets is of all components, and not of jobs: no --key, "
				      "--component or --lines");
	return CLI_OK;
}

int command_recommend(struct cli *cli)
{
	const struct options *options = &cli->options;
	struct pages pages = {.cli = cli,
			      .method = IPC_RECOMMEND,
			      .print = print_page,
			      .most = cli->options.lines};
	int status = refuse_mixture(cli);

	if (status != CLI_OK)
		return status;
	if (options->slurm)
		return slurm_requests_print(cli);
	if (options->budgets)
		return budgets_print(cli);
	status = pages_read(&pages, json_pack("{s:s*, s:s*}", "key", options->key, "component",
					      options->component));
	if (status == CLI_OK && !cli->options.json && !pages.count)
		fprintf(cli->screen.out, "nothing has been learned yet: no job with a key has "
					 "ended\n");
	table_done(&pages.table);
	return status;
}
