// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/cgroups.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/base/units.h"
#include "user/cli/changes.h"
#include "user/cli/command.h"
#include "user/cli/foreground.h"
#include "user/cli/place.h"
#include "user/ipc/json.h"

struct job {
	const char *component;
	char leaf[CG_NAME_LEN];
	int dir;
	struct launch launch;
	uint64_t began_us, ended_us;
	uint64_t peak_bytes; /* UINT64_MAX when this kernel does not say */
};

/* memory.peak came with 5.19. */
static void read_peak(const struct place *place, struct job *job)
{
	char path[2 * CG_NAME_LEN + 2];
	struct cg_group group = {0};

	job->peak_bytes = UINT64_MAX;
	snprintf(path, sizeof(path), "%s/%s", job->component, job->leaf);
	if (cg_group_open(place->dir, path, 1U << CG_PEAK, &group) < 0)
		return;
	(void)cg_read_u64(&group, CG_PEAK, &job->peak_bytes);
	cg_group_close(&group);
}

static int run_in_leaf(const struct place *place, char **argv, const char *name, struct job *job,
		       struct uw_err *err)
{
	AUTO_CLOSE int dir = -1;
	int r = cg_leaf_create(place->dir, job->component, name, job->leaf, sizeof(job->leaf), &dir,
			       err);

	if (r < 0)
		return r;
	job->began_us = clock_now_us();
	r = launch_and_wait(dir, argv, &job->launch, err);
	job->ended_us = clock_now_us();
	if (r >= 0)
		read_peak(place, job);
	/* Busy when the command left something running there: it stays a leaf until that ends. */
	(void)cg_leaf_remove(place->dir, job->component, job->leaf);
	return r;
}

static void print_summary(const struct job *job, int status)
{
	const struct launch *launch = &job->launch;
	AUTO_JSON json_t *summary = json_pack(
		"{s:i, s:s, s:s, s:i, s:i, s:i, s:I, s:o}", "v", 1, "component", job->component,
		"leaf", job->leaf, "pid", (int)launch->pid, "status", status, "signal",
		launch->signal, "took_us", (json_int_t)(job->ended_us - job->began_us),
		"peak_bytes", json_u64(job->peak_bytes));

	if (json_dumpf(summary, stderr, JSON_COMPACT) == 0)
		fputc('\n', stderr);
}

static int exec_failed(const struct cli *cli, const char *command, int error)
{
	struct uw_err err = {0};

	err_set(&err, -error, "%s: %s", command, strerror(error));
	cli_fail(cli, &err);
	return error == ENOENT ? CLI_NOT_FOUND : CLI_CANNOT_EXEC;
}

static int exit_status(const struct launch *launch)
{
	return launch->signal ? CLI_SIGNALLED + launch->signal : launch->exit_code;
}

static int run_for_real(const struct cli *cli, const struct place *place, struct job *job,
			char **argv)
{
	struct uw_err err = {0};
	int status;

	if (run_in_leaf(place, argv, cli->options.name, job, &err) < 0)
		return cli_fail(cli, &err);
	status = job->launch.exec_error ? exec_failed(cli, argv[0], job->launch.exec_error)
					: exit_status(&job->launch);
	if (cli->options.json)
		print_summary(job, status);
	return status;
}

static int run_dry(const struct cli *cli, const struct place *place, const struct job *job,
		   const char *command)
{
	char path[2 * CG_PATH_LEN + 2 * CG_NAME_LEN];
	struct changes changes;
	int status = CLI_OK;

	snprintf(path, sizeof(path), "%s/%s/%s/%s", place->host.mount, place->root, job->component,
		 cli->options.name ?: "run-PID-N");
	changes_init(&changes, cli, place->host.mount);
	changes_note(&changes, "mkdir", path, NULL);
	changes_note(&changes, "spawn", command, path);
	changes_note(&changes, "rmdir", path, NULL);
	if (cli->options.json)
		status = cli_print_json(cli, json_pack("{s:b, s:o}", "dry_run", true, "changes",
						       changes_json(&changes)));
	changes_done(&changes);
	return status;
}

int command_run(struct cli *cli)
{
	struct job job = {.component = cli->argv[0], .dir = -1};
	char **argv = cli->argv + 1;
	struct place place = {.dir = -1};
	struct uw_err err = {0};
	int status;

	if (place_open(&place, &err) < 0 || place_find(&place, job.component, &err) < 0)
		status = cli_fail(cli, &err);
	else if (cli->options.dry_run)
		status = run_dry(cli, &place, &job, argv[0]);
	else
		status = run_for_real(cli, &place, &job, argv);
	place_close(&place);
	return status;
}
