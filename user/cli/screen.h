/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the output goes and what it can show: colours only on a terminal and never with NO_COLOR
 * (no-color.org), as wide as the terminal or 80 columns. Aligned columns that give up the least
 * important ones when there is no room.
 */
#ifndef UW_CLI_SCREEN_H
#define UW_CLI_SCREEN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "user/base/err.h"

enum paint {
	PAINT_PLAIN,
	PAINT_DIM,
	PAINT_BOLD,
	PAINT_GOOD,
	PAINT_NOTE,
	PAINT_WARN,
	PAINT_BAD,
	PAINT__COUNT
};

struct screen {
	FILE *out;
	bool colour;
	int width;  /* columns; 0 = unlimited (a file or a pipe) */
	int height; /* lines; 0 as width */
};

/* Whether to use colours; auto as above. A choice on the command line goes before NO_COLOR. */
enum screen_colour {
	SCREEN_COLOUR_AUTO,
	SCREEN_COLOUR_ALWAYS,
	SCREEN_COLOUR_NEVER,
	SCREEN_COLOUR__COUNT
};

/* "auto", "always", "never"; -1 for any other word. */
int screen_colour_find(const char *word);

void screen_init(struct screen *screen, FILE *out, enum screen_colour colour);
void screen_set_colour(struct screen *screen, enum screen_colour colour);

/* Prints in a colour; no newline is added. */
void screen_paint(const struct screen *screen, enum paint paint, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Prints text broken at spaces so that it fits, indented by indent columns; first is how far the
 * cursor already is. Ends with a newline.
 */
void screen_wrap(const struct screen *screen, enum paint paint, int first, int indent,
		 const char *text);

/* ---- tables, in table.c ---- */

#define TABLE_COLUMNS_MAX 20
#define TABLE_CELL_LEN    96 /* of texts that callers make for a cell; cells have no limit */

/* Added to the rank of a last column of sentences: they are broken into lines, beside the others or
 * below them. Columns of a higher rank make room for them. */
#define COLUMN_WRAPS 256

struct column {
	const char *title;
	bool right; /* numbers */
	int rank;   /* 0 stays; of the others the highest goes first when the room is too small */
};

struct cell {
	enum paint paint;
	char *text; /* malloced; NULL is "" */
};

struct table {
	const struct column *column;
	int columns, rows, at, room;
	bool untitled;                         /* goes on below what was printed before */
	int shown[TABLE_COLUMNS_MAX];          /* columns that were chosen, in their order */
	int shown_count;                       /* 0: all, as far as there is room */
	int least[TABLE_COLUMNS_MAX];          /* widths of what was printed before */
	struct cell (*row)[TABLE_COLUMNS_MAX]; /* malloced */
};

/* Columns are borrowed. table_done frees; all zero is one that was never begun. */
void table_init(struct table *table, const struct column *column, int columns);
void table_done(struct table *table);

/*
 * Shows the columns that are named, "name,full-in", in this order and whatever the room; NULL
 * chooses nothing. -EINVAL for a name that is none, with those that there are.
 */
int table_choose(struct table *table, const char *names, struct uw_err *err);

/*
 * Sorts objects by the column that is named, "-used" from the largest to the smallest: by the value
 * that they have under its key, of keys[column]; NULL there: not by this. Objects that are equal
 * stay as they were, name NULL sorts nothing. -EINVAL as above.
 */
int table_sort(const struct column *column, const char *const *keys, int columns, const char *name,
	       json_t *objects, struct uw_err *err);

/* Fills the next cell; after the last column of a row comes the first of the next. What is not
 * printable ASCII becomes '?': names come from anybody. */
void table_cell(struct table *table, enum paint paint, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

void table_print(const struct table *table, const struct screen *screen);

/* Empty again, for rows that go on below those that were printed. */
void table_continue(struct table *table);

/* Replaces what is not printable ASCII by '?', in place. Returns text. */
char *screen_clean(char *text);

#endif
