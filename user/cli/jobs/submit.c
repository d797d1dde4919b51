// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl submit reads the tasks, sends them to uwd in one call, and prints the ids that they got. On
 * a terminal, and in a dry run, a sentence a job says what it gets and when it should start. With
 * --wait it goes on as uwctl wait does.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/cli/command.h"
#include "user/cli/jobs/job_text.h"
#include "user/cli/jobs/pick.h"
#include "user/cli/jobs/spec.h"
#include "user/cli/jobs/tasks.h"
#include "user/cli/jobs/wait.h"
#include "user/cli/remote.h"

/* "in 2min at position 3", "held until 'uwctl release'" */
static void when_text(const json_t *job, char *buf, size_t size)
{
	uint64_t position = json_get_u64(job, "position");
	char time[JOB_TEXT_LEN];

	if (position == UINT64_MAX)
		snprintf(buf, size, "%s", json_get_text(json_object_get(job, "why"), "text"));
	else if (json_get_u64(job, "start_in_us") == UINT64_MAX)
		snprintf(buf, size, "position %" PRIu64, position);
	else if (!json_get_u64(job, "start_in_us"))
		snprintf(buf, size, "position %" PRIu64 ", starts at once", position);
	else
		snprintf(buf, size, "position %" PRIu64 ", starts in about %s", position,
			 job_text_time(job, "start_in_us", time));
}

/* "800M asked", "320M of 800M asked, as learned of 12 runs" */
static void memory_text(const json_t *job, char *buf, size_t size)
{
	uint64_t runs = json_get_u64_or(job, "learned_runs", 0);
	char asked[VALUE_LEN], given[VALUE_LEN];

	if (json_get_u64(job, "reserved_bytes") == json_get_u64(job, "memory_bytes"))
		snprintf(buf, size, "%s", value_bytes(job, "memory_bytes", asked));
	else
		snprintf(buf, size, "%s of %s asked, as learned of %" PRIu64 " %s",
			 value_bytes(job, "reserved_bytes", given),
			 value_bytes(job, "memory_bytes", asked), runs, runs == 1 ? "run" : "runs");
}

static void note(const struct screen *screen, const json_t *job)
{
	uint64_t count = json_get_u64_or(job, "count", 1);
	char name[TABLE_CELL_LEN], memory[128], when[256], text[512];
	int at;

	snprintf(name, sizeof(name), "%.*s", (int)sizeof(name) - 1, json_get_text(job, "name"));
	at = fprintf(screen->out, "%s", screen_clean(name));
	if (count > 1)
		at += fprintf(screen->out, " (%" PRIu64 " of them)", count);
	memory_text(job, memory, sizeof(memory));
	when_text(job, when, sizeof(when));
	snprintf(text, sizeof(text), "%s in %s, %s; %s", json_get_text(job, "state"),
		 json_get_text(job, "component"), memory, when);
	at += fprintf(screen->out, ":");
	screen_wrap(screen, PAINT_PLAIN, at, 2, text);
}

/* Ids are for programs, on standard output; the rest is for who watches. */
static void print_submitted(const struct cli *cli, const json_t *answer)
{
	bool watched = isatty(STDERR_FILENO) == 1;
	const json_t *job;
	struct screen notes;
	size_t i;

	screen_init(&notes, stderr, cli->options.colour);
	json_array_foreach (json_object_get(answer, "jobs"), i, job) {
		if (cli->options.dry_run)
			note(&cli->screen, job);
		else
			fprintf(cli->screen.out, "%" PRIu64 "\n", json_get_u64_or(job, "id", 0));
		if (!cli->options.dry_run && watched)
			note(&notes, job);
	}
	fflush(cli->screen.out);
}

static json_t *ranges_of(const json_t *answer)
{
	json_t *ranges = json_array();
	const json_t *job;
	size_t i;

	json_array_foreach (json_object_get(answer, "jobs"), i, job) {
		uint64_t id = json_get_u64_or(job, "id", 0);
		uint64_t count = json_get_u64_or(job, "count", 1);

		pick_add_range(ranges, json_pack("{s:I, s:I}", "first", (json_int_t)id, "last",
						 (json_int_t)(id + count - 1)));
	}
	return ranges;
}

/* Refused here, where it can be said what to do; uwd would only hang up. */
static int check_size(const json_t *parameters, struct uw_err *err)
{
	size_t size = json_dumpb(parameters, NULL, 0, JSON_COMPACT);

	if (size + 256 <= IPC_REQUEST_MAX)
		return 0;
	return err_set(err, -EINVAL,
		       "the tasks, with the environment, are %zu KiB, allowed: %u; split the file, "
		       "use an array for tasks that are alike, or --no-env",
		       size >> 10, IPC_REQUEST_MAX >> 10);
}

static int submit(const struct cli *cli, json_t **ret_answer, struct uw_err *err)
{
	struct task_list list = {0};
	AUTO_JSON json_t *parameters = NULL;
	int r = tasks_read(cli, &list, err);

	if (r >= 0)
		r = spec_submit(cli, &list, &parameters, err);
	if (r >= 0)
		r = check_size(parameters, err);
	if (r >= 0)
		r = remote_call_queue(cli, IPC_SUBMIT, TAKE(parameters), ret_answer, err);
	tasks_done(&list);
	return r;
}

int command_submit(struct cli *cli)
{
	AUTO_JSON json_t *answer = NULL, *ranges = NULL;
	struct uw_err err = {0};
	bool waits = cli->options.wait && !cli->options.dry_run;

	if (submit(cli, &answer, &err) < 0)
		return cli_fail(cli, &err);
	ranges = ranges_of(answer);
	if (!cli->options.json)
		print_submitted(cli, answer);
	else if (cli_print_json(cli, TAKE(answer)) != CLI_OK)
		return waits ? CLI_RUN_FAILED : CLI_FAILED;
	return waits ? wait_for_jobs(cli, ranges, true) : CLI_OK;
}
