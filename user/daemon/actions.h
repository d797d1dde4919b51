/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last actions with their reasons and what became of them: a fixed ring, newest overwrites
 * oldest. What `uwctl log` and `uwctl why` print. One writer, the loop thread. O(1) a record, O(n)
 * to find an action's record when its outcome arrives.
 */
#ifndef UW_DAEMON_ACTIONS_H
#define UW_DAEMON_ACTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/model/plan.h"

#define RECORDS_MAX     512
#define RECORD_LEAF_LEN 64

struct record {
	uint64_t sequence; /* from 1, never reused in the life of the daemon */
	uint64_t at_us;    /* CLOCK_MONOTONIC */
	uint64_t wall_us;
	char component[UW_NAME_LEN]; /* "" for the host */
	char leaf[RECORD_LEAF_LEN];  /* "" for the component's own group */
	enum level level;            /* of the component at that time */
	struct action action;
	bool ended;
	struct outcome outcome; /* valid when ended */
};

/* Actions that ended well, of a component by its name, which a reload does not change. */
struct record_counts {
	char component[UW_NAME_LEN];
	uint64_t done[ACTION__COUNT];
};

struct records {
	uint64_t next; /* sequence of the next record, starts at 1 */
	struct record_counts counts[UW_COMPONENTS_MAX];
	struct record ring[RECORDS_MAX];
};

void records_init(struct records *records);

/* Room for a new record, with its sequence set and the rest zero. Never NULL. */
struct record *records_add(struct records *records);

/* The record of action id that has not ended, or NULL when it was overwritten. */
struct record *records_of_action(struct records *records, uint32_t id);

/* Counts the end of a record that was done; and how many of a kind there were. */
void records_count(struct records *records, const struct record *record);
uint64_t records_counted(const struct records *records, const char *component,
			 enum action_kind kind);

/* The record with that sequence, or NULL when it is gone or not yet there. */
const struct record *records_get(const struct records *records, uint64_t sequence);

/*
 * Writes the record as one log line, reason first: "act=freeze component=ml_models leaf=hog
 * at_us=... tier=freeze level=emergency reason=usage-mark observed=... threshold=... why="..."".
 * With ended, "outcome=done done_bytes=... took_us=..." instead of the reason. Returns buf.
 */
const char *record_line(const struct record *record, char *buf, size_t size);

#endif
