// SPDX-License-Identifier: GPL-2.0-or-later
#include "user/daemon/methods/encode.h"

#include <string.h>
#include <unistd.h>

#include "user/act/act.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/ipc/json.h"
#include "user/ipc/server.h"
#include "user/kern/kern.h"
#include "user/ledger/ledger.h"
#include "user/sense/sense.h"

#define TEXT_LEN 160

static const char *const units[] = {
	[REASON_UNIT_NONE] = "none",   [REASON_UNIT_BYTES] = "bytes",
	[REASON_UNIT_US] = "us",       [REASON_UNIT_PERMYRIAD] = "permyriad",
	[REASON_UNIT_COUNT] = "count", [REASON_UNIT_PER_S] = "per_s",
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

/* Keys in the order of the interface, one a line. */
static void put(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

static uint64_t since(uint64_t then_us, uint64_t now_us)
{
	return now_us > then_us ? now_us - then_us : 0;
}

json_t *encode_why(const struct why *why)
{
	json_t *object = json_object();
	char text[TEXT_LEN];

	put(object, "reason", json_string(reason_name(why->reason)));
	put(object, "observed", json_u64(why->observed));
	put(object, "threshold", json_u64(why->threshold));
	put(object, "unit", json_string(encode_unit(reason_unit(why->reason))));
	put(object, "text", json_string(reason_text(why, text, sizeof(text))));
	return object;
}

static json_t *encode_sensor(const struct daemon *daemon, enum kern_sensor sensor)
{
	bool on = daemon->kern && kern_sensors(daemon->kern) & (1U << sensor);
	const char *why =
		daemon->kern ? kern_sensor_error(daemon->kern, sensor) : daemon->kern_why.text;
	json_t *object = json_object();

	put(object, "name", json_string(kern_sensor_name(sensor)));
	put(object, "on", json_boolean(on));
	put(object, "text", json_string(on || !why ? "" : why));
	return object;
}

static json_t *encode_sensors(const struct daemon *daemon)
{
	json_t *list = json_array();

	for (int i = 0; i < KERN_SENSOR__COUNT; i++)
		json_array_append_new(list, encode_sensor(daemon, (enum kern_sensor)i));
	return list;
}

static json_t *encode_drops(const struct daemon *daemon)
{
	struct kern_drop drops[KERN_DROPS_MAX];
	json_t *list = json_array();
	size_t count = 0;

	if (daemon->kern)
		count = kern_drops(daemon->kern, drops, ARRAY_SIZE(drops));
	for (size_t i = 0; i < count; i++) {
		json_t *drop = json_object();

		put(drop, "name", json_string(drops[i].name));
		put(drop, "count", number(drops[i].count));
		json_array_append_new(list, drop);
	}
	return list;
}

static json_t *encode_acts(const struct daemon *daemon)
{
	struct act_stats stats = {0};
	json_t *object = json_object();

	if (daemon->act)
		act_read_stats(daemon->act, &stats);
	put(object, "done", number(stats.actions));
	put(object, "superseded", number(stats.superseded));
	put(object, "failed_writes", number(stats.writes_failed));
	put(object, "outcomes_dropped", number(stats.outcomes_dropped));
	put(object, "freed_bytes", number(stats.freed_bytes));
	put(object, "workers_busy", json_integer(stats.workers_busy));
	return object;
}

static json_t *encode_guard(const struct daemon *daemon)
{
	struct ledger_guard_stats stats = {0};
	json_t *object = json_object();

	if (daemon->ledger)
		ledger_read_stats(daemon->ledger, &stats);
	put(object, "pid", json_integer(daemon->pool.guard_pid));
	put(object, "restarts", number(daemon->stats.guard_restarts));
	put(object, "takeovers", number(stats.takeovers));
	put(object, "hangs", number(stats.hangs));
	put(object, "undone", number(stats.undone));
	put(object, "failed", number(stats.failed));
	put(object, "last_took_us", number(stats.last_took_us));
	return object;
}

static json_t *encode_clients(const struct daemon *daemon)
{
	struct ipc_server_stats stats = {0};
	json_t *object = json_object();

	if (daemon->server)
		ipc_server_stats(daemon->server, &stats);
	put(object, "connected", json_integer(stats.clients));
	put(object, "followers", json_integer(stats.followers));
	put(object, "calls", number(stats.calls));
	put(object, "refused", number(stats.refused));
	put(object, "dropped_slow", number(stats.dropped_slow));
	put(object, "dropped_bad", number(stats.dropped_bad));
	return object;
}

json_t *encode_daemon(const struct daemon *daemon)
{
	const struct daemon_stats *stats = &daemon->stats;
	json_t *object = json_object();

	put(object, "version", json_string(UW_VERSION));
	put(object, "pid", json_integer(getpid()));
	put(object, "up_us", number(since(stats->started_us, clock_now_us())));
	put(object, "ticks", number(stats->ticks_full + stats->ticks_urgent));
	put(object, "urgent_ticks", number(stats->ticks_urgent));
	put(object, "tick_max_us", number(stats->tick_max_us));
	put(object, "events", number(stats->events));
	put(object, "events_dropped", number(stats->events_dropped));
	put(object, "actions", number(stats->actions));
	put(object, "actions_dropped", number(stats->actions_dropped));
	put(object, "acts", encode_acts(daemon));
	put(object, "guard", encode_guard(daemon));
	put(object, "clients", encode_clients(daemon));
	put(object, "sensors", encode_sensors(daemon));
	put(object, "drops", encode_drops(daemon));
	return object;
}

json_t *encode_pool(const struct daemon *daemon)
{
	json_t *object = json_object();

	put(object, "root", json_string(daemon->pool.root));
	put(object, "usable_bytes", json_u64(daemon->config.usable_bytes));
	return object;
}

json_t *encode_host(const struct host_sample *host)
{
	json_t *object = json_object();

	put(object, "total_bytes", sampled(host->valid, host->total_bytes));
	put(object, "available_bytes", sampled(host->valid, host->available_bytes));
	put(object, "swap_total_bytes", sampled(host->valid, host->swap_total_bytes));
	put(object, "swap_free_bytes", sampled(host->valid, host->swap_free_bytes));
	put(object, "some_us", sampled(host->valid, host->psi_some_us));
	put(object, "full_us", sampled(host->valid, host->psi_full_us));
	return object;
}

static const char *frozen_by(const struct leaf_sample *leaf)
{
	if (!leaf->frozen)
		return "";
	return leaf->ours ? "uwd" : "other";
}

static json_t *encode_leaf(const struct daemon *daemon, const struct leaf_sample *leaf)
{
	json_t *object = json_object();
	char name[ACTION_LEAF_LEN];

	sense_leaf_name(daemon->sense, leaf->cgid, name, sizeof(name));
	put(object, "name", json_text(name));
	put(object, "id", number(leaf->cgid));
	put(object, "populated", json_boolean(leaf->populated));
	put(object, "frozen", json_boolean(leaf->frozen));
	put(object, "frozen_by", json_string(frozen_by(leaf)));
	put(object, "age_us", number(since(leaf->born_us, clock_now_us())));
	put(object, "current_bytes", number(leaf->current_bytes));
	put(object, "swap_bytes", number(leaf->swap_bytes));
	return object;
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

static void put_view(json_t *object, const struct component_view *view)
{
	put(object, "budget_bytes", number(view->budget_bytes));
	put(object, "in_force_bytes", number(view->in_force_bytes));
	put(object, "borrowed_bytes", number(view->borrowed_bytes));
	put(object, "lent_bytes", number(view->lent_bytes));
	put(object, "current_bytes", number(view->current_bytes));
	put(object, "working_set_bytes", number(view->working_set_bytes));
	put(object, "swap_bytes", number(view->swap_bytes));
	put(object, "use_permyriad", number(view->use_permyriad));
	put(object, "edge_shift_permyriad", json_integer(view->edge_shift_permyriad));
	put(object, "growth_bytes_per_s", json_integer(view->slope_bytes_per_s));
	put(object, "time_to_limit_us", json_u64(view->time_to_limit_us));
	put(object, "some_permyriad", number(view->some_permyriad));
	put(object, "full_permyriad", number(view->full_permyriad));
}

static void put_limits(json_t *object, const struct component_sample *sample)
{
	bool valid = sample->known & SAMPLE_LIMITS;

	put(object, "min_bytes", sampled(valid, sample->min_bytes));
	put(object, "low_bytes", sampled(valid, sample->low_bytes));
	put(object, "high_bytes", sampled(valid, sample->high_bytes));
}

static void put_counts(json_t *object, const struct action_log *log, const char *component)
{
	static const struct {
		const char *key;
		enum action_kind kind;
	} rows[] = {
		{"freezes", ACTION_FREEZE},
		{"thaws", ACTION_THAW},
		{"kills", ACTION_KILL},
		{"reclaims", ACTION_RECLAIM},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		put(object, rows[i].key, number(action_log_counted(log, component, rows[i].kind)));
}

json_t *encode_component(const struct daemon *daemon, uint32_t component)
{
	const struct component *conf = &daemon->config.component[component];
	const struct component_view *view = &daemon->component[component].view;
	uint64_t level_since_us = view->level_since_us ?: daemon->stats.started_us;
	uint64_t now_us = clock_now_us();
	json_t *object = json_object();

	put(object, "name", json_string(conf->name));
	put(object, "priority", json_integer(conf->priority));
	put(object, "level", json_string(level_name(view->level)));
	put(object, "level_for_us", number(since(level_since_us, now_us)));
	put(object, "tier", json_string(tier_name(view->tier)));
	put_view(object, view);
	put_limits(object, &daemon->frame.component[component]);
	put(object, "squeezed", json_boolean(view->squeezed));
	put(object, "frozen_leaves", number(view->frozen_leaves));
	put(object, "thaw_in_us",
	    view->thaw_by_us ? number(since(now_us, view->thaw_by_us)) : json_null());
	put_counts(object, &daemon->action_log, conf->name);
	put(object, "why", encode_why(&view->why));
	put(object, "leaves", encode_leaves(daemon, component));
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

static void put_outcome(json_t *object, const struct outcome *outcome)
{
	const char *error = outcome->error ? strerrorname_np(abs(outcome->error)) : "";

	put(object, "result", json_string(outcome_name(outcome->result)));
	put(object, "error", json_string(error ?: "?"));
	put(object, "done_bytes", number(outcome->done));
	put(object, "took_us", number(since(outcome->began_us, outcome->ended_us)));
}

static void put_no_outcome(json_t *object)
{
	put(object, "result", json_string(""));
	put(object, "error", json_string(""));
	put(object, "done_bytes", json_integer(0));
	put(object, "took_us", json_integer(0));
}

json_t *encode_action_entry(const struct action_entry *entry)
{
	const struct action *action = &entry->action;
	bool bytes = amount_is_bytes(action->kind);
	json_t *object = json_object();

	put(object, "sequence", number(entry->sequence));
	put(object, "wall_us", number(entry->wall_us));
	put(object, "id", json_integer(action->id));
	put(object, "action", json_string(action_name(action->kind)));
	put(object, "tier", json_string(tier_name(action->tier)));
	put(object, "level", json_string(level_name(entry->level)));
	put(object, "component", json_string(entry->component));
	put(object, "leaf", json_text(entry->leaf));
	put(object, "amount_bytes", bytes ? json_u64(action->amount) : json_null());
	put(object, "within_us",
	    action->deadline_us ? number(since(entry->at_us, action->deadline_us)) : json_null());
	put(object, "why", encode_why(&action->why));
	if (entry->ended)
		put_outcome(object, &entry->outcome);
	else
		put_no_outcome(object);
	return object;
}
