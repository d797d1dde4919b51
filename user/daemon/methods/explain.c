// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The conditions are those of policy's tables (user/policy/level.h) and of the configuration, put
 * beside the component's view of the last tick. Nothing is computed that policy computes: where a
 * rule is more than a comparison, such as a forecast that must hold twice in three samples, a text
 * says so. A level starts no tier: that takes somebody who lacks memory.
 */
#include "user/daemon/methods/explain.h"

#include <stdio.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/units.h"
#include "user/daemon/methods/encode.h"
#include "user/ipc/json.h"
#include "user/policy/level.h"

struct condition {
	const char *name;
	uint64_t observed, threshold;
	enum reason_unit unit;
	bool at_most; /* else at least */
	const char *leads_to;
	enum tier tier;
};

static bool is_met(const struct condition *condition)
{
	return condition->at_most ? condition->observed <= condition->threshold
				  : condition->observed >= condition->threshold;
}

static void add(json_t *list, const struct condition *condition, const char *text)
{
	json_array_append_new(list,
			      json_pack("{s:s, s:o, s:s, s:o, s:s, s:b, s:s, s:s, s:s}", "name",
					condition->name, "observed", json_u64(condition->observed),
					"op", condition->at_most ? "at_most" : "at_least",
					"threshold", json_u64(condition->threshold), "unit",
					reason_unit_name(condition->unit), "met", is_met(condition),
					"leads_to", condition->leads_to, "tier",
					tier_name(condition->tier), "text", text));
}

/* "1.2G more, in 12s at +100M/s" */
static const char *room_text(const struct component_view *view, uint64_t edge_permyriad, char *buf,
			     size_t size)
{
	uint64_t edge_bytes = view->in_force_bytes / PERMYRIAD_ONE * edge_permyriad;
	char room[UNITS_TEXT_LEN], rate[UNITS_TEXT_LEN], time[UNITS_TEXT_LEN];
	uint64_t room_bytes, slope;

	if (view->working_set_bytes >= edge_bytes) {
		snprintf(buf, size, "%s over it",
			 units_print_bytes(view->working_set_bytes - edge_bytes, room));
		return buf;
	}
	room_bytes = edge_bytes - view->working_set_bytes;
	slope = view->slope_bytes_per_s > 0 ? (uint64_t)view->slope_bytes_per_s : 0;
	units_print_bytes(room_bytes, room);
	if (slope < MIB)
		snprintf(buf, size, "%s more", room);
	else
		snprintf(buf, size, "%s more, in %s at +%s/s", room,
			 units_print_us(room_bytes / slope * US_PER_SEC +
						room_bytes % slope * US_PER_SEC / slope,
					time),
			 units_print_bytes(slope, rate));
	return buf;
}

static void add_usage(const struct daemon *daemon, const struct component_view *view, json_t *list)
{
	for (int l = LEVEL_LOW; l <= LEVEL_EMERGENCY; l++) {
		enum level level = (enum level)l;
		struct condition condition = {
			.name = "use of budget",
			.observed = view->use_permyriad,
			.threshold = level_threshold(&daemon->config.policy,
						     view->edge_shift_permyriad, level),
			.unit = REASON_UNIT_PERMYRIAD,
			.leads_to = level_name(level),
		};
		char text[128];

		add(list, &condition, room_text(view, condition.threshold, text, sizeof(text)));
	}
}

static void add_stalls(const struct component_view *view, json_t *list)
{
	for (uint32_t i = 0; i < LEVEL_STALL_RULES; i++) {
		const struct level_stall_rule *rule = &level_stall_rules[i];
		struct condition condition = {
			.name = rule->full ? "all stalled (5s)" : "some stalled (2s)",
			.observed = rule->full ? view->full_permyriad : view->some_permyriad,
			.threshold = rule->permyriad,
			.unit = REASON_UNIT_PERMYRIAD,
			.leads_to = level_name(rule->level),
		};

		add(list, &condition, "");
	}
}

static void add_forecast(const struct component_view *view, json_t *list)
{
	static const struct {
		uint64_t within_us;
		const char *leads_to;
	} rows[] = {
		{LEVEL_FORECAST_FAR_US, "+1 level"},
		{LEVEL_FORECAST_NEAR_US, "+2 levels"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct condition condition = {
			.name = "time to limit",
			.observed = view->time_to_limit_us,
			.threshold = rows[i].within_us,
			.unit = REASON_UNIT_US,
			.at_most = true,
			.leads_to = rows[i].leads_to,
		};

		add(list, &condition, "twice in three samples");
	}
}

static void add_last_resort(const struct daemon *daemon, const struct component *conf,
			    const struct component_view *view, json_t *list)
{
	uint64_t now_us = clock_now_us();
	struct condition condition = {
		.name = "emergency lasts",
		.observed = view->level == LEVEL_EMERGENCY ? now_us - view->level_since_us : 0,
		.threshold = daemon->config.policy.kill_after_us,
		.unit = REASON_UNIT_US,
		.leads_to = "last resort",
		.tier = TIER_KILL,
	};

	if (conf->kill == KILL_LAST_RESORT)
		add(list, &condition,
		    "and all tasks stalled, swap full, or the host out of memory");
}

static void add_cleanup(const struct daemon *daemon, const struct component *conf,
			const struct component_view *view, json_t *list)
{
	const struct policy_conf *policy = &daemon->config.policy;
	struct condition condition = {
		.name = "calm (2s)",
		.observed = view->some_permyriad,
		.threshold = policy->clean_target_permyriad,
		.unit = REASON_UNIT_PERMYRIAD,
		.at_most = true,
		.leads_to = "cleanup",
		.tier = view->level >= LEVEL_HIGH ? TIER_MODERATE : TIER_LIGHT,
	};
	char text[128], every[UNITS_TEXT_LEN];

	if (!component_is_cleaned(conf))
		return;
	snprintf(text, sizeof(text), "over %s%s", units_print_us(policy->clean_interval_us, every),
		 conf->clean == CLEAN_AUTO ? ", and under a quarter of the pool free" : "");
	add(list, &condition, text);
}

static json_t *allowed_tiers(const struct component *conf)
{
	json_t *list = json_array();

	for (int t = TIER_LIGHT; t < TIER__COUNT; t++) {
		if ((t == TIER_FREEZE && !conf->freeze) ||
		    (t == TIER_KILL && conf->kill == KILL_NO))
			continue;
		json_array_append_new(list, json_string(tier_name((enum tier)t)));
	}
	return list;
}

json_t *explain_component(const struct daemon *daemon, uint32_t component)
{
	const struct component *conf = &daemon->config.component[component];
	const struct component_view *view = &daemon->component[component].view;
	json_t *list = json_array();

	add_usage(daemon, view, list);
	add_stalls(view, list);
	add_forecast(view, list);
	add_last_resort(daemon, conf, view, list);
	add_cleanup(daemon, conf, view, list);
	return json_pack("{s:s, s:s, s:s, s:o, s:o}", "component", conf->name, "level",
			 level_name(view->level), "tier", tier_name(view->tier), "allowed",
			 allowed_tiers(conf), "conditions", list);
}
