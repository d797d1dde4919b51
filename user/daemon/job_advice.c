// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From the runs that are kept (200 of a key): the peaks of those that ended well. What would have
 * served is the largest of them and 5 %, as the estimator adds at the least (policy/admit).
 */
#include "user/daemon/job_advice.h"

#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"
#include "user/base/units.h"
#include "user/daemon/jobs.h"
#include "user/ipc/json.h"

#define PEAKS_MAX  4096U /* of one group; more say nothing new */
#define RUNS_SURE  3U    /* so many say something */
#define MARGIN_PCT 5U

/* The runs of a key, or of a component. */
struct group {
	uint64_t runs, failed;
	double asked_bytes;
	uint32_t peaks;
	uint64_t peak[PEAKS_MAX];
	uint64_t asked[PEAKS_MAX], run_us[PEAKS_MAX];
};

struct advice {
	const struct daemon *daemon;
	char key[JOB_KEY_LEN], component[UW_NAME_LEN];
	bool has_key;
	struct group one;
	struct group *component_group; /* [component_count] */
	uint64_t seen, from, count;
	json_t *keys;
};

static void group_add(struct group *group, const struct store_run_row *run)
{
	group->runs++;
	group->asked_bytes += (double)run->asked_bytes;
	if (run->state != JOB_DONE) {
		group->failed++;
		return;
	}
	if (group->peaks == PEAKS_MAX)
		return;
	group->asked[group->peaks] = run->asked_bytes;
	group->run_us[group->peaks] = run->run_us;
	group->peak[group->peaks++] = run->peak_bytes;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t quantile(const struct group *group, uint32_t pct)
{
	return group->peaks ? group->peak[(group->peaks - 1) * pct / 100] : 0;
}

static uint64_t serving(const struct group *group)
{
	uint64_t max_bytes = quantile(group, 100);
	uint64_t bytes = max_bytes + max_bytes / 100 * MARGIN_PCT;

	return (bytes + MIB - 1) / MIB * MIB;
}

static double saved_mib_s(const struct group *group, uint64_t request_bytes)
{
	double sum = 0;

	for (uint32_t i = 0; i < group->peaks; i++)
		if (group->asked[i] > request_bytes)
			sum += (double)(group->asked[i] - request_bytes) / (double)MIB *
			       ((double)group->run_us[i] / 1e6);
	return sum;
}

static json_t *number(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

/* What both kinds of advice say. Sorts the peaks, which then belong to no run. */
static json_t *encode_group(struct group *group)
{
	json_t *object = json_object();
	uint64_t asked = group->runs ? (uint64_t)(group->asked_bytes / (double)group->runs) : 0;
	bool sure = group->peaks >= RUNS_SURE;
	uint64_t request_bytes;

	qsort(group->peak, group->peaks, sizeof(group->peak[0]), by_size);
	request_bytes = serving(group);
	json_object_set_new(object, "runs", number(group->runs));
	json_object_set_new(object, "failed", number(group->failed));
	json_object_set_new(object, "asked_bytes", number(asked));
	json_object_set_new(object, "p50_bytes", number(quantile(group, 50)));
	json_object_set_new(object, "p95_bytes", number(quantile(group, 95)));
	json_object_set_new(object, "max_bytes", number(quantile(group, 100)));
	json_object_set_new(object, "request_bytes", sure ? number(request_bytes) : json_null());
	json_object_set_new(object, "saved_bytes",
			    sure ? number(asked > request_bytes ? asked - request_bytes : 0)
				 : json_null());
	json_object_set_new(object, "saved_mib_s",
			    sure ? json_integer((json_int_t)saved_mib_s(group, request_bytes))
				 : json_null());
	return object;
}

/* ---- keys, one after the other ---- */

static void end_key(struct advice *advice)
{
	json_t *object;

	if (!advice->has_key)
		return;
	advice->has_key = false;
	if (advice->key[0] && advice->seen++ >= advice->from &&
	    json_array_size(advice->keys) < advice->count) {
		object = encode_group(&advice->one);
		json_object_set_new(object, "key", json_text(advice->key));
		json_object_set_new(object, "component", json_text(advice->component));
		json_array_append_new(advice->keys, object);
	}
	advice->one = (struct group){0};
}

static int add_run(void *data, const struct store_run_row *run)
{
	struct advice *advice = data;
	int component = config_find(&advice->daemon->config, run->component);

	if (strcmp(run->key, advice->key) != 0 || strcmp(run->component, advice->component) != 0)
		end_key(advice);
	text_copy(advice->key, sizeof(advice->key), run->key);
	text_copy(advice->component, sizeof(advice->component), run->component);
	advice->has_key = true;
	group_add(&advice->one, run);
	if (component >= 0)
		group_add(&advice->component_group[component], run);
	return 0;
}

static json_t *encode_components(struct advice *advice)
{
	const struct config *config = &advice->daemon->config;
	json_t *list = json_array();

	for (uint32_t i = 0; i < config->component_count; i++) {
		struct group *group = &advice->component_group[i];
		const struct component *component = &config->component[i];
		json_t *object;

		if (!group->runs)
			continue;
		object = encode_group(group);
		json_object_del(object, "failed");
		json_object_del(object, "saved_mib_s");
		json_object_set_new(object, "component", json_string(component->name));
		json_object_set_new(object, "budget_bytes", number(component->budget_bytes));
		json_object_set_new(object, "share_permyriad",
				    component->share_permyriad ? number(component->share_permyriad)
							       : json_null());
		json_object_set_new(
			object, "serving_permyriad",
			group->peaks >= RUNS_SURE && config->usable_bytes
				? number(serving(group) * PERMYRIAD_ONE / config->usable_bytes)
				: json_null());
		json_array_append_new(list, object);
	}
	return list;
}

void method_recommend(struct daemon *daemon, const struct ipc_call *call, struct ipc_answer *answer)
{
	AUTO_FREE struct advice *advice = calloc(1, sizeof(*advice));
	AUTO_FREE struct group *groups = calloc(daemon->config.component_count, sizeof(*groups));
	const json_t *key = json_object_get(call->parameters, "key");
	const json_t *component = json_object_get(call->parameters, "component");
	const uint32_t uid = call->peer->uid;
	uint64_t end;

	if (!advice || !groups) {
		ipc_answer_fail(answer, IPC_ERROR_FAILED, "out of memory");
		return;
	}
	advice->daemon = daemon;
	advice->component_group = groups;
	advice->keys = json_array();
	advice->from = json_get_u64_or(call->parameters, "from", 0);
	advice->count = json_get_u64_or(call->parameters, "count", IPC_JOBS_A_PAGE);
	if (advice->count > IPC_JOBS_A_PAGE)
		advice->count = IPC_JOBS_A_PAGE;
	store_each_run(jobs_reader(daemon->jobs), json_string_value(key),
		       json_string_value(component), uid ? &uid : NULL, add_run, advice);
	end_key(advice);
	end = advice->from + advice->count;
	answer->parameters = json_pack("{s:o, s:o, s:o}", "keys", advice->keys, "components",
				       encode_components(advice), "next",
				       end < advice->seen ? json_u64(end) : json_null());
}
