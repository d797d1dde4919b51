// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Puts the counts of uwd, of each component and of the queue into the types of
 * user/ipc/interface_metrics.c. The size of it follows from the configuration alone: leaves and
 * jobs are counted by their state here and never listed. What the kernel has not told is null.
 */
#include "user/daemon/methods/metrics.h"

#include <ctype.h>
#include <string.h>

#include "user/act/act.h"
#include "user/base/cleanup.h"
#include "user/daemon/leases_report.h"
#include "user/daemon/methods/encode.h"
#include "user/daemon/methods/totals.h"
#include "user/daemon/pool.h"
#include "user/ipc/json.h"
#include "user/jobs/jobs.h"
#include "user/kern/kern.h"
#include "user/ledger/ledger.h"
#include "user/sense/sense.h"

#define WORD_LEN 64

static void add_count(json_t *list, const char *name, uint64_t count)
{
	json_array_append_new(list,
			      json_pack("{s:s, s:o}", "name", name, "count", json_number(count)));
}

static json_t *encode_histogram(const char *name, const struct histogram *histogram,
				enum histogram_scale scale)
{
	json_t *bounds = json_array(), *counts = json_array();
	const uint64_t *bound_us;
	uint32_t count;

	bound_us = histogram_bounds(scale, &count);
	for (uint32_t i = 0; i < count; i++)
		json_array_append_new(bounds, json_number(bound_us[i]));
	for (uint32_t i = 0; i <= count; i++)
		json_array_append_new(counts, json_number(histogram->count[i]));
	return json_pack("{s:s, s:o, s:o, s:o}", "name", name, "bounds_us", bounds, "counts",
			 counts, "sum_us", json_number(histogram->sum_us));
}

/* ---- uwd ---- */

static json_t *encode_events(const struct daemon_stats *stats)
{
	json_t *list = json_array();

	for (int i = 0; i < EVENT__COUNT; i++)
		add_count(list, event_name((enum event_kind)i), stats->events_of[i]);
	return list;
}

/* A sensor, or a kind of drop, as one word. */
static const char *word_of(const char *text, char buf[static WORD_LEN])
{
	size_t at = 0;

	for (; *text && at < WORD_LEN - 1; text++) {
		if (isalnum((unsigned char)*text))
			buf[at++] = (char)tolower((unsigned char)*text);
		else if (at && buf[at - 1] != '-')
			buf[at++] = '-';
	}
	buf[at] = '\0';
	return buf;
}

static json_t *encode_dropped(const struct daemon *daemon)
{
	struct kern_drop drops[KERN_DROPS_MAX];
	struct act_stats acts = {0};
	json_t *list = json_array();
	char word[WORD_LEN];
	size_t count = 0;

	if (daemon->kern)
		count = kern_drops(daemon->kern, drops, ARRAY_SIZE(drops));
	for (size_t i = 0; i < count; i++)
		add_count(list, word_of(drops[i].name, word), drops[i].count);
	if (daemon->act)
		act_read_stats(daemon->act, &acts);
	add_count(list, "frame-full", daemon->stats.events_dropped);
	add_count(list, "plan-full", daemon->stats.actions_dropped);
	add_count(list, "outcomes-full", acts.outcomes_dropped);
	return list;
}

static json_t *encode_sensors(const struct daemon *daemon)
{
	uint32_t on = daemon->kern ? kern_sensors(daemon->kern) : 0;
	uint32_t wanted = daemon->config.bpf ? pool_kern_options(daemon).sensors : 0;
	json_t *list = json_array();
	char word[WORD_LEN];

	for (int i = 0; i < KERN_SENSOR__COUNT; i++) {
		const char *name = kern_sensor_name((enum kern_sensor)i);

		json_array_append_new(list,
				      json_pack("{s:s, s:b, s:b}", "name", word_of(name, word),
						"on", on >> i & 1, "wanted", wanted >> i & 1));
	}
	return list;
}

static json_t *encode_own(const struct daemon *daemon)
{
	const struct daemon_stats *stats = &daemon->stats;
	struct ledger_guard_stats guard = {0};
	json_t *object = json_object();

	if (daemon->ledger)
		ledger_read_stats(daemon->ledger, &guard);
	json_put(object, "version", json_string(UW_VERSION));
	json_put(object, "started_wall_us", json_number(stats->started_wall_us));
	json_put(object, "full_ticks", json_number(stats->ticks_full));
	json_put(object, "urgent_ticks", json_number(stats->ticks_urgent));
	json_put(object, "tick", encode_histogram("tick", &stats->tick, HISTOGRAM_TICK));
	json_put(object, "events", encode_events(stats));
	json_put(object, "dropped", encode_dropped(daemon));
	json_put(object, "guard_takeovers", json_number(guard.takeovers));
	json_put(object, "guard_restarts", json_number(stats->guard_restarts));
	json_put(object, "guard_hangs", json_number(guard.hangs));
	json_put(object, "sensors", encode_sensors(daemon));
	return object;
}

/* ---- components ---- */

enum leaf_state {
	LEAF_RUNNING,
	LEAF_FROZEN,
	LEAF_FROZEN_ELSEWHERE,
	LEAF_EMPTY,
	LEAF_STATE__COUNT
};

static enum leaf_state state_of(const struct leaf_sample *leaf)
{
	if (leaf->frozen)
		return leaf->ours ? LEAF_FROZEN : LEAF_FROZEN_ELSEWHERE;
	return leaf->populated ? LEAF_RUNNING : LEAF_EMPTY;
}

static json_t *encode_leaf_counts(const struct frame *frame, uint32_t component)
{
	static const char *const names[LEAF_STATE__COUNT] = {
		[LEAF_RUNNING] = "running",
		[LEAF_FROZEN] = "frozen",
		[LEAF_FROZEN_ELSEWHERE] = "frozen-elsewhere",
		[LEAF_EMPTY] = "empty",
	};
	uint64_t counts[LEAF_STATE__COUNT] = {0};
	json_t *list = json_array();

	for (uint32_t i = 0; i < frame->leaf_count; i++)
		if (frame->leaf[i].component == component)
			counts[state_of(&frame->leaf[i])]++;
	for (int i = 0; i < LEAF_STATE__COUNT; i++)
		add_count(list, names[i], counts[i]);
	return list;
}

/* What is done to workloads is there from the start, so that its first time is seen as a rise; all
 * else, such as limits that are set anew, from when it happens. */
static bool is_always_told(enum action_kind kind, enum outcome_result result)
{
	static const uint32_t kinds =
		1U << ACTION_FREEZE | 1U << ACTION_THAW | 1U << ACTION_KILL | 1U << ACTION_RECLAIM;

	return kinds >> kind & 1 && (result == OUTCOME_DONE || result == OUTCOME_FAILED);
}

static json_t *encode_actions(const struct action_log *log, const char *component)
{
	json_t *list = json_array();

	for (int kind = 0; kind < ACTION__COUNT; kind++)
		for (int result = 0; result < OUTCOME__COUNT; result++) {
			uint64_t count = action_log_counted(log, component, (enum action_kind)kind,
							    (enum outcome_result)result);

			if (!count &&
			    !is_always_told((enum action_kind)kind, (enum outcome_result)result))
				continue;
			json_array_append_new(
				list, json_pack("{s:s, s:s, s:o}", "action",
						action_name((enum action_kind)kind), "result",
						outcome_name((enum outcome_result)result), "count",
						json_number(count)));
		}
	return list;
}

static void put_kernels(json_t *object, const struct component_sample *sample)
{
	bool psi = sample->known & SAMPLE_PSI, events = sample->known & SAMPLE_EVENTS;

	json_put(object, "some_us", psi ? json_number(sample->psi_some_us) : json_null());
	json_put(object, "full_us", psi ? json_number(sample->psi_full_us) : json_null());
	json_put(object, "oom_kills", events ? json_number(sample->ev_oom_kill) : json_null());
}

static json_t *encode_meters(const struct daemon *daemon, uint32_t i,
			     const struct admit_summary *queue)
{
	const struct component *conf = &daemon->config.component[i];
	const struct component_meters *meters = &daemon->component[i].meters;
	const struct component_view *view = &daemon->component[i].view;
	json_t *object = json_object();

	json_put(object, "name", json_string(conf->name));
	json_put(object, "level", json_string(level_name(view->level)));
	json_put(object, "tier", json_string(tier_name(view->tier)));
	json_put(object, "protected", json_boolean(component_is_protected(conf)));
	encode_put_view(daemon, i, object);
	json_put(object, "reserved_bytes",
		 queue ? json_number(queue->component[i].reserved_bytes) : json_null());
	put_kernels(object, &daemon->frame.component[i]);
	json_put(object, "frozen_us", json_number(meters->frozen_us));
	json_put(object, "throttled_us", json_number(meters->throttled_us));
	json_put(object, "reclaimed_bytes",
		 json_number(action_log_reclaimed(&daemon->action_log, conf->name)));
	json_put(object, "payoff", encode_payoff(view));
	json_put(object, "tiers_exhausted", json_number(meters->tiers_exhausted));
	json_put(object, "refused", json_number(daemon->component[i].gate.refused.count));
	json_put(object, "refused_bytes", json_number(daemon->component[i].gate.refused.bytes));
	json_put(object, "leaves", encode_leaf_counts(&daemon->frame, i));
	json_put(object, "actions", encode_actions(&daemon->action_log, conf->name));
	leases_put(daemon, i, object);
	return object;
}

/* ---- jobs ---- */

static void add_jobs(json_t *list, const char *component,
		     const uint32_t count[JOB_CLASS__COUNT][JOB_STATE__COUNT])
{
	for (int class = 0; class < JOB_CLASS__COUNT; class ++) {
		json_t *object = json_object();

		json_put(object, "component", json_string(component));
		json_put(object, "class", json_string(job_class_name((enum job_class) class)));
		for (int state = 0; state < JOB_STATE__COUNT; state++)
			if (!job_state_is_end((enum job_state)state))
				json_put(object, job_state_name((enum job_state)state),
					 json_integer(count[class][state]));
		json_array_append_new(list, object);
	}
}

static json_t *encode_job_counts(const struct daemon *daemon)
{
	const struct jobs_tally *tally = jobs_tally(daemon->jobs);
	json_t *list = json_array();

	for (uint32_t i = 0; i < daemon->config.component_count; i++)
		add_jobs(list, daemon->config.component[i].name, tally->count[i]);
	add_jobs(list, "", tally->count[UW_COMPONENTS_MAX]);
	return list;
}

static json_t *encode_jobs(const struct daemon *daemon, const struct admit_summary *queue)
{
	static struct jobs_meters meters; /* large; on the loop's thread alone */
	json_t *object = json_object(), *waits = json_array();
	struct jobs_stats stats;

	jobs_meters(daemon->jobs, &meters);
	jobs_stats(daemon->jobs, &stats);
	for (int class = 0; class < JOB_CLASS__COUNT; class ++)
		json_array_append_new(waits,
				      encode_histogram(job_class_name((enum job_class) class),
						       &meters.wait[class], HISTOGRAM_JOB));
	json_put(object, "starts", json_number(stats.started));
	json_put(object, "wait", waits);
	json_put(object, "run", encode_histogram("run", &meters.run, HISTOGRAM_JOB));
	json_put(object, "jobs", encode_job_counts(daemon));
	json_put(object, "oldest_wait_us", json_number(meters.oldest_wait_us));
	json_put(object, "never_fit", json_number(queue->never_fit));
	json_put(object, "at_limit", json_number(meters.at_limit));
	json_put(object, "store_writable", json_boolean(!stats.disk_full && !stats.disk_stuck));
	return object;
}

json_t *metrics_encode(struct daemon *daemon)
{
	const struct admit_summary *queue = NULL;
	struct admit_summary summary;
	json_t *components = json_array();
	struct host_sample host = {0};

	if (daemon->jobs) {
		admit_summary(jobs_admit(daemon->jobs), jobs_now_us(daemon->jobs), &summary);
		queue = &summary;
	}
	if (daemon->sense)
		sense_host(daemon->sense, &host);
	for (uint32_t i = 0; i < daemon->config.component_count; i++)
		json_array_append_new(components, encode_meters(daemon, i, queue));
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "daemon", encode_own(daemon), "pool",
			 encode_pool(daemon), "host", encode_host(&host), "components", components,
			 "queue", totals_encode(daemon), "jobs",
			 queue ? encode_jobs(daemon, queue) : json_null());
}
