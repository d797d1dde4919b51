// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl queue prints the jobs that have not ended, as a table read page by page, with their places,
 * predicted times and why they wait. One id alone shows that job at length.
 */
#include "user/cli/jobs/queue.h"

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

#define SHOWN_ON_TERMINAL 100 /* more than that nobody reads from the top */
#define WIDE_ENOUGH       120 /* for whole clauses */

static const struct column columns[] = {
	{"ID", false, 0},
	{"STATE", false, 0},
	{"NAME", false, 0},
	{"USER", false, 3},
	{"COMPONENT", false, 0},
	{"MEMORY", true, 1},
	{"USED", true, 7},
	{"ASKED", true, 9},
	{"START", true, 2},
	{"END", true, 8},
	{"POS", true, 5},
	{"PRI", true, 6},
	{"WHY", false, 4 | COLUMN_WRAPS},
};

/* What each is sorted by. */
static const char *const keys[ARRAY_SIZE(columns)] = {
	"id",        "state",          "name",          "user",
	"component", "reserved_bytes", "current_bytes", "memory_bytes",
	NULL,        "end_in_us",      "position",      "priority",
	NULL,
};

/* "12min ago" of one that runs, "in 2min" of one that waits. */
static const char *start_text(const json_t *job, uint64_t now_us, char buf[static JOB_TEXT_LEN])
{
	char time[JOB_TEXT_LEN];

	if (json_get_u64(job, "start_wall_us") != UINT64_MAX)
		return job_text_ago(job, "start_wall_us", now_us, buf);
	if (json_get_u64(job, "start_in_us") == UINT64_MAX)
		return "-";
	snprintf(buf, JOB_TEXT_LEN, "in %.20s", job_text_time(job, "start_in_us", time));
	return buf;
}

static const char *position_text(const json_t *job, char buf[static JOB_TEXT_LEN])
{
	uint64_t position = json_get_u64(job, "position");

	if (position == UINT64_MAX)
		return "-";
	snprintf(buf, JOB_TEXT_LEN, "%" PRIu64, position);
	return buf;
}

/* Without a time that was promised it is a guess, by what its key took; one that is over its time
 * is late. */
static const char *end_text(const json_t *job, uint64_t now_us, char buf[static JOB_TEXT_LEN])
{
	uint64_t left_us = json_get_u64(job, "end_in_us");
	uint64_t time_us = json_get_u64(job, "time_us");
	uint64_t start_us = json_get_u64(job, "start_wall_us");
	char time[JOB_TEXT_LEN];

	if (left_us == UINT64_MAX)
		return "-";
	if (time_us == UINT64_MAX) {
		snprintf(buf, JOB_TEXT_LEN, "~%.20s", job_text_time(job, "end_in_us", time));
		return buf;
	}
	if (left_us || start_us == UINT64_MAX || now_us < start_us + time_us)
		return job_text_time(job, "end_in_us", buf);
	return job_text_span(now_us - start_us - time_us, " late", buf);
}

/* The whole clause where there is room; else of what runs, when it should end. */
static const char *why_text(const json_t *job, uint64_t now_us, bool wide,
			    char buf[static TABLE_CELL_LEN])
{
	const json_t *why = json_object_get(job, "why");
	char time[JOB_TEXT_LEN];
	const char *end;

	if (wide || !strcmp(json_get_text(why, "reason"), "request"))
		return job_text_clause(job, buf);
	if (strcmp(json_get_text(job, "state"), "running") != 0 ||
	    json_get_u64(job, "at_limit_us") != UINT64_MAX)
		return job_text_why(why, buf);
	end = end_text(job, now_us, time);
	if (!strcmp(end, "-"))
		return "";
	snprintf(buf, TABLE_CELL_LEN, "%s%s", strstr(end, "late") ? "" : "ends in ", end);
	return buf;
}

static void add_row(struct table *table, const json_t *job, uint64_t now_us, bool wide)
{
	const char *state = json_get_text(job, "state");
	char text[JOB_TEXT_LEN], cell[TABLE_CELL_LEN];

	table_cell(table, PAINT_BOLD, "%s", job_text_id(job, text));
	table_cell(table, job_text_paint(state), "%s", state);
	table_cell(table, PAINT_PLAIN, "%s", json_get_text(job, "name"));
	table_cell(table, PAINT_PLAIN, "%s", job_text_user(job, text));
	table_cell(table, PAINT_PLAIN, "%s", json_get_text(job, "component"));
	table_cell(table, PAINT_PLAIN, "%s", value_bytes(job, "reserved_bytes", text));
	table_cell(table, PAINT_PLAIN, "%s", value_bytes(job, "current_bytes", text));
	table_cell(table, PAINT_PLAIN, "%s", value_bytes(job, "memory_bytes", text));
	table_cell(table, PAINT_PLAIN, "%s", start_text(job, now_us, text));
	table_cell(table, PAINT_PLAIN, "%s", end_text(job, now_us, text));
	table_cell(table, PAINT_PLAIN, "%s", position_text(job, text));
	table_cell(table, PAINT_PLAIN, "%" PRIu64, json_get_u64_or(job, "priority", 0));
	table_cell(table, PAINT_DIM, "%s", why_text(job, now_us, wide, cell));
}

void queue_print(struct table *table, const struct screen *screen, const json_t *jobs,
		 uint64_t now_us)
{
	const json_t *job;
	size_t i;

	if (!table->column)
		table_init(table, columns, ARRAY_SIZE(columns));
	json_array_foreach (jobs, i, job)
		add_row(table, job, now_us, !screen->width || screen->width >= WIDE_ENOUGH);
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
	queue_print(&pages->table, &pages->cli->screen, json_object_get(answer, "jobs"),
		    clock_wall_us());
	pages->total = json_get_u64_or(answer, "total", 0);
}

static uint64_t lines_wanted(const struct cli *cli)
{
	if (option_given(&cli->options, OPTION_LINES) || cli->options.json || !cli->screen.width)
		return cli->options.lines;
	return SHOWN_ON_TERMINAL;
}

int command_queue(struct cli *cli)
{
	AUTO_JSON json_t *select = NULL;
	struct uw_err err = {0};
	struct pages pages = {.cli = cli,
			      .method = IPC_QUEUE,
			      .prepare = prepare,
			      .sort = sort,
			      .print = print_page,
			      .most = lines_wanted(cli)};
	int status;

	if (pick_select(cli, false, &select, &err) < 0)
		return cli_fail(cli, &err);
	if (!cli->options.output && pages_is_one(cli, IPC_QUEUE, select))
		return show_job(cli, cli->argv[0]);
	status = pages_read(&pages, json_pack("{s:O}", "select", select));
	if (status == CLI_OK && !cli->options.json && !pages.count)
		fprintf(cli->screen.out, "no job is in the queue\n");
	else if (status == CLI_OK && !cli->options.json && pages.total > pages.count)
		fprintf(cli->screen.out, "and %" PRIu64 " more; --lines 0 shows all\n",
			pages.total - pages.count);
	table_done(&pages.table);
	return status;
}
