// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finds the command that was named, reads its options and words against its row, and runs it. Those
 * options that every command has may stand before it too. Everything a command is given stands in
 * struct cli.
 */
#include "user/cli/dispatch.h"

#include <errno.h>
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

/* Options that stand before the command, where every command takes them. */
static const option_mask before_command = OPTION_BIT(OPTION_HELP) | OPTION_BIT(OPTION_JSON) |
					  OPTION_BIT(OPTION_COLOR) | OPTION_BIT(OPTION_SOCKET);

/* The word of the usage line that comes after so many: "COMMAND" of "COMPONENT [--] COMMAND". */
static void missing_word(const char *words, int given, char *buf, size_t size)
{
	int depth = 0;

	while (*words) {
		size_t length = strcspn(words, " ");
		bool optional = depth || *words == '[';

		for (size_t i = 0; i < length; i++)
			depth += (words[i] == '[') - (words[i] == ']');
		if (!optional && given-- == 0) {
			snprintf(buf, size, "%.*s", (int)length, words);
			buf[strcspn(buf, ".")] = '\0';
			return;
		}
		words += length + strspn(words + length, " ");
	}
	snprintf(buf, size, "a word");
}

static int words_missing(const struct cli *cli)
{
	const char *words = cli->command->words;
	char word[64];

	if (strchr(words, '|'))
		return cli_usage(cli, "say what to do: %s", words);
	missing_word(words, cli->argc, word, sizeof(word));
	return cli_usage(cli, "%s is missing", word);
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
		return words_missing(cli);
	if (command->words_max >= 0 && cli->argc > command->words_max)
		return cli_usage(cli, "'%s' is one word too many", cli->argv[command->words_max]);
	return CLI_OK;
}

static int options_not_taken(const struct cli *cli)
{
	option_mask wrong = cli->options.given & ~cli->command->options;

	for (int id = 0; id < OPTION__COUNT; id++) {
		if (wrong & OPTION_BIT(id))
			return cli_usage(cli, "it takes no --%s",
					 option_row((enum option_id)id)->name);
	}
	return CLI_OK;
}

static int run_command(struct cli *cli, int argc, char **argv)
{
	int status = options_not_taken(cli);

	if (status == CLI_OK)
		status = read_words(argc, argv, cli);
	if (status != CLI_OK)
		return status;
	screen_set_colour(&cli->screen, cli->options.colour);
	if (cli->options.help) {
		help_print_command(&cli->screen, cli->command);
		return CLI_OK;
	}
	return cli->command->run(cli);
}

/* Options behind it are not read, as nobody knows which there are; all have this one. */
static bool wants_json(int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "--json") || !strcmp(argv[i], "-j"))
			return true;
	}
	return false;
}

static int unknown_command(const struct cli *cli, const char *name)
{
	const char *near = command_suggest(&commands, name);
	struct uw_err err = {0};

	if (near)
		err_set_as(&err, "usage", -EINVAL, "unknown command '%s': did you mean '%s'?", name,
			   near);
	else
		err_set_as(&err, "usage", -EINVAL, "unknown command '%s'; 'uwctl help' lists them",
			   name);
	return cli_fail(cli, &err);
}

static int overview_on_stderr(const struct cli *cli)
{
	struct screen screen;

	screen_init(&screen, stderr, cli->options.colour);
	help_print_overview(&screen, &commands);
	return CLI_USAGE;
}

/* "uwctl --version" is the command of that name. */
static int read_leading(int argc, char **argv, struct cli *cli, int *ret_first, struct uw_err *err)
{
	if (argc > 1 && (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))) {
		argv[1] = (char *)(uintptr_t) "version";
		*ret_first = 1;
		return 0;
	}
	return options_parse(argc, argv, before_command, true, &cli->options, ret_first, err);
}

int dispatch(struct cli *cli, int argc, char **argv)
{
	struct uw_err err = {0};
	int first;

	if (read_leading(argc, argv, cli, &first, &err) < 0)
		return cli_fail(cli, &err);
	if (first == argc && !cli->options.help)
		return overview_on_stderr(cli);
	if (first == argc) {
		screen_set_colour(&cli->screen, cli->options.colour);
		help_print_overview(&cli->screen, &commands);
		return CLI_OK;
	}
	cli->command = command_find(&commands, argv[first]);
	if (!cli->command) {
		cli->options.json |= wants_json(argc - first, argv + first);
		return unknown_command(cli, argv[first]);
	}
	return run_command(cli, argc - first, argv + first);
}
