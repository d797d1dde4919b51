// SPDX-License-Identifier: GPL-2.0-or-later
#include "user/daemon/job_select.h"

#include <string.h>

#include "user/ipc/json.h"

static bool read_range(const json_t *from, struct job_range *to)
{
	to->first = json_get_u64(from, "first");
	to->last = json_get_u64(from, "last");
	to->index_first = json_get_u64(from, "index_first");
	to->index_last = json_get_u64_or(from, "index_last", to->index_first);
	return to->first != UINT64_MAX && to->last != UINT64_MAX && to->first <= to->last;
}

static void own_only(const struct ipc_call *call, struct job_select *select)
{
	select->uid = call->peer->uid;
	select->one_user |= call->peer->uid != 0;
}

bool select_read_ranges(const struct ipc_call *call, struct ipc_answer *answer, const json_t *jobs,
			struct job_select *ret_select)
{
	size_t count = json_is_array(jobs) ? json_array_size(jobs) : 1;

	if (count > SELECT_RANGES_MAX) {
		ipc_answer_bad_parameter(answer, "jobs");
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		const json_t *range = json_is_array(jobs) ? json_array_get(jobs, i) : jobs;

		if (!read_range(range, &ret_select->range[i])) {
			ipc_answer_bad_parameter(answer, "jobs");
			return false;
		}
	}
	ret_select->range_count = (uint32_t)count;
	own_only(call, ret_select);
	return true;
}

static bool read_states(const json_t *states, struct job_select *select)
{
	const json_t *state;
	size_t i;

	json_array_foreach (states, i, state) {
		int found = json_is_string(state) ? job_state_find(json_string_value(state)) : -1;

		if (found < 0)
			return false;
		select->states |= 1U << found;
	}
	return true;
}

bool select_read(const struct ipc_call *call, struct ipc_answer *answer, const char *name,
		 struct job_select *ret_select)
{
	const json_t *from = json_object_get(call->parameters, name);
	const json_t *jobs = json_object_get(from, "jobs");

	*ret_select = (struct job_select){0};
	if (json_is_array(jobs) && !select_read_ranges(call, answer, jobs, ret_select))
		return false;
	if (!read_states(json_object_get(from, "state"), ret_select)) {
		ipc_answer_bad_parameter(answer, "state");
		return false;
	}
	ret_select->component = json_string_value(json_object_get(from, "component"));
	ret_select->key = json_string_value(json_object_get(from, "key"));
	ret_select->tag = json_string_value(json_object_get(from, "tag"));
	ret_select->one_user = json_get_bool(from, "mine");
	own_only(call, ret_select);
	return true;
}

static bool in_ranges(const struct job_select *select, const struct job *job)
{
	for (uint32_t i = 0; i < select->range_count; i++) {
		const struct job_range *range = &select->range[i];
		bool by_array = job->array >= range->first && job->array <= range->last;

		if (range->index_first != UINT64_MAX) {
			if (by_array && job->index >= range->index_first &&
			    job->index <= range->index_last)
				return true;
		} else if (by_array || (job->id >= range->first && job->id <= range->last)) {
			return true;
		}
	}
	return !select->range_count;
}

static bool has_plain(const struct job_select *select, const struct job *job)
{
	return (!select->one_user || job->uid == select->uid) &&
	       (!select->states || (select->states & (1U << job->state))) && in_ranges(select, job);
}

/* tags is "a,b,c". */
static bool has_tag(const char *tags, const char *tag)
{
	size_t length = strlen(tag);

	for (const char *at = tags; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (!strncmp(at, tag, length) && (!at[length] || at[length] == ','))
			return true;
	}
	return false;
}

bool select_has(const struct job_select *select, const struct jobs *jobs, const struct job *job)
{
	return has_plain(select, job) &&
	       (!select->component || !strcmp(jobs_component_name(jobs, job), select->component)) &&
	       (!select->key || !strcmp(jobs_key(jobs, job), select->key)) &&
	       (!select->tag || has_tag(jobs_tags(jobs, job), select->tag));
}

static bool spec_has_tag(const struct job_spec *spec, const char *tag)
{
	for (uint32_t i = 0; i < spec->tag_count; i++)
		if (!strcmp(spec->tag[i], tag))
			return true;
	return false;
}

bool select_has_row(const struct job_select *select, const struct store_row *row)
{
	return has_plain(select, &row->job) &&
	       (!select->component || !strcmp(row->component, select->component)) &&
	       (!select->key || !strcmp(row->key, select->key)) &&
	       (!select->tag || spec_has_tag(&row->spec, select->tag));
}
