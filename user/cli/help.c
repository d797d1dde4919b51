// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "user/cli/command.h"

#define HELP_INDENT     2
#define HELP_COLUMN     22
#define HELP_COLUMN_MAX 30

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

/* "  -n, --dry-run", "      --for TIME"; how long it is. */
static int option_text(const struct option_row *row, char *buf, size_t size)
{
	char letter[8] = "";

	if (row->letter)
		snprintf(letter, sizeof(letter), "-%c, ", row->letter);
	return snprintf(buf, size, "  %4s--%s%s%s", letter, row->name, row->value ? " " : "",
			row->value ? row->value : "");
}

/* Where the help of a command's options begins. What is longer has a line of its own. */
static int help_column(uint64_t mask)
{
	int column = HELP_COLUMN;
	char left[64];

	for (int id = 0; id < OPTION__COUNT; id++) {
		int width = mask & OPTION_BIT(id) ? option_text(option_row((enum option_id)id),
								left, sizeof(left)) +
							    HELP_INDENT
						  : 0;

		if (width > column && width <= HELP_COLUMN_MAX)
			column = width;
	}
	return column;
}

static void print_options(const struct screen *screen, uint64_t mask)
{
	int column = help_column(mask);

	for (int id = 0; id < OPTION__COUNT; id++) {
		const struct option_row *row = option_row((enum option_id)id);
		char left[64];
		int width;

		if (!(mask & OPTION_BIT(id)))
			continue;
		width = option_text(row, left, sizeof(left));
		fputs(left, screen->out);
		if (width + HELP_INDENT > column) {
			fputc('\n', screen->out);
			width = 0;
		}
		screen_wrap(screen, PAINT_PLAIN, width, column, row->help);
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
