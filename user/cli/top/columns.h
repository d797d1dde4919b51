/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which columns a list has at a width, and how wide each is. The columns of Components are a table
 * here, as keys and layout both know them.
 */
#ifndef UW_CLI_TOP_COLUMNS_H
#define UW_CLI_TOP_COLUMNS_H

#include <stdbool.h>
#include <stdint.h>

#define COLUMNS_MAX 16

struct top_column {
	const char *title;
	char letter;       /* by which a person switches it off and on; 0: it stays */
	bool right;        /* numbers */
	uint8_t rank;      /* 0 stays; of the others the highest goes first without room */
	uint8_t least;     /* columns that it needs */
	uint8_t most;      /* that it takes where there is room */
	uint8_t grow_rank; /* the lowest grows first; 0: it does not */
	uint8_t small;     /* what it makes do with before those of small_rank go; 0: it does not */
	uint8_t small_rank;
};

enum top_column_id {
	COLUMN_NAME,
	COLUMN_LEVEL,
	COLUMN_USE,
	COLUMN_OF,
	COLUMN_BUDGET,
	COLUMN_LENT,
	COLUMN_BORROWED,
	COLUMN_SET,
	COLUMN_SWAP,
	COLUMN_STALL,
	COLUMN_GROWTH,
	COLUMN_FULL,
	COLUMN_PROMISED,
	COLUMN_REFUSED,
	COLUMN_HISTORY,
	COLUMN_NOW,
	COLUMN__COUNT
};

extern const struct top_column columns_of_components[COLUMN__COUNT];

/* The column with that letter, or -1. */
int columns_by_letter(int letter);

/*
 * Fills width, 0 for a column that found no room in room columns; a blank lies between two. needed
 * is the width of the first one's longest text, which is cut only when nothing else is left to give
 * up. Columns of the mask off are left out.
 */
void columns_fit(const struct top_column *column, int count, int needed, uint32_t off, int room,
		 int width[COLUMNS_MAX]);

#endif
