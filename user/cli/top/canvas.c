// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps a screen as an array of cells. Everything that is drawn goes through canvas_put, which
 * leaves out what lies outside, so that a layout needs no care for a small screen; all text goes
 * through canvas_text, which leaves nothing in it that could steer a terminal.
 */
#include "user/cli/top/canvas.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct canvas_cell blank = {.glyph = ' '};

int canvas_resize(struct canvas *canvas, int width, int height)
{
	struct canvas_cell *cell;

	width = width < 1 ? 1 : width > CANVAS_WIDTH_MAX ? CANVAS_WIDTH_MAX : width;
	height = height < 1 ? 1 : height > CANVAS_HEIGHT_MAX ? CANVAS_HEIGHT_MAX : height;
	cell = reallocarray(canvas->cell, (size_t)width * (size_t)height, sizeof(*cell));
	if (!cell)
		return -ENOMEM;
	canvas->cell = cell;
	canvas->width = width;
	canvas->height = height;
	canvas_clear(canvas);
	return 0;
}

void canvas_clear(struct canvas *canvas)
{
	for (int i = 0; i < canvas->width * canvas->height; i++)
		canvas->cell[i] = blank;
}

void canvas_done(struct canvas *canvas)
{
	free(canvas->cell);
	canvas->cell = NULL;
}

static struct canvas_cell *cell_at(const struct canvas *canvas, int x, int y)
{
	if (x < 0 || y < 0 || x >= canvas->width || y >= canvas->height)
		return NULL;
	return &canvas->cell[y * canvas->width + x];
}

const struct canvas_cell *canvas_at(const struct canvas *canvas, int x, int y)
{
	return cell_at(canvas, x, y) ?: &blank;
}

void canvas_put(struct canvas *canvas, int x, int y, unsigned int style, uint16_t glyph)
{
	struct canvas_cell *cell = cell_at(canvas, x, y);

	if (cell)
		*cell = (struct canvas_cell){.glyph = glyph, .style = (uint8_t)style};
}

int canvas_text(struct canvas *canvas, int x, int y, int width, unsigned int style,
		const char *text)
{
	size_t length = strnlen(text, CANVAS_WIDTH_MAX + 1);
	int count = length > CANVAS_WIDTH_MAX ? CANVAS_WIDTH_MAX : (int)length;
	bool cut = count > width;

	if (cut)
		count = width;
	for (int i = 0; i < count; i++) {
		char c = text[i] < ' ' || text[i] > '~' ? '?' : text[i];

		canvas_put(canvas, x + i, y, style, (uint16_t)(cut && i == count - 1 ? '~' : c));
	}
	return x + (count > 0 ? count : 0);
}

int canvas_printf(struct canvas *canvas, int x, int y, int width, unsigned int style,
		  const char *fmt, ...)
{
	char text[CANVAS_WIDTH_MAX + 1];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return canvas_text(canvas, x, y, width, style, text);
}

void canvas_right(struct canvas *canvas, int x, int y, int width, unsigned int style,
		  const char *text)
{
	int length = (int)strnlen(text, CANVAS_WIDTH_MAX);

	canvas_text(canvas, length < width ? x + width - length : x, y, width, style, text);
}

void canvas_restyle(struct canvas *canvas, int x, int y, int count, unsigned int style)
{
	for (int i = 0; i < count; i++) {
		struct canvas_cell *cell = cell_at(canvas, x + i, y);

		if (cell)
			cell->style = (uint8_t)style;
	}
}

/* RFC 3629; glyphs have 16 bits. */
static size_t put_utf8(char *to, uint16_t glyph)
{
	if (glyph < 0x80) {
		to[0] = (char)glyph;
		return 1;
	}
	if (glyph < 0x800) {
		to[0] = (char)(0xc0 | glyph >> 6);
		to[1] = (char)(0x80 | (glyph & 0x3f));
		return 2;
	}
	to[0] = (char)(0xe0 | glyph >> 12);
	to[1] = (char)(0x80 | (glyph >> 6 & 0x3f));
	to[2] = (char)(0x80 | (glyph & 0x3f));
	return 3;
}

char *canvas_row_text(const struct canvas *canvas, int y, char buf[static CANVAS_ROW_LEN])
{
	int last = canvas->width;
	size_t at = 0;

	while (last > 0 && canvas_at(canvas, last - 1, y)->glyph == ' ')
		last--;
	for (int x = 0; x < last; x++)
		at += put_utf8(buf + at, canvas_at(canvas, x, y)->glyph);
	buf[at] = '\0';
	return buf;
}
