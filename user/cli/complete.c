// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl complete says what may stand at the end of a command line: bash, zsh and fish ask it, so
 * that all three offer the same. Here the line is taken apart: which command it is, and whether an
 * option, its value or a word of the command is to come. Commands and options come from their
 * tables.
 */
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/cli/command.h"
#include "user/cli/complete_values.h"
#include "user/ipc/json.h"

/* Options that may stand before the command. */
static const option_mask before_command = OPTION_BIT(OPTION_HELP) | OPTION_BIT(OPTION_JSON) |
					  OPTION_BIT(OPTION_COLOR) | OPTION_BIT(OPTION_SOCKET);

/* The option that a word is, with or without its value; -1: it is none. */
static int option_of_word(option_mask mask, const char *word)
{
	size_t length = strcspn(word, "=");

	for (int id = 0; id < OPTION__COUNT; id++) {
		const struct option_row *row = option_row((enum option_id)id);

		if (!(mask & OPTION_BIT(id)) || *word != '-')
			continue;
		if (word[1] == '-' ? strlen(row->name) == length - 2 &&
					     !strncmp(row->name, word + 2, length - 2)
				   : row->letter && word[1] == row->letter && !word[2])
			return id;
	}
	return -1;
}

static bool takes_next(option_mask mask, const char *word)
{
	int id = option_of_word(mask, word);

	return id >= 0 && option_row((enum option_id)id)->value && !strchr(word, '=');
}

static void offer_options(const struct completion *completion, option_mask mask)
{
	for (int id = 0; id < OPTION__COUNT; id++) {
		const struct option_row *row = option_row((enum option_id)id);
		char name[40];

		snprintf(name, sizeof(name), "--%s", row->name);
		if (mask & OPTION_BIT(id))
			complete_offer(completion, name, row->help);
	}
}

/* Words before the last one, without options and their values; below 0, from -1 down, where a
 * command of its own begins. */
static int count_words(const struct completion *completion, option_mask mask, int argc, char **argv,
		       const char **ret_first)
{
	const struct command *command = completion->command;
	int count = 0;

	for (int i = 0; i < argc; i++) {
		if (command->in_order && !strcmp(argv[i], "--"))
			return -2 - i;
		if (command->in_order && ((*argv[i] != '-' && count >= command->options_again)))
			return -1 - i;
		if (takes_next(mask, argv[i])) {
			i++;
			continue;
		}
		if (*argv[i] == '-')
			continue;
		if (!count++)
			*ret_first = argv[i];
	}
	return count;
}

/* An option, or its value: last is the word before. False when the word is neither. */
static bool complete_option(struct completion *completion, option_mask mask, const char *last)
{
	const char *value = strchr(completion->word, '=');
	int id = option_of_word(mask, completion->word);
	char before[64];

	if (takes_next(mask, last)) {
		complete_value(completion, (enum option_id)option_of_word(mask, last));
	} else if (id >= 0 && value) {
		snprintf(before, sizeof(before), "%.*s", (int)(value + 1 - completion->word),
			 completion->word);
		completion->before = before;
		completion->word = value + 1;
		complete_value(completion, (enum option_id)id);
	} else if (*completion->word == '-') {
		offer_options(completion, mask);
	} else {
		return false;
	}
	return true;
}

/* Behind the command's name: argv are the words between it and the last one, skipped those up to
 * its name. */
static void complete_behind(struct completion *completion, int argc, char **argv, int skipped)
{
	const struct command *command = completion->command;
	const char *first = "";
	int count = count_words(completion, command->options, argc, argv, &first);

	if (count < 0)
		fprintf(completion->cli->screen.out, ":command %d\n", skipped - count - 1);
	else if (complete_option(completion, command->options, argc ? argv[argc - 1] : ""))
		return;
	else if (command->in_order && count >= command->options_again)
		fprintf(completion->cli->screen.out, ":command %d\n", skipped + argc);
	else
		complete_word(completion, count, first);
}

/* The place of the command's name, or of the word that may become it. */
static int find_name(int argc, char **argv)
{
	int at = 0;

	while (at < argc && *argv[at] == '-')
		at += takes_next(before_command, argv[at]) ? 2 : 1;
	return at < argc ? at : argc;
}

int command_complete(struct cli *cli)
{
	AUTO_JSON json_t *offered = json_object();
	int last = cli->argc - 1, at = find_name(last, cli->argv);
	struct completion completion = {
		.cli = cli, .before = "", .word = cli->argv[last], .offered = offered};

	if (at < last)
		completion.command = command_find(cli->commands, cli->argv[at]);
	if (completion.command)
		complete_behind(&completion, last - at - 1, cli->argv + at + 1, at + 1);
	else if (at == last &&
		 !complete_option(&completion, before_command, last ? cli->argv[last - 1] : ""))
		complete_commands(&completion);
	return CLI_OK;
}
