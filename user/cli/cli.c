// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Ends a command, with an error on stderr and the exit status that belongs to it, or with one JSON
 * object. What people typed may be in an error, so what could steer the terminal is replaced.
 */
#include "user/cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "user/cli/command.h"

/* "v" first, then the rest in the order it was made in. */
static json_t *with_version(json_t *object)
{
	json_t *all = json_pack("{s:i}", "v", 1);

	if (json_object_update(all, object) < 0) {
		json_decref(all);
		all = NULL;
	}
	json_decref(object);
	return all;
}

int cli_print_json(const struct cli *cli, json_t *object)
{
	json_t *all = with_version(object);
	int r = -1;

	if (all)
		r = json_dumpf(all, cli->screen.out,
			       JSON_INDENT(2) | (cli->screen.width ? JSON_ENSURE_ASCII : 0U));
	json_decref(all);
	fputc('\n', cli->screen.out);
	fflush(cli->screen.out);
	return r < 0 ? CLI_FAILED : CLI_OK;
}

static int say(const struct cli *cli, const char *text, int status)
{
	struct screen screen;

	screen_init(&screen, stderr);
	screen_paint(&screen, PAINT_BAD, "uwctl %s:", cli->command->name);
	fputc(' ', stderr);
	for (; *text; text++) /* it may hold what somebody else typed */
		fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, stderr);
	fputc('\n', stderr);
	/* Where another's status is passed on, ours must not look like it. */
	return cli->command->own_exits || cli->options.wait ? CLI_RUN_FAILED : status;
}

int cli_fail(const struct cli *cli, const struct uw_err *err)
{
	if (cli->options.json && !cli->command->shares_stdout)
		cli_print_json(cli, json_pack("{s:{s:s, s:s}}", "error", "code",
					      strerrorname_np(-err->code) ?: "unknown", "text",
					      err->text));
	return say(cli, err->text, err->code == -EINVAL ? CLI_USAGE : CLI_FAILED);
}

int cli_usage(const struct cli *cli, const char *fmt, ...)
{
	char text[UW_ERR_TEXT_LEN];
	va_list ap;
	int status;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	status = say(cli, text, CLI_USAGE);
	fprintf(stderr, "usage: uwctl %s%s%s; 'uwctl %s --help' tells more\n", cli->command->name,
		*cli->command->words ? " " : "", cli->command->words, cli->command->name);
	return status;
}
