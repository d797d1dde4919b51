// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl export prints what uwd counts and measures in the text format of Prometheus, version 0.0.4,
 * which is what node_exporter's textfile collector reads. The names are those of
 * user/metrics/metrics.c, as uw-exporter serves them.
 */
#include <string.h>

#include "user/base/cleanup.h"
#include "user/cli/command.h"
#include "user/cli/remote.h"
#include "user/metrics/metrics.h"

int command_export(struct cli *cli)
{
	struct metrics_text text = {.out = cli->screen.out, .format = METRICS_TEXT};
	AUTO_JSON json_t *answer = NULL;
	struct uw_err err = {0};

	if (strcmp(cli->argv[0], "metrics") != 0)
		return cli_usage(cli, "'%s' is not known, allowed: metrics", cli->argv[0]);
	if (remote_call(cli, IPC_METRICS, json_object(), &answer, &err) < 0)
		return cli_fail(cli, &err);
	if (cli->options.json)
		return cli_print_json(cli, TAKE(answer));
	metrics_print(&text, answer);
	return CLI_OK;
}
