/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A screen as cells in memory, which a terminal draws, a pipe gets as text and a test reads. All
 * text comes in by canvas_text, where what is not printable ASCII becomes '?': names come from
 * anybody. Glyphs beyond ASCII are ours alone, and only where the terminal speaks UTF-8. Outside of
 * the canvas nothing is drawn.
 */
#ifndef UW_CLI_TOP_CANVAS_H
#define UW_CLI_TOP_CANVAS_H

#include <stdbool.h>
#include <stdint.h>

#include "user/cli/screen.h"

#define CANVAS_WIDTH_MAX  512
#define CANVAS_HEIGHT_MAX 256

/* Added to an enum paint. */
#define STYLE_STRONG  0x40U
#define STYLE_REVERSE 0x80U
#define STYLE_PAINT   0x3fU

struct canvas_cell {
	uint16_t glyph; /* Unicode */
	uint8_t style;
	uint8_t spare;
};

struct canvas {
	int width, height;
	bool utf8;
	struct canvas_cell *cell; /* width * height, malloced */
};

/* Another size, and all of it blank. Larger than the most is cut. 0 or -ENOMEM. */
int canvas_resize(struct canvas *canvas, int width, int height);
void canvas_clear(struct canvas *canvas);
void canvas_done(struct canvas *canvas);

const struct canvas_cell *canvas_at(const struct canvas *canvas, int x, int y);

void canvas_put(struct canvas *canvas, int x, int y, unsigned int style, uint16_t glyph);

/* At most width columns; of longer text the last one is '~'. The column behind it. */
int canvas_text(struct canvas *canvas, int x, int y, int width, unsigned int style,
		const char *text);
int canvas_printf(struct canvas *canvas, int x, int y, int width, unsigned int style,
		  const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* The same, ending at column x + width. */
void canvas_right(struct canvas *canvas, int x, int y, int width, unsigned int style,
		  const char *text);

/* Blanks count columns, or gives what is there another style. */
void canvas_restyle(struct canvas *canvas, int x, int y, int count, unsigned int style);

/* A row as text without the blanks at its end: ASCII, or UTF-8. Returns buf. */
#define CANVAS_ROW_LEN (CANVAS_WIDTH_MAX * 3 + 1)
char *canvas_row_text(const struct canvas *canvas, int y, char buf[static CANVAS_ROW_LEN]);

#endif
