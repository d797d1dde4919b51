/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A picture of values over equal spans of time, its columns: from numbers to SVG text. It is as
 * wide as the page and so many pixels high: what is drawn is stretched to that, texts are not. A
 * column has the least and the most that was there, and is drawn from the one to the other.
 */
#ifndef UW_CLI_DRAW_CHART_H
#define UW_CLI_DRAW_CHART_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "user/cli/draw/times.h"

struct chart_span {
	double min, max; /* min > max: nothing is known */
};

static inline bool chart_has(const struct chart_span *span)
{
	return span->min <= span->max;
}

struct chart {
	FILE *out;
	int columns;
	int height, top, bottom; /* pixels; top and bottom are left free for texts */
	double most;             /* at the top of the y axis */
	double scale;            /* values a unit */
	const char *unit;        /* behind the numbers of the y axis */
};

/* Bytes in a unit that the numbers of the axis are short in. */
void chart_fit_bytes(struct chart *chart, double most);

/* The label is escaped. chart_end draws what goes over the plot: the numbers of the y axis, if it
 * has any, and of the x axis, unless times is NULL. */
void chart_begin(const struct chart *chart, const char *label);
void chart_end(const struct chart *chart, const struct times *times);

/* Class is of the style sheet, title is shown for it and is escaped; NULL: none. */
void chart_area(const struct chart *chart, const struct chart_span *span, const char *class,
		const char *title);
void chart_line(const struct chart *chart, const struct chart_span *span, const char *class,
		const char *title);
void chart_level(const struct chart *chart, double value, const char *class);

/* Boxes of one class: a height in whole pixels that stands on bottom, pixels from the top, over
 * columns from on until before to, which may be parts of one. */
void chart_boxes_begin(const struct chart *chart, const char *class);
void chart_box(const struct chart *chart, double from, double to, int bottom, int height);
void chart_boxes_end(const struct chart *chart, const char *title);

/* Between chart_begin and chart_end: text over the plot, in pixels from the top, x in columns. */
void chart_over(const struct chart *chart);
void chart_text(const struct chart *chart, double x, double y, const char *class, const char *text);

#endif
