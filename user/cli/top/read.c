// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads uwd's answer to Status into a frame: what is told of uwd, the host and the queue, then each
 * component with its leaves. How fast a leaf grows is not told; it is the difference to the frame
 * before, where the leaf, by its cgroup's id, is there too.
 */
#include "user/cli/top/read.h"

#include <string.h>
#include <time.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/ipc/json.h"

void read_clock(uint64_t wall_us, char buf[static TOP_CLOCK_LEN])
{
	time_t seconds = (time_t)(wall_us / US_PER_SEC);
	struct tm local = {0};

	localtime_r(&seconds, &local);
	strftime(buf, TOP_CLOCK_LEN, "%H:%M:%S", &local);
}

/* A sensor that is off without a reason was not asked for. */
static void read_sensors(const json_t *daemon, struct top_head *head)
{
	const json_t *sensor;
	size_t i;

	json_array_foreach (json_object_get(daemon, "sensors"), i, sensor) {
		bool on = json_get_bool(sensor, "on");

		head->sensors_on += on;
		head->sensors_wanted += on || *json_get_text(sensor, "text");
	}
}

static uint64_t read_dropped(const json_t *daemon)
{
	uint64_t sum = json_get_u64_or(daemon, "events_dropped", 0) +
		       json_get_u64_or(daemon, "actions_dropped", 0);
	const json_t *drop;
	size_t i;

	json_array_foreach (json_object_get(daemon, "drops"), i, drop)
		sum += json_get_u64_or(drop, "count", 0);
	return sum;
}

static void read_daemon(const json_t *daemon, struct top_head *head)
{
	READ_TEXT(head->version, daemon, "version");
	head->pid = json_get_u64_or(daemon, "pid", 0);
	head->up_us = json_get_u64_or(daemon, "up_us", 0);
	head->guard_pid = json_get_u64_or(json_object_get(daemon, "guard"), "pid", 0);
	head->dropped = read_dropped(daemon);
	read_sensors(daemon, head);
}

static void read_host(const json_t *host, struct top_head *head)
{
	head->available_bytes = json_get_u64(host, "available_bytes");
	head->swap_total_bytes = json_get_u64(host, "swap_total_bytes");
	head->swap_free_bytes = json_get_u64(host, "swap_free_bytes");
	head->stalled_us = json_get_u64(host, "some_us");
}

static void read_queue(const json_t *queue, struct top_head *head)
{
	head->has_queue = json_is_object(queue);
	head->running = json_get_u64_or(queue, "running", 0);
	head->frozen = json_get_u64_or(queue, "frozen", 0);
	head->queued = json_get_u64_or(queue, "queued", 0);
	head->waiting = json_get_u64_or(queue, "waiting", 0);
	head->held = json_get_u64_or(queue, "held", 0);
	head->reserved_bytes = json_get_u64(queue, "reserved_bytes");
	head->free_bytes = json_get_u64(queue, "free_bytes");
	head->next_start_in_us = json_get_u64(queue, "next_start_in_us");
}

static enum level read_level(const char *name)
{
	for (int i = 0; i < LEVEL__COUNT; i++) {
		if (!strcmp(level_name((enum level)i), name))
			return (enum level)i;
	}
	return LEVEL_NORMAL;
}

static void read_gate(const json_t *gate, struct top_component *to)
{
	const json_t *last = json_object_get(gate, "last");

	to->refused_bytes = json_get_u64(gate, "refused_bytes");
	to->refused_last_bytes = json_get_u64(last, "bytes");
	to->refused_ago_us = json_get_u64(last, "ago_us");
}

static void read_component(const json_t *from, struct top_component *to)
{
	static const struct {
		const char *key;
		size_t offset;
	} rows[] = {
		{"current_bytes", offsetof(struct top_component, current_bytes)},
		{"in_force_bytes", offsetof(struct top_component, in_force_bytes)},
		{"budget_bytes", offsetof(struct top_component, budget_bytes)},
		{"lent_bytes", offsetof(struct top_component, lent_bytes)},
		{"borrowed_bytes", offsetof(struct top_component, borrowed_bytes)},
		{"working_set_bytes", offsetof(struct top_component, working_set_bytes)},
		{"swap_bytes", offsetof(struct top_component, swap_bytes)},
		{"promised_bytes", offsetof(struct top_component, promised_bytes)},
		{"high_bytes", offsetof(struct top_component, high_bytes)},
		{"use_permyriad", offsetof(struct top_component, use_permyriad)},
		{"some_permyriad", offsetof(struct top_component, some_permyriad)},
		{"time_to_limit_us", offsetof(struct top_component, time_to_limit_us)},
		{"thaw_in_us", offsetof(struct top_component, thaw_in_us)},
		{"frozen_leaves", offsetof(struct top_component, frozen_leaves)},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t value = json_get_u64(from, rows[i].key);

		memcpy((char *)to + rows[i].offset, &value, sizeof(value));
	}
	READ_TEXT(to->name, from, "name");
	READ_TEXT(to->tier, from, "tier");
	READ_TEXT(to->why, json_object_get(from, "why"), "text");
	to->level = read_level(json_get_text(from, "level"));
	to->growth_bytes_per_s = json_get_i64(from, "growth_bytes_per_s");
	to->owed_bytes = json_get_u64_or(json_object_get(from, "debt"), "owed_bytes", 0);
	to->squeezed = json_get_bool(from, "squeezed");
	read_gate(json_object_get(from, "refuse"), to);
}

/* Most stand where they stood. */
static const struct top_leaf *leaf_before(const struct top_frame *before, uint32_t at, uint64_t id)
{
	if (before && at < before->leaf_count && before->leaf[at].id == id)
		return &before->leaf[at];
	for (uint32_t i = 0; before && i < before->leaf_count; i++) {
		if (before->leaf[i].id == id)
			return &before->leaf[i];
	}
	return NULL;
}

int64_t read_growth(const struct top_frame *before, const struct top_frame *frame,
		    const struct top_leaf *leaf)
{
	const struct top_leaf *was = leaf_before(before, (uint32_t)(leaf - frame->leaf), leaf->id);
	uint64_t passed_ms = was ? (frame->at_us - before->at_us) / US_PER_MS : 0;

	if (!passed_ms)
		return 0;
	return ((int64_t)leaf->current_bytes - (int64_t)was->current_bytes) * 1000 /
	       (int64_t)passed_ms;
}

static void read_leaves(const json_t *leaves, const struct top_frame *before,
			struct top_frame *frame)
{
	const json_t *from;
	size_t i;

	json_array_foreach (leaves, i, from) {
		struct top_leaf *leaf = &frame->leaf[frame->leaf_count];

		if (frame->leaf_count == TOP_LEAVES_MAX)
			return;
		READ_TEXT(leaf->name, from, "name");
		leaf->component = frame->component_count - 1;
		leaf->id = json_get_u64(from, "id");
		leaf->current_bytes = json_get_u64_or(from, "current_bytes", 0);
		leaf->growth_bytes_per_s = read_growth(before, frame, leaf);
		leaf->populated = json_get_bool(from, "populated");
		leaf->frozen = json_get_bool(from, "frozen");
		leaf->by_other = !strcmp(json_get_text(from, "frozen_by"), "other");
		frame->leaf_count++;
	}
}

void read_status(const json_t *status, const struct top_frame *before, struct top_frame *frame)
{
	const json_t *pool = json_object_get(status, "pool"), *component;
	struct top_head *head = &frame->head;
	size_t i;

	read_daemon(json_object_get(status, "daemon"), head);
	read_host(json_object_get(status, "host"), head);
	read_queue(json_object_get(status, "queue"), head);
	READ_TEXT(head->root, pool, "root");
	head->usable_bytes = json_get_u64(pool, "usable_bytes");
	json_array_foreach (json_object_get(status, "components"), i, component) {
		if (frame->component_count == UW_COMPONENTS_MAX)
			return;
		read_component(component, &frame->component[frame->component_count++]);
		head->used_bytes += json_get_u64_or(component, "current_bytes", 0);
		read_leaves(json_object_get(component, "leaves"), before, frame);
	}
}
