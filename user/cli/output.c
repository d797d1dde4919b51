// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "user/cli/command.h"

#define HELP_INDENT 2
#define HELP_COLUMN 22

void command_print_overview(const struct screen *screen)
{
	fprintf(screen->out, "usage: uwctl COMMAND [OPTION...] [WORD...]\n\n");
	for (size_t i = 0; i < command_count; i++) {
		fprintf(screen->out, "  ");
		screen_paint(screen, PAINT_BOLD, "%-10s", commands[i].name);
		screen_wrap(screen, PAINT_PLAIN, 12, 13, commands[i].brief);
	}
	fprintf(screen->out, "\n'uwctl COMMAND --help' tells more, with an example.\n");
}

static void print_options(const struct screen *screen, uint32_t mask)
{
	for (int id = 0; id < OPTION__COUNT; id++) {
		const struct option_row *row = option_row((enum option_id)id);
		char left[40], letter[8] = "";

		if (!(mask & OPTION_BIT(id)))
			continue;
		if (row->letter)
			snprintf(letter, sizeof(letter), "-%c, ", row->letter);
		snprintf(left, sizeof(left), "%4s--%s%s%s", letter, row->name,
			 row->value ? " " : "", row->value ? row->value : "");
		screen_wrap(screen, PAINT_PLAIN, fprintf(screen->out, "  %-20s", left), HELP_COLUMN,
			    row->help);
	}
}

static void print_examples(const struct screen *screen, const char *text)
{
	while (*text) {
		int line = (int)strcspn(text, "\n");

		fprintf(screen->out, "  ");
		screen_paint(screen, PAINT_NOTE, "%.*s", line, text);
		fputc('\n', screen->out);
		text += line + (text[line] == '\n');
	}
}

void command_print_help(const struct screen *screen, const struct command *command)
{
	fprintf(screen->out, "usage: uwctl %s [OPTION...]%s%s\n\n", command->name,
		*command->words ? " " : "", command->words);
	screen_wrap(screen, PAINT_BOLD, 0, 0, command->brief);
	if (*command->detail) {
		fputc('\n', screen->out);
		screen_wrap(screen, PAINT_PLAIN, 0, 0, command->detail);
	}
	fprintf(screen->out, "\noptions:\n");
	print_options(screen, command->options);
	fprintf(screen->out, "\nexample:\n");
	print_examples(screen, command->example);
}

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
		r = json_dumpf(all, cli->screen.out, JSON_INDENT(2));
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
	fprintf(stderr, " %s\n", text);
	return cli->command->own_exits ? CLI_RUN_FAILED : status;
}

int cli_fail(const struct cli *cli, const struct uw_err *err)
{
	if (cli->options.json && !cli->command->own_exits)
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
