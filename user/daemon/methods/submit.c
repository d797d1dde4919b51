// SPDX-License-Identifier: GPL-2.0-or-later
#include "user/daemon/methods/submit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/daemon/submitters.h"
#include "user/daemon/methods/encode_job.h"
#include "user/jobs/jobs.h"
#include "user/ipc/json.h"

#define ITEMS_MAX     10000U       /* of one call */
#define VARIABLES_MAX 4096U        /* of one environment */
#define ENV_TOTAL_MAX (64UL << 20) /* bytes of the environments of one call, merged ... */
#define ENV_COUNT_MAX (2UL << 20)  /* ... and variables in them */
#define RANGES_MAX    256U         /* of one array */

/* What one call wants, with the memory of its strings. */
struct wanted {
	struct daemon *daemon;
	const struct ipc_call *call;
	struct ipc_answer *answer;
	uint32_t count;
	struct jobs_item *item;
	char **text; /* two blocks an item: arguments and environment */
	size_t env_total, env_count;
	struct jobs_item *plain; /* the first that has the environment of the context */
};

/* The answer is to go to whom, when it is on disk. */
struct submit_waiter {
	struct daemon *daemon;
	uint64_t token;
};

static void wanted_done(struct wanted *wanted)
{
	for (uint32_t i = 0; wanted->text && i < wanted->count * 2; i++)
		free(wanted->text[i]);
	for (uint32_t i = 0; wanted->item && i < wanted->count; i++)
		free(wanted->item[i].range);
	free(wanted->text);
	free(wanted->item);
}

/* ---- from JSON ---- */

static bool bad(const struct wanted *wanted, const char *name, const char *field)
{
	ipc_answer_fail(wanted->answer, IPC_ERROR_BAD_JOB,
			"%s: %s: is missing, of another kind, or too long", *name ? name : "job",
			field);
	return false;
}

/* Strings of a list, each with its terminator; those of over replace those of the same NAME=. */
static size_t block_size(const json_t *list)
{
	const json_t *text;
	size_t i, size = 0;

	json_array_foreach (list, i, text)
		size += json_string_length(text) + 1;
	return size;
}

/* The names in a list of NAME=VALUE. */
static json_t *names_of(const json_t *list)
{
	json_t *names = json_object();
	const json_t *text;
	size_t i;

	json_array_foreach (list, i, text) {
		const char *word = json_string_value(text);

		json_object_setn_new_nocheck(names, word, strcspn(word, "="), json_true());
	}
	return names;
}

static void add_block(struct job_block *block, char *room, const json_t *list,
		      const json_t *without)
{
	const json_t *text;
	size_t i;

	json_array_foreach (list, i, text) {
		const char *word = json_string_value(text);
		size_t size = strlen(word) + 1;

		if (without && json_object_getn(without, word, strcspn(word, "=")))
			continue;
		memcpy(room + block->size, word, size);
		block->size += (uint32_t)size;
	}
}

static bool are_strings(const json_t *list)
{
	const json_t *text;
	size_t i;

	json_array_foreach (list, i, text)
		if (!json_is_string(text) ||
		    strlen(json_string_value(text)) != json_string_length(text))
			return false;
	return !list || json_is_array(list) || json_is_null(list);
}

static bool make_block(const json_t *list, const json_t *over, char **ret_room,
		       struct job_block *ret_block)
{
	AUTO_JSON json_t *names = json_array_size(over) ? names_of(over) : NULL;
	char *room = malloc(block_size(list) + block_size(over) + 1);

	if (!room)
		return false;
	*ret_room = room;
	*ret_block = (struct job_block){.data = room};
	add_block(ret_block, room, list, names);
	add_block(ret_block, room, over, NULL);
	return true;
}

/* That of the context with an item's own over it. The context's alone is made once a call. */
static bool make_environment(struct wanted *wanted, const json_t *from, uint32_t at)
{
	const json_t *context = json_object_get(wanted->call->parameters, "context");
	const json_t *list = json_object_get(context, "environment");
	const json_t *over = json_object_get(from, "environment");
	struct jobs_item *item = &wanted->item[at];

	if (!are_strings(over) || json_array_size(over) > VARIABLES_MAX)
		return false;
	if (!json_array_size(over) && wanted->plain) {
		item->same_env = wanted->plain;
		item->spec.env = wanted->plain->spec.env;
		return true;
	}
	wanted->env_total += block_size(list) + block_size(over);
	wanted->env_count += json_array_size(list) + json_array_size(over);
	if (wanted->env_total > ENV_TOTAL_MAX || wanted->env_count > ENV_COUNT_MAX)
		return false;
	if (!json_array_size(over))
		wanted->plain = item;
	return make_block(list, over, &wanted->text[at * 2 + 1], &item->spec.env);
}

static bool read_word(const json_t *from, const char *key, char *to, size_t size)
{
	const json_t *value = json_object_get(from, key);

	if (!value || json_is_null(value))
		return true;
	return json_is_string(value) && text_copy(to, size, json_string_value(value));
}

static bool read_tags(const json_t *from, struct job_spec *spec)
{
	const json_t *tags = json_object_get(from, "tags"), *tag;
	size_t i;

	if (!are_strings(tags) || json_array_size(tags) > JOB_TAGS_MAX)
		return false;
	json_array_foreach (tags, i, tag)
		if (!text_copy(spec->tag[spec->tag_count++], JOB_TAG_LEN, json_string_value(tag)))
			return false;
	return true;
}

static bool read_after(const json_t *from, struct jobs_item *item)
{
	const json_t *ids = json_object_get(from, "after"), *id;
	const json_t *places = json_object_get(from, "after_jobs");
	size_t i;

	if (json_array_size(ids) > JOB_AFTER_MAX || json_array_size(places) > JOB_AFTER_MAX)
		return false;
	json_array_foreach (ids, i, id) {
		if (json_integer_value(id) <= 0)
			return false;
		item->spec.after[item->spec.after_count++] = (uint64_t)json_integer_value(id);
	}
	json_array_foreach (places, i, id) {
		if (!json_is_integer(id) || json_integer_value(id) < 0)
			return false;
		item->after_item[item->after_item_count++] = (uint32_t)json_integer_value(id);
	}
	return true;
}

static bool read_array(const json_t *from, struct jobs_item *item)
{
	const json_t *ranges = json_object_get(from, "array"), *range;
	size_t i;

	if (!json_array_size(ranges))
		return true;
	if (json_array_size(ranges) > RANGES_MAX)
		return false;
	item->range = calloc(json_array_size(ranges), sizeof(*item->range));
	if (!item->range)
		return false;
	json_array_foreach (ranges, i, range) {
		uint64_t first = json_get_u64(range, "first"), last = json_get_u64(range, "last");

		if (first > UINT32_MAX || last > UINT32_MAX)
			return false;
		item->range[item->range_count++] =
			(struct jobs_range){(uint32_t)first, (uint32_t)last};
	}
	return true;
}

static void read_flags(const json_t *from, struct job_spec *spec)
{
	static const struct {
		const char *key;
		uint32_t flag;
	} rows[] = {
		{"freezable", JOB_FREEZABLE},
		{"rerun", JOB_RERUN},
		{"after_any", JOB_AFTER_ANY},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (json_get_bool(from, rows[i].key))
			spec->flags |= rows[i].flag;
	spec->held = json_get_bool(from, "hold");
}

static uint32_t small(const json_t *from, const char *key, uint32_t otherwise)
{
	uint64_t value = json_get_u64_or(from, key, otherwise);

	return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static void read_numbers(const json_t *from, struct job_spec *spec)
{
	spec->memory_bytes = json_get_u64_or(from, "memory_bytes", 0);
	spec->time_us = json_get_u64_or(from, "time_us", 0);
	spec->time_limit_us = json_get_u64_or(from, "time_limit_us", 0);
	spec->priority = small(from, "priority", JOB_PRIORITY_DEFAULT);
	spec->memory_priority = small(from, "memory_priority", JOB_MEMORY_PRIORITY_DEFAULT);
	spec->retries = small(from, "retries", 0);
	spec->index = JOB_NO_INDEX;
}

static void read_caller(const struct wanted *wanted, struct job_spec *spec)
{
	const struct ipc_peer *peer = wanted->call->peer;
	const json_t *context = json_object_get(wanted->call->parameters, "context");

	spec->uid = peer->uid;
	spec->gid = peer->gid;
	spec->group_count = peer->group_count < JOB_GROUPS_MAX ? peer->group_count : JOB_GROUPS_MAX;
	for (uint32_t i = 0; i < spec->group_count; i++)
		spec->group[i] = peer->group[i];
	spec->umask = small(context, "umask", 022);
	spec->cwd = json_string_value(json_object_get(context, "cwd"));
}

/*
 * What was learned of its key stands in for a size that is not given: in bytes, as there is no
 * request that it could be a share of.
 */
static bool find_memory(const struct wanted *wanted, struct job_spec *spec, const char *name)
{
	uint64_t key = jobs_learn_key(spec->component, spec->uid, spec->key);
	struct admit_digest digest;
	struct admit_key known;

	if (spec->memory_bytes)
		return true;
	if (key && !jobs_recall(wanted->daemon->jobs, key, &known) && known.count) {
		admit_key_digest(&known, &digest);
		spec->memory_bytes = digest.base_bytes;
		return true;
	}
	ipc_answer_fail(wanted->answer, IPC_ERROR_BAD_JOB,
			"%s: memory: is needed, as nothing was learned of the key '%.63s' yet",
			name, spec->key);
	return false;
}

static bool read_strings(struct wanted *wanted, const json_t *from, uint32_t at, const char *name)
{
	const json_t *command = json_object_get(from, "command");
	struct job_spec *spec = &wanted->item[at].spec;
	const json_t *cwd = json_object_get(from, "cwd");

	if (!are_strings(command) || !make_block(command, NULL, &wanted->text[at * 2], &spec->argv))
		return bad(wanted, name, "command");
	if (!make_environment(wanted, from, at))
		return bad(wanted, name, "environment");
	if (json_is_string(cwd))
		spec->cwd = json_string_value(cwd);
	return true;
}

static bool is_permitted(const struct wanted *wanted, const char *name)
{
	const struct config *config = &wanted->daemon->config;
	const struct ipc_peer *peer = wanted->call->peer;
	int at = config_find(config, name);

	if (at < 0) {
		ipc_answer_fail(wanted->answer, IPC_ERROR_NO_COMPONENT,
				"there is no component '%s'; uw.conf names them", name);
		return false;
	}
	if (submitters_include(&wanted->daemon->component[at].allow, peer))
		return true;
	ipc_answer_fail(wanted->answer, IPC_ERROR_NOT_PERMITTED,
			"uid %u may not submit to %s; 'submit' of [component %s] in uw.conf "
			"says who may",
			(unsigned int)peer->uid, name, name);
	return false;
}

/* What all items share; before any of them is read, as each looks at it. */
static bool read_context(const struct wanted *wanted)
{
	const json_t *context = json_object_get(wanted->call->parameters, "context");
	const json_t *environment = json_object_get(context, "environment");

	if (are_strings(environment) && json_array_size(environment) <= VARIABLES_MAX)
		return true;
	return bad(wanted, "context", "environment");
}

static bool read_item(struct wanted *wanted, const json_t *from, uint32_t at)
{
	struct jobs_item *item = &wanted->item[at];
	struct job_spec *spec = &item->spec;
	const char *name = json_get_text(from, "name");

	if (!read_word(from, "name", spec->name, sizeof(spec->name)))
		spec->name[0] = '\0'; /* too long to be shown: its key will do */
	if (!read_word(from, "component", spec->component, sizeof(spec->component)))
		return bad(wanted, name, "component");
	if (!is_permitted(wanted, spec->component))
		return false;
	if (!read_word(from, "key", spec->key, sizeof(spec->key)))
		return bad(wanted, name, "key");
	read_numbers(from, spec);
	read_flags(from, spec);
	read_caller(wanted, spec);
	if (!read_tags(from, spec))
		return bad(wanted, name, "tags");
	if (!read_after(from, item))
		return bad(wanted, name, "after");
	if (!read_array(from, item))
		return bad(wanted, name, "array");
	if (!read_strings(wanted, from, at, name))
		return false;
	return find_memory(wanted, spec, name);
}

static bool read_call(struct wanted *wanted)
{
	const json_t *list = json_object_get(wanted->call->parameters, "jobs"), *from;
	size_t i, count = json_array_size(list);

	if (!count || count > ITEMS_MAX) {
		ipc_answer_bad_parameter(wanted->answer, "jobs");
		return false;
	}
	wanted->count = (uint32_t)count;
	wanted->item = calloc(count, sizeof(*wanted->item));
	wanted->text = calloc(count * 2, sizeof(*wanted->text));
	if (!wanted->item || !wanted->text) {
		ipc_answer_fail(wanted->answer, IPC_ERROR_FAILED, "out of memory");
		return false;
	}
	if (!read_context(wanted))
		return false;
	json_array_foreach (list, i, from)
		if (!read_item(wanted, from, (uint32_t)i))
			return false;
	return true;
}

/* ---- the answer ---- */

static uint32_t learned_runs(const struct jobs *jobs, const struct jobs_item *item)
{
	uint64_t key = jobs_learn_key(item->spec.component, item->spec.uid, item->spec.key);
	struct admit_key known;

	return key && !admit_key_export(jobs_admit(jobs), key, &known) ? known.total : 0;
}

/* Of one that was not queued: what would be. */
static void put_preview(json_t *object, struct jobs *jobs, const struct jobs_item *item,
			enum job_state state)
{
	struct job_why after = {JOB_BECAUSE_AFTER, 0, 0};
	struct admit_view view;
	uint64_t now_us;

	if (jobs_preview(jobs, &item->spec, &view))
		return;
	now_us = jobs_now_us(jobs); /* not before that of the preview */
	json_put(object, "reserved_bytes", json_u64(view.footprint_bytes));
	if (item->spec.after_count)
		after.observed = item->spec.after[0];
	if (state == JOB_WAITING && after.observed)
		json_put(object, "why", encode_job_why(&after));
	if (state != JOB_QUEUED)
		return;
	if (view.position)
		json_put(object, "position", json_u64(view.position));
	if (view.start_us)
		json_put(object, "start_in_us",
			 json_u64(view.start_us > now_us ? view.start_us - now_us : 0));
	json_put(object, "why", encode_admit_why(jobs, &view.why));
}

/* An array is told of by its first element. */
static json_t *encode_submitted(struct jobs *jobs, const struct jobs_item *item)
{
	const struct job *job = item->first_id ? jobs_find(jobs, item->first_id) : NULL;
	const struct job_spec *spec = &item->spec;
	json_t *object = json_object(), *entry = NULL;
	struct job_why why = {JOB_BECAUSE_SUBMIT, 0, 0};
	struct job fresh;

	job_init(&fresh, spec);
	if (item->after_item_count && !spec->held)
		fresh.state = JOB_WAITING;
	if (job)
		entry = encode_queue_entry(jobs, job);
	json_put(object, "id", item->first_id ? json_u64(item->first_id) : json_null());
	json_put(object, "count", json_integer(item->count));
	json_put(object, "name", json_text(fresh.name));
	json_put(object, "component", json_text(spec->component));
	json_put(object, "key", json_text(spec->key));
	json_put(object, "state",
		 json_string(job_state_name((enum job_state)(job ? job : &fresh)->state)));
	json_put(object, "memory_bytes", json_u64(spec->memory_bytes));
	json_put(object, "learned_runs", json_integer(learned_runs(jobs, item)));
	json_put(object, "time_us", spec->time_us ? json_u64(spec->time_us) : json_null());
	json_put(object, "reserved_bytes", json_u64(spec->memory_bytes));
	json_put(object, "position", json_null());
	json_put(object, "start_in_us", json_null());
	json_put(object, "why", encode_job_why(&why));
	if (entry) {
		static const char *const same[] = {"reserved_bytes", "position", "start_in_us",
						   "why"};

		for (size_t i = 0; i < ARRAY_SIZE(same); i++)
			json_object_set(object, same[i], json_object_get(entry, same[i]));
		json_decref(entry);
	}
	if (!item->first_id)
		put_preview(object, jobs, item, (enum job_state)fresh.state);
	return object;
}

static json_t *encode_all(struct jobs *jobs, const struct jobs_item *items, uint32_t count)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < count; i++)
		json_array_append_new(list, encode_submitted(jobs, &items[i]));
	return json_pack("{s:o}", "jobs", list);
}

static const char *error_of(int rc)
{
	switch (rc) {
	case -ESRCH:
		return IPC_ERROR_NO_JOB;
	case -EDQUOT:
	case -ENOSPC:
		return IPC_ERROR_QUEUE_FULL;
	case -EINVAL:
		return IPC_ERROR_BAD_JOB;
	default:
		return IPC_ERROR_FAILED;
	}
}

static void on_disk(void *data, int rc, const struct uw_err *err, const struct jobs_item *items,
		    uint32_t count)
{
	struct submit_waiter *waiter = data;
	struct daemon *daemon = waiter->daemon;
	struct ipc_answer answer = {0};

	if (rc)
		ipc_answer_fail(&answer, error_of(rc), "%s", err->text);
	else
		answer.parameters = encode_all(daemon->jobs, items, count);
	if (daemon->server)
		ipc_server_answer(daemon->server, waiter->token, &answer, clock_now_us());
	else
		json_decref(answer.parameters);
	free(waiter);
}

static void submit(struct wanted *wanted)
{
	struct submit_waiter *waiter = malloc(sizeof(*waiter));
	struct uw_err err = {0};
	int rc;

	if (!waiter) {
		ipc_answer_fail(wanted->answer, IPC_ERROR_FAILED, "out of memory");
		return;
	}
	*waiter = (struct submit_waiter){.daemon = wanted->daemon, .token = wanted->call->token};
	rc = jobs_submit(wanted->daemon->jobs, wanted->item, wanted->count, on_disk, waiter, &err);
	if (rc) {
		free(waiter);
		ipc_answer_fail(wanted->answer, error_of(rc), "%s", err.text);
		return;
	}
	wanted->answer->later = true;
}

static void try_only(struct wanted *wanted)
{
	struct uw_err err = {0};
	int rc = jobs_check(wanted->daemon->jobs, wanted->item, wanted->count, &err);

	if (rc)
		ipc_answer_fail(wanted->answer, error_of(rc), "%s", err.text);
	else
		wanted->answer->parameters =
			encode_all(wanted->daemon->jobs, wanted->item, wanted->count);
}

void method_submit(struct daemon *daemon, const struct ipc_call *call, struct ipc_answer *answer)
{
	struct wanted wanted = {.daemon = daemon, .call = call, .answer = answer};

	if (read_call(&wanted)) {
		if (json_get_bool(call->parameters, "dry_run"))
			try_only(&wanted);
		else
			submit(&wanted);
	}
	wanted_done(&wanted);
}
