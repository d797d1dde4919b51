/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Jobs as people name them: words like 12, 12-20 and 12_3, and the options that filter, as the
 * JobRange and JobSelect of the interface. Nothing here asks uwd.
 */
#ifndef UW_CLI_JOBS_PICK_H
#define UW_CLI_JOBS_PICK_H

#include <jansson.h>
#include <stdbool.h>

#include "user/cli/cli.h"

/* A JobRange of one word. -EINVAL with the allowed forms. */
int pick_range(const char *word, json_t **ret_range, struct uw_err *err);

/* Appends range, which it steals, to ranges, or lets the last of them go on where it follows. */
void pick_add_range(json_t *ranges, json_t *range);

/* All words of the command line as a list of JobRange. */
int pick_ranges(const struct cli *cli, json_t **ret_ranges, struct uw_err *err);

/* A JobSelect of the words and the filter options; with must, -EINVAL when there are none. */
int pick_select(const struct cli *cli, bool must, json_t **ret_select, struct uw_err *err);

/* Whether job, a JobEnd, is of one of the ranges. */
bool pick_matches(const json_t *ranges, const json_t *job);

#endif
