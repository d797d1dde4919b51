// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Holds the table of fields and goes through it: to print it as the schema of a recording, to find
 * its rows in the schema of another one, to take a struct out of an image by them, and to compare
 * two plans field by field, which leaves out what lies between fields.
 */
#include "user/record/fields.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"

#define ANY   0
#define INDEX UINT32_MAX /* of a component, or COMPONENT_NONE */
#define FLAG  2

struct field {
	const char *name;
	uint32_t at, bytes;
	uint32_t below; /* values are under it */
};

struct group {
	enum record_image image;
	const char *name;
	uint32_t at, stride, count;
	const struct field *field;
	uint32_t fields;
};

#define FIELD(type, name, below)                                              \
	{                                                                     \
#name, offsetof(type, name), sizeof(((type *)0)->name), below \
	}

#define H(name, below) FIELD(struct frame, name, below)
static const struct field head_fields[] = {
	H(now_us, ANY),
	H(sequence, ANY),
	H(kind, FRAME_URGENT + 1),
	H(host.valid, FLAG),
	H(host.total_bytes, ANY),
	H(host.available_bytes, ANY),
	H(host.swap_total_bytes, ANY),
	H(host.swap_free_bytes, ANY),
	H(host.psi_some_us, ANY),
	H(host.psi_full_us, ANY),
	H(component_count, UW_COMPONENTS_MAX + 1),
	H(leaves_valid, FLAG),
	H(locks_valid, FLAG),
	H(leaf_count, FRAME_LEAVES_MAX + 1),
	H(event_count, FRAME_EVENTS_MAX + 1),
	H(outcome_count, FRAME_OUTCOMES_MAX + 1),
	H(request_count, FRAME_REQUESTS_MAX + 1),
	H(events_dropped, ANY),
};

#define AGES(M)                                                                                \
	M(ages.valid, FLAG), M(ages.held, FLAG), M(ages.looked_us, ANY), M(ages.read_us, ANY), \
		M(ages.hot_bytes, ANY), M(ages.cold_anon_bytes, ANY),                          \
		M(ages.cold_file_bytes, ANY), M(ages.long_bytes, ANY)

#define C(name, below) FIELD(struct component_sample, name, below)
static const struct field component_fields[] = {
	C(valid, ANY),
	C(known, ANY),
	C(cgid, ANY),
	C(current_bytes, ANY),
	C(swap_bytes, ANY),
	C(anon_bytes, ANY),
	C(active_file_bytes, ANY),
	C(inactive_file_bytes, ANY),
	C(slab_reclaimable_bytes, ANY),
	C(unevictable_bytes, ANY),
	C(dirty_bytes, ANY),
	C(writeback_bytes, ANY),
	C(mapped_bytes, ANY),
	C(pgscan, ANY),
	C(pgsteal, ANY),
	C(refault_anon, ANY),
	C(refault_file, ANY),
	C(ev_high, ANY),
	C(ev_max, ANY),
	C(ev_oom, ANY),
	C(ev_oom_kill, ANY),
	C(psi_some_us, ANY),
	C(psi_full_us, ANY),
	C(high_bytes, ANY),
	C(low_bytes, ANY),
	C(min_bytes, ANY),
	C(bpf_charged_bytes, ANY),
	C(bpf_stall_us, ANY),
	C(bpf_stalls, ANY),
	C(queued_bytes, ANY),
	C(wanted_bytes, ANY),
	C(promised_bytes, ANY),
	AGES(C),
};

#define L(name, below) FIELD(struct leaf_sample, name, below)
static const struct field leaf_fields[] = {
	L(cgid, ANY),          L(component, UW_COMPONENTS_MAX),
	L(populated, FLAG),    L(frozen, FLAG),
	L(ours, FLAG),         L(born_us, ANY),
	L(current_bytes, ANY), L(swap_bytes, ANY),
	L(leased_bytes, ANY),  AGES(L),
	L(cpu_valid, FLAG),    L(cpu_us, ANY),
	L(lock_waiters, ANY),  L(kept_asked, FLAG),
	L(kept_until_us, ANY), L(spare_valid, FLAG),
	L(spare_bytes, ANY),   L(freezable, FLAG),
	L(priority, ANY),
};

#define E(name, below) FIELD(struct frame_event, name, below)
static const struct field event_fields[] = {
	E(kind, EVENT__COUNT), E(component, INDEX), E(at_us, ANY),
	E(observed, ANY),      E(threshold, ANY),
};

#define O(name, below) FIELD(struct outcome, name, below)
static const struct field outcome_fields[] = {
	O(id, ANY),   O(kind, ACTION__COUNT),    O(tier, TIER__COUNT), O(component, INDEX),
	O(leaf, ANY), O(result, OUTCOME__COUNT), O(error, ANY),        O(asked, ANY),
	O(done, ANY), O(began_us, ANY),          O(ended_us, ANY),
};

#define R(name, below) FIELD(struct frame_request, name, below)
static const struct field request_fields[] = {
	R(kind, REQUEST__COUNT),
	R(component, UW_COMPONENTS_MAX),
	R(leaf, ANY),
	R(amount, ANY),
};

#define P(name, below) FIELD(struct plan, name, below)
static const struct field plan_fields[] = {
	P(action_count, PLAN_ACTIONS_MAX + 1),
	P(ages_wanted, ANY),
	P(actions_dropped, ANY),
	P(next_us, ANY),
	P(looks, ANY),
};

#define A(name, below) FIELD(struct action, name, below)
static const struct field action_fields[] = {
	A(id, ANY),           A(kind, ACTION__COUNT), A(tier, TIER__COUNT),
	A(component, INDEX),  A(leaf, ANY),           A(amount, ANY),
	A(swappiness, ANY),   A(deadline_us, ANY),    A(why.reason, REASON__COUNT),
	A(why.observed, ANY), A(why.threshold, ANY),
};

#define V(name, below) FIELD(struct component_view, name, below)
static const struct field view_fields[] = {
	V(level, LEVEL__COUNT),       V(tier, TIER__COUNT),   V(level_since_us, ANY),
	V(budget_bytes, ANY),         V(in_force_bytes, ANY), V(borrowed_bytes, ANY),
	V(lent_bytes, ANY),           V(current_bytes, ANY),  V(working_set_bytes, ANY),
	V(swap_bytes, ANY),           V(use_permyriad, ANY),  V(slope_bytes_per_s, ANY),
	V(time_to_limit_us, ANY),     V(some_permyriad, ANY), V(full_permyriad, ANY),
	V(frozen_leaves, ANY),        V(thaw_by_us, ANY),     V(squeezed, FLAG),
	V(why.reason, REASON__COUNT), V(why.observed, ANY),   V(why.threshold, ANY),
	V(edge_shift_permyriad, ANY),
};

enum {
	GROUP_HEAD,
	GROUP_COMPONENT,
	GROUP_LEAF,
	GROUP_EVENT,
	GROUP_OUTCOME,
	GROUP_REQUEST,
	GROUP_PLAN,
	GROUP_ACTION,
	GROUP_VIEW,
	GROUP__COUNT
};

_Static_assert(GROUP__COUNT == FIELDS_GROUPS, "a schema has a place for each");
_Static_assert(ARRAY_SIZE(component_fields) <= FIELDS_GROUP_MAX, "and for each field");
_Static_assert(sizeof(struct frame) <= IMAGE_BYTES_MAX, "ours can be read");

#define ONE(image, name, type, table)                                     \
	{                                                                 \
		image, name, 0, sizeof(type), 1, table, ARRAY_SIZE(table) \
	}
#define MANY(image, name, type, array, table)                                      \
	{                                                                          \
		image, name, offsetof(type, array), sizeof(((type *)0)->array[0]), \
			ARRAY_SIZE(((type *)0)->array), table, ARRAY_SIZE(table)   \
	}

static const struct group groups[GROUP__COUNT] = {
	[GROUP_HEAD] = ONE(IMAGE_FRAME, "[frame]", struct frame, head_fields),
	[GROUP_COMPONENT] =
		MANY(IMAGE_FRAME, "[component]", struct frame, component, component_fields),
	[GROUP_LEAF] = MANY(IMAGE_FRAME, "[leaf]", struct frame, leaf, leaf_fields),
	[GROUP_EVENT] = MANY(IMAGE_FRAME, "[event]", struct frame, event, event_fields),
	[GROUP_OUTCOME] = MANY(IMAGE_FRAME, "[outcome]", struct frame, outcome, outcome_fields),
	[GROUP_REQUEST] = MANY(IMAGE_FRAME, "[request]", struct frame, request, request_fields),
	[GROUP_PLAN] = ONE(IMAGE_PLAN, "[plan]", struct plan, plan_fields),
	[GROUP_ACTION] = MANY(IMAGE_PLAN, "[action]", struct plan, action, action_fields),
	[GROUP_VIEW] = {IMAGE_VIEWS, "[view]", 0, sizeof(struct component_view), UW_COMPONENTS_MAX,
			view_fields, ARRAY_SIZE(view_fields)},
};

static const uint32_t image_bytes[IMAGE__COUNT] = {
	[IMAGE_FRAME] = sizeof(struct frame),
	[IMAGE_PLAN] = sizeof(struct plan),
	[IMAGE_VIEWS] = sizeof(struct component_view) * UW_COMPONENTS_MAX,
};

/* ---- the schema as text: "image NUMBER BYTES", "[GROUP] AT STRIDE", "count N 0",
 * "FIELD AT BYTES" ---- */

static void add_line(char *buf, size_t size, size_t *len, const char *name, uint32_t a, uint32_t b)
{
	int n = *len < size ? snprintf(buf + *len, size - *len, "%s %" PRIu32 " %" PRIu32 "\n",
				       name, a, b)
			    : 0;

	*len = n <= 0 ? size : *len + (size_t)n;
}

size_t record_schema_print(char *buf, size_t size)
{
	size_t len = 0;

	for (uint32_t i = 0; i < IMAGE__COUNT; i++)
		add_line(buf, size, &len, "image", i, image_bytes[i]);
	for (uint32_t i = 0; i < GROUP__COUNT; i++) {
		const struct group *group = &groups[i];

		add_line(buf, size, &len, group->name, group->at, group->stride);
		add_line(buf, size, &len, "count", group->count, 0);
		for (uint32_t k = 0; k < group->fields; k++)
			add_line(buf, size, &len, group->field[k].name, group->field[k].at,
				 group->field[k].bytes);
	}
	return len < size ? len : 0;
}

/* The next line of a schema: its word, terminated, and two numbers. */
struct schema_line {
	char name[32];
	uint32_t a, b;
};

static const char *take_number(const char *at, const char *end, uint32_t *ret_number)
{
	uint64_t number = 0;

	if (at == end || *at < '0' || *at > '9')
		return NULL;
	for (; at < end && *at >= '0' && *at <= '9'; at++) {
		number = number * 10 + (uint64_t)(*at - '0');
		if (number > IMAGE_BYTES_MAX)
			return NULL;
	}
	*ret_number = (uint32_t)number;
	return at;
}

static const char *take_line(const char *at, const char *end, struct schema_line *ret_line)
{
	size_t len = 0;

	while (at < end && *at != ' ' && len < sizeof(ret_line->name) - 1)
		ret_line->name[len++] = *at++;
	ret_line->name[len] = '\0';
	if (at == end || *at++ != ' ')
		return NULL;
	at = take_number(at, end, &ret_line->a);
	if (!at || at == end || *at++ != ' ')
		return NULL;
	at = take_number(at, end, &ret_line->b);
	return at && at < end && *at == '\n' ? at + 1 : NULL;
}

static int group_of(const char *name)
{
	for (int i = 0; *name == '[' && i < GROUP__COUNT; i++)
		if (!strcmp(groups[i].name, name))
			return i;
	return -1;
}

/* A field that nobody here knows is passed over, as is one of another size. Most schemas are in the
 * order of the table: the search begins at *next, which is moved behind what is found. */
static void note_field(struct record_schema *schema, int group, const struct schema_line *line,
		       uint32_t *next)
{
	uint32_t fields = groups[group].fields;

	for (uint32_t tried = 0; tried < fields; tried++) {
		uint32_t i = (*next + tried) % fields;

		if (strcmp(groups[group].field[i].name, line->name))
			continue;
		*next = i + 1;
		if (groups[group].field[i].bytes != line->b)
			return;
		schema->group[group].field[i].at = line->a;
		schema->group[group].field[i].bytes = line->b;
		return;
	}
}

/* All that is to be read lies within its image. */
static bool is_whole(const struct record_schema *schema)
{
	for (uint32_t i = 0; i < IMAGE__COUNT; i++)
		if (!schema->image_bytes[i] || schema->image_bytes[i] > IMAGE_BYTES_MAX ||
		    schema->image_bytes[i] % sizeof(uint64_t))
			return false;
	for (uint32_t i = 0; i < GROUP__COUNT; i++) {
		uint64_t at = schema->group[i].at, stride = schema->group[i].stride;

		if (at + stride * schema->group[i].count > schema->image_bytes[groups[i].image])
			return false;
		for (uint32_t k = 0; k < groups[i].fields; k++)
			if (schema->group[i].field[k].at + schema->group[i].field[k].bytes > stride)
				return false;
	}
	return true;
}

int record_schema_parse(const char *text, size_t len, struct record_schema *ret_schema)
{
	const char *at = text, *end = text + len;
	struct schema_line line;
	int group = -1, found;
	uint32_t next = 0;

	memset(ret_schema, 0, sizeof(*ret_schema));
	while (at < end) {
		at = take_line(at, end, &line);
		if (!at)
			return -EBADMSG;
		found = group_of(line.name);
		if (!strcmp(line.name, "image") && line.a < IMAGE__COUNT) {
			ret_schema->image_bytes[line.a] = line.b;
		} else if (found >= 0) {
			group = found;
			next = 0;
			ret_schema->group[group].at = line.a;
			ret_schema->group[group].stride = line.b;
		} else if (group >= 0 && !strcmp(line.name, "count")) {
			ret_schema->group[group].count = line.a;
		} else if (group >= 0) {
			note_field(ret_schema, group, &line, &next);
		}
	}
	return is_whole(ret_schema) ? 0 : -EBADMSG;
}

/* ---- taking structs out of images ---- */

static bool is_allowed(const struct field *field, uint64_t value)
{
	if (field->below == INDEX)
		return value < UW_COMPONENTS_MAX || value == COMPONENT_NONE;
	return !field->below || value < field->below;
}

static bool read_element(const struct record_schema *schema, int group, uint32_t index,
			 const uint8_t *image, uint8_t *to)
{
	const uint8_t *from =
		image + schema->group[group].at + (size_t)index * schema->group[group].stride;

	for (uint32_t i = 0; i < groups[group].fields; i++) {
		const struct field *field = &groups[group].field[i];
		uint64_t value = 0;

		memcpy(&value, from + schema->group[group].field[i].at,
		       schema->group[group].field[i].bytes);
		if (!is_allowed(field, value))
			return false;
		memcpy(to + field->at, &value, field->bytes);
	}
	return true;
}

static bool read_group(const struct record_schema *schema, int group, uint32_t count,
		       const uint8_t *image, void *to)
{
	if (count > schema->group[group].count || count > groups[group].count)
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (!read_element(schema, group, i, image,
				  (uint8_t *)to + groups[group].at +
					  (size_t)i * groups[group].stride))
			return false;
	return true;
}

int record_read_frame(const struct record_schema *schema, const uint8_t *image,
		      struct frame *ret_frame)
{
	struct frame *frame = ret_frame;

	if (!read_group(schema, GROUP_HEAD, 1, image, frame) ||
	    !read_group(schema, GROUP_COMPONENT, frame->component_count, image, frame) ||
	    !read_group(schema, GROUP_LEAF, frame->leaf_count, image, frame) ||
	    !read_group(schema, GROUP_EVENT, frame->event_count, image, frame) ||
	    !read_group(schema, GROUP_OUTCOME, frame->outcome_count, image, frame) ||
	    !read_group(schema, GROUP_REQUEST, frame->request_count, image, frame))
		return -EBADMSG;
	return 0;
}

int record_read_plan(const struct record_schema *schema, const uint8_t *image,
		     struct plan *ret_plan)
{
	if (!read_group(schema, GROUP_PLAN, 1, image, ret_plan) ||
	    !read_group(schema, GROUP_ACTION, ret_plan->action_count, image, ret_plan))
		return -EBADMSG;
	return 0;
}

int record_read_views(const struct record_schema *schema, const uint8_t *image,
		      struct component_view ret_view[UW_COMPONENTS_MAX])
{
	uint32_t count = schema->group[GROUP_VIEW].count;

	if (count > UW_COMPONENTS_MAX)
		count = UW_COMPONENTS_MAX;
	return read_group(schema, GROUP_VIEW, count, image, ret_view) ? 0 : -EBADMSG;
}

/* ---- comparing ---- */

static const char *difference(int group, const void *a, const void *b)
{
	for (uint32_t i = 0; i < groups[group].fields; i++) {
		const struct field *field = &groups[group].field[i];

		if (memcmp((const uint8_t *)a + field->at, (const uint8_t *)b + field->at,
			   field->bytes))
			return field->name;
	}
	return NULL;
}

const char *record_plan_difference(const struct plan *a, const struct plan *b, int *ret_action)
{
	uint32_t count = a->action_count < b->action_count ? a->action_count : b->action_count;
	const char *name;

	for (uint32_t i = 0; i < count; i++) {
		*ret_action = (int)i;
		name = difference(GROUP_ACTION, &a->action[i], &b->action[i]);
		if (name)
			return name;
	}
	*ret_action = -1;
	return difference(GROUP_PLAN, a, b);
}
