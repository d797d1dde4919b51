/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What "uwctl help" and --help print, made from the rows of commands and options. */
#ifndef UW_CLI_HELP_H
#define UW_CLI_HELP_H

#include "user/cli/command.h"
#include "user/cli/screen.h"

/* All commands, in a line each. */
void help_print_overview(const struct screen *screen, const struct command_table *commands);

/* One command: its words, what it does, its options and examples. */
void help_print_command(const struct screen *screen, const struct command *command);

#endif
