// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The conditions are those of the tables of level.h and of the configuration, put beside the
 * component's view of the last tick. Nothing is computed that the policy computes: where a rule is
 * more than a comparison, such as a forecast that must hold twice in three samples, a text says so.
 * A level starts no tier: that takes somebody who lacks memory.
 */
#include "user/policy/conditions.h"

#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/units.h"
#include "user/policy/host.h"
#include "user/policy/level.h"

#define ROWS (LEVEL__COUNT - 1 + LEVEL_STALL_RULES + 2 + 1 + 1)
_Static_assert(ROWS <= CONDITIONS_MAX, "all of them find room");

bool condition_is_met(const struct condition *condition)
{
	return condition->at_most ? condition->observed <= condition->threshold
				  : condition->observed >= condition->threshold;
}

static struct condition *add(struct conditions *all, const struct condition *condition)
{
	struct condition *place = &all->condition[all->count++];

	*place = *condition;
	return place;
}

/* "1.2G more, in 12s at +100M/s" */
static void room_text(const struct component_view *view, uint64_t edge_permyriad,
		      char buf[static CONDITION_TEXT_LEN])
{
	uint64_t edge_bytes = view->in_force_bytes / PERMYRIAD_ONE * edge_permyriad;
	char room[UNITS_TEXT_LEN], rate[UNITS_TEXT_LEN], time[UNITS_TEXT_LEN];
	uint64_t room_bytes, slope;

	if (view->working_set_bytes >= edge_bytes) {
		snprintf(buf, CONDITION_TEXT_LEN, "%s over it",
			 units_print_bytes(view->working_set_bytes - edge_bytes, room));
		return;
	}
	room_bytes = edge_bytes - view->working_set_bytes;
	slope = view->slope_bytes_per_s > 0 ? (uint64_t)view->slope_bytes_per_s : 0;
	units_print_bytes(room_bytes, room);
	if (slope < MIB)
		snprintf(buf, CONDITION_TEXT_LEN, "%s more", room);
	else
		snprintf(buf, CONDITION_TEXT_LEN, "%s more, in %s at +%s/s", room,
			 units_print_us(room_bytes / slope * US_PER_SEC +
						room_bytes % slope * US_PER_SEC / slope,
					time),
			 units_print_bytes(slope, rate));
}

/* "19.5 points more", "3 points over it" */
static void share_text(uint64_t observed, uint64_t threshold, char buf[static CONDITION_TEXT_LEN])
{
	uint64_t size = observed < threshold ? threshold - observed : observed - threshold;
	char share[UNITS_TEXT_LEN];

	units_print_permyriad(size, share); /* without its sign of percent */
	snprintf(buf, CONDITION_TEXT_LEN, "%.*s points %s", (int)strlen(share) - 1, share,
		 observed < threshold ? "more" : "over it");
}

/* Adaptive edges are said where they have moved. */
static void moved_text(int32_t shift_permyriad, char buf[static CONDITION_TEXT_LEN])
{
	uint32_t size = (uint32_t)(shift_permyriad < 0 ? -shift_permyriad : shift_permyriad);
	size_t at = strlen(buf);

	if (size)
		snprintf(buf + at, CONDITION_TEXT_LEN - at, "; moved by %c%u.%02u points",
			 shift_permyriad < 0 ? '-' : '+', size / 100, size % 100);
}

static void add_usage(const struct policy_conf *policy, const struct component_view *view,
		      struct conditions *all)
{
	for (int l = LEVEL_LOW; l <= LEVEL_EMERGENCY; l++) {
		enum level level = (enum level)l;
		struct condition condition = {
			.name = "use of budget",
			.observed = view->use_permyriad,
			.threshold = level_threshold(policy, view->edge_shift_permyriad, level),
			.unit = REASON_UNIT_PERMYRIAD,
			.leads_to = level_name(level),
		};
		struct condition *place;

		place = add(all, &condition);
		room_text(view, condition.threshold, place->text);
		moved_text(view->edge_shift_permyriad, place->text);
	}
}

static void add_stalls(const struct component_view *view, struct conditions *all)
{
	for (uint32_t i = 0; i < LEVEL_STALL_RULES; i++) {
		const struct level_stall_rule *rule = &level_stall_rules[i];
		struct condition *place = add(
			all, &(struct condition){
				     .name = rule->full ? "all stalled (5s)" : "some stalled (2s)",
				     .observed = rule->full ? view->full_permyriad
							    : view->some_permyriad,
				     .threshold = rule->permyriad,
				     .unit = REASON_UNIT_PERMYRIAD,
				     .leads_to = level_name(rule->level),
			     });

		share_text(place->observed, place->threshold, place->text);
	}
}

static void add_forecast(const struct component_view *view, struct conditions *all)
{
	static const struct {
		uint64_t within_us;
		const char *leads_to;
	} rows[] = {
		{LEVEL_FORECAST_FAR_US, "+1 level"},
		{LEVEL_FORECAST_NEAR_US, "+2 levels"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		add(all, &(struct condition){
				 .name = "time to limit",
				 .observed = view->time_to_limit_us,
				 .threshold = rows[i].within_us,
				 .unit = REASON_UNIT_US,
				 .at_most = true,
				 .leads_to = rows[i].leads_to,
				 .text = "twice in three samples, and no farther than it has grown",
			 });
}

static void add_last_resort(const struct policy_conf *policy, const struct component_view *view,
			    uint64_t now_us, struct conditions *all)
{
	add(all,
	    &(struct condition){
		    .name = "emergency lasts",
		    .observed = view->level == LEVEL_EMERGENCY ? now_us - view->level_since_us : 0,
		    .threshold = policy->kill_after_us,
		    .unit = REASON_UNIT_US,
		    .leads_to = "last resort",
		    .tier = TIER_KILL,
		    .text = "and all tasks stalled, swap full, or the host out of memory",
	    });
}

static void add_cleanup(const struct policy_conf *policy, const struct component *component,
			const struct component_view *view, struct conditions *all)
{
	char every[UNITS_TEXT_LEN];
	struct condition *place =
		add(all, &(struct condition){
				 .name = "calm (2s)",
				 .observed = view->some_permyriad,
				 .threshold = policy->clean_target_permyriad,
				 .unit = REASON_UNIT_PERMYRIAD,
				 .at_most = true,
				 .leads_to = "cleanup",
				 .tier = view->level >= LEVEL_HIGH ? TIER_MODERATE : TIER_LIGHT,
			 });

	snprintf(place->text, sizeof(place->text), "over %s%s",
		 units_print_us(policy->clean_interval_us, every),
		 component->clean == CLEAN_AUTO ? ", and under a quarter of the pool free" : "");
}

void conditions_of(const struct policy_conf *policy, const struct component *component,
		   const struct component_view *view, uint64_t now_us,
		   struct conditions *ret_conditions)
{
	ret_conditions->count = 0;
	add_usage(policy, view, ret_conditions);
	add_stalls(view, ret_conditions);
	add_forecast(view, ret_conditions);
	if (component->kill == KILL_LAST_RESORT)
		add_last_resort(policy, view, now_us, ret_conditions);
	if (component_is_cleaned(component))
		add_cleanup(policy, component, view, ret_conditions);
}

/* Memory that is available under the stage's threshold, and what else it needs. */
static void add_stage(const struct host_view *view, enum host_stage stage, const char *leads_to,
		      enum tier tier, const char *also, struct conditions *all)
{
	char up[UNITS_TEXT_LEN];
	struct condition *place = add(all, &(struct condition){
						   .name = "available",
						   .observed = view->available_bytes,
						   .threshold = view->threshold_bytes[stage],
						   .unit = REASON_UNIT_BYTES,
						   .at_most = true,
						   .leads_to = leads_to,
						   .tier = tier,
					   });

	if (view->stage >= stage)
		snprintf(place->text, sizeof(place->text), "reached");
	else
		snprintf(place->text, sizeof(place->text), "for %s%s",
			 units_print_us(HOST_UP_US, up), also);
}

static void add_host_stall(const char *name, uint64_t observed, uint64_t threshold,
			   const char *leads_to, enum tier tier, struct conditions *all)
{
	add(all, &(struct condition){.name = name,
				     .observed = observed,
				     .threshold = threshold,
				     .unit = REASON_UNIT_PERMYRIAD,
				     .leads_to = leads_to,
				     .tier = tier});
}

void conditions_of_host(const struct host_view *view, uint64_t now_us,
			struct conditions *ret_conditions)
{
	char down[UNITS_TEXT_LEN], since[UNITS_TEXT_LEN];
	struct condition *back;

	ret_conditions->count = 0;
	if (!view->valid)
		return;
	add_stage(view, HOST_CALLS, "loans called", TIER_NONE, "", ret_conditions);
	add_stage(view, HOST_STOPS, "lowest stops", TIER_FREEZE, ", and:", ret_conditions);
	add_host_stall("some stalled (2s)", view->some_permyriad, HOST_STOPS_SOME, "lowest stops",
		       TIER_FREEZE, ret_conditions);
	add_stage(view, HOST_KILLS, "last resort", TIER_KILL, ", and:", ret_conditions);
	add_host_stall("all stalled (2s)", view->full_permyriad, HOST_KILLS_ALL, "last resort",
		       TIER_KILL, ret_conditions);
	if (view->stage == HOST_CALM)
		return;
	back = add(ret_conditions, &(struct condition){
					   .name = "available",
					   .observed = view->available_bytes,
					   .threshold = view->threshold_bytes[HOST_CALM],
					   .unit = REASON_UNIT_BYTES,
					   .leads_to = "a stage back",
				   });
	snprintf(back->text, sizeof(back->text), "for %s; at %s for %s",
		 units_print_us(HOST_DOWN_US, down), host_stage_name(view->stage),
		 units_print_us(now_us - view->stage_since_us, since));
}
