// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A selection is read from JSON into ranges of ids and a few words, and always narrowed to the
 * caller's own jobs unless the caller is root. It is held against a job in memory or a row of the
 * history. Where rows are read by ranges, these are sorted and merged first, so that no row comes
 * twice, and walked through by id in parts of a bounded size.
 */
#include "user/daemon/methods/select.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/ipc/json.h"

static bool read_range(const json_t *from, struct job_range *to)
{
	to->first = json_get_u64(from, "first");
	to->last = json_get_u64(from, "last");
	to->index_first = json_get_u64(from, "index_first");
	to->index_last = json_get_u64_or(from, "index_last", to->index_first);
	return to->first != UINT64_MAX && to->last != UINT64_MAX && to->first <= to->last &&
	       to->last - to->first < SELECT_IDS_MAX;
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
	uint64_t ids = 0;

	if (count > SELECT_RANGES_MAX) {
		ipc_answer_bad_parameter(answer, "jobs");
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		const json_t *range = json_is_array(jobs) ? json_array_get(jobs, i) : jobs;

		if (read_range(range, &ret_select->range[i]))
			ids += ret_select->range[i].last - ret_select->range[i].first + 1;
		else
			ids = UINT64_MAX;
		if (ids > SELECT_IDS_MAX) {
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

static bool is_one_job(const struct job_select *select)
{
	const struct job_range *range = &select->range[0];

	return select->range_count == 1 && range->first == range->last &&
	       (range->index_first == UINT64_MAX || range->index_first == range->index_last);
}

void select_answer_none(const struct job_select *select, struct ipc_answer *answer)
{
	const struct job_range *range = &select->range[0];
	const char *whose = select->one_user ? " of yours" : "";
	char index[24] = "";

	if (!is_one_job(select)) {
		ipc_answer_fail(answer, IPC_ERROR_NO_JOB, "there are no such jobs%s", whose);
		return;
	}
	if (range->index_first != UINT64_MAX)
		snprintf(index, sizeof(index), "_%" PRIu64, range->index_first);
	ipc_answer_fail(answer, IPC_ERROR_NO_JOB, "there is no job %" PRIu64 "%s%s", range->first,
			index, whose);
}

bool select_has_plain(const struct job_select *select, const struct job *job)
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
	return select_has_plain(select, job) &&
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
	return select_has_plain(select, &row->job) &&
	       (!select->component || !strcmp(row->component, select->component)) &&
	       (!select->key || !strcmp(row->key, select->key)) &&
	       (!select->tag || spec_has_tag(&row->spec, select->tag));
}

/* ---- each row once ---- */

static int by_first(const void *a, const void *b)
{
	const struct id_span *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

static void merge(struct select_walk *walk)
{
	uint32_t kept = 0;

	qsort(walk->span, walk->count, sizeof(walk->span[0]), by_first);
	for (uint32_t i = 1; i < walk->count; i++) {
		struct id_span *last = &walk->span[kept];

		if (walk->span[i].first > last->last + 1)
			walk->span[++kept] = walk->span[i];
		else if (walk->span[i].last > last->last)
			last->last = walk->span[i].last;
	}
	walk->count = walk->count ? kept + 1 : 0;
}

void select_walk_begin(struct select_walk *walk, const struct job_select *select)
{
	*walk = (struct select_walk){.select = select, .count = select->range_count};
	for (uint32_t i = 0; i < walk->count; i++)
		walk->span[i] = (struct id_span){select->range[i].first, select->range[i].last};
	merge(walk);
}

static bool lies_in(const struct id_span *span, uint64_t id)
{
	return id >= span->first && id <= span->last;
}

/* The first span in whose run of rows it is; count when it is in none. An array's id is that of its
 * first element, so the span of the array comes first. */
static uint32_t span_of(const struct select_walk *walk, const struct job *job)
{
	uint32_t at = 0;

	while (at < walk->count && !lies_in(&walk->span[at], job->array) &&
	       !lies_in(&walk->span[at], job->id))
		at++;
	return at;
}

bool select_walk_has_passed(const struct select_walk *walk, const struct job *job)
{
	uint32_t span = span_of(walk, job);

	return span < walk->at || (span == walk->at && span < walk->count && job->id < walk->next);
}

static bool may_be_meant(const struct job_select *select, const struct store_row *row)
{
	if (job_state_is_end((enum job_state)row->job.state))
		return select_has_row(select, row);
	return (!select->one_user || row->job.uid == select->uid) && in_ranges(select, &row->job);
}

struct walk_part {
	struct select_walk *walk;
	uint32_t seen;
	bool past, enough; /* of the span; of all */
	store_row_fn fn;
	void *data;
};

static int walk_row(void *data, const struct store_row *row)
{
	struct walk_part *part = data;
	struct select_walk *walk = part->walk;
	const struct job *job = &row->job;
	int rc = 0;

	part->past =
		job->id > walk->span[walk->at].last && !lies_in(&walk->span[walk->at], job->array);
	if (part->past)
		return 1;
	part->seen++;
	walk->next = job->id + 1;
	if (span_of(walk, job) == walk->at && may_be_meant(walk->select, row))
		rc = part->fn(part->data, row);
	part->enough = rc > 0;
	return rc;
}

static void next_span(struct select_walk *walk)
{
	walk->at++;
	walk->next = 0;
}

int select_walk_part(struct select_walk *walk, struct store_reader *reader, uint32_t max,
		     store_row_fn fn, void *data)
{
	while (max && walk->at < walk->count) {
		struct walk_part part = {.walk = walk, .fn = fn, .data = data};
		uint64_t first = walk->next ? walk->next : walk->span[walk->at].first;
		int rc = store_each_from(reader, first, max, walk_row, &part);

		if (rc < 0)
			return rc;
		if (part.enough)
			walk->at = walk->count;
		else if (part.seen < max)
			next_span(walk);
		max -= part.seen < max ? part.seen + 1 : max;
	}
	return walk->at < walk->count;
}
