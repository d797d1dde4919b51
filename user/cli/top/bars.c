// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Draws shares as bars and their past as sparklines. With UTF-8 a cell of a bar has eight steps and
 * one of a sparkline eight heights, the block elements of Unicode; in ASCII a sparkline has eight
 * characters from light to dark.
 */
#include "user/cli/top/bars.h"

#include "user/base/units.h"

#define STEPS 8U

/* U+2581 is the lowest of the heights, U+2588 the full block, U+258F the narrowest of the widths.
 */
#define BLOCK_LOWEST    0x2581U
#define BLOCK_FULL      0x2588U
#define BLOCK_NARROWEST 0x258fU
#define BLOCK_EMPTY     0x00b7U /* a dot, so that the whole is seen */

static uint64_t scaled(uint64_t part, uint64_t whole, uint64_t to)
{
	if (!whole || part >= whole)
		return part ? to : 0;
	return (uint64_t)((unsigned __int128)part * to / whole);
}

static uint16_t bar_glyph(bool utf8, uint64_t eighths)
{
	if (!utf8)
		return eighths >= STEPS / 2 ? '#' : '.';
	if (eighths >= STEPS)
		return BLOCK_FULL;
	return (uint16_t)(eighths ? BLOCK_NARROWEST + 1 - eighths : BLOCK_EMPTY);
}

void bars_draw(struct canvas *canvas, int x, int y, int width, unsigned int style, uint64_t part,
	       uint64_t whole, uint64_t mark)
{
	uint64_t inner = width > 2 ? (uint64_t)width - 2 : 0;
	uint64_t eighths = scaled(part, whole, inner * STEPS);

	if (!inner)
		return;
	canvas_put(canvas, x, y, PAINT_DIM, '[');
	canvas_put(canvas, x + width - 1, y, PAINT_DIM, ']');
	for (uint64_t i = 0; i < inner; i++) {
		uint64_t here = eighths > i * STEPS ? eighths - i * STEPS : 0;

		canvas_put(canvas, x + 1 + (int)i, y, here ? style : PAINT_DIM,
			   bar_glyph(canvas->utf8, here));
	}
	if (mark != BARS_NO_MARK) {
		uint64_t at = scaled(mark, whole, inner);

		canvas_put(canvas, x + 1 + (int)(at < inner ? at : inner - 1), y, PAINT_BOLD, '|');
	}
}

static uint16_t spark_glyph(bool utf8, uint16_t permyriad)
{
	static const char ascii[STEPS + 1] = ".:-=+*#%";
	unsigned int step = permyriad * STEPS / PERMYRIAD_ONE;

	step = step < STEPS ? step : STEPS - 1;
	return (uint16_t)(utf8 ? BLOCK_LOWEST + step : (unsigned char)ascii[step]);
}

void bars_spark(struct canvas *canvas, int x, int y, int width, unsigned int style,
		const struct top_history *history, const char *name, enum history_kind kind,
		uint64_t until_us)
{
	for (int i = 0; i < width; i++) {
		uint16_t value = history_bucket(history, name, kind, until_us, i, width);

		if (value != HISTORY_GAP)
			canvas_put(canvas, x + i, y, style, spark_glyph(canvas->utf8, value));
	}
}
