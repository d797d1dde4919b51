// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What conditions there are and how they stand is for user/policy/conditions.c to say, of the view
 * of the last tick; here they become the answer of Explain.
 */
#include "user/daemon/methods/explain.h"

#include "user/base/clock.h"
#include "user/daemon/methods/encode.h"
#include "user/ipc/json.h"
#include "user/policy/conditions.h"
#include "user/policy/host.h"

static json_t *condition_json(const struct condition *condition)
{
	return json_pack("{s:s, s:o, s:s, s:o, s:s, s:b, s:s, s:s, s:s}", "name", condition->name,
			 "observed", json_u64(condition->observed), "op",
			 condition->at_most ? "at_most" : "at_least", "threshold",
			 json_u64(condition->threshold), "unit", reason_unit_name(condition->unit),
			 "met", condition_is_met(condition), "leads_to", condition->leads_to,
			 "tier", tier_name(condition->tier), "text", condition->text);
}

static json_t *conditions_json(const struct conditions *all)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < all->count; i++)
		json_array_append_new(list, condition_json(&all->condition[i]));
	return list;
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
	struct conditions all;

	conditions_of(&daemon->config.policy, conf, view, clock_now_us(), &all);
	return json_pack("{s:s, s:s, s:s, s:o, s:o}", "component", conf->name, "level",
			 level_name(view->level), "tier", tier_name(view->tier), "allowed",
			 allowed_tiers(conf), "conditions", conditions_json(&all));
}

json_t *explain_host(const struct daemon *daemon)
{
	struct host_view view;
	struct conditions all;

	host_view_of(daemon->policy, &daemon->config, &view);
	conditions_of_host(&view, clock_now_us(), &all);
	return json_pack("{s:s, s:o}", "stage", host_stage_name(view.stage), "conditions",
			 conditions_json(&all));
}
