// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each function builds one object of the interface, with its keys in the order in which the
 * interface lists them. A value that a sensor did not give is null and never 0. What comes from
 * outside as bytes, such as the name of a leaf, goes through json_text.
 */
#include "user/daemon/methods/encode.h"

#include <string.h>
#include <unistd.h>

#include "user/act/act.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/daemon/gate.h"
#include "user/daemon/leases_report.h"
#include "user/daemon/spoken.h"
#include "user/ipc/json.h"
#include "user/ipc/server.h"
#include "user/kern/kern.h"
#include "user/ledger/ledger.h"
#include "user/policy/debts.h"
#include "user/sense/ages_thread.h"
#include "user/sense/sense.h"

#define TEXT_LEN 160

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
	json_t *object = json_object();
	char text[TEXT_LEN];

	json_put(object, "reason", json_string(reason_name(why->reason)));
	json_put(object, "observed", json_u64(why->observed));
	json_put(object, "threshold", json_u64(why->threshold));
	json_put(object, "unit", json_string(reason_unit_name(reason_unit(why->reason))));
	json_put(object, "text", json_string(reason_text(why, text, sizeof(text))));
	return object;
}

static json_t *encode_sensor(const struct daemon *daemon, enum kern_sensor sensor)
{
	bool on = daemon->kern && kern_sensors(daemon->kern) & (1U << sensor);
	const char *why =
		daemon->kern ? kern_sensor_error(daemon->kern, sensor) : daemon->kern_why.text;
	json_t *object = json_object();

	json_put(object, "name", json_string(kern_sensor_name(sensor)));
	json_put(object, "on", json_boolean(on));
	json_put(object, "text", json_string(on || !why ? "" : why));
	return object;
}

static json_t *encode_sensors(const struct daemon *daemon)
{
	json_t *list = json_array();

	for (int i = 0; i < KERN_SENSOR__COUNT; i++)
		json_array_append_new(list, encode_sensor(daemon, (enum kern_sensor)i));
	return list;
}

static json_t *encode_ages(const struct daemon *daemon)
{
	struct ages_stats stats = {0};
	bool is_open = daemon->sense && sense_ages_stats(daemon->sense, &stats);
	const char *off = is_open ? LRU_GEN_SWITCH ": off" : daemon->ages_why.text;
	json_t *object = json_object();

	json_put(object, "on", json_boolean(stats.on));
	json_put(object, "text", json_string(stats.on ? "" : off));
	json_put(object, "readings", json_number(stats.readings));
	json_put(object, "agings", json_number(stats.agings));
	json_put(object, "cpu_us", json_number(stats.cpu_us));
	json_put(object, "aging_us", json_number(stats.aging_us));
	return object;
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

		json_put(drop, "name", json_string(drops[i].name));
		json_put(drop, "count", json_number(drops[i].count));
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
	json_put(object, "done", json_number(stats.actions));
	json_put(object, "superseded", json_number(stats.superseded));
	json_put(object, "failed_writes", json_number(stats.writes_failed));
	json_put(object, "outcomes_dropped", json_number(stats.outcomes_dropped));
	json_put(object, "freed_bytes", json_number(stats.freed_bytes));
	json_put(object, "workers_busy", json_integer(stats.workers_busy));
	return object;
}

static json_t *encode_guard(const struct daemon *daemon)
{
	struct ledger_guard_stats stats = {0};
	json_t *object = json_object();

	if (daemon->ledger)
		ledger_read_stats(daemon->ledger, &stats);
	json_put(object, "pid", json_integer(daemon->pool.guard_pid));
	json_put(object, "restarts", json_number(daemon->stats.guard_restarts));
	json_put(object, "takeovers", json_number(stats.takeovers));
	json_put(object, "hangs", json_number(stats.hangs));
	json_put(object, "undone", json_number(stats.undone));
	json_put(object, "failed", json_number(stats.failed));
	json_put(object, "last_took_us", json_number(stats.last_took_us));
	return object;
}

static json_t *encode_clients(const struct daemon *daemon)
{
	struct ipc_server_stats stats = {0};
	json_t *object = json_object();

	if (daemon->server)
		ipc_server_stats(daemon->server, &stats);
	json_put(object, "connected", json_integer(stats.clients));
	json_put(object, "followers", json_integer(stats.followers));
	json_put(object, "calls", json_number(stats.calls));
	json_put(object, "refused", json_number(stats.refused));
	json_put(object, "dropped_slow", json_number(stats.dropped_slow));
	json_put(object, "dropped_bad", json_number(stats.dropped_bad));
	json_put(object, "turn_max_us", json_number(stats.turn_max_us));
	return object;
}

json_t *encode_daemon(const struct daemon *daemon)
{
	const struct daemon_stats *stats = &daemon->stats;
	json_t *object = json_object();

	json_put(object, "version", json_string(UW_VERSION));
	json_put(object, "pid", json_integer(getpid()));
	json_put(object, "up_us", json_number(since(stats->started_us, clock_now_us())));
	json_put(object, "ticks", json_number(stats->ticks_full + stats->ticks_urgent));
	json_put(object, "urgent_ticks", json_number(stats->ticks_urgent));
	json_put(object, "tick_max_us", json_number(stats->tick_max_us));
	json_put(object, "events", json_number(stats->events));
	json_put(object, "events_dropped", json_number(stats->events_dropped));
	json_put(object, "actions", json_number(stats->actions));
	json_put(object, "actions_dropped", json_number(stats->actions_dropped));
	json_put(object, "acts", encode_acts(daemon));
	json_put(object, "guard", encode_guard(daemon));
	json_put(object, "clients", encode_clients(daemon));
	json_put(object, "sensors", encode_sensors(daemon));
	json_put(object, "ages", encode_ages(daemon));
	json_put(object, "drops", encode_drops(daemon));
	return object;
}

json_t *encode_pool(const struct daemon *daemon)
{
	json_t *object = json_object();

	json_put(object, "root", json_string(daemon->pool.root));
	json_put(object, "usable_bytes", json_u64(daemon->config.usable_bytes));
	return object;
}

json_t *encode_host(const struct host_sample *host)
{
	json_t *object = json_object();

	json_put(object, "total_bytes", sampled(host->valid, host->total_bytes));
	json_put(object, "available_bytes", sampled(host->valid, host->available_bytes));
	json_put(object, "swap_total_bytes", sampled(host->valid, host->swap_total_bytes));
	json_put(object, "swap_free_bytes", sampled(host->valid, host->swap_free_bytes));
	json_put(object, "some_us", sampled(host->valid, host->psi_some_us));
	json_put(object, "full_us", sampled(host->valid, host->psi_full_us));
	return object;
}

static void put_ages(json_t *object, const struct ages_sample *ages)
{
	json_put(object, "hot_bytes", sampled(ages->valid, ages->hot_bytes));
	json_put(object, "cold_bytes",
		 sampled(ages->valid, ages->cold_anon_bytes + ages->cold_file_bytes));
	json_put(object, "idle_bytes", sampled(ages->valid, ages->long_bytes));
	json_put(object, "looked_us", sampled(ages->valid, since(ages->looked_us, clock_now_us())));
}

static const char *frozen_by(const struct leaf_sample *leaf)
{
	if (!leaf->frozen)
		return "";
	return leaf->ours ? "uwd" : "other";
}

static json_t *encode_leaf(const struct daemon *daemon, const struct leaf_sample *leaf)
{
	const struct job *job = spoken_job_in(daemon, leaf->cgid);
	uint64_t reserved = spoken_reserved_in(daemon, leaf->cgid);
	uint32_t priority = job ? job->priority : leaf->priority;
	json_t *object = json_object();
	char name[ACTION_LEAF_LEN];

	sense_leaf_name(daemon->sense, leaf->cgid, name, sizeof(name));
	json_put(object, "name", json_text(name));
	json_put(object, "id", json_number(leaf->cgid));
	json_put(object, "populated", json_boolean(leaf->populated));
	json_put(object, "frozen", json_boolean(leaf->frozen));
	json_put(object, "frozen_by", json_string(frozen_by(leaf)));
	json_put(object, "age_us", json_number(since(leaf->born_us, clock_now_us())));
	json_put(object, "current_bytes", json_number(leaf->current_bytes));
	json_put(object, "swap_bytes", json_number(leaf->swap_bytes));
	json_put(object, "reserved_bytes", reserved ? json_u64(reserved) : json_null());
	json_put(object, "priority", priority ? json_u64(priority) : json_null());
	json_put(object, "freezable", json_boolean(leaf->freezable));
	put_ages(object, &leaf->ages);
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

static void put_view(json_t *object, const struct component_view *view,
		     const struct ages_sample *ages)
{
	json_put(object, "budget_bytes", json_number(view->budget_bytes));
	json_put(object, "in_force_bytes", json_number(view->in_force_bytes));
	json_put(object, "borrowed_bytes", json_number(view->borrowed_bytes));
	json_put(object, "lent_bytes", json_number(view->lent_bytes));
	json_put(object, "current_bytes", json_number(view->current_bytes));
	json_put(object, "working_set_bytes", json_number(view->working_set_bytes));
	json_put(object, "swap_bytes", json_number(view->swap_bytes));
	put_ages(object, ages);
	json_put(object, "use_permyriad", json_number(view->use_permyriad));
	json_put(object, "edge_shift_permyriad", json_integer(view->edge_shift_permyriad));
	json_put(object, "growth_bytes_per_s", json_integer(view->slope_bytes_per_s));
	json_put(object, "time_to_limit_us", json_u64(view->time_to_limit_us));
	json_put(object, "some_permyriad", json_number(view->some_permyriad));
	json_put(object, "full_permyriad", json_number(view->full_permyriad));
}

static void put_limits(json_t *object, const struct component_sample *sample)
{
	bool valid = sample->known & SAMPLE_LIMITS;

	json_put(object, "min_bytes", sampled(valid, sample->min_bytes));
	json_put(object, "low_bytes", sampled(valid, sample->low_bytes));
	json_put(object, "high_bytes", sampled(valid, sample->high_bytes));
}

void encode_put_view(const struct daemon *daemon, uint32_t component, json_t *object)
{
	const struct component_sample *sample = &daemon->frame.component[component];

	put_view(object, &daemon->component[component].view, &sample->ages);
	put_limits(object, sample);
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
		json_put(object, rows[i].key,
			 json_number(
				 action_log_counted(log, component, rows[i].kind, OUTCOME_DONE)));
}

static void add_share(json_t *list, const struct daemon *daemon, uint32_t component, uint64_t bytes)
{
	json_t *share;

	if (!bytes)
		return;
	share = json_object();
	json_put(share, "component", json_string(daemon->config.component[component].name));
	json_put(share, "bytes", json_number(bytes));
	json_array_append_new(list, share);
}

json_t *encode_level_why(const struct component_view *view)
{
	static const struct why none = {REASON_NONE, 0, 0};
	json_t *object = encode_why(view->level == LEVEL_NORMAL ? &none : &view->why);

	if (view->level == LEVEL_NORMAL)
		json_put(object, "text", json_string(""));
	return object;
}

static json_t *encode_debt(const struct daemon *daemon, uint32_t component, uint64_t now_us)
{
	json_t *object = json_object(), *from = json_array();
	struct debt_view debt;

	policy_debt(daemon->policy, &daemon->config, component, &debt);
	for (uint32_t i = 0; i < daemon->config.component_count; i++)
		add_share(from, daemon, i, debt.from_bytes[i]);
	json_put(object, "bytes", json_number(debt.bytes));
	json_put(object, "for_us", json_number(debt.since_us ? since(debt.since_us, now_us) : 0));
	json_put(object, "owed_bytes", json_number(debt.owed_bytes));
	json_put(object, "owed_for_us",
		 json_number(debt.owed_since_us ? since(debt.owed_since_us, now_us) : 0));
	json_put(object, "freeze_in_us",
		 debt.freeze_at_us ? json_number(since(now_us, debt.freeze_at_us)) : json_null());
	json_put(object, "from", from);
	return object;
}

static json_t *encode_lent_to(const struct daemon *daemon, uint32_t component)
{
	json_t *list = json_array();
	struct debt_view debt;

	for (uint32_t i = 0; i < daemon->config.component_count; i++) {
		policy_debt(daemon->policy, &daemon->config, i, &debt);
		add_share(list, daemon, i, debt.from_bytes[component]);
	}
	return list;
}

json_t *encode_payoff(const struct component_view *view)
{
	json_t *list = json_array();

	for (int tier = 0; tier < TIER__COUNT; tier++) {
		const struct tier_payoff *payoff = &view->payoff[tier];
		json_t *object;

		if (!payoff->reclaims)
			continue;
		object = json_object();
		json_put(object, "tier", json_string(tier_name((enum tier)tier)));
		json_put(object, "reclaims", json_number(payoff->reclaims));
		json_put(object, "freed_bytes", json_number(payoff->freed_bytes));
		json_put(object, "back_bytes", json_number(payoff->back_bytes));
		json_put(object, "net_bytes",
			 json_number(payoff->freed_bytes - payoff->back_bytes));
		json_array_append_new(list, object);
	}
	return list;
}

json_t *encode_component(const struct daemon *daemon, uint32_t component)
{
	const struct component *conf = &daemon->config.component[component];
	const struct component_view *view = &daemon->component[component].view;
	uint64_t level_since_us = view->level_since_us ?: daemon->stats.started_us;
	uint64_t now_us = clock_now_us();
	json_t *object = json_object();

	json_put(object, "name", json_string(conf->name));
	json_put(object, "priority", json_integer(conf->priority));
	json_put(object, "type", json_string(component_type_name(conf->type)));
	json_put(object, "level", json_string(level_name(view->level)));
	json_put(object, "level_for_us", json_number(since(level_since_us, now_us)));
	json_put(object, "tier", json_string(tier_name(view->tier)));
	encode_put_view(daemon, component, object);
	json_put(object, "squeezed", json_boolean(view->squeezed));
	json_put(object, "frozen_leaves", json_number(view->frozen_leaves));
	json_put(object, "thaw_in_us",
		 view->thaw_by_us ? json_number(since(now_us, view->thaw_by_us)) : json_null());
	put_counts(object, &daemon->action_log, conf->name);
	json_put(object, "why", encode_level_why(view));
	json_put(object, "debt", encode_debt(daemon, component, now_us));
	json_put(object, "lent_to", encode_lent_to(daemon, component));
	json_put(object, "payoff", encode_payoff(view));
	json_put(object, "refuse", gate_encode(daemon, component));
	leases_put(daemon, component, object);
	json_put(object, "leaves", encode_leaves(daemon, component));
	return object;
}

static bool amount_is_bytes(enum action_kind kind)
{
	switch (kind) {
	case ACTION_SET_MIN:
	case ACTION_SET_LOW:
	case ACTION_SET_HIGH:
	case ACTION_SET_MAX:
	case ACTION_RECLAIM:
		return true;
	default:
		return false;
	}
}

static void put_outcome(json_t *object, const struct outcome *outcome)
{
	const char *error = outcome->error ? strerrorname_np(abs(outcome->error)) : "";

	json_put(object, "result", json_string(outcome_name(outcome->result)));
	json_put(object, "error", json_string(error ?: "?"));
	json_put(object, "done_bytes", json_number(outcome->done));
	json_put(object, "took_us", json_number(since(outcome->began_us, outcome->ended_us)));
}

static void put_no_outcome(json_t *object)
{
	json_put(object, "result", json_string(""));
	json_put(object, "error", json_string(""));
	json_put(object, "done_bytes", json_integer(0));
	json_put(object, "took_us", json_integer(0));
}

json_t *encode_action_entry(const struct action_entry *entry)
{
	const struct action *action = &entry->action;
	bool bytes = amount_is_bytes(action->kind);
	json_t *object = json_object();

	json_put(object, "sequence", json_number(entry->sequence));
	json_put(object, "wall_us", json_number(entry->wall_us));
	json_put(object, "id", json_integer(action->id));
	json_put(object, "action", json_string(action_name(action->kind)));
	json_put(object, "tier", json_string(tier_name(action->tier)));
	json_put(object, "level", json_string(level_name(entry->level)));
	json_put(object, "component", json_string(entry->component));
	json_put(object, "leaf", json_text(entry->leaf));
	json_put(object, "amount_bytes", bytes ? json_u64(action->amount) : json_null());
	json_put(object, "within_us",
		 action->deadline_us ? json_number(since(entry->at_us, action->deadline_us))
				     : json_null());
	json_put(object, "why", encode_why(&action->why));
	if (entry->ended)
		put_outcome(object, &entry->outcome);
	else
		put_no_outcome(object);
	return object;
}
