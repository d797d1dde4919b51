// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl forget has uwd put the edges of a component back to where the configuration has them, and
 * says how far they had moved. What a dry run says is of the status.
 */
#include <stdio.h>

#include "user/base/cleanup.h"
#include "user/cli/command.h"
#include "user/cli/remote.h"

static int ask(const struct cli *cli, json_t **ret_answer, struct uw_err *err)
{
	AUTO_JSON json_t *status = NULL;
	const json_t *component;
	int r;

	if (!cli->options.dry_run)
		return remote_call(cli, IPC_FORGET, remote_component(cli), ret_answer, err);
	r = remote_call(cli, IPC_STATUS, remote_component(cli), &status, err);
	if (r < 0)
		return r;
	component = json_array_get(json_object_get(status, "components"), 0);
	*ret_answer = json_pack("{s:b, s:I}", "dry_run", true, "edge_shift_permyriad",
				(json_int_t)json_get_i64(component, "edge_shift_permyriad"));
	return 0;
}

int command_forget(struct cli *cli)
{
	AUTO_JSON json_t *answer = NULL;
	struct uw_err err = {0};
	char text[VALUE_LEN];

	if (ask(cli, &answer, &err) < 0)
		return cli_fail(cli, &err);
	if (cli->options.json)
		return cli_print_json(cli, TAKE(answer));
	fprintf(cli->screen.out, "%s: the edges %s where uw.conf has them; they had moved by %s\n",
		cli->argv[0], cli->options.dry_run ? "would be" : "are",
		value_points(answer, "edge_shift_permyriad", text));
	return CLI_OK;
}
