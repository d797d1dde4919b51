// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl top shows the components, the queue, what was done and why, again each second. This puts
 * its parts together: frames come from a source, go into a model, and are laid out in cells that a
 * terminal or a pipe gets.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/cgroups.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/cli/command.h"
#include "user/cli/top/top.h"

#define PERIOD_US US_PER_SEC

/* Of what is only shown: where nothing tells, it is where everybody mounts it. */
static void find_mount(struct top_model *model)
{
	struct uw_err err = {0};
	struct cg_host host;
	bool found = cg_host_probe(&host, &err) >= 0;

	text_copy(model->mount, sizeof(model->mount), found ? host.mount : "/sys/fs/cgroup");
}

static int run(struct top *top)
{
	const struct options *options = &top->cli->options;
	struct uw_err err = {0};
	struct top_want want;
	int r = source_init(&top->source, options->socket ?: IPC_SOCKET_PATH);

	if (r < 0)
		err_set(&err, r, "not enough memory");
	if (r >= 0) {
		want = top_want(top->model, 0);
		r = source_begin(&top->source, &want, &err);
	}
	if (r < 0)
		return cli_fail(top->cli, &err);
	return options->batch || options->json ? batch_run(top) : watch_run(top);
}

static int run_tape(struct top *top)
{
	const struct cli *cli = top->cli;
	struct uw_err err = {0};
	int r;

	if (cli->options.json)
		return cli_usage(cli,
				 "--replay has no --json; 'uwctl report --json' tells a recording");
	top->tape = calloc(1, sizeof(*top->tape));
	r = top->tape ? tape_open(top->tape, cli->argc ? cli->argv[0] : NULL, &err)
		      : err_set(&err, -ENOMEM, "not enough memory");
	if (!r && cli->options.at)
		r = tape_go_to(top->tape, cli->options.at, &err);
	if (r < 0)
		return cli_fail(cli, &err);
	top->model->replay = top->model->paused = true;
	top->model->may_act = top->model->may_change_jobs = false;
	return cli->options.batch ? batch_run(top) : watch_run(top);
}

int command_top(struct cli *cli)
{
	const struct options *options = &cli->options;
	struct top top = {.cli = cli, .frames = UINT64_MAX, .model = calloc(1, sizeof(*top.model))};
	struct uw_err err = {0};
	int status;

	if (!options->replay && (cli->argc || options->at))
		return cli_usage(cli, "a file and --at are for --replay");
	if (!top.model) {
		err_set(&err, -ENOMEM, "not enough memory");
		return cli_fail(cli, &err);
	}
	model_init(top.model, options->delay_us ?: PERIOD_US);
	top.model->may_act = !geteuid() && !options->read_only;
	top.model->may_change_jobs = !options->read_only;
	find_mount(top.model);
	if (option_given(options, OPTION_FRAMES))
		top.frames = options->frames;
	status = options->replay ? run_tape(&top) : run(&top);
	if (!options->replay)
		source_done(&top.source);
	tape_done(top.tape);
	free(top.tape);
	free(top.model);
	return status;
}
