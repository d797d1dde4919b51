/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of what uwd did, as a person reads them. */
#ifndef UW_CLI_ACTIONS_H
#define UW_CLI_ACTIONS_H

#include <jansson.h>
#include <stdbool.h>

#include "user/cli/screen.h"

/* "reclaim 64.0M", "freeze hog", "memory.high = 2.1G"; returns buf. */
const char *action_what(const json_t *record, char *buf, size_t size);

/* "freed 60.1M of 64.0M in 1.2s", "failed: EBUSY", "under way"; "" when none is to be expected. */
const char *action_effect(const json_t *record, char *buf, size_t size);

/* How records stand below each other; all zero before the first. */
struct action_lines {
	int name_width; /* of the widest component so far */
	int day;        /* whose date was printed, on a terminal; as of tm_yday + 1 */
	bool undated;   /* of what has just been done */
};

/* Makes room for the names of records that are to be printed below each other. */
void action_lines_fit(struct action_lines *lines, const json_t *records);

/* One line: when, whom, what, why and what came of it. On a terminal a new day begins with its date
 * in a line of its own; elsewhere each line has it. */
void action_print(const struct screen *screen, struct action_lines *lines, const json_t *record);

/* The end of an action whose beginning was printed before. */
void action_print_end(const struct screen *screen, struct action_lines *lines,
		      const json_t *record);

/* Three lines, for why. */
void action_print_long(const struct screen *screen, struct action_lines *lines,
		       const json_t *record);

#endif
