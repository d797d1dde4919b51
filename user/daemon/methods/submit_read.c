// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The parser of Submit. Strings stay in the JSON of the call where that is enough; arguments and
 * environments become blocks of their own, as jobs want them in one piece. An environment that an
 * item does not change is made once for all of them, or ten thousand jobs of one shell would copy
 * it ten thousand times. Each function returns false when a field is no good, and the item's reader
 * says which.
 */
#include "user/daemon/methods/submit_read.h"

#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"
#include "user/ipc/json.h"

#define ITEMS_MAX     2000U         /* of one call: its answer goes into a message */
#define VARIABLES_MAX 4096U         /* of one environment */
#define ENV_TOTAL_MAX (8UL << 20)   /* bytes of the environments of one call, merged ... */
#define ENV_COUNT_MAX (256UL << 10) /* ... and variables in them */
#define RANGES_MAX    256U          /* of one array */

/* A job without a name is called after its key or its command. */
static void keep_name(struct job_spec *spec)
{
	struct job job;

	job_init(&job, spec);
	text_copy(spec->name, sizeof(spec->name), job.name);
}

static void free_strings(struct submit_call *submit)
{
	for (uint32_t i = 0; submit->text && i < submit->count * 2; i++)
		free(submit->text[i]);
	for (uint32_t i = 0; submit->item && i < submit->count; i++)
		free(TAKE(submit->item[i].range));
	free(TAKE(submit->text));
}

void submit_read_forget(struct submit_call *submit)
{
	for (uint32_t i = 0; i < submit->count; i++) {
		struct job_spec *spec = &submit->item[i].spec;

		keep_name(spec);
		spec->argv = spec->env = (struct job_block){"", 0};
		spec->cwd = "";
	}
	free_strings(submit);
}

void submit_read_done(struct submit_call *submit)
{
	free_strings(submit);
	free(submit->item);
}

static bool bad(const struct submit_call *submit, const char *name, const char *field)
{
	ipc_answer_fail(submit->answer, IPC_ERROR_BAD_JOB,
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

/* A job with variables of its own has all of the context's again. */
static bool too_much(const struct submit_call *submit)
{
	ipc_answer_fail(
		submit->answer, IPC_ERROR_BAD_JOB,
		"%s: environment: with those of the jobs before it more than %lu MiB, or %lu "
		"variables, in one call: submit them in several",
		*submit->name ? submit->name : "job", ENV_TOTAL_MAX >> 20, ENV_COUNT_MAX);
	return false;
}

/* That of the context with an item's own over it. The context's alone is made once a call. */
static bool make_environment(struct submit_call *submit, const json_t *from, uint32_t at)
{
	const json_t *context = json_object_get(submit->call->parameters, "context");
	const json_t *list = json_object_get(context, "environment");
	const json_t *over = json_object_get(from, "environment");
	struct jobs_item *item = &submit->item[at];

	if (!are_strings(over) || json_array_size(over) > VARIABLES_MAX)
		return false;
	if (!json_array_size(over) && submit->plain) {
		item->same_env = submit->plain;
		item->spec.env = submit->plain->spec.env;
		return true;
	}
	submit->env_total += block_size(list) + block_size(over);
	submit->env_count += json_array_size(list) + json_array_size(over);
	if (submit->env_total > ENV_TOTAL_MAX || submit->env_count > ENV_COUNT_MAX)
		return too_much(submit);
	if (!json_array_size(over))
		submit->plain = item;
	return make_block(list, over, &submit->text[at * 2 + 1], &item->spec.env);
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
	spec->input_bytes = json_get_u64_or(from, "input_bytes", 0);
	spec->priority = small(from, "priority", JOB_PRIORITY_DEFAULT);
	spec->memory_priority = small(from, "memory_priority", JOB_MEMORY_PRIORITY_DEFAULT);
	spec->retries = small(from, "retries", 0);
	spec->index = JOB_NO_INDEX;
}

static void read_caller(const struct submit_call *submit, struct job_spec *spec)
{
	const struct ipc_peer *peer = submit->call->peer;
	const json_t *context = json_object_get(submit->call->parameters, "context");

	spec->uid = peer->uid;
	spec->gid = peer->gid;
	spec->group_count = peer->group_count < JOB_GROUPS_MAX ? peer->group_count : JOB_GROUPS_MAX;
	for (uint32_t i = 0; i < spec->group_count; i++)
		spec->group[i] = peer->group[i];
	spec->umask = small(context, "umask", 022);
	spec->cwd = json_string_value(json_object_get(context, "cwd"));
}

static bool read_strings(struct submit_call *submit, const json_t *from, uint32_t at)
{
	const json_t *command = json_object_get(from, "command");
	struct job_spec *spec = &submit->item[at].spec;
	const json_t *cwd = json_object_get(from, "cwd");

	if (!are_strings(command) || !make_block(command, NULL, &submit->text[at * 2], &spec->argv))
		return bad(submit, submit->name, "command");
	if (!make_environment(submit, from, at))
		return submit->answer->error ? false : bad(submit, submit->name, "environment");
	if (json_is_string(cwd))
		spec->cwd = json_string_value(cwd);
	return true;
}

/* What all items share; before any of them is read, as each looks at it. */
static bool read_context(const struct submit_call *submit)
{
	const json_t *context = json_object_get(submit->call->parameters, "context");
	const json_t *environment = json_object_get(context, "environment");

	if (are_strings(environment) && json_array_size(environment) <= VARIABLES_MAX)
		return true;
	return bad(submit, "context", "environment");
}

static const json_t *item_json(const struct submit_call *submit, uint32_t at)
{
	return json_array_get(json_object_get(submit->call->parameters, "jobs"), at);
}

bool submit_read_names(struct submit_call *submit, uint32_t at)
{
	const json_t *from = item_json(submit, at);
	struct job_spec *spec = &submit->item[at].spec;

	submit->name = json_get_text(from, "name");
	if (!read_word(from, "name", spec->name, sizeof(spec->name)))
		spec->name[0] = '\0'; /* too long to be shown: its key will do */
	if (!read_word(from, "component", spec->component, sizeof(spec->component)))
		return bad(submit, submit->name, "component");
	return true;
}

bool submit_read_rest(struct submit_call *submit, uint32_t at)
{
	const json_t *from = item_json(submit, at);
	struct jobs_item *item = &submit->item[at];
	struct job_spec *spec = &item->spec;

	if (!read_word(from, "key", spec->key, sizeof(spec->key)))
		return bad(submit, submit->name, "key");
	read_numbers(from, spec);
	read_flags(from, spec);
	read_caller(submit, spec);
	if (!read_tags(from, spec))
		return bad(submit, submit->name, "tags");
	if (!read_after(from, item))
		return bad(submit, submit->name, "after");
	if (!read_array(from, item))
		return bad(submit, submit->name, "array");
	return read_strings(submit, from, at);
}

bool submit_read_list(struct submit_call *submit)
{
	size_t count = json_array_size(json_object_get(submit->call->parameters, "jobs"));

	if (!count || count > ITEMS_MAX) {
		ipc_answer_bad_parameter(submit->answer, "jobs");
		return false;
	}
	submit->count = (uint32_t)count;
	submit->item = calloc(count, sizeof(*submit->item));
	submit->text = calloc(count * 2, sizeof(*submit->text));
	if (!submit->item || !submit->text) {
		ipc_answer_fail(submit->answer, IPC_ERROR_FAILED, "out of memory");
		return false;
	}
	return read_context(submit);
}
