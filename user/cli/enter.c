// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl enter becomes the command in a leaf of the component. uwd moves us there, since a service
 * mostly runs as a user who may not, and knows us by the socket; root goes there alone where no uwd
 * runs. From then on we are what we were asked to be, with the same process id, so that whoever
 * started us goes on watching it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cgroups/cgroups.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/cli/changes.h"
#include "user/cli/command.h"
#include "user/cli/place.h"
#include "user/cli/remote.h"

#define LEAVING_US (5 * US_PER_SEC)

static const struct timespec look_again = {.tv_nsec = 100000000};

static int enter_alone(const char *component, const char *name, struct uw_err *err)
{
	struct place place = {.dir = -1};
	char leaf[CG_NAME_LEN];
	AUTO_CLOSE int dir = -1;
	int r = place_open(&place, err);

	if (r >= 0)
		r = cg_leaf_create(place.dir, component, name, leaf, sizeof(leaf), &dir, err);
	if (r >= 0) {
		r = cg_leaf_note_entered(dir, geteuid());
		if (r >= 0)
			r = text_write_at(dir, "cgroup.procs", "0");
		if (r < 0)
			err_set(err, r, "%s/%s: %s", component, leaf, strerror(-r));
	}
	place_close(&place);
	return r;
}

static int enter(const struct cli *cli, const char *component, struct uw_err *err)
{
	const char *name = cli->options.name;
	AUTO_JSON json_t *answer = NULL;
	json_t *parameters = json_pack("{s:s}", "component", component);
	int r;

	if (name)
		json_put(parameters, "leaf", json_string(name));
	r = remote_call(cli, IPC_ENTER, parameters, &answer, err);
	if (remote_is_absent(r) && geteuid() == 0)
		return enter_alone(component, name, err);
	return r;
}

/* A service that is restarted finds what is left of it on its way out: a container's cleanup, say.
 */
static int enter_when_free(const struct cli *cli, const char *component, struct uw_err *err)
{
	uint64_t until_us = clock_now_us() + LEAVING_US;
	int r;

	while ((r = enter(cli, component, err)) == -EBUSY || r == -EEXIST) {
		if (clock_now_us() >= until_us)
			break;
		nanosleep(&look_again, NULL);
	}
	return r;
}

static int enter_dry(const struct cli *cli, const char *component)
{
	char path[2 * CG_PATH_LEN + 2 * CG_NAME_LEN], file[sizeof(path) + 16];
	struct place place = {.dir = -1};
	struct changes changes;
	struct uw_err err = {0};
	int status = CLI_OK;

	if (place_open(&place, &err) < 0 || place_find(&place, component, &err) < 0) {
		place_close(&place);
		return cli_fail(cli, &err);
	}
	snprintf(path, sizeof(path), "%s/%s/%s/%s", place.host.mount, place.root, component,
		 cli->options.name ?: "enter-PID");
	snprintf(file, sizeof(file), "%s/cgroup.procs", path);
	changes_init(&changes, cli, place.host.mount);
	changes_note(&changes, "mkdir", path, NULL);
	changes_note(&changes, "write", file, "PID");
	if (cli->options.json)
		status = cli_print_json(cli, json_pack("{s:b, s:o}", "dry_run", true, "changes",
						       changes_json(&changes)));
	changes_done(&changes);
	place_close(&place);
	return status;
}

int command_enter(struct cli *cli)
{
	const char *component = cli->argv[0];
	char **argv = cli->argv + 1;
	struct uw_err err = {0};

	if (cli->options.dry_run)
		return enter_dry(cli, component);
	if (enter_when_free(cli, component, &err) < 0) {
		if (!cli->options.try)
			return cli_fail(cli, &err);
		fprintf(stderr, "uwctl enter: %s; %s runs outside of %s\n", err.text, argv[0],
			component);
	}
	execvp(argv[0], argv);
	return cli_exec_failed(cli, argv[0], errno);
}
