/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Candidates for the end of a command line, each printed in a line, and behind a tab what it is.
 * Instead of candidates there may be one line for the shell: ":files", ":dirs", or ":command N":
 * the words from the N-th on, from 0, are a command line of their own.
 */
#ifndef UW_CLI_COMPLETE_VALUES_H
#define UW_CLI_COMPLETE_VALUES_H

#include <jansson.h>
#include <stdbool.h>

#include "user/cli/command.h"

/* What is being completed. */
struct completion {
	const struct cli *cli;
	const struct command *command; /* NULL: not named yet */
	const char *before;            /* stands before each candidate: "--color=", "held," */
	const char *word;              /* what each begins with */
	json_t *offered;               /* candidates, once each */
};

/* Prints a candidate, if it is one, and if it is the first time. */
void complete_offer(const struct completion *completion, const char *candidate, const char *text);

/* The names of commands. */
void complete_commands(const struct completion *completion);

/* Values of an option; of a list what comes behind the last comma. */
void complete_value(struct completion *completion, enum option_id id);

/* Words of the command: at so many words behind its name, of which first is the first. */
void complete_word(const struct completion *completion, int at, const char *first);

/* Whether it is known what values an option has, if only that nobody can tell. */
bool complete_knows_option(enum option_id id);

#endif
