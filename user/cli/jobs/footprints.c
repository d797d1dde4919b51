// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each run or each node's sum is an entry; they are put together once all are there, by sorting.
 * What ended badly says nothing, unless it ended for want of memory.
 */
#include "user/cli/jobs/footprints.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/text.h"
#include "user/base/units.h"
#include "user/ipc/json.h"

#define MARGIN_PCT 5U
#define ROOM_FIRST 64U

void footprints_done(struct footprints *list)
{
	free(list->at);
	*list = (struct footprints){0};
}

static int make_room(struct footprints *list)
{
	uint32_t room = list->room ? 2 * list->room : ROOM_FIRST;
	struct footprint *at = reallocarray(list->at, room, sizeof(*at));

	if (!at)
		return -ENOMEM;
	list->at = at;
	list->room = room;
	return 0;
}

int footprints_add(struct footprints *list, const struct footprint *footprint)
{
	int rc;

	if (!*footprint->key || !footprint->runs || !footprint->max_bytes)
		return 0;
	rc = list->count == list->room ? make_room(list) : 0;
	if (!rc)
		list->at[list->count++] = *footprint;
	return rc;
}

/* ---- answers of uwd ---- */

static bool read_owner(const json_t *from, struct footprint *ret_footprint)
{
	uint64_t uid = json_get_u64(from, "user");

	if (uid >= UINT32_MAX ||
	    !text_copy(ret_footprint->key, sizeof(ret_footprint->key), json_get_text(from, "key")))
		return false;
	ret_footprint->uid = (uint32_t)uid;
	return true;
}

static int add_advice(struct footprints *list, const json_t *advice)
{
	uint64_t runs = json_get_u64_or(advice, "runs", 0);
	uint64_t failed = json_get_u64_or(advice, "failed", 0);
	struct footprint footprint = {.max_bytes = json_get_u64_or(advice, "max_bytes", 0)};

	if (!read_owner(advice, &footprint) || runs <= failed)
		return 0;
	footprint.runs = runs - failed;
	footprint.asked_bytes =
		(double)json_get_u64_or(advice, "asked_bytes", 0) * (double)footprint.runs;
	if (json_get_bool(advice, "at_least"))
		footprint.max_held_bytes = footprint.max_bytes;
	return footprints_add(list, &footprint);
}

static int add_job(struct footprints *list, const json_t *job)
{
	struct footprint footprint = {
		.runs = 1,
		.asked_bytes = (double)json_get_u64_or(job, "memory_bytes", 0),
		.max_bytes = json_get_u64_or(job, "peak_bytes", 0),
	};

	if (!read_owner(job, &footprint) ||
	    strcmp(json_get_text(job, "state"), job_state_name(JOB_DONE)) != 0)
		return 0;
	return footprints_add(list, &footprint);
}

int footprints_add_answer(struct footprints *list, const json_t *answer, struct uw_err *err)
{
	const json_t *keys = json_object_get(answer, "keys");
	const json_t *jobs = json_object_get(answer, "jobs");
	const json_t *entry;
	int rc = 0;
	size_t i;

	if (!json_is_array(keys) && !json_is_array(jobs))
		return err_set(err, -EINVAL,
			       "it has neither 'keys', as of uwctl recommend --json, nor 'jobs', "
			       "as of uwctl history --json");
	json_array_foreach (keys, i, entry)
		rc = rc ? rc : add_advice(list, entry);
	json_array_foreach (jobs, i, entry)
		rc = rc ? rc : add_job(list, entry);
	return rc ? err_set(err, rc, "out of memory") : 0;
}

/* ---- put together ---- */

static int by_key(const void *a, const void *b)
{
	const struct footprint *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order ? order : x->uid < y->uid ? -1 : x->uid > y->uid;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void put_to(struct footprint *to, const struct footprint *from)
{
	to->runs += from->runs;
	to->asked_bytes += from->asked_bytes;
	to->max_bytes = max_u64(to->max_bytes, from->max_bytes);
	to->max_held_bytes = max_u64(to->max_held_bytes, from->max_held_bytes);
}

void footprints_fold(struct footprints *list)
{
	uint32_t count = 0;

	if (list->count)
		qsort(list->at, list->count, sizeof(*list->at), by_key);
	for (uint32_t i = 0; i < list->count; i++) {
		if (count && !by_key(&list->at[count - 1], &list->at[i]))
			put_to(&list->at[count - 1], &list->at[i]);
		else
			list->at[count++] = list->at[i];
	}
	list->count = count;
}

bool footprint_is_at_least(const struct footprint *footprint)
{
	return footprint->max_held_bytes && footprint->max_held_bytes >= footprint->max_bytes;
}

uint64_t footprint_mib(const struct footprint *footprint)
{
	uint64_t bytes = footprint->max_bytes + footprint->max_bytes / 100 * MARGIN_PCT;
	bool known = footprint->runs >= FOOTPRINTS_RUNS_SURE && !footprint_is_at_least(footprint);

	return known ? (bytes + MIB - 1) / MIB : 0;
}
