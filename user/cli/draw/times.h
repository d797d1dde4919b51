/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The x axis: where on a span of time numbers stand, and what they say. */
#ifndef UW_CLI_DRAW_TIMES_H
#define UW_CLI_DRAW_TIMES_H

#include <stdbool.h>
#include <stdint.h>

#define TIMES_TEXT_LEN 32

struct times {
	uint64_t from_us, to_us; /* wall time, or else from any begin on */
	bool wall;               /* says the time of day here; else the time since from_us */
};

struct times_tick {
	double at; /* 0 to 1 of the span */
	char text[TIMES_TEXT_LEN];
};

#define TIMES_TICKS_MAX 10

/* As many as fit, at round times. */
int times_ticks(const struct times *times, struct times_tick ret_tick[static TIMES_TICKS_MAX]);

/* The time of day with milliseconds, with the date too. Both return buf. */
const char *times_clock(uint64_t wall_us, char buf[static TIMES_TEXT_LEN]);
const char *times_date(uint64_t wall_us, char buf[static TIMES_TEXT_LEN]);

/* Seconds by which clocks here are ahead of UTC. */
long times_zone(uint64_t wall_us);

#endif
