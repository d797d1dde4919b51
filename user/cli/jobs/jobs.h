/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Jobs as people name them and as the screen shows them: what the commands of the queue share. */
#ifndef UW_CLI_JOBS_JOBS_H
#define UW_CLI_JOBS_JOBS_H

#include "user/cli/remote.h"

#define JOB_TEXT_LEN    48
#define JOB_ID_FORMS    "12, 12-20, or of an array 12_3, 12_3-5; 12 is all of the array 12"
#define JOBS_TIMEOUT_US 60000000ULL /* uwd answers when it is on disk, which may be slow */
#define JOBS_RETRY_US   500000ULL   /* between two tries to reach a uwd that went away */

/* A JobRange of the interface. -EINVAL with the allowed forms. */
int jobs_range(const char *word, json_t **ret_range, struct uw_err *err);

/* Appends range, which it steals, or lets the last one go on where it follows. */
void jobs_add_range(json_t *ranges, json_t *range);

/* All words of the command line as a list of them. */
int jobs_ranges(const struct cli *cli, json_t **ret_ranges, struct uw_err *err);

/* A JobSelect of the words and the filter options; with must, -EINVAL when there are none. */
int jobs_select(const struct cli *cli, bool must, json_t **ret_select, struct uw_err *err);

/* Whether a JobEnd is of one of the ranges. */
bool jobs_match(const json_t *ranges, const json_t *job);

/* As remote_call, with JOBS_TIMEOUT_US. Steals parameters. */
int jobs_call(const struct cli *cli, enum ipc_method method, json_t *parameters,
	      json_t **ret_answer, struct uw_err *err);

/* "12", "12_3"; returns buf. */
const char *jobs_id(const json_t *job, char buf[static JOB_TEXT_LEN]);

enum paint jobs_paint(const char *state);

/* One unit of it: "45s", "12min", "3h", "2d"; "-" for null. Returns buf. */
const char *jobs_time(const json_t *object, const char *key, char buf[static JOB_TEXT_LEN]);

/* "12min ago" of a time of day in object, "-" for null; returns buf. */
const char *jobs_ago(const json_t *object, const char *key, uint64_t now_wall_us,
		     char buf[static JOB_TEXT_LEN]);

/* The name of a user, or the number. Returns buf. */
const char *jobs_user(const json_t *job, char buf[static JOB_TEXT_LEN]);

/*
 * Why it waits, short enough for a column: "512M free", "after 12". The whole clause where nothing
 * shorter is known. Returns buf.
 */
const char *jobs_why_short(const json_t *why, char buf[static TABLE_CELL_LEN]);

/* Prints all that is known of one job, and what happened to it. An exit status. */
int jobs_show(const struct cli *cli, const char *word);

#endif
