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

int command_top(struct cli *cli)
{
	const struct options *options = &cli->options;
	struct top top = {.cli = cli, .frames = UINT64_MAX, .model = calloc(1, sizeof(*top.model))};
	struct uw_err err = {0};
	int status;

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
	status = run(&top);
	source_done(&top.source);
	free(top.model);
	return status;
}
