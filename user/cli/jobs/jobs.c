// SPDX-License-Identifier: GPL-2.0-or-later
#include "user/cli/jobs/jobs.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/model/job.h"

/* ---- names of jobs ---- */

/* "12" or "12-20" from *at on, up to what is no digit. False when it is neither. */
static bool scan_span(const char **at, uint64_t least, uint64_t *ret_first, uint64_t *ret_last)
{
	char number[2][24] = {"", ""};
	int parts = 0;

	do {
		size_t len = strspn(*at, "0123456789");

		if (!len || len >= sizeof(number[0]))
			return false;
		memcpy(number[parts], *at, len);
		*at += len;
	} while (++parts < 2 && **at == '-' && (*at)++);
	if (units_parse_uint(number[0], least, INT64_MAX, ret_first) < 0)
		return false;
	*ret_last = *ret_first;
	return parts == 1 || units_parse_uint(number[1], *ret_first, INT64_MAX, ret_last) == 0;
}

int jobs_range(const char *word, json_t **ret_range, struct uw_err *err)
{
	uint64_t first, last, index_first = 0, index_last = 0;
	const char *at = word;
	bool good = scan_span(&at, 1, &first, &last), indices = good && *at == '_';

	if (indices) {
		at++;
		good = first == last && scan_span(&at, 0, &index_first, &index_last);
	}
	if (!good || *at)
		return err_set(err, -EINVAL, "'%s' is no id of a job, allowed: %s", word,
			       JOB_ID_FORMS);
	*ret_range = json_pack("{s:I, s:I}", "first", (json_int_t)first, "last", (json_int_t)last);
	if (indices) {
		json_object_set_new(*ret_range, "index_first",
				    json_integer((json_int_t)index_first));
		json_object_set_new(*ret_range, "index_last", json_integer((json_int_t)index_last));
	}
	return 0;
}

void jobs_add_range(json_t *ranges, json_t *range)
{
	json_t *before = json_array_get(ranges, json_array_size(ranges) - 1);
	bool plain = !json_object_get(range, "index_first") && before &&
		     !json_object_get(before, "index_first");

	if (plain && json_get_u64(range, "first") == json_get_u64(before, "last") + 1) {
		json_object_set(before, "last", json_object_get(range, "last"));
		json_decref(range);
	} else {
		json_array_append_new(ranges, range);
	}
}

int jobs_ranges(const struct cli *cli, json_t **ret_ranges, struct uw_err *err)
{
	AUTO_JSON json_t *ranges = json_array();

	for (int i = 0; i < cli->argc; i++) {
		json_t *range = NULL;
		int r = jobs_range(cli->argv[i], &range, err);

		if (r < 0)
			return r;
		jobs_add_range(ranges, range);
	}
	*ret_ranges = TAKE(ranges);
	return 0;
}

static int put_states(json_t *select, const char *states, struct uw_err *err)
{
	json_t *list = json_array();

	json_object_set_new(select, "state", list);
	while (*states) {
		size_t len = strcspn(states, ",");
		char name[JOB_TEXT_LEN];

		snprintf(name, sizeof(name), "%.*s", (int)len, states);
		if (job_state_find(name) < 0)
			return err_set(err, -EINVAL,
				       "--state: '%s' is no state, allowed: held, waiting, queued, "
				       "starting, running, frozen, done, failed, cancelled, lost",
				       name);
		json_array_append_new(list, json_string(name));
		states += len + (states[len] == ',');
	}
	return 0;
}

int jobs_select(const struct cli *cli, bool must, json_t **ret_select, struct uw_err *err)
{
	const struct options *options = &cli->options;
	AUTO_JSON json_t *select = json_pack("{s:s*, s:s*, s:s*}", "component", options->component,
					     "key", options->key, "tag", options->tag);
	json_t *ranges;
	int r = 0;

	if (options->state)
		r = put_states(select, options->state, err);
	if (r >= 0 && cli->argc) {
		r = jobs_ranges(cli, &ranges, err);
		if (r >= 0)
			json_object_set_new(select, "jobs", ranges);
	}
	if (r < 0)
		return r;
	if (must && !json_object_size(select))
		return err_set(err, -EINVAL,
			       "which jobs? allowed: ids (%s), --tag, --key, --component, --state",
			       JOB_ID_FORMS);
	if (options->mine)
		json_object_set_new(select, "mine", json_true());
	*ret_select = TAKE(select);
	return 0;
}

static bool match_one(const json_t *range, uint64_t id, uint64_t array, uint64_t index)
{
	uint64_t first = json_get_u64(range, "first"), last = json_get_u64(range, "last");
	uint64_t index_first = json_get_u64(range, "index_first");

	if (index_first != UINT64_MAX)
		return array == first && index >= index_first &&
		       index <= json_get_u64(range, "index_last") && index != UINT64_MAX;
	return (id >= first && id <= last) ||
	       (array != UINT64_MAX && array >= first && array <= last);
}

bool jobs_match(const json_t *ranges, const json_t *job)
{
	uint64_t id = json_get_u64(job, "id"), array = json_get_u64(job, "array");
	uint64_t index = json_get_u64(job, "index");
	const json_t *range;
	size_t i;

	json_array_foreach (ranges, i, range) {
		if (match_one(range, id, array, index))
			return true;
	}
	return false;
}

int jobs_call(const struct cli *cli, enum ipc_method method, json_t *parameters,
	      json_t **ret_answer, struct uw_err *err)
{
	struct ipc_client client = {.fd = -1};
	int r = remote_open(cli, &client, err);

	if (r < 0)
		json_decref(parameters);
	else
		r = ipc_client_call(&client, method, parameters, JOBS_TIMEOUT_US, ret_answer, err);
	ipc_client_close(&client);
	return r;
}

/* ---- as text ---- */

const char *jobs_id(const json_t *job, char buf[static JOB_TEXT_LEN])
{
	uint64_t array = json_get_u64(job, "array"), index = json_get_u64(job, "index");

	if (array != UINT64_MAX && index != UINT64_MAX)
		snprintf(buf, JOB_TEXT_LEN, "%" PRIu64 "_%" PRIu64, array, index);
	else
		snprintf(buf, JOB_TEXT_LEN, "%" PRIu64, json_get_u64_or(job, "id", 0));
	return buf;
}

enum paint jobs_paint(const char *state)
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

static const char *time_text(uint64_t us, const char *after, char buf[static JOB_TEXT_LEN])
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

const char *jobs_time(const json_t *object, const char *key, char buf[static JOB_TEXT_LEN])
{
	uint64_t us = json_get_u64(object, key);

	return us == UINT64_MAX ? "-" : time_text(us, "", buf);
}

const char *jobs_ago(const json_t *object, const char *key, uint64_t now_wall_us,
		     char buf[static JOB_TEXT_LEN])
{
	uint64_t then_us = json_get_u64(object, key);

	if (then_us == UINT64_MAX)
		return "-";
	return time_text(now_wall_us > then_us ? now_wall_us - then_us : 0, " ago", buf);
}

const char *jobs_user(const json_t *job, char buf[static JOB_TEXT_LEN])
{
	uint64_t uid = json_get_u64(job, "user");
	const struct passwd *user = uid < UINT32_MAX ? getpwuid((uid_t)uid) : NULL;

	if (user)
		snprintf(buf, JOB_TEXT_LEN, "%.*s", JOB_TEXT_LEN - 1, user->pw_name);
	else
		snprintf(buf, JOB_TEXT_LEN, "%" PRIu64, uid);
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
	{"too-large", "at most ", "threshold", "bytes", ""},
	{"slots", "", "threshold", "count", " run"},
	{"request", "by uid ", "observed", "count", ""},
	{"growth", "grew to ", "observed", "bytes", ""},
	{"preempted", "for job ", "observed", "count", ""},
};

const char *jobs_why_short(const json_t *why, char buf[static TABLE_CELL_LEN])
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
