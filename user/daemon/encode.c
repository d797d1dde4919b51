// SPDX-License-Identifier: GPL-2.0-or-later
#include "user/daemon/encode.h"

#include <string.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/ipc/json.h"

#define TEXT_LEN 160

static const char *const units[] = {
	[REASON_UNIT_NONE] = "none",
	[REASON_UNIT_BYTES] = "bytes",
	[REASON_UNIT_US] = "us",
	[REASON_UNIT_PERMYRIAD] = "permyriad",
	[REASON_UNIT_COUNT] = "count",
	[REASON_UNIT_PER_S] = "per_s",
};

const char *encode_unit(enum reason_unit unit)
{
	return units[unit];
}

static json_t *number(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

/* Of a sample: null when it is absent. */
static json_t *sampled(bool valid, uint64_t value)
{
	return valid ? json_u64(value) : json_null();
}

static uint64_t since(uint64_t then_us, uint64_t now_us)
{
	return now_us > then_us ? now_us - then_us : 0;
}

json_t *encode_why(const struct why *why)
{
	char text[TEXT_LEN];

	return json_pack("{s:s, s:o, s:o, s:s, s:s}", "reason", reason_name(why->reason),
			 "observed", json_u64(why->observed), "threshold",
			 json_u64(why->threshold), "unit", encode_unit(reason_unit(why->reason)),
			 "text", reason_text(why, text, sizeof(text)));
}

static json_t *encode_sensors(const struct daemon *daemon)
{
	uint32_t on = daemon->kern ? kern_sensors(daemon->kern) : 0;
	json_t *list = json_array();

	for (int i = 0; i < KERN_SENSOR__COUNT; i++) {
		enum kern_sensor sensor = (enum kern_sensor)i;
		const char *why = daemon->kern ? kern_sensor_error(daemon->kern, sensor)
					       : daemon->kern_why.text;
		bool is_on = on & (1U << sensor);

		if (!is_on && !why)
			why = "not asked for by the configuration";
		json_array_append_new(list, json_pack("{s:s, s:b, s:s}", "name",
						      kern_sensor_name(sensor), "on", is_on, "text",
						      is_on ? "" : why));
	}
	return list;
}

static json_t *encode_drops(const struct daemon *daemon)
{
	struct kern_drop drops[KERN_DROPS_MAX];
	json_t *list = json_array();
	size_t count = 0;

	if (daemon->kern)
		count = kern_drops(daemon->kern, drops, ARRAY_SIZE(drops));
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_pack("{s:s, s:o}", "name", drops[i].name, "count",
						      number(drops[i].count)));
	return list;
}

json_t *encode_daemon(const struct daemon *daemon)
{
	const struct daemon_stats *stats = &daemon->stats;
	struct ledger_guard_stats guard = {0};

	if (daemon->ledger)
		ledger_read_stats(daemon->ledger, &guard);
	return json_pack("{s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:o, s:o, s:o, s:o}",
			 "version", UW_VERSION, "pid", (int)getpid(), "up_us",
			 number(since(stats->started_us, clock_now_us())), "ticks",
			 number(stats->ticks_full + stats->ticks_urgent), "urgent_ticks",
			 number(stats->ticks_urgent), "tick_max_us", number(stats->tick_max_us),
			 "events", number(stats->events), "events_dropped",
			 number(stats->events_dropped), "actions", number(stats->actions),
			 "actions_dropped", number(stats->actions_dropped), "guard_pid",
			 (int)daemon->pool.guard_pid, "guard_restarts",
			 number(stats->guard_restarts), "guard_undone", number(guard.undone),
			 "sensors", encode_sensors(daemon), "drops", encode_drops(daemon));
}

json_t *encode_pool(const struct daemon *daemon)
{
	return json_pack("{s:s, s:o}", "root", daemon->pool.root, "usable_bytes",
			 json_u64(daemon->config.usable_bytes));
}

json_t *encode_host(const struct daemon *daemon)
{
	const struct host_sample *host = &daemon->frame.host;

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "total_bytes",
			 sampled(host->valid, host->total_bytes), "available_bytes",
			 sampled(host->valid, host->available_bytes), "swap_total_bytes",
			 sampled(host->valid, host->swap_total_bytes), "swap_free_bytes",
			 sampled(host->valid, host->swap_free_bytes), "some_us",
			 sampled(host->valid, host->psi_some_us), "full_us",
			 sampled(host->valid, host->psi_full_us));
}

static json_t *encode_leaf(const struct daemon *daemon, const struct leaf_sample *leaf)
{
	char name[RECORD_LEAF_LEN];

	sense_leaf_name(daemon->sense, leaf->cgid, name, sizeof(name));
	return json_pack("{s:s, s:o, s:b, s:b, s:o, s:o, s:o}", "name", name, "id",
			 number(leaf->cgid), "populated", leaf->populated, "frozen", leaf->frozen,
			 "age_us", number(since(leaf->born_us, clock_now_us())), "current_bytes",
			 number(leaf->current_bytes), "swap_bytes", number(leaf->swap_bytes));
}

static json_t *encode_leaves(const struct daemon *daemon, uint32_t component)
{
	const struct frame *frame = &daemon->frame;
	json_t *list = json_array();

	for (uint32_t i = 0; i < frame->leaf_count; i++) {
		if (frame->leaf[i].component == component)
			json_array_append_new(list, encode_leaf(daemon, &frame->leaf[i]));
	}
	return list;
}

static void add_limits(const struct daemon *daemon, uint32_t component, json_t *object)
{
	const struct component_sample *sample = &daemon->frame.component[component];
	bool valid = sample->valid & SAMPLE_LIMITS;

	json_object_set_new(object, "min_bytes", sampled(valid, sample->min_bytes));
	json_object_set_new(object, "low_bytes", sampled(valid, sample->low_bytes));
	json_object_set_new(object, "high_bytes", sampled(valid, sample->high_bytes));
}

static void add_state(const struct component_view *view, uint64_t now_us, json_t *object)
{
	json_object_set_new(object, "squeezed", json_boolean(view->squeezed));
	json_object_set_new(object, "frozen_leaves", number(view->frozen_leaves));
	json_object_set_new(object, "thaw_in_us",
			    view->thaw_by_us ? number(since(now_us, view->thaw_by_us))
					     : json_null());
	json_object_set_new(object, "why", encode_why(&view->why));
}

json_t *encode_component(const struct daemon *daemon, uint32_t component)
{
	const struct component *conf = &daemon->config.component[component];
	const struct component_view *view = &daemon->view[component];
	uint64_t now_us = clock_now_us();
	json_t *object = json_pack(
		"{s:s, s:i, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o}",
		"name", conf->name, "priority", (int)conf->priority, "level",
		level_name(view->level), "level_for_us",
		number(since(view->level_since_us ?: daemon->stats.started_us, now_us)), "tier",
		tier_name(view->tier), "budget_bytes", number(view->budget_bytes),
		"in_force_bytes", number(view->in_force_bytes), "borrowed_bytes",
		number(view->borrowed_bytes), "lent_bytes", number(view->lent_bytes),
		"current_bytes", number(view->current_bytes), "working_set_bytes",
		number(view->working_set_bytes), "swap_bytes", number(view->swap_bytes),
		"use_permyriad", number(view->use_permyriad), "growth_bytes_per_s",
		(json_int_t)view->slope_bytes_per_s, "time_to_limit_us",
		json_u64(view->time_to_limit_us), "some_permyriad", number(view->some_permyriad),
		"full_permyriad", number(view->full_permyriad));

	if (!object)
		return NULL;
	add_limits(daemon, component, object);
	add_state(view, now_us, object);
	json_object_set_new(object, "leaves", encode_leaves(daemon, component));
	return object;
}

static bool amount_is_bytes(enum action_kind kind)
{
	switch (kind) {
	case ACTION_SET_MIN:
	case ACTION_SET_LOW:
	case ACTION_SET_HIGH:
	case ACTION_RECLAIM:
		return true;
	default:
		return false;
	}
}

json_t *encode_record(const struct record *record)
{
	const struct action *action = &record->action;
	const struct outcome *outcome = &record->outcome;
	bool ended = record->ended;

	return json_pack(
		"{s:o, s:o, s:i, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:s, s:s, s:o, s:o}", "sequence",
		number(record->sequence), "wall_us", number(record->wall_us), "id", (int)action->id,
		"action", action_name(action->kind), "tier", tier_name(action->tier), "level",
		level_name(record->level), "component", record->component, "leaf", record->leaf,
		"amount_bytes",
		amount_is_bytes(action->kind) ? json_u64(action->amount) : json_null(),
		"within_us",
		action->deadline_us ? number(since(record->at_us, action->deadline_us))
				    : json_null(),
		"why",
		encode_why(&action->why), "result", ended ? outcome_name(outcome->result) : "",
		"error",
		ended && outcome->error ? strerrorname_np(abs(outcome->error)) ?: "?" : "",
		"done_bytes", number(ended ? outcome->done : 0), "took_us",
		number(ended ? since(outcome->began_us, outcome->ended_us) : 0));
}
