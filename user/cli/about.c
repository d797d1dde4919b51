// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "user/base/cleanup.h"
#include "user/cli/command.h"
#include "user/cli/remote.h"

int command_version(struct cli *cli)
{
	AUTO_JSON json_t *status = NULL;
	const char *daemon = NULL;

	/* uwd may well not run, or not talk to us: then there is one version to print. */
	if (remote_call(cli, IPC_STATUS, NULL, &status, NULL) >= 0)
		daemon = json_get_text(json_object_get(status, "daemon"), "version");
	if (cli->options.json)
		return cli_print_json(cli,
				      json_pack("{s:s, s:s?}", "uwctl", UW_VERSION, "uwd", daemon));
	fprintf(cli->screen.out, "uwctl %s\n", UW_VERSION);
	if (daemon)
		fprintf(cli->screen.out, "uwd %s\n", daemon);
	return CLI_OK;
}

static json_t *commands_json(void)
{
	json_t *list = json_array();

	for (size_t i = 0; i < command_count; i++)
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:s}", "name", commands[i].name,
						"brief", commands[i].brief, "words",
						commands[i].words, "example", commands[i].example));
	return list;
}

int command_help(struct cli *cli)
{
	const struct command *command;
	const char *near;

	if (cli->options.json)
		return cli_print_json(cli, json_pack("{s:o}", "commands", commands_json()));
	if (!cli->argc) {
		command_print_overview(&cli->screen);
		return CLI_OK;
	}
	command = command_find(cli->argv[0]);
	if (command) {
		command_print_help(&cli->screen, command);
		return CLI_OK;
	}
	near = command_suggest(cli->argv[0]);
	return cli_usage(cli, "there is no command '%s'%s%s%s", cli->argv[0],
			 near ? ": did you mean '" : "", near ?: "", near ? "'?" : "");
}
