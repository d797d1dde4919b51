// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Adds up what components hold by their last samples and holds it against the size of the pool.
 * Where something else on the host has taken the memory, what is available there counts.
 */
#include "user/policy/headroom.h"

#include "user/policy/num.h"

#define ROOMY_PART 4 /* of usable free */

uint64_t headroom_held(const struct step *step)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < step->config->component_count; i++)
		sum += step->state->component[i].signal.held_bytes;
	return sum;
}

uint64_t headroom_charged(const struct step *step)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < step->config->component_count; i++)
		sum += step->state->component[i].signal.current_bytes;
	return sum;
}

uint64_t headroom_reserve_in(const struct policy_state *state, const struct config *config)
{
	uint64_t reserve = mul_div(config->usable_bytes, config->reserve_permyriad, PERMYRIAD_ONE);

	return max_u64(reserve, state->host.total_bytes / 100);
}

uint64_t headroom_reserve(const struct step *step)
{
	return headroom_reserve_in(step->state, step->config);
}

uint64_t headroom_of_host(const struct step *step)
{
	return sub_sat(step->state->host.available_bytes, headroom_reserve(step));
}

uint64_t headroom_free(const struct step *step)
{
	uint64_t free = sub_sat(step->config->usable_bytes, headroom_held(step));

	return step->state->host.valid ? min_u64(free, headroom_of_host(step)) : free;
}

uint64_t headroom_last(const struct step *step)
{
	uint64_t files = 0;

	for (uint32_t i = 0; i < step->config->component_count; i++) {
		const struct signal *s = &step->state->component[i].signal;

		files += sub_sat(s->inactive_file_bytes + s->active_file_bytes / 2,
				 s->current_bytes - s->held_bytes);
	}
	return add_sat(headroom_free(step), files);
}

bool headroom_is_roomy(const struct step *step)
{
	uint64_t usable = step->config->usable_bytes;

	return min_u64(headroom_free(step), sub_sat(usable, headroom_charged(step))) >=
	       usable / ROOMY_PART;
}
