// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * This is uwctl. It finds the command that was named, reads its options and words against its row,
 * and runs it. Everything a command is given stands in struct cli, which is made here.
 */
#include <stdio.h>
#include <string.h>

#include "user/cli/commands.h"
#include "user/cli/help.h"

/*
 * Options before the first word and, where they may go on behind it, between it and the second:
 * "run --name a cache -- cmd" and "run cache --name a -- cmd".
 */
static int read_options(int argc, char **argv, struct cli *cli, struct uw_err *err)
{
	const struct command *command = cli->command;
	int first, second, r;

	r = options_parse(argc, argv, command->options, command->in_order, &cli->options, &first,
			  err);
	if (r < 0)
		return r;
	cli->argc = argc - first;
	cli->argv = argv + first;
	if (!command->options_again || !cli->argc)
		return 0;
	r = options_parse(cli->argc, cli->argv, command->options, true, &cli->options, &second,
			  err);
	if (r < 0)
		return r;
	cli->argv[second - 1] = cli->argv[0];
	cli->argc -= second - 1;
	cli->argv += second - 1;
	return 0;
}

static int read_words(int argc, char **argv, struct cli *cli)
{
	const struct command *command = cli->command;
	struct uw_err err = {0};

	if (read_options(argc, argv, cli, &err) < 0)
		return cli_usage(cli, "%s", err.text);
	if (cli->options.help)
		return CLI_OK;
	if (cli->argc < command->words_min)
		return cli_usage(cli, "words are missing");
	if (command->words_max >= 0 && cli->argc > command->words_max)
		return cli_usage(cli, "'%s' is one word too many", cli->argv[command->words_max]);
	return CLI_OK;
}

static int run_command(const struct command *command, int argc, char **argv)
{
	struct cli cli = {.command = command, .commands = &commands};
	int status;

	screen_init(&cli.screen, stdout);
	status = read_words(argc, argv, &cli);
	if (status != CLI_OK)
		return status;
	if (cli.options.help) {
		help_print_command(&cli.screen, command);
		return CLI_OK;
	}
	return command->run(&cli);
}

static int unknown_command(const char *name)
{
	const char *near = command_suggest(&commands, name);

	if (near)
		fprintf(stderr, "uwctl: unknown command '%s': did you mean '%s'?\n", name, near);
	else
		fprintf(stderr, "uwctl: unknown command '%s'; 'uwctl help' lists them\n", name);
	return CLI_USAGE;
}

/* "uwctl --version" and "uwctl -h" are the commands of that name. */
static const char *command_word(const char *word)
{
	if (!strcmp(word, "--version") || !strcmp(word, "-V"))
		return "version";
	if (!strcmp(word, "--help") || !strcmp(word, "-h"))
		return "help";
	return word;
}

static int overview_on_stderr(void)
{
	struct screen screen;

	screen_init(&screen, stderr);
	help_print_overview(&screen, &commands);
	return CLI_USAGE;
}

int main(int argc, char **argv)
{
	const struct command *command;
	int status;

	if (argc < 2)
		return overview_on_stderr();
	command = command_find(&commands, command_word(argv[1]));
	if (!command)
		return unknown_command(argv[1]);
	status = run_command(command, argc - 1, argv + 1);
	if (fflush(stdout) != 0 && status == CLI_OK)
		return CLI_FAILED;
	return status;
}
