/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A value over a window of time, cut into equal columns, each with the least and the most of it: so
 * that neither a peak nor a dip gets lost, however long the window is. A value holds until the next
 * one is put, or until it is broken off. O(columns passed) a put.
 */
#ifndef UW_CLI_REPORT_SERIES_H
#define UW_CLI_REPORT_SERIES_H

#include <stdbool.h>
#include <stdint.h>

#define SERIES_COLUMNS 400

struct series_window {
	uint64_t from_us, to_us; /* wall time, from < to */
};

struct series_span {
	uint64_t min, max; /* min > max: nothing is known */
};

struct series {
	bool has; /* a value that holds */
	uint64_t value, since_us;
	struct series_span column[SERIES_COLUMNS];
};

void series_init(struct series *series);

/* Times do not go back. What is outside of the window counts only for what holds in it. */
void series_put(struct series *series, const struct series_window *window, uint64_t at_us,
		uint64_t value);

/* The value that there is held until then. */
void series_hold(struct series *series, const struct series_window *window, uint64_t until_us);

/* From its last time on nothing is known. */
void series_break(struct series *series);

/* The most there was; 0 for nothing. */
uint64_t series_most(const struct series *series);

/* Where a time lies in the window, in columns, held to it. */
double series_place(const struct series_window *window, uint64_t at_us);

#endif
