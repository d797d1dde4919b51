// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Room is judged in two places: of a component, below its emergency threshold, and of the host,
 * above its reserve. What was taken as a donor also waits until those it was stopped for are calm.
 */
#include "user/policy/room.h"

#include "user/policy/ladder.h"
#include "user/policy/limits.h"
#include "user/policy/num.h"
#include "user/policy/thresholds.h"

#define GROWTH_US        (500 * US_PER_MS) /* the brake catches what goes on longer */
#define ROOM_MIN_PCT     5  /* of the limit in force, below the emergency threshold */
#define ROOM_GROWTH_PCT  10 /* as much of it as a second's growth takes, at most */
#define SWAP_BACK_PCT    120
#define DONOR_MARGIN_PCT 5 /* of the host: thawed later than frozen */
#define OWN_LIMIT_PCT    98

bool room_has_swap(const struct host_state *host)
{
	return !host->valid || host->swap_total_bytes > 0;
}

uint64_t room_host_reserve(const struct step *step)
{
	uint64_t reserve =
		mul_div(step->config->usable_bytes, step->config->reserve_permyriad, PERMYRIAD_ONE);

	return max_u64(reserve, step->state->host.total_bytes / 100);
}

bool room_on_host(const struct step *step, uint64_t need_bytes)
{
	const struct host_state *host = &step->state->host;

	return !host->valid || host->available_bytes >= room_host_reserve(step) + need_bytes;
}

/* And not by its own limit. */
static bool is_protected_stalled(const struct step *step, uint32_t component, uint64_t permyriad)
{
	const struct component_state *cs = &step->state->component[component];
	uint64_t high = limits_high(cs);

	return component_is_protected(&step->config->component[component]) &&
	       cs->signal.some_permyriad >= permyriad &&
	       (high == BYTES_MAX || cs->signal.current_bytes < percent_of(high, OWN_LIMIT_PCT));
}

static bool protected_are_calm(const struct step *step)
{
	for (uint32_t i = 0; i < step->state->component_count; i++)
		if (is_protected_stalled(step, i, STALL_SOME_LASTING))
			return false;
	return true;
}

uint64_t room_least(uint64_t in_force_bytes)
{
	return percent_of(in_force_bytes, ROOM_MIN_PCT);
}

uint64_t room_of_component(const struct step *step, uint32_t component)
{
	const struct component_state *cs = &step->state->component[component];
	uint64_t threshold = mul_div(
		cs->in_force_bytes, thresholds_of(step, component, LEVEL_EMERGENCY), PERMYRIAD_ONE);

	return sub_sat(threshold, max_u64(cs->signal.ws_bytes, 1));
}

bool room_for_thaw(const struct step *step, const struct leaf_state *leaf, struct why *ret_why)
{
	const struct component_state *cs = &step->state->component[leaf->component];
	uint64_t in_force = cs->in_force_bytes;
	uint64_t room = room_of_component(step, leaf->component);
	uint64_t growth = grown(leaf->slope_then_per_s, US_PER_SEC);
	uint64_t need = max_u64(room_least(in_force),
				min_u64(percent_of(in_force, ROOM_GROWTH_PCT), growth));
	uint64_t host_need = percent_of(leaf->swap_bytes, SWAP_BACK_PCT) +
			     grown(leaf->slope_then_per_s, GROWTH_US);

	*ret_why = (struct why){REASON_ROOM, room, need};
	if (room < need)
		return false;
	host_need = min_u64(host_need, sub_sat(in_force, cs->signal.current_bytes));
	if (leaf->cause == FREEZE_DONOR) {
		host_need += percent_of(step->state->host.total_bytes, DONOR_MARGIN_PCT);
		if (!protected_are_calm(step))
			return false;
	}
	return room_on_host(step, host_need);
}
