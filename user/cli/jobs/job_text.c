// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes text of what uwd says of a job: its id, a colour for its state, times in their largest
 * unit, users by name, and why it waits in a few words. A table has a row a reason that can be said
 * more shortly than uwd's sentence does.
 */
#include "user/cli/jobs/job_text.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/cli/remote.h"
#include "user/model/job.h"

const char *job_text_id(const json_t *job, char buf[static JOB_TEXT_LEN])
{
	uint64_t array = json_get_u64(job, "array"), index = json_get_u64(job, "index");

	if (array != UINT64_MAX && index != UINT64_MAX)
		snprintf(buf, JOB_TEXT_LEN, "%" PRIu64 "_%" PRIu64, array, index);
	else
		snprintf(buf, JOB_TEXT_LEN, "%" PRIu64, json_get_u64_or(job, "id", 0));
	return buf;
}

enum paint job_text_paint(const char *state)
{
	static const enum paint paints[JOB_STATE__COUNT] = {
		[JOB_HELD] = PAINT_DIM,       [JOB_WAITING] = PAINT_DIM,
		[JOB_QUEUED] = PAINT_PLAIN,   [JOB_STARTING] = PAINT_GOOD,
		[JOB_RUNNING] = PAINT_GOOD,   [JOB_FROZEN] = PAINT_WARN,
		[JOB_DONE] = PAINT_PLAIN,     [JOB_FAILED] = PAINT_BAD,
		[JOB_CANCELLED] = PAINT_NOTE, [JOB_LOST] = PAINT_BAD,
	};
	int found = job_state_find(state);

	return found < 0 ? PAINT_PLAIN : paints[found];
}

const char *job_text_span(uint64_t us, const char *after, char buf[static JOB_TEXT_LEN])
{
	static const struct {
		uint64_t us;
		const char *name;
	} units[] = {
		{24 * 3600 * US_PER_SEC, "d"},
		{3600 * US_PER_SEC, "h"},
		{60 * US_PER_SEC, "min"},
		{US_PER_SEC, "s"},
	};
	size_t i = 0;

	/* Below two of a unit the smaller one says more. */
	while (i + 1 < ARRAY_SIZE(units) && us < 2 * units[i].us)
		i++;
	snprintf(buf, JOB_TEXT_LEN, "%" PRIu64 "%s%s", us / units[i].us, units[i].name, after);
	return buf;
}

const char *job_text_time(const json_t *object, const char *key, char buf[static JOB_TEXT_LEN])
{
	uint64_t us = json_get_u64(object, key);

	return us == UINT64_MAX ? "-" : job_text_span(us, "", buf);
}

const char *job_text_ago(const json_t *object, const char *key, uint64_t now_wall_us,
			 char buf[static JOB_TEXT_LEN])
{
	uint64_t then_us = json_get_u64(object, key);

	if (then_us == UINT64_MAX)
		return "-";
	return job_text_span(now_wall_us > then_us ? now_wall_us - then_us : 0, " ago", buf);
}

static const char *user_name(uint64_t uid, char buf[static JOB_TEXT_LEN])
{
	const struct passwd *user = uid < UINT32_MAX ? getpwuid((uid_t)uid) : NULL;

	if (user)
		snprintf(buf, JOB_TEXT_LEN, "%.*s", JOB_TEXT_LEN - 1, user->pw_name);
	else
		snprintf(buf, JOB_TEXT_LEN, "%" PRIu64, uid);
	return buf;
}

const char *job_text_user(const json_t *job, char buf[static JOB_TEXT_LEN])
{
	return user_name(json_get_u64(job, "user"), buf);
}

const char *job_text_clause(const json_t *job, char buf[static TABLE_CELL_LEN])
{
	const json_t *why = json_object_get(job, "why");
	const char *state = json_get_text(job, "state"), *done = "asked for";
	char name[JOB_TEXT_LEN];

	if (strcmp(json_get_text(why, "reason"), "request") != 0)
		return json_get_text(why, "text");
	if (!strcmp(state, "held") || !strcmp(state, "cancelled"))
		done = state;
	snprintf(buf, TABLE_CELL_LEN, "%s by %s", done,
		 user_name(json_get_u64_or(why, "observed", 0), name));
	return buf;
}

/* What a column has room for: BEFORE, one of the two numbers in its unit, AFTER. */
static const struct short_row {
	const char *reason, *before, *key, *unit, *after;
} short_rows[] = {
	{"memory", "", "threshold", "bytes", " free"},
	{"host", "host: ", "threshold", "bytes", " free"},
	{"behind", "behind ", "observed", "count", ""},
	{"after", "after ", "observed", "count", ""},
	{"after-failed", "failed: ", "observed", "count", ""},
	{"too-large", "over the budget ", "threshold", "bytes", ""},
	{"slots", "", "threshold", "count", " run"},
	{"growth", "grew to ", "observed", "bytes", ""},
	{"preempted", "for job ", "observed", "count", ""},
};

const char *job_text_why(const json_t *why, char buf[static TABLE_CELL_LEN])
{
	const char *reason = json_get_text(why, "reason");

	for (size_t i = 0; i < ARRAY_SIZE(short_rows); i++) {
		const struct short_row *row = &short_rows[i];
		char value[VALUE_LEN];

		if (strcmp(row->reason, reason) != 0)
			continue;
		snprintf(buf, TABLE_CELL_LEN, "%s%s%s", row->before,
			 value_in_unit(why, row->key, row->unit, value), row->after);
		return buf;
	}
	snprintf(buf, TABLE_CELL_LEN, "%s", json_get_text(why, "text"));
	return buf;
}
