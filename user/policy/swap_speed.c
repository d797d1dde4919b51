// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The newest page-out counts for a quarter of what is known. One that gave way to others says how
 * fast pages go out beside them, and nothing of how fast they would if somebody waited.
 */
#include "user/policy/swap_speed.h"

#include "user/policy/num.h"

#define GUESS_PER_S    (32 * MIB) /* a disk that turns */
#define MEASURED_BYTES (4 * MIB)  /* less says little about the speed */
#define MEASURED_PART  4          /* weight of the newest, one in so many */

uint64_t swap_speed(const struct step *step)
{
	uint64_t measured = step->state->swap_speed.per_s;

	return measured ? measured : GUESS_PER_S;
}

uint64_t swap_speed_in_a_hurry(const struct step *step)
{
	uint64_t measured = step->state->swap_speed.hurried_per_s;

	return measured ? measured : swap_speed(step);
}

static uint64_t smoothed(uint64_t before, uint64_t per_s)
{
	return before ? before - before / MEASURED_PART + per_s / MEASURED_PART : per_s;
}

static bool gave_way(const struct step *step, uint32_t component)
{
	return component < step->config->component_count &&
	       step->state->component[component].reclaim.gave_way;
}

/* Files that were dropped say nothing of swap. */
static bool was_of_files(const struct step *step, uint32_t component)
{
	return component < step->config->component_count &&
	       step->state->component[component].reclaim.files;
}

void swap_speed_take(struct step *step)
{
	struct swap_speed_state *speed = &step->state->swap_speed;

	for (uint32_t i = 0; i < step->frame->outcome_count && i < FRAME_OUTCOMES_MAX; i++) {
		const struct outcome *o = &step->frame->outcome[i];
		uint64_t per_s;

		if (o->kind != ACTION_RECLAIM || !o->leaf || o->done < MEASURED_BYTES ||
		    was_of_files(step, o->component) || o->ended_us <= o->began_us)
			continue;
		per_s = mul_div(min_u64(o->done, BYTES_SANE), US_PER_SEC,
				o->ended_us - o->began_us);
		speed->per_s = smoothed(speed->per_s, per_s);
		if (!gave_way(step, o->component))
			speed->hurried_per_s = smoothed(speed->hurried_per_s, per_s);
	}
}
