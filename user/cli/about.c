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
#include "user/ipc/interface.h"

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

static json_t *options_json(option_mask mask)
{
	json_t *list = json_array();

	for (int id = 0; id < OPTION__COUNT; id++) {
		const struct option_row *row = option_row((enum option_id)id);
		char letter[2] = {row->letter, '\0'};

		if (mask & OPTION_BIT(id))
			json_array_append_new(list, json_pack("{s:s, s:s, s:s?, s:s}", "name",
							      row->name, "letter", letter, "value",
							      row->value, "help", row->help));
	}
	return list;
}

static json_t *commands_json(const struct command_table *commands, const struct command *only)
{
	json_t *list = json_array();

	for (size_t i = 0; i < commands->count; i++) {
		const struct command *row = &commands->row[i];

		if (!only || row == only)
			json_array_append_new(list,
					      json_pack("{s:s, s:s, s:s, s:s, s:o}", "name",
							row->name, "brief", row->brief, "words",
							row->words, "example", row->example,
							"options", options_json(row->options)));
	}
	return list;
}

/* Of one command or, with NULL, of all. */
static int print_help(const struct cli *cli, const struct command *command)
{
	if (cli->options.json)
		return cli_print_json(
			cli, json_pack("{s:o}", "commands", commands_json(cli->commands, command)));
	if (command)
		help_print_command(&cli->screen, command);
	else
		help_print_overview(&cli->screen, cli->commands);
	return CLI_OK;
}

/* Of this uwctl; a uwd that runs says it of itself. */
static int print_interface(const struct cli *cli)
{
	AUTO_FREE char *text = ipc_interface_text();

	if (!text)
		return CLI_FAILED;
	if (cli->options.json)
		return cli_print_json(cli, json_pack("{s:s}", "description", text));
	fputs(text, cli->screen.out);
	return CLI_OK;
}

int command_help(struct cli *cli)
{
	const struct command *command;
	const char *near;

	if (cli->options.interface)
		return print_interface(cli);
	command = cli->argc ? command_find(cli->commands, cli->argv[0]) : NULL;
	if (command || !cli->argc)
		return print_help(cli, command);
	near = command_suggest(cli->commands, cli->argv[0]);
	return cli_usage(cli, "there is no command '%s'%s%s%s", cli->argv[0],
			 near ? ": did you mean '" : "", near ?: "", near ? "'?" : "");
}
