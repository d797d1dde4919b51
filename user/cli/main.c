// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * This is uwctl. It hands its words on to the command that they name, and fails when what that
 * printed could not be written.
 */
#include <stdio.h>

#include "user/cli/commands.h"
#include "user/cli/dispatch.h"

int main(int argc, char **argv)
{
	struct cli cli = {.commands = &commands};
	int status;

	screen_init(&cli.screen, stdout, SCREEN_COLOUR_AUTO);
	status = dispatch(&cli, argc, argv);
	if (fflush(stdout) != 0 && status == CLI_OK)
		return CLI_FAILED;
	return status;
}
