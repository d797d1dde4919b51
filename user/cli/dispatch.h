/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the words of a command line to the command that they name. */
#ifndef UW_CLI_DISPATCH_H
#define UW_CLI_DISPATCH_H

#include "user/cli/cli.h"

/*
 * Runs what argv says; argv[0] is the program. cli has its commands and where to print, and gets
 * the rest. Returns the exit status.
 */
int dispatch(struct cli *cli, int argc, char **argv);

#endif
