/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What will happen next in a replay: a heap of events, the earliest first. Of those of one time
 * ends come first, then the lower job. O(log n) each.
 */
#ifndef UW_CLI_SIMULATE_AGENDA_H
#define UW_CLI_SIMULATE_AGENDA_H

#include <stdint.h>

/* Ends first: what they free is there for what comes at the same time. */
enum agenda_kind {
	AGENDA_END,
	AGENDA_BURNT,  /* the end of an attempt that failed */
	AGENDA_REPORT, /* memory in use */
	AGENDA_CROSS,  /* it would pass its reservation */
	AGENDA_NODE,   /* of no job: a node's core wants to be asked */
};

struct agenda_event {
	uint64_t at_us;
	uint32_t job, stamp;
	enum agenda_kind kind;
};

/* All zero is an empty one. */
struct agenda {
	struct agenda_event *event; /* the first is the next */
	uint32_t count, max;
};

/* -ENOMEM: as before. */
int agenda_add(struct agenda *agenda, const struct agenda_event *event);

/* The next one; there must be one. */
struct agenda_event agenda_take(struct agenda *agenda);

void agenda_done(struct agenda *agenda);

#endif
