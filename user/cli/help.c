// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Prints help from the rows of the tables: an overview of all commands, or one command with its
 * options and examples. The options stand in columns as wide as these options need.
 */
#include "user/cli/help.h"

#include <stdio.h>
#include <string.h>

#include "user/cli/command.h"
#include "user/cli/options.h"

#define HELP_INDENT     2
#define HELP_COLUMN     22
#define HELP_COLUMN_MAX 30

void help_print_overview(const struct screen *screen, const struct command_table *commands)
{
	fprintf(screen->out, "usage: uwctl COMMAND [OPTION...] [WORD...]\n\n");
	for (size_t i = 0; i < commands->count; i++) {
		if (commands->row[i].hidden)
			continue;
		fprintf(screen->out, "  ");
		screen_paint(screen, PAINT_BOLD, "%-10s", commands->row[i].name);
		screen_wrap(screen, PAINT_PLAIN, 12, 13, commands->row[i].brief);
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
static int help_column(option_mask mask)
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

static void print_options(const struct screen *screen, option_mask mask)
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

void help_print_command(const struct screen *screen, const struct command *command)
{
	char usage[256];
	int first = fprintf(screen->out, "usage:");

	snprintf(usage, sizeof(usage), "uwctl %s [OPTION...] %s", command->name, command->words);
	screen_wrap(screen, PAINT_PLAIN, first, first + 1, usage);
	fputc('\n', screen->out);
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
