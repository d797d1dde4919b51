// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names of what is measured of components and done to them. A level or a tier is a series for each
 * there is, of which one is 1, so that a change is seen and nobody has to know them beforehand.
 */
#include "user/metrics/parts.h"

#include <string.h>

#include "user/ipc/json.h"
#include "user/model/component.h"

static const struct metric_row component_rows[] = {
	{"uw_component_current_bytes",
	 METRIC_GAUGE,
	 "Memory that the component uses.",
	 "current_bytes",
	 0,
	 {0}},
	{"uw_component_working_set_bytes",
	 METRIC_GAUGE,
	 "Memory of the component that was used lately.",
	 "working_set_bytes",
	 0,
	 {0}},
	{"uw_component_swap_bytes",
	 METRIC_GAUGE,
	 "Memory of the component that is in swap.",
	 "swap_bytes",
	 0,
	 {0}},
	{"uw_component_budget_bytes",
	 METRIC_GAUGE,
	 "What the component's share of the usable memory comes to.",
	 "budget_bytes",
	 0,
	 {0}},
	{"uw_component_in_force_bytes",
	 METRIC_GAUGE,
	 "The budget with what is borrowed and without what is lent.",
	 "in_force_bytes",
	 0,
	 {0}},
	{"uw_component_borrowed_bytes",
	 METRIC_GAUGE,
	 "What the component has of others' budgets.",
	 "borrowed_bytes",
	 0,
	 {0}},
	{"uw_component_lent_bytes",
	 METRIC_GAUGE,
	 "What others have of the component's budget.",
	 "lent_bytes",
	 0,
	 {0}},
	{"uw_component_reserved_bytes",
	 METRIC_GAUGE,
	 "What is reserved for jobs of the component that have started.",
	 "reserved_bytes",
	 0,
	 {0}},
	{"uw_component_limit_bytes",
	 METRIC_GAUGE,
	 "Limits of the component in the kernel; one that is not set is not there.",
	 "min_bytes",
	 0,
	 {"limit", "min"}},
	{"uw_component_limit_bytes", METRIC_GAUGE, "", "low_bytes", 0, {"limit", "low"}},
	{"uw_component_limit_bytes", METRIC_GAUGE, "", "high_bytes", 0, {"limit", "high"}},
	{"uw_component_use_ratio",
	 METRIC_GAUGE,
	 "The working set by the budget in force.",
	 "use_permyriad",
	 METRIC_PERMYRIAD,
	 {0}},
	{"uw_component_growth_bytes_per_second",
	 METRIC_GAUGE,
	 "How fast the component grows, below 0 when it shrinks.",
	 "growth_bytes_per_s",
	 0,
	 {0}},
	{"uw_component_time_to_limit_seconds",
	 METRIC_GAUGE,
	 "When the budget in force will be used up at this growth; not there without any.",
	 "time_to_limit_us",
	 METRIC_US,
	 {0}},
	{"uw_component_protected",
	 METRIC_GAUGE,
	 "1 for a component from which nothing is taken for others.",
	 "protected",
	 0,
	 {0}},
	{"uw_component_pressure_stalled_seconds_total",
	 METRIC_COUNTER,
	 "Time in which some or all tasks of the component waited for memory.",
	 "some_us",
	 METRIC_US,
	 {"kind", "some"}},
	{"uw_component_pressure_stalled_seconds_total",
	 METRIC_COUNTER,
	 "",
	 "full_us",
	 METRIC_US,
	 {"kind", "full"}},
	{"uw_component_frozen_seconds_total",
	 METRIC_COUNTER,
	 "Time in which uwd had frozen something in the component.",
	 "frozen_us",
	 METRIC_US,
	 {0}},
	{"uw_component_throttled_seconds_total",
	 METRIC_COUNTER,
	 "Time in which uwd held the component below its budget in force.",
	 "throttled_us",
	 METRIC_US,
	 {0}},
	{"uw_component_reclaimed_bytes_total",
	 METRIC_COUNTER,
	 "What uwd had the kernel take back from the component.",
	 "reclaimed_bytes",
	 0,
	 {0}},
	{"uw_component_oom_kills_total",
	 METRIC_COUNTER,
	 "Tasks of the component that the kernel killed for want of memory.",
	 "oom_kills",
	 0,
	 {0}},
	{"uw_component_tiers_exhausted_total",
	 METRIC_COUNTER,
	 "How often, once a minute at most, nothing that is allowed was left to do.",
	 "tiers_exhausted",
	 0,
	 {0}},
	{"uw_component_refused_mappings_total",
	 METRIC_COUNTER,
	 "Mappings that failed with ENOMEM because they did not fit (refuse).",
	 "refused",
	 0,
	 {0}},
	{"uw_component_refused_bytes_total",
	 METRIC_COUNTER,
	 "What the mappings that failed came to.",
	 "refused_bytes",
	 0,
	 {0}},
	{"uw_component_spoken_bytes",
	 METRIC_GAUGE,
	 "Memory in use or promised to programs.",
	 "spoken_bytes",
	 0,
	 {0}},
	{"uw_component_leases", METRIC_GAUGE, "Leases that programs have.", "leases", 0, {0}},
	{"uw_component_leased_bytes",
	 METRIC_GAUGE,
	 "What the leases of programs come to.",
	 "leased_bytes",
	 0,
	 {0}},
	{"uw_component_lease_waits",
	 METRIC_GAUGE,
	 "Requests for a lease that wait for room.",
	 "lease_waits",
	 0,
	 {0}},
	{"uw_component_lease_outcomes_total",
	 METRIC_COUNTER,
	 "What became of requests for leases, and of leases.",
	 "lease_grants",
	 0,
	 {"outcome", "granted"}},
	{"uw_component_lease_outcomes_total",
	 METRIC_COUNTER,
	 "",
	 "lease_denials",
	 0,
	 {"outcome", "denied"}},
	{"uw_component_lease_outcomes_total",
	 METRIC_COUNTER,
	 "",
	 "lease_revocations",
	 0,
	 {"outcome", "revoked"}},
};

static const struct metric_row leaves_row = {"uw_component_leaves",
					     METRIC_GAUGE,
					     "Workloads of the component, by state.",
					     "count",
					     0,
					     {0}};

static const struct metric_row actions_row = {"uw_component_actions_total",
					      METRIC_COUNTER,
					      "What was done to the component, by how it ended.",
					      "count",
					      0,
					      {0}};

static const struct metric_row cleaned_row = {
	"uw_component_cleaned_bytes_total",
	METRIC_COUNTER,
	"What reclaim freed, by tier, ten seconds after it did.",
	"freed_bytes",
	0,
	{0}};

static const struct metric_row back_row = {"uw_component_read_back_bytes_total",
					   METRIC_COUNTER,
					   "What of that had been read back by then.",
					   "back_bytes",
					   0,
					   {0}};

static const struct metric_own by_component = {{{"component", "name"}}},
			       by_state = {{{"state", "name"}}}, by_tier = {{{"tier", "tier"}}},
			       by_result = {{{"action", "action"}, {"result", "result"}}};

static void print_state(const struct metrics_text *text, const char *name, const char *label,
			const char *state, const json_t *component)
{
	struct metric_label labels[METRIC_LABELS_MAX] = {
		{"component", json_get_text(component, "name")}, {label, state}};

	text_sample(text, name, labels, !strcmp(state, json_get_text(component, label)),
		    METRIC_ONE);
}

static void print_levels(const struct metrics_text *text, const json_t *components)
{
	const json_t *component;
	size_t at;

	text_head(text, "uw_component_level", METRIC_GAUGE,
		  "1 for the level of pressure that the component is at.");
	json_array_foreach (components, at, component)
		for (int level = 0; level < LEVEL__COUNT; level++)
			print_state(text, "uw_component_level", "level",
				    level_name((enum level)level), component);
}

static void print_tiers(const struct metrics_text *text, const json_t *components)
{
	const json_t *component;
	size_t at;

	text_head(text, "uw_component_tier", METRIC_GAUGE,
		  "1 for the tier of actions that the component is at.");
	json_array_foreach (components, at, component)
		for (int tier = 0; tier < TIER__COUNT; tier++)
			print_state(text, "uw_component_tier", "tier", tier_name((enum tier)tier),
				    component);
}

void metrics_print_components(const struct metrics_text *text, const json_t *components)
{
	PRINT_LIST(text, component_rows, &by_component, components);
	print_levels(text, components);
	print_tiers(text, components);
	families_print_nested(text, &leaves_row, &by_state, components, "leaves");
	families_print_nested(text, &cleaned_row, &by_tier, components, "payoff");
	families_print_nested(text, &back_row, &by_tier, components, "payoff");
	families_print_nested(text, &actions_row, &by_result, components, "actions");
}
