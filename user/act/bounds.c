// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps the pool's own memory.min at the sum of its components', since the kernel protects a
 * component only up to what each group above it has. The sum is raised before a component's value
 * and lowered after it. What the ledger undoes lowers the components' values only, so the pool's
 * needs no entry of its own. A death between the two writes of a change leaves that one change
 * over, and the next uwd takes it back.
 */
#include "user/act/internal.h"

#define BOUNDS_KNOBS (1U << CG_MIN | 1U << CG_CURRENT | 1U << CG_LIMIT)
#define COUNT_US     20000000ULL /* others go without a word */
#define KEEP_US      1000000ULL  /* systemd puts its own value there at each daemon-reload */
#define KEEP_NONE_US 20000000ULL /* which harms nobody where no component has any */

void act_bounds_open(struct act *act)
{
	act->bounds.count = cg_pool_open_bounds(act->pool_dirfd, BOUNDS_KNOBS, act->bounds.group);
}

void act_bounds_close(struct act *act)
{
	for (uint32_t i = 0; i < act->bounds.count; i++)
		cg_group_close(&act->bounds.group[i]);
	act->bounds.count = 0;
}

/* Others are components of an earlier configuration, still in use. */
void act_bounds_count(struct act *act)
{
	uint64_t all, tracked = 0, min = 0;

	if (!act->bounds.count)
		return;
	all = cg_min_sum(act->pool_dirfd);
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++) {
		struct act_component *component = act->component[i];

		if (!component || act->ops->read(act->ops_data, &component->group, CG_MIN, &min))
			continue;
		component->min_bytes = min;
		tracked += min;
	}
	act->bounds.others_bytes = all > tracked ? all - tracked : 0;
	act->bounds.kept_us = 0;
}

static uint64_t sum_sat(uint64_t a, uint64_t b)
{
	return a > CG_MAX - b ? CG_MAX : a + b;
}

static uint64_t sum_now(const struct act *act)
{
	uint64_t sum = act->bounds.others_bytes;

	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++) {
		const struct act_component *component = act->component[i];

		if (component)
			sum = sum_sat(sum, component->min_bytes);
	}
	return sum;
}

static void set_one(struct act *act, const struct cg_group *group, bool raise, uint64_t bytes)
{
	uint64_t now;

	if (act->ops->read(act->ops_data, group, CG_MIN, &now))
		return;
	if (raise ? now < bytes : now > bytes)
		act_write_u64(act, group, CG_MIN, bytes);
}

static bool is_set(const struct act *act, uint64_t bytes)
{
	uint64_t now;

	for (uint32_t i = 0; i < act->bounds.count; i++)
		if (act->ops->read(act->ops_data, &act->bounds.group[i], CG_MIN, &now) ||
		    now != bytes)
			return false;
	return true;
}

/* Raised from the outermost inwards, lowered outwards: no parent has less than its children. */
static void set_all(struct act *act, uint64_t bytes)
{
	struct act_bounds *bounds = &act->bounds;

	if (is_set(act, bytes))
		return;
	for (uint32_t i = bounds->count; i-- > 0;)
		set_one(act, &bounds->group[i], true, bytes);
	for (uint32_t i = 0; i < bounds->count; i++)
		set_one(act, &bounds->group[i], false, bytes);
}

void act_bounds_before(struct act *act, const struct act_component *component, uint64_t bytes)
{
	if (bytes > component->min_bytes)
		set_all(act, sum_sat(sum_now(act), bytes - component->min_bytes));
}

void act_bounds_after(struct act *act, struct act_component *component, uint64_t bytes)
{
	component->min_bytes = bytes;
	set_all(act, sum_now(act));
}

void act_bounds_keep(struct act *act, uint64_t now_us)
{
	uint64_t every_us = sum_now(act) ? KEEP_US : KEEP_NONE_US;

	if (!act->bounds.count || act->ops->dry)
		return;
	if (act->bounds.kept_us && now_us - act->bounds.kept_us < every_us)
		return;
	if (act->bounds.others_bytes && now_us - act->bounds.counted_us >= COUNT_US) {
		act_bounds_count(act);
		act->bounds.counted_us = now_us;
	}
	act->bounds.kept_us = now_us;
	set_all(act, sum_now(act));
}
