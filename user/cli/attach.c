// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl attach moves a running process into a leaf of a component, without uwd. The write that does
 * it is printed, or with --dry-run printed alone.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cgroups/cgroups.h"
#include "user/base/units.h"
#include "user/cli/changes.h"
#include "user/cli/command.h"
#include "user/cli/place.h"

#define PID_MAX_LIMIT 4194304U /* include/linux/threads.h */

static int attach(const struct place *place, const struct cli *cli, pid_t pid,
		  const char *component, struct changes *changes, struct uw_err *err)
{
	char path[CG_PATH_LEN + 3 * CG_NAME_LEN], pid_text[16];
	const char *leaf = cli->options.name ?: CG_ADOPTED;
	int r = place_find(place, component, err);

	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "%s/%s/%s/cgroup.procs", place->root, component, leaf);
	snprintf(pid_text, sizeof(pid_text), "%d", pid);
	changes_note(changes, "write", path, pid_text);
	return cli->options.dry_run ? 0 : cg_attach(place->dir, component, leaf, pid, err);
}

static int attach_and_say(const struct cli *cli, const struct place *place, pid_t pid,
			  const char *component)
{
	struct changes changes;
	struct uw_err err = {0};
	int status = CLI_OK;

	changes_init(&changes, cli, place->host.mount);
	if (attach(place, cli, pid, component, &changes, &err) < 0)
		status = cli_fail(cli, &err);
	else if (cli->options.json)
		status = cli_print_json(cli, json_pack("{s:b, s:i, s:s, s:s, s:o}", "dry_run",
						       cli->options.dry_run, "pid", (int)pid,
						       "component", component, "leaf",
						       cli->options.name ?: CG_ADOPTED, "changes",
						       changes_json(&changes)));
	changes_done(&changes);
	return status;
}

int command_attach(struct cli *cli)
{
	struct place place = {.dir = -1};
	struct uw_err err = {0};
	uint64_t pid;
	int status;

	if (units_parse_uint(cli->argv[0], 1, PID_MAX_LIMIT, &pid) < 0)
		return cli_usage(cli, "'%s' is not a process id; it is a number from 1 to %u",
				 cli->argv[0], PID_MAX_LIMIT);
	if (place_open(&place, &err) < 0)
		return cli_fail(cli, &err);
	status = attach_and_say(cli, &place, (pid_t)pid, cli->argv[1]);
	place_close(&place);
	return status;
}
