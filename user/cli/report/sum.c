// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What an incident comes to. It is about the component in which uwd stopped or ended something, of
 * several the one that was worst off, and about the leaf there that stood still longest, or else
 * grew most. Who was hurt is the protected component that stalled longest.
 */
#include "user/cli/report/incident.h"

bool incident_acts(enum action_kind kind)
{
	return kind != ACTION_SET_MIN && kind != ACTION_SET_LOW && kind != ACTION_SET_HIGH &&
	       kind != ACTION_ARM_MARK;
}

static bool is_stop(const struct incident_action *action)
{
	return action->action.kind == ACTION_FREEZE || action->action.kind == ACTION_KILL;
}

static uint64_t stops_of(const struct incident *incident, uint32_t component)
{
	uint64_t stops = 0;

	for (uint32_t i = 0; i < incident->action_count; i++)
		stops +=
			incident->action[i].component == component && is_stop(&incident->action[i]);
	return stops;
}

/* By stops, then level, then use of what was in force. */
static bool is_more(const struct incident *incident, uint32_t a, uint32_t b)
{
	const struct component_view *of_a = &incident->component[a].worst,
				    *of_b = &incident->component[b].worst;
	bool stopped_a = stops_of(incident, a), stopped_b = stops_of(incident, b);

	if (stopped_a != stopped_b)
		return stopped_a;
	if (of_a->level != of_b->level)
		return of_a->level > of_b->level;
	return of_a->use_permyriad > of_b->use_permyriad;
}

static uint32_t worst_component(const struct incident *incident)
{
	uint32_t worst = incident->component_count ? 0 : INCIDENT_NONE;

	for (uint32_t i = 1; i < incident->component_count; i++)
		if (is_more(incident, i, worst))
			worst = i;
	return worst;
}

static uint64_t growth_of(const struct incident_lane *lane)
{
	return lane->most_bytes > lane->first_bytes ? lane->most_bytes - lane->first_bytes : 0;
}

static uint32_t worst_lane(const struct incident *incident, uint32_t component)
{
	uint32_t worst = INCIDENT_NONE;

	for (uint32_t i = 0; i < incident->lane_count; i++) {
		const struct incident_lane *lane = &incident->lane[i], *than;

		if (lane->component != component)
			continue;
		than = worst == INCIDENT_NONE ? NULL : &incident->lane[worst];
		if (!than || lane->frozen_us > than->frozen_us ||
		    (lane->frozen_us == than->frozen_us && growth_of(lane) > growth_of(than)))
			worst = i;
	}
	return worst;
}

static void sum_components(const struct incident *incident, struct incident_sum *sum)
{
	uint64_t most_us = 0;

	for (uint32_t i = 0; i < incident->component_count; i++) {
		const struct incident_component *component = &incident->component[i];

		sum->killed_by_kernel += component->killed_by_kernel;
		if (!component->is_protected)
			continue;
		sum->protected_us += component->stalled_us;
		if (component->stalled_us > most_us && i != sum->subject) {
			most_us = component->stalled_us;
			sum->victim = i;
		}
	}
}

static void sum_actions(const struct incident *incident, struct incident_sum *sum)
{
	for (uint32_t i = 0; i < incident->action_count; i++) {
		const struct incident_action *action = &incident->action[i];

		sum->actions[action->action.kind]++;
		if (!action->ended)
			continue;
		sum->failed += action->outcome.result == OUTCOME_FAILED;
		if (action->action.kind == ACTION_RECLAIM)
			sum->freed_bytes += action->outcome.done;
		if (action->action.kind == ACTION_KILL)
			sum->killed += action->outcome.result == OUTCOME_DONE;
	}
}

void incident_sum(const struct incident *incident, uint32_t subject, struct incident_sum *ret_sum)
{
	struct incident_sum sum = {.subject = subject, .victim = INCIDENT_NONE};

	if (sum.subject == INCIDENT_NONE)
		sum.subject = worst_component(incident);
	sum.lane = worst_lane(incident, sum.subject);
	sum_components(incident, &sum);
	sum_actions(incident, &sum);
	for (uint32_t i = 0; i < incident->lane_count; i++) {
		const struct incident_lane *lane = &incident->lane[i];

		sum.frozen_leaves += lane->frozen_us > 0;
		if (lane->longest_us > sum.longest_us)
			sum.longest_us = lane->longest_us;
	}
	*ret_sum = sum;
}
