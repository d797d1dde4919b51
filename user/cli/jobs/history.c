// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl history prints the jobs that have ended, the last one first, as a table read page by page.
 * One id alone shows that job at length.
 */
#include "user/cli/jobs/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/cli/command.h"
#include "user/cli/jobs/job_text.h"
#include "user/cli/jobs/pages.h"
#include "user/cli/jobs/pick.h"
#include "user/cli/jobs/show.h"
#include "user/cli/remote.h"

#define SHOWN_DEFAULT 20

static const struct column columns[] = {
	{"ID", false, 0},    {"STATE", false, 0},     {"CODE", true, 0},  {"NAME", false, 0},
	{"USER", false, 7},  {"COMPONENT", false, 1}, {"ENDED", true, 2}, {"RAN", true, 3},
	{"WAITED", true, 8}, {"PEAK", true, 4},       {"ASKED", true, 5}, {"GIVEN", true, 9},
	{"TRIES", true, 10}, {"WHY", false, 6},
};

/* What each is sorted by. */
static const char *const keys[ARRAY_SIZE(columns)] = {
	"id",           "state",          "code",     "name",    "user",
	"component",    "end_wall_us",    "run_us",   "wait_us", "peak_bytes",
	"memory_bytes", "reserved_bytes", "attempts", NULL,
};

/* Of a job that ran or failed; one that was cancelled before has none. */
static const char *code_text(const json_t *job, char buf[static JOB_TEXT_LEN])
{
	if (json_get_u64(job, "start_wall_us") == UINT64_MAX)
		return "-";
	snprintf(buf, JOB_TEXT_LEN, "%" PRIu64, json_get_u64_or(job, "code", 0));
	return buf;
}

static void add_row(struct table *table, const json_t *job, uint64_t now_us)
{
	const char *state = json_get_text(job, "state");
	char text[JOB_TEXT_LEN], clause[TABLE_CELL_LEN];

	table_cell(table, PAINT_BOLD, "%s", job_text_id(job, text));
	table_cell(table, job_text_paint(state), "%s", state);
	table_cell(table, PAINT_PLAIN, "%s", code_text(job, text));
	table_cell(table, PAINT_PLAIN, "%s", json_get_text(job, "name"));
	table_cell(table, PAINT_PLAIN, "%s", job_text_user(job, text));
	table_cell(table, PAINT_PLAIN, "%s", json_get_text(job, "component"));
	table_cell(table, PAINT_PLAIN, "%s", job_text_ago(job, "end_wall_us", now_us, text));
	table_cell(table, PAINT_PLAIN, "%s", job_text_time(job, "run_us", text));
	table_cell(table, PAINT_PLAIN, "%s", job_text_time(job, "wait_us", text));
	table_cell(table, PAINT_PLAIN, "%s", value_bytes(job, "peak_bytes", text));
	table_cell(table, PAINT_PLAIN, "%s", value_bytes(job, "memory_bytes", text));
	table_cell(table, PAINT_PLAIN, "%s", value_bytes(job, "reserved_bytes", text));
	table_cell(table, PAINT_PLAIN, "%" PRIu64, json_get_u64_or(job, "attempts", 0));
	table_cell(table, PAINT_DIM, "%s", job_text_clause(job, clause));
}

void history_print(struct table *table, const struct screen *screen, const json_t *jobs,
		   uint64_t now_us)
{
	const json_t *job;
	size_t i;

	if (!table->column)
		table_init(table, columns, ARRAY_SIZE(columns));
	json_array_foreach (jobs, i, job)
		add_row(table, job, now_us);
	if (table->rows)
		table_print(table, screen);
	table_continue(table);
}

static int prepare(struct pages *pages, struct uw_err *err)
{
	table_init(&pages->table, columns, ARRAY_SIZE(columns));
	return table_choose(&pages->table, pages->cli->options.output, err);
}

static int sort(const struct pages *pages, json_t *jobs, struct uw_err *err)
{
	return table_sort(columns, keys, ARRAY_SIZE(columns), pages->cli->options.sort, jobs, err);
}

static void print_page(struct pages *pages, const json_t *answer)
{
	history_print(&pages->table, &pages->cli->screen, json_object_get(answer, "jobs"),
		      clock_wall_us());
}

int command_history(struct cli *cli)
{
	const struct options *options = &cli->options;
	AUTO_JSON json_t *select = NULL;
	struct pages pages = {.cli = cli,
			      .method = IPC_HISTORY,
			      .prepare = prepare,
			      .sort = sort,
			      .print = print_page,
			      .most = option_given(options, OPTION_LINES) ? options->lines
									  : SHOWN_DEFAULT};
	struct uw_err err = {0};
	json_t *parameters;
	int status;

	if (pick_select(cli, false, &select, &err) < 0)
		return cli_fail(cli, &err);
	if (!options->output && pages_is_one(cli, IPC_HISTORY, select))
		return show_job(cli, cli->argv[0]);
	parameters = json_pack("{s:O}", "select", select);
	if (options->since_us)
		json_object_set_new(
			parameters, "since_wall_us",
			json_integer((json_int_t)options_since(options, clock_wall_us())));
	status = pages_read(&pages, parameters);
	if (status == CLI_OK && !options->json && !pages.count)
		fprintf(cli->screen.out, "no job of these has ended\n");
	table_done(&pages.table);
	return status;
}
