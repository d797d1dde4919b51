// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads which jobs are meant: words like 12, 12-20, 12_3 and 12_3-5, and the options that filter by
 * component, key, tag, state and owner. The result is JSON as uwd takes it; ranges that follow each
 * other become one.
 */
#include "user/cli/jobs/pick.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/units.h"
#include "user/ipc/json.h"
#include "user/model/job.h"

#define ID_FORMS  "12, 12-20, or of an array 12_3, 12_3-5; 12 is all of the array 12"
#define STATE_LEN 48 /* what is longer is no state, and is shown cut off */

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

int pick_range(const char *word, json_t **ret_range, struct uw_err *err)
{
	uint64_t first, last, index_first = 0, index_last = 0;
	const char *at = word;
	bool good = scan_span(&at, 1, &first, &last), indices = good && *at == '_';

	if (indices) {
		at++;
		good = first == last && scan_span(&at, 0, &index_first, &index_last);
	}
	if (!good || *at)
		return err_set(err, -EINVAL, "'%s' is no id of a job, allowed: %s", word, ID_FORMS);
	*ret_range = json_pack("{s:I, s:I}", "first", (json_int_t)first, "last", (json_int_t)last);
	if (indices) {
		json_object_set_new(*ret_range, "index_first",
				    json_integer((json_int_t)index_first));
		json_object_set_new(*ret_range, "index_last", json_integer((json_int_t)index_last));
	}
	return 0;
}

void pick_add_range(json_t *ranges, json_t *range)
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

int pick_ranges(const struct cli *cli, json_t **ret_ranges, struct uw_err *err)
{
	AUTO_JSON json_t *ranges = json_array();

	for (int i = 0; i < cli->argc; i++) {
		json_t *range = NULL;
		int r = pick_range(cli->argv[i], &range, err);

		if (r < 0)
			return r;
		pick_add_range(ranges, range);
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
		char name[STATE_LEN];

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

int pick_select(const struct cli *cli, bool must, json_t **ret_select, struct uw_err *err)
{
	const struct options *options = &cli->options;
	AUTO_JSON json_t *select = json_pack("{s:s*, s:s*, s:s*}", "component", options->component,
					     "key", options->key, "tag", options->tag);
	json_t *ranges;
	int r = 0;

	if (options->state)
		r = put_states(select, options->state, err);
	if (r >= 0 && cli->argc) {
		r = pick_ranges(cli, &ranges, err);
		if (r >= 0)
			json_object_set_new(select, "jobs", ranges);
	}
	if (r < 0)
		return r;
	if (must && !json_object_size(select))
		return err_set(err, -EINVAL,
			       "which jobs? allowed: ids (%s), --tag, --key, --component, --state",
			       ID_FORMS);
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

bool pick_matches(const json_t *ranges, const json_t *job)
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
