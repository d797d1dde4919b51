// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A value is entered in every column that it held in. The end of the time that it held for belongs
 * to what comes after it, so a column whose begin that is stays free of it.
 */
#include "user/cli/report/series.h"

void series_init(struct series *series)
{
	series->has = false;
	for (int i = 0; i < SERIES_COLUMNS; i++)
		series->column[i] = (struct series_span){UINT64_MAX, 0};
}

double series_place(const struct series_window *window, uint64_t at_us)
{
	uint64_t all_us = window->to_us - window->from_us;

	if (at_us <= window->from_us)
		return 0;
	if (at_us >= window->to_us)
		return SERIES_COLUMNS;
	return (double)(at_us - window->from_us) / (double)all_us * SERIES_COLUMNS;
}

static void enter(struct series *series, int column)
{
	struct series_span *span = &series->column[column];

	if (series->value < span->min)
		span->min = series->value;
	if (series->value > span->max)
		span->max = series->value;
}

void series_hold(struct series *series, const struct series_window *window, uint64_t until_us)
{
	double from, to;

	if (!series->has || until_us <= series->since_us)
		return;
	from = series_place(window, series->since_us);
	to = series_place(window, until_us);
	for (int i = (int)from; i < to; i++)
		enter(series, i);
	series->since_us = until_us;
}

void series_put(struct series *series, const struct series_window *window, uint64_t at_us,
		uint64_t value)
{
	series_hold(series, window, at_us);
	series->has = true;
	series->value = value;
	series->since_us = at_us;
	if (at_us >= window->from_us && at_us < window->to_us)
		enter(series, (int)series_place(window, at_us));
}

void series_break(struct series *series)
{
	series->has = false;
}

uint64_t series_most(const struct series *series)
{
	uint64_t most = 0;

	for (int i = 0; i < SERIES_COLUMNS; i++)
		if (series->column[i].min <= series->column[i].max && series->column[i].max > most)
			most = series->column[i].max;
	return most;
}
