// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where the guesses of how far two or more leaves will grow exceed together what is free, one of
 * them is better stopped now, and goes on when the other has come to rest or has ended. Slow growth
 * is left to reclaim, which keeps pace with it.
 */
#include "user/policy/collision.h"

#include "user/policy/num.h"
#include "user/policy/rise.h"
#include "user/policy/room.h"
#include "user/policy/swap_speed.h"

#define SOON_US  (5 * US_PER_SEC) /* where what is free lasts longer, nothing is done yet */
#define TOO_FAST 3                /* times what swap takes: who waits for it then had better not */

struct growers {
	uint32_t count;
	uint64_t per_s, ahead_bytes;
};

static bool grows(const struct leaf_state *leaf)
{
	return leaf->cause == FREEZE_NOT && !leaf->breath_until_us &&
	       leaf->growth_per_s >= RISE_PER_S;
}

static struct growers growers_of(const struct step *step, uint32_t component)
{
	struct growers growers = {0};

	for (uint32_t i = 0; i < step->state->leaf_end; i++) {
		const struct leaf_state *leaf = &step->state->leaf[i];

		if (!leaf->cgid || leaf->component != component || !leaf->populated || !grows(leaf))
			continue;
		growers.count++;
		growers.per_s += (uint64_t)leaf->growth_per_s;
		growers.ahead_bytes += rise_to_come(leaf);
	}
	return growers;
}

bool collision_is_ahead(const struct step *step, uint32_t component, struct why *ret_why)
{
	struct growers growers = growers_of(step, component);
	uint64_t free = room_to_grow(step, component);

	*ret_why = (struct why){REASON_CONTENTION, growers.ahead_bytes, free};
	return growers.count > 1 && free < growers.ahead_bytes &&
	       free < grown((int64_t)growers.per_s, SOON_US) &&
	       growers.per_s > TOO_FAST * swap_speed(step);
}
