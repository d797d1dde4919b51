/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All commands of uwctl. Named by main and by tests alone: a command that needs the others, as help
 * does, gets them in its struct cli.
 */
#ifndef UW_CLI_COMMANDS_H
#define UW_CLI_COMMANDS_H

#include "user/cli/command.h"

extern const struct command_table commands;

#endif
