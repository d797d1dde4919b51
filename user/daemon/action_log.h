/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last actions with their reasons and what became of them: a fixed ring, newest overwrites
 * oldest. What `uwctl log` and `uwctl why` print. One writer, the loop thread. O(1) an entry, O(n)
 * to find the entry of an action when its outcome arrives.
 */
#ifndef UW_DAEMON_ACTION_LOG_H
#define UW_DAEMON_ACTION_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/model/plan.h"

#define ACTION_LOG_MAX  512
#define ACTION_LEAF_LEN 128

struct action_entry {
	uint64_t sequence; /* from 1, never reused in the life of the daemon */
	uint64_t at_us;    /* CLOCK_MONOTONIC */
	uint64_t wall_us;
	char component[UW_NAME_LEN]; /* "" for the host */
	char leaf[ACTION_LEAF_LEN];  /* "" for the component's own group */
	enum level level;            /* of the component at that time */
	struct action action;
	bool ended;
	struct outcome outcome; /* valid when ended */
};

/* How actions ended, of a component by its name, which a reload does not change. */
struct action_counts {
	char component[UW_NAME_LEN];
	uint64_t ended[ACTION__COUNT][OUTCOME__COUNT];
	uint64_t reclaimed_bytes; /* also by those that were short of what they asked for */
};

struct action_log {
	uint64_t next; /* sequence of the next entry, starts at 1 */
	struct action_counts counts[UW_COMPONENTS_MAX];
	struct action_entry ring[ACTION_LOG_MAX];
};

void action_log_init(struct action_log *log);

/* Room for a new entry, with its sequence set and the rest zero. Never NULL. */
struct action_entry *action_log_add(struct action_log *log);

/* The entry of action id that has not ended, or NULL when it was overwritten. */
struct action_entry *action_log_find(struct action_log *log, uint32_t id);

/* Counts the end of an entry; how many of a kind ended so, and what reclaims have freed. */
void action_log_count(struct action_log *log, const struct action_entry *entry);
uint64_t action_log_counted(const struct action_log *log, const char *component,
			    enum action_kind kind, enum outcome_result result);
uint64_t action_log_reclaimed(const struct action_log *log, const char *component);

/* The entry with that sequence, or NULL when it is gone or not yet there. */
const struct action_entry *action_log_get(const struct action_log *log, uint64_t sequence);

/*
 * Writes the entry as one log line, reason first: "act=freeze component=ml_models leaf=hog
 * at_us=... tier=freeze level=emergency reason=usage-mark observed=... threshold=... why="..."".
 * With ended, "outcome=done done_bytes=... took_us=..." instead of the reason. Returns buf.
 */
const char *action_log_line(const struct action_entry *entry, char *buf, size_t size);

#endif
