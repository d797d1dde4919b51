// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads what nodes have exported, a file each, and prints a request by key and user: as options of
 * sbatch for people, and in JSON for job_submit/uw. A file is told by how it begins: JSON is an
 * object.
 */
#include "user/cli/jobs/slurm_requests.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/units.h"
#include "user/cli/jobs/footprints.h"
#include "user/cli/jobs/job_text.h"
#include "user/cli/remote.h"
#include "user/ipc/json.h"

static int read_answer(struct footprints *list, FILE *in, struct uw_err *err)
{
	json_error_t error;
	AUTO_JSON json_t *answer = json_loadf(in, 0, &error);

	if (!answer)
		return err_set(err, -EINVAL, "line %d: %s", error.line, error.text);
	return footprints_add_answer(list, answer, err);
}

static int read_open(struct footprints *list, FILE *in, struct uw_err *err)
{
	int first = fgetc(in);

	while (isspace(first))
		first = fgetc(in);
	if (first != EOF)
		ungetc(first, in);
	return first == '{' ? read_answer(list, in, err) : footprints_add_sacct(list, in, err);
}

static int read_file(struct footprints *list, const char *path, struct uw_err *err)
{
	FILE *in = strcmp(path, "-") != 0 ? fopen(path, "re") : stdin;
	int rc;

	if (!in)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (read_open(list, in, err))
		err_prefix(err, "%s", path);
	rc = err->code;
	if (in != stdin)
		fclose(in);
	return rc;
}

static json_t *request_json(const struct footprint *footprint)
{
	uint64_t mib = footprint_mib(footprint);
	double asked_bytes = footprint->asked_bytes / (double)footprint->runs;

	return json_pack("{s:s, s:I, s:I, s:o, s:o, s:b, s:o}", "key", footprint->key, "user",
			 (json_int_t)footprint->uid, "runs", (json_int_t)footprint->runs,
			 "asked_bytes", json_number((uint64_t)asked_bytes), "max_bytes",
			 json_number(footprint->max_bytes), "at_least",
			 footprint_is_at_least(footprint), "memory_mib",
			 mib ? json_number(mib) : json_null());
}

static json_t *requests_json(const struct footprints *list)
{
	json_t *requests = json_array();

	for (uint32_t i = 0; i < list->count; i++)
		json_array_append_new(requests, request_json(&list->at[i]));
	return json_pack("{s:o}", "requests", requests);
}

/* ---- for people ---- */

static void add_option(struct table *table, const json_t *request)
{
	uint64_t mib = json_get_u64(request, "memory_mib");

	if (mib != UINT64_MAX)
		table_cell(table, PAINT_BOLD, "--mem=%" PRIu64 "M", mib);
	else
		table_cell(table, PAINT_DIM, "%s",
			   json_get_bool(request, "at_least") ? "more" : "-");
}

static void print_requests(const struct screen *screen, const json_t *requests)
{
	static const struct column columns[] = {
		{"KEY", false, 0},  {"USER", false, 0}, {"RUNS", true, 1},
		{"ASKED", true, 0}, {"MAX", true, 0},   {"ASK FOR", false, 0},
	};
	struct table table;
	const json_t *request;
	char text[JOB_TEXT_LEN];
	size_t i;

	table_init(&table, columns, ARRAY_SIZE(columns));
	json_array_foreach (requests, i, request) {
		table_cell(&table, PAINT_PLAIN, "%s", json_get_text(request, "key"));
		table_cell(&table, PAINT_PLAIN, "%s", job_text_user(request, text));
		table_cell(&table, PAINT_PLAIN, "%" PRIu64, json_get_u64_or(request, "runs", 0));
		table_cell(&table, PAINT_PLAIN, "%s", value_bytes(request, "asked_bytes", text));
		table_cell(&table, PAINT_PLAIN, "%s", value_bytes(request, "max_bytes", text));
		add_option(&table, request);
	}
	if (table.rows)
		table_print(&table, screen);
	else
		fputs("no run of a key has ended there\n", screen->out);
	table_done(&table);
}

int slurm_requests_print(struct cli *cli)
{
	struct footprints list = {0};
	AUTO_JSON json_t *answer = NULL;
	struct uw_err err = {0};
	int rc = 0;

	for (int i = 0; !rc && i < cli->argc; i++)
		rc = read_file(&list, cli->argv[i], &err);
	if (!rc) {
		footprints_fold(&list);
		answer = requests_json(&list);
	}
	footprints_done(&list);
	if (rc)
		return cli_fail(cli, &err);
	if (cli->options.json)
		return cli_print_json(cli, TAKE(answer));
	print_requests(&cli->screen, json_object_get(answer, "requests"));
	return CLI_OK;
}
