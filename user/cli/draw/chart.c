// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A picture is an SVG as wide as the page, with another one in it that is stretched to that width,
 * for what is drawn, and beside it texts, whose places are shares of the width. Paths go in steps
 * from column to column, and say nothing where nothing changes by a pixel.
 */
#include "user/cli/draw/chart.h"

#include "user/base/units.h"
#include "user/cli/draw/page.h"

#define TEXT_HEIGHT 11 /* pixels */

/* In pixels from the top: in whole ones, or pages would be twice as long. */
static int y_of(const struct chart *chart, double value)
{
	double room = chart->height - chart->top - chart->bottom;
	double share = chart->most > 0 ? value / chart->most : 0;

	share = share < 0 ? 0 : share > 1 ? 1 : share;
	return (int)(chart->height - chart->bottom - share * room + 0.5);
}

/* The next of 1, 2, 5, 10, 20, 50 ... that makes at most `parts` of all. */
static double round_step(double all, int parts)
{
	static const double factor[] = {2, 2.5, 2};
	double step = 1;

	for (int i = 0; all / step > parts; i++)
		step *= factor[i % 3];
	return step;
}

void chart_fit_bytes(struct chart *chart, double most)
{
	static const struct {
		double bytes;
		const char *unit;
	} units[] = {{(double)KIB, "K"}, {(double)MIB, "M"}, {(double)GIB, "G"}};
	size_t i = 0;

	while (i < 2 && most >= 4 * units[i + 1].bytes)
		i++;
	chart->most = most > 0 ? most * 1.05 : units[i].bytes;
	chart->scale = units[i].bytes;
	chart->unit = units[i].unit;
}

/* Of each line of the y axis. */
static double y_step(const struct chart *chart, double *ret_top)
{
	*ret_top = chart->most / chart->scale;
	return round_step(*ret_top, chart->height < 100 ? 2 : 5);
}

static void put_grid(const struct chart *chart)
{
	double top, step = y_step(chart, &top);

	for (int k = 0; k * step <= top; k++) {
		int y = y_of(chart, k * step * chart->scale);

		fprintf(chart->out, "<line class=\"grid\" x2=\"100%%\" y1=\"%d\" y2=\"%d\"/>", y,
			y);
	}
}

static void put_numbers(const struct chart *chart)
{
	double top, step = y_step(chart, &top);

	for (int k = 1; k * step <= top; k++) {
		int y = y_of(chart, k * step * chart->scale);

		/* Over its line; of one at the upper edge half of it would be outside. */
		fprintf(chart->out, "<text class=\"y\" x=\"2\" y=\"%d\">%g%s</text>",
			y < TEXT_HEIGHT ? y + TEXT_HEIGHT : y - 2, k * step, chart->unit);
	}
}

void chart_begin(const struct chart *chart, const char *label)
{
	fprintf(chart->out, "<svg class=\"chart\" height=\"%d\" role=\"img\" aria-label=\"",
		chart->height);
	page_text(chart->out, label);
	fputs("\">", chart->out);
	if (chart->unit)
		put_grid(chart);
	fprintf(chart->out,
		"<svg class=\"plot\" viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\" "
		"width=\"100%%\" height=\"%d\">\n",
		chart->columns, chart->height, chart->height);
}

void chart_over(const struct chart *chart)
{
	fputs("</svg>", chart->out);
}

void chart_end(const struct chart *chart, const struct times *times)
{
	struct times_tick tick[TIMES_TICKS_MAX];
	int count = times ? times_ticks(times, tick) : 0;

	if (chart->unit)
		put_numbers(chart);
	for (int i = 0; i < count; i++) {
		/* Half of it would be outside. */
		if (tick[i].at < 0.04 || tick[i].at > 0.96)
			continue;
		fprintf(chart->out, "<text class=\"x%s\" x=\"%.2f%%\" y=\"%d\">%s</text>",
			i % 2 ? " odd" : "", tick[i].at * 100, chart->height - 4, tick[i].text);
	}
	fputs("</svg>\n", chart->out);
}

static void begin_path(const struct chart *chart, const char *class)
{
	fprintf(chart->out, "<path class=\"%s\" d=\"", class);
}

static void end_path(const struct chart *chart, const char *title)
{
	if (!title) {
		fputs("\"/>\n", chart->out);
		return;
	}
	fputs("\"><title>", chart->out);
	page_text(chart->out, title);
	fputs("</title></path>\n", chart->out);
}

/* The end of the columns from on of which something is known. */
static int end_of_run(const struct chart *chart, const struct chart_span *span, int from)
{
	while (from < chart->columns && chart_has(&span[from]))
		from++;
	return from;
}

/* There along the tops, back along the bottoms. */
static void put_run(const struct chart *chart, const struct chart_span *span, int from, int to)
{
	int y = y_of(chart, span[from].max), next;

	fprintf(chart->out, "M%d %d", from, y);
	for (int i = from + 1; i < to; i++) {
		next = y_of(chart, span[i].max);
		if (next == y)
			continue;
		fprintf(chart->out, "H%dV%d", i, next);
		y = next;
	}
	y = y_of(chart, span[to - 1].min);
	fprintf(chart->out, "H%dV%d", to, y);
	for (int i = to - 2; i >= from; i--) {
		next = y_of(chart, span[i].min);
		if (next == y)
			continue;
		fprintf(chart->out, "H%dV%d", i + 1, next);
		y = next;
	}
	fprintf(chart->out, "H%dZ", from);
}

void chart_area(const struct chart *chart, const struct chart_span *span, const char *class,
		const char *title)
{
	begin_path(chart, class);
	for (int i = 0; i < chart->columns; i++) {
		int end = end_of_run(chart, span, i);

		if (end > i)
			put_run(chart, span, i, end);
		i = end;
	}
	end_path(chart, title);
}

/* To the top of each column, and to its bottom. */
static void put_steps(const struct chart *chart, const struct chart_span *span, int from, int to)
{
	int y = y_of(chart, span[from].max), top, bottom;

	fprintf(chart->out, "M%d %d", from, y);
	for (int i = from; i < to; i++) {
		top = y_of(chart, span[i].max);
		bottom = y_of(chart, span[i].min);
		if (top == y && bottom == y)
			continue;
		fprintf(chart->out, "H%d", i);
		if (top != y)
			fprintf(chart->out, "V%d", top);
		if (bottom != top)
			fprintf(chart->out, "V%d", bottom);
		y = bottom;
	}
	fprintf(chart->out, "H%d", to);
}

void chart_line(const struct chart *chart, const struct chart_span *span, const char *class,
		const char *title)
{
	begin_path(chart, class);
	for (int i = 0; i < chart->columns; i++) {
		int end = end_of_run(chart, span, i);

		if (end > i)
			put_steps(chart, span, i, end);
		i = end;
	}
	end_path(chart, title);
}

void chart_level(const struct chart *chart, double value, const char *class)
{
	begin_path(chart, class);
	fprintf(chart->out, "M0 %dH%d", y_of(chart, value), chart->columns);
	end_path(chart, NULL);
}

void chart_boxes_begin(const struct chart *chart, const char *class)
{
	begin_path(chart, class);
}

void chart_box(const struct chart *chart, double from, double to, int bottom, int height)
{
	fprintf(chart->out, "M%g %dH%gv%dH%gZ", from, bottom, to, -height, from);
}

void chart_boxes_end(const struct chart *chart, const char *title)
{
	end_path(chart, title);
}

void chart_text(const struct chart *chart, double x, double y, const char *class, const char *text)
{
	fprintf(chart->out, "<text class=\"%s\" x=\"%.2f%%\" y=\"%g\">", class,
		x / chart->columns * 100, y);
	page_text(chart->out, text);
	fputs("</text>\n", chart->out);
}
