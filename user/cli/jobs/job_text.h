/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What uwd says of a job, as text for a line or a column. The functions that take buf return it, or
 * a constant.
 */
#ifndef UW_CLI_JOBS_JOB_TEXT_H
#define UW_CLI_JOBS_JOB_TEXT_H

#include <jansson.h>
#include <stdint.h>

#include "user/cli/screen.h"

#define JOB_TEXT_LEN 48

/* "12", "12_3". */
const char *job_text_id(const json_t *job, char buf[static JOB_TEXT_LEN]);

/* The colour of a state. */
enum paint job_text_paint(const char *state);

/* A span of time in one unit: "45s", "12min", "3h", "2d"; "-" for null. */
const char *job_text_time(const json_t *object, const char *key, char buf[static JOB_TEXT_LEN]);

/* A span in microseconds, with after behind it: "3min late". */
const char *job_text_span(uint64_t us, const char *after, char buf[static JOB_TEXT_LEN]);

/* "12min ago" of a time of day in object, "-" for null. */
const char *job_text_ago(const json_t *object, const char *key, uint64_t now_wall_us,
			 char buf[static JOB_TEXT_LEN]);

/* The name of a user, or the number. */
const char *job_text_user(const json_t *job, char buf[static JOB_TEXT_LEN]);

/*
 * Why it is as it is, the whole clause: uwd's, or with users by name, "held by root", "cancelled by
 * root".
 */
const char *job_text_clause(const json_t *job, char buf[static TABLE_CELL_LEN]);

/*
 * Why it waits, short enough for a column: "512M free", "after 12". The whole clause where nothing
 * shorter is known.
 */
const char *job_text_why(const json_t *why, char buf[static TABLE_CELL_LEN]);

#endif
