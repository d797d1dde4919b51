// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the views share: numbers as short text, the titles and rows of a list, and what was done as
 * one line. Nothing here knows which view it is drawn for.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/cli/top/columns.h"
#include "user/cli/top/layout_inside.h"

/* ---- numbers ---- */

const char *layout_bytes(uint64_t bytes, char buf[static UNITS_TEXT_LEN])
{
	return bytes == FRAME_ABSENT ? "-" : units_print_bytes(bytes, buf);
}

/* Whole percents, but for the first one: a tenth of one is more than nothing. */
const char *layout_percent(uint64_t permyriad, char buf[static UNITS_TEXT_LEN])
{
	if (permyriad == FRAME_ABSENT)
		return "-";
	if (permyriad && permyriad < 100)
		snprintf(buf, UNITS_TEXT_LEN, "0.%" PRIu64 "%%", permyriad / 10 ?: 1);
	else
		snprintf(buf, UNITS_TEXT_LEN, "%" PRIu64 "%%", (permyriad + 50) / 100);
	return buf;
}

const char *layout_time(uint64_t us, char buf[static UNITS_TEXT_LEN])
{
	static const struct {
		uint64_t us;
		const char *name;
	} units[] = {
		{24 * 3600 * US_PER_SEC, "d"},
		{3600 * US_PER_SEC, "h"},
		{60 * US_PER_SEC, "min"},
		{US_PER_SEC, "s"},
	};
	size_t i = 0;

	if (us == FRAME_ABSENT)
		return "-";
	while (i + 1 < ARRAY_SIZE(units) && us < 2 * units[i].us)
		i++;
	snprintf(buf, UNITS_TEXT_LEN, "%" PRIu64 "%s", us / units[i].us, units[i].name);
	return buf;
}

const char *layout_pair(uint64_t part, uint64_t whole, char buf[static LAYOUT_PAIR_LEN])
{
	char a[UNITS_TEXT_LEN], b[UNITS_TEXT_LEN];
	size_t length_a, length_b;

	snprintf(a, sizeof(a), "%s", layout_bytes(part, b));
	layout_bytes(whole, b);
	if (whole == FRAME_ABSENT)
		snprintf(b, sizeof(b), "-");
	length_a = strlen(a);
	length_b = strlen(b);
	if (length_a > 1 && length_b > 1 && a[length_a - 1] == b[length_b - 1])
		a[length_a - 1] = '\0'; /* the unit is said once */
	snprintf(buf, LAYOUT_PAIR_LEN, "%s/%s", a, b);
	return buf;
}

/* ---- lists ---- */

void layout_titles(struct canvas *canvas, int y, const struct top_column *column, int count,
		   const int *width)
{
	int x = LAYOUT_MARGIN;

	for (int i = 0; i < count; i++) {
		if (!width[i])
			continue;
		if (column[i].right)
			canvas_right(canvas, x, y, width[i], PAINT_DIM, column[i].title);
		else
			canvas_text(canvas, x, y, width[i], PAINT_DIM, column[i].title);
		x += width[i] + 1;
	}
}

void layout_rows(struct top_model *model, struct canvas *canvas, int y, int height, int row_height,
		 void (*draw)(const struct top_model *model, struct canvas *canvas, int y,
			      const struct model_row *row, const int *width),
		 const int *width)
{
	struct model_cursor *cursor = &model->cursor[model->view];

	model_fit(model, height > 0 ? (uint32_t)(height / row_height) : 1);
	for (uint32_t i = 0; i < model->page && cursor->scroll + i < model->row_count; i++) {
		uint32_t at = cursor->scroll + i;
		int row_y = y + (int)i * row_height;

		draw(model, canvas, row_y, &model->row[at], width);
		if (at == cursor->row)
			canvas_put(canvas, 0, row_y, PAINT_BOLD, '>');
	}
}

#define WHY_LEAST 16 /* of a reason that is cut so that the effect finds room */

void layout_record(struct canvas *canvas, int x, int y, const struct top_record *record)
{
	enum paint paint = record->failed ? PAINT_BAD : PAINT_PLAIN;
	int effect = *record->effect ? (int)strlen(record->effect) + 4 : 0;
	int width = canvas->width, room;

	x = canvas_printf(canvas, x, y, 8, PAINT_DIM, "%s", record->when) + 1;
	x = canvas_printf(canvas, x, y, width - x, STYLE_STRONG, "%s",
			  *record->component ? record->component : "host") +
	    1;
	x = canvas_printf(canvas, x, y, width - x, paint, "%s", record->what) + 2;
	room = width - x - effect;
	if (room < WHY_LEAST)
		room = width - x;
	x = canvas_text(canvas, x, y, room, PAINT_PLAIN, record->why);
	if (effect)
		canvas_printf(canvas, x, y, width - x, paint, " -> %s", record->effect);
}
