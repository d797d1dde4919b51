// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl version and help are the two commands about uwctl itself. Help needs all other commands and
 * finds them in its struct cli.
 */
#include <stdio.h>

#include "user/base/cleanup.h"
#include "user/cli/command.h"
#include "user/cli/help.h"
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

static json_t *commands_json(const struct command_table *commands)
{
	json_t *list = json_array();

	for (size_t i = 0; i < commands->count; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "name",
						      commands->row[i].name, "brief",
						      commands->row[i].brief, "words",
						      commands->row[i].words, "example",
						      commands->row[i].example));
	return list;
}

int command_help(struct cli *cli)
{
	const struct command *command;
	const char *near;

	if (cli->options.json)
		return cli_print_json(cli,
				      json_pack("{s:o}", "commands", commands_json(cli->commands)));
	if (!cli->argc) {
		help_print_overview(&cli->screen, cli->commands);
		return CLI_OK;
	}
	command = command_find(cli->commands, cli->argv[0]);
	if (command) {
		help_print_command(&cli->screen, command);
		return CLI_OK;
	}
	near = command_suggest(cli->commands, cli->argv[0]);
	return cli_usage(cli, "there is no command '%s'%s%s%s", cli->argv[0],
			 near ? ": did you mean '" : "", near ?: "", near ? "'?" : "");
}
