// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Answers Recommend: by key what runs asked for and used, and by component what jobs held
 * together. Both are made on the reader's thread, in one pass. The runs of a key come one after
 * the other, so that one key is held at a time; a page ends with its last key as the cursor.
 */
#include "user/daemon/methods/recommend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"
#include "user/base/units.h"
#include "user/daemon/methods/encode_job.h"
#include "user/daemon/methods/history.h"
#include "user/daemon/methods/together.h"
#include "user/ipc/json.h"
#include "user/jobs/jobs.h"

#define PEAKS_MAX  4096U /* of one key; of more than that every 2nd, 4th, 8th ... is kept */
#define RUNS_SURE  3U    /* fewer are not enough for advice */
#define MARGIN_PCT 5U

struct run_sample {
	uint64_t peak_bytes, asked_bytes, run_us;
};

/* The runs of a key. */
struct key_runs {
	struct store_key_at at;
	uint64_t runs, failed, outgrew;
	uint64_t max_bytes, max_outgrew_bytes;
	double asked_bytes;
	uint64_t usable; /* runs whose peak says something */
	uint32_t stride; /* one in so many of these is a sample */
	uint32_t samples;
	struct run_sample sample[PEAKS_MAX];
};

struct recommendation {
	const struct recommend_query *query;
	struct store_reader *reader;
	struct key_runs group;
	struct store_key_at last; /* of the page */
	bool more;
	json_t *keys;
};

static uint64_t with_margin(uint64_t bytes)
{
	bytes += bytes / 100 * MARGIN_PCT;
	return (bytes + MIB - 1) / MIB * MIB;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* ---- the runs of a key ---- */

/* Evenly over all of them, however many come: when there is no more room each second one goes. */
static void add_sample(struct key_runs *group, const struct store_run_row *run)
{
	if (group->usable++ % group->stride)
		return;
	if (group->samples == PEAKS_MAX) {
		for (uint32_t i = 0; i < PEAKS_MAX / 2; i++)
			group->sample[i] = group->sample[2 * i];
		group->samples = PEAKS_MAX / 2;
		group->stride *= 2;
	}
	group->sample[group->samples++] =
		(struct run_sample){run->peak_bytes, run->asked_bytes, run->run_us};
}

static void group_add(struct key_runs *group, const struct store_run_row *run)
{
	group->runs++;
	group->asked_bytes += (double)run->asked_bytes;
	group->failed += run->state != JOB_DONE;
	group->outgrew += run->outgrew;
	if (run->state != JOB_DONE && !run->outgrew)
		return; /* ended before it was through: its peak says nothing */
	group->max_bytes = max_u64(group->max_bytes, run->peak_bytes);
	if (run->outgrew)
		group->max_outgrew_bytes = max_u64(group->max_outgrew_bytes, run->peak_bytes);
	add_sample(group, run);
}

static int by_peak(const void *a, const void *b)
{
	const struct run_sample *x = a, *y = b;

	return x->peak_bytes < y->peak_bytes ? -1 : x->peak_bytes > y->peak_bytes;
}

static uint64_t quantile(const struct key_runs *group, uint32_t pct)
{
	return group->samples ? group->sample[(group->samples - 1) * pct / 100].peak_bytes : 0;
}

static double saved_mib_s(const struct key_runs *group, uint64_t request_bytes)
{
	double sum = 0;

	for (uint32_t i = 0; i < group->samples; i++)
		if (group->sample[i].asked_bytes > request_bytes)
			sum += (double)(group->sample[i].asked_bytes - request_bytes) /
			       (double)MIB * ((double)group->sample[i].run_us / 1e6);
	return group->samples ? sum / group->samples * (double)group->usable : 0;
}

/* What was stored of the key; nothing of one that was forgotten. */
static json_t *predicted_by(const struct recommendation *page)
{
	const struct store_key_at *at = &page->group.at;
	uint64_t id = jobs_hash_key(page->query->secret, at->component, at->uid, at->key);
	struct admit_told told;
	struct admit_key known;
	const void *bytes;
	unsigned long size;

	if (store_find_key(page->reader, id, &bytes, &size) || size != sizeof(known))
		return json_null();
	memcpy(&known, bytes, sizeof(known));
	if (!admit_key_is_sane(&known))
		return json_null();
	admit_key_told(&known, &told);
	return encode_told(&told);
}

static json_t *encode_key(struct key_runs *group)
{
	uint64_t asked = (uint64_t)(group->asked_bytes / (double)group->runs);
	uint64_t request_bytes = with_margin(group->max_bytes);
	bool sure = group->samples >= RUNS_SURE;
	bool at_least = group->outgrew && group->max_outgrew_bytes >= group->max_bytes;
	bool saves = sure && !at_least;

	qsort(group->sample, group->samples, sizeof(group->sample[0]), by_peak);
	return json_pack(
		"{s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o}", "key",
		json_text(group->at.key), "component", json_text(group->at.component), "user",
		(json_int_t)group->at.uid, "runs", json_number(group->runs), "failed",
		json_number(group->failed), "outgrew", json_number(group->outgrew), "asked_bytes",
		json_number(asked), "p50_bytes", json_number(quantile(group, 50)), "p95_bytes",
		json_number(quantile(group, 95)), "max_bytes", json_number(group->max_bytes),
		"request_bytes", sure ? json_number(request_bytes) : json_null(), "at_least",
		at_least, "saved_bytes",
		saves ? json_number(asked > request_bytes ? asked - request_bytes : 0)
		      : json_null(),
		"saved_mib_s",
		saves ? json_integer((json_int_t)saved_mib_s(group, request_bytes)) : json_null());
}

static bool is_of(const struct key_runs *group, const struct store_run_row *run)
{
	return group->at.uid == run->uid && !strcmp(group->at.key, run->key) &&
	       !strcmp(group->at.component, run->component);
}

static void end_key(struct recommendation *page)
{
	json_t *key;

	if (!page->group.runs)
		return;
	key = encode_key(&page->group);
	json_put(key, "predicted_by", predicted_by(page));
	json_array_append_new(page->keys, key);
	page->last = page->group.at;
	page->group.runs = 0;
}

static int add_run(void *data, const struct store_run_row *run)
{
	struct recommendation *page = data;
	struct key_runs *group = &page->group;

	if (*page->query->key && strcmp(run->key, page->query->key) != 0)
		return strcmp(run->key, page->query->key) > 0;
	if (!group->runs || !is_of(group, run)) {
		end_key(page);
		if (json_array_size(page->keys) >= page->query->count) {
			page->more = true;
			return 1;
		}
		*group = (struct key_runs){.at.uid = run->uid, .stride = 1};
		text_copy(group->at.key, sizeof(group->at.key), run->key);
		text_copy(group->at.component, sizeof(group->at.component), run->component);
	}
	group_add(group, run);
	return 0;
}

/* What is asked for one key begins right before it, as no user is below 0. */
static int read_keys(struct store_reader *reader, struct recommendation *page)
{
	const struct recommend_query *query = page->query;
	struct store_key_at before = {0};

	if (query->has_after)
		before = query->after;
	else
		text_copy(before.key, sizeof(before.key), query->key);
	return store_each_run(reader, query->has_after || *query->key ? &before : NULL,
			      query->component, query->one_user ? &query->uid : NULL, add_run,
			      page);
}

/* ---- the runs of a component ---- */

struct last_runs {
	const struct config *config;
	uint32_t count;
	struct together_run run[JOBS_RUNS_KEPT]; /* of all components, by time */
	uint8_t component[JOBS_RUNS_KEPT];
	struct together_run one[JOBS_RUNS_KEPT]; /* of the one that is looked at */
};

static int add_last_run(void *data, const struct store_run_row *run)
{
	struct last_runs *last = data;
	int component = config_find(last->config, run->component);

	if (component < 0)
		return 0;
	if (last->count == JOBS_RUNS_KEPT)
		return 1;
	last->component[last->count] = (uint8_t)component;
	last->run[last->count++] = (struct together_run){
		.start_us = run->end_us > run->run_us ? run->end_us - run->run_us : 0,
		.end_us = run->end_us,
		.peak_bytes = run->peak_bytes,
		.asked_bytes = run->asked_bytes,
	};
	return 0;
}

static uint32_t pick(struct last_runs *last, uint32_t component, uint64_t *ret_largest_bytes)
{
	uint32_t count = 0;

	*ret_largest_bytes = 0;
	for (uint32_t i = 0; i < last->count; i++) {
		if (last->component[i] != component)
			continue;
		last->one[count++] = last->run[i];
		*ret_largest_bytes = max_u64(*ret_largest_bytes, last->run[i].peak_bytes);
	}
	return count;
}

static json_t *encode_component(const struct config *config, const struct component *component,
				const struct together *together, uint32_t runs,
				uint64_t largest_bytes)
{
	uint64_t serving_bytes = with_margin(max_u64(together->p95_bytes, largest_bytes));
	uint64_t budget_bytes = component->budget_bytes;
	bool sure = runs >= RUNS_SURE;

	return json_pack(
		"{s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "component",
		component->name, "runs", (json_int_t)runs, "busy_us",
		json_number(together->busy_us), "asked_bytes",
		json_number(together->asked_p95_bytes), "p50_bytes",
		json_number(together->p50_bytes), "p95_bytes", json_number(together->p95_bytes),
		"max_bytes", json_number(together->max_bytes), "largest_bytes",
		json_number(largest_bytes), "serving_bytes",
		sure ? json_number(serving_bytes) : json_null(), "budget_bytes",
		json_number(budget_bytes), "share_permyriad",
		component->share_permyriad ? json_number(component->share_permyriad) : json_null(),
		"serving_permyriad",
		sure && config->usable_bytes
			? json_number((serving_bytes * PERMYRIAD_ONE + config->usable_bytes - 1) /
				      config->usable_bytes)
			: json_null(),
		"saved_bytes",
		sure ? json_number(budget_bytes > serving_bytes ? budget_bytes - serving_bytes : 0)
		     : json_null());
}

static int read_components(struct store_reader *reader, const struct recommend_query *query,
			   json_t *list)
{
	AUTO_FREE struct last_runs *last = malloc(sizeof(*last));
	int rc;

	if (!last)
		return -1;
	last->config = &query->config;
	last->count = 0;
	rc = store_each_late_run(reader, JOBS_RUNS_KEPT, add_last_run, last);
	for (uint32_t i = 0; !rc && i < query->config.component_count; i++) {
		const struct component *component = &query->config.component[i];
		struct together together;
		uint64_t largest_bytes;
		uint32_t count;

		if (query->component && strcmp(query->component, component->name) != 0)
			continue;
		count = pick(last, i, &largest_bytes);
		rc = count ? together_of(last->one, count, &together) : 0;
		if (!rc && count)
			json_array_append_new(list,
					      encode_component(&query->config, component, &together,
							       count, largest_bytes));
	}
	return rc;
}

/* ---- pages ---- */

/* "UID COMPONENT KEY": neither a component nor a key has a blank in it. */
static json_t *cursor(const struct store_key_at *at)
{
	return json_sprintf("%u %s %s", at->uid, at->component, at->key);
}

static bool read_cursor(const json_t *from, struct recommend_query *query)
{
	_Static_assert(UW_NAME_LEN == 32 && JOB_KEY_LEN == 64, "the widths below");
	const char *text = json_string_value(from);

	query->has_after = text != NULL;
	return !from || json_is_null(from) ||
	       (text && sscanf(text, "%10u %31s %63s", &query->after.uid, query->after.component,
			       query->after.key) == 3);
}

/* Components are told with the first page, and where no key was named. */
json_t *recommend_page(struct store_reader *reader, const void *data)
{
	AUTO_FREE struct recommendation *page = calloc(1, sizeof(*page));
	const struct recommend_query *query = data;
	json_t *components = json_array();
	int rc;

	if (!page) {
		json_decref(components);
		return NULL;
	}
	page->query = query;
	page->reader = reader;
	page->keys = json_array();
	rc = read_keys(reader, page);
	if (!rc && !page->more)
		end_key(page);
	if (!rc && !query->has_after && !query->one_user && !*query->key)
		rc = read_components(reader, query, components);
	if (rc < 0) {
		json_decref(page->keys);
		json_decref(components);
		return NULL;
	}
	return json_pack("{s:o, s:o, s:o}", "keys", page->keys, "components", components, "next",
			 page->more ? cursor(&page->last) : json_null());
}

void method_recommend(struct daemon *daemon, const struct ipc_call *call, struct ipc_answer *answer)
{
	AUTO_FREE struct recommend_query *query = calloc(1, sizeof(*query));
	const json_t *parameters = call->parameters;

	if (!query) {
		ipc_answer_fail(answer, IPC_ERROR_FAILED, "out of memory");
		return;
	}
	query->config = daemon->config;
	memcpy(query->secret, jobs_secret(daemon->jobs), sizeof(query->secret));
	query->component = json_string_value(json_object_get(parameters, "component"));
	text_copy(query->key, sizeof(query->key), json_get_text(parameters, "key"));
	query->count = json_get_u64_or(parameters, "count", IPC_JOBS_A_PAGE);
	if (!query->count || query->count > IPC_JOBS_A_PAGE)
		query->count = IPC_JOBS_A_PAGE;
	query->uid = call->peer->uid;
	query->one_user = call->peer->uid != 0;
	if (!read_cursor(json_object_get(parameters, "from"), query))
		ipc_answer_bad_parameter(answer, "from");
	else
		history_later(daemon, call, answer, recommend_page, query, sizeof(*query));
}
