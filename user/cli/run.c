// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl run makes a leaf in the component, runs the command in it in the foreground, and removes
 * the leaf. The exit status is the command's, or one of our own as of timeout(1). With --json a
 * summary with the peak of its memory goes to stderr.
 */
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

struct leaf_run {
	const char *component;
	char leaf[CG_NAME_LEN];
	int dir;
	struct foreground_end end;
	uint64_t began_us, ended_us;
	uint64_t peak_bytes; /* UINT64_MAX when this kernel does not say */
};

/* memory.peak came with 5.19. */
static void read_peak(const struct place *place, struct leaf_run *run)
{
	char path[2 * CG_NAME_LEN + 2];
	struct cg_group group = {0};

	run->peak_bytes = UINT64_MAX;
	snprintf(path, sizeof(path), "%s/%s", run->component, run->leaf);
	if (cg_group_open(place->dir, path, 1U << CG_PEAK, &group) < 0)
		return;
	(void)cg_read_u64(&group, CG_PEAK, &run->peak_bytes);
	cg_group_close(&group);
}

static int run_in_leaf(const struct place *place, char **argv, const char *name,
		       struct leaf_run *run, struct uw_err *err)
{
	AUTO_CLOSE int dir = -1;
	int r = cg_leaf_create(place->dir, run->component, name, run->leaf, sizeof(run->leaf), &dir,
			       err);

	if (r < 0)
		return r;
	run->began_us = clock_now_us();
	r = foreground_run(dir, argv, &run->end, err);
	run->ended_us = clock_now_us();
	if (r >= 0)
		read_peak(place, run);
	/* Busy when the command left something running there: it stays a leaf until that ends. */
	(void)cg_leaf_remove(place->dir, run->component, run->leaf);
	return r;
}

static void print_summary(const struct leaf_run *run, int status)
{
	const struct foreground_end *end = &run->end;
	AUTO_JSON json_t *summary = json_pack(
		"{s:i, s:s, s:s, s:i, s:i, s:i, s:I, s:o}", "v", 1, "component", run->component,
		"leaf", run->leaf, "pid", (int)end->pid, "status", status, "signal", end->signal,
		"took_us", (json_int_t)(run->ended_us - run->began_us), "peak_bytes",
		json_u64(run->peak_bytes));

	if (json_dumpf(summary, stderr, JSON_COMPACT) == 0)
		fputc('\n', stderr);
}

static int exit_status(const struct foreground_end *end)
{
	return end->signal ? CLI_SIGNALLED + end->signal : end->exit_code;
}

static int run_for_real(const struct cli *cli, const struct place *place, struct leaf_run *run,
			char **argv)
{
	struct uw_err err = {0};
	int status;

	if (run_in_leaf(place, argv, cli->options.name, run, &err) < 0)
		return cli_fail(cli, &err);
	status = run->end.exec_error ? cli_exec_failed(cli, argv[0], run->end.exec_error)
				     : exit_status(&run->end);
	if (cli->options.json)
		print_summary(run, status);
	return status;
}

static int run_dry(const struct cli *cli, const struct place *place, const struct leaf_run *run,
		   const char *command)
{
	char path[2 * CG_PATH_LEN + 2 * CG_NAME_LEN];
	struct changes changes;
	int status = CLI_OK;

	snprintf(path, sizeof(path), "%s/%s/%s/%s", place->host.mount, place->root, run->component,
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
	struct leaf_run run = {.component = cli->argv[0], .dir = -1};
	char **argv = cli->argv + 1;
	struct place place = {.dir = -1};
	struct uw_err err = {0};
	int status;

	if (place_open(&place, &err) < 0 || place_find(&place, run.component, &err) < 0)
		status = cli_fail(cli, &err);
	else if (cli->options.dry_run)
		status = run_dry(cli, &place, &run, argv[0]);
	else
		status = run_for_real(cli, &place, &run, argv);
	place_close(&place);
	return status;
}
