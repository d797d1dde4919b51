// SPDX-License-Identifier: GPL-2.0-or-later
#include "user/policy/admit/inside.h"

/* A prediction that has passed is pushed out by so much past the predicted end. */
static const uint64_t push_us[] = {
	60 * US_PER_SEC,   300 * US_PER_SEC,  900 * US_PER_SEC,
	1800 * US_PER_SEC, 3600 * US_PER_SEC, 7200 * US_PER_SEC,
};

uint64_t free_of_component(const struct admit *admit, uint32_t component)
{
	return sub_sat(sub_sat(admit->supply.component[component].budget_bytes,
			       admit->supply.component[component].other_bytes),
		       admit->component[component].reserved_bytes);
}

uint64_t free_of_host(const struct admit *admit)
{
	const struct admit_supply *supply = &admit->supply;

	if (!supply->host_valid)
		return BYTES_SANE;
	return sub_sat(supply->host_available_bytes,
		       add_sat(supply->host_reserve_bytes, admit->promised_bytes));
}

static uint64_t promised_of(const struct slot *slot)
{
	return sub_sat(slot->bytes, slot->current_bytes);
}

static void ends_insert(struct admit *admit, uint32_t i, uint64_t end_us)
{
	struct slot *slot = &admit->slot[i];

	slot->place = PLACE_ENDS;
	tree_insert(&component_of(admit, slot)->ends, i, end_us, slot->task.id, slot->bytes);
	tree_insert(&admit->host_ends, i, end_us, slot->task.id, slot->bytes);
}

static void ends_remove(struct admit *admit, uint32_t i)
{
	tree_remove(&component_of(admit, &admit->slot[i])->ends, i);
	tree_remove(&admit->host_ends, i);
	admit->slot[i].place = PLACE_ASIDE;
}

static void account(struct admit *admit, const struct slot *slot, bool add)
{
	struct component_queue *queue = component_of(admit, slot);

	if (add) {
		queue->reserved_bytes += slot->bytes;
		admit->reserved_bytes += slot->bytes;
		admit->promised_bytes += promised_of(slot);
	} else {
		queue->reserved_bytes -= slot->bytes;
		admit->reserved_bytes -= slot->bytes;
		admit->promised_bytes -= promised_of(slot);
	}
}

static uint64_t end_of(const struct slot *slot)
{
	return add_sat(slot->since_us, run_of(slot));
}

static uint64_t pushed_end(const struct slot *slot, uint64_t now_us)
{
	uint64_t end = end_of(slot);

	if (end > now_us)
		return end;
	for (size_t i = 0; i < sizeof(push_us) / sizeof(push_us[0]); i++)
		if (end + push_us[i] > now_us)
			return end + push_us[i];
	return now_us + push_us[5];
}

void run_begin(struct admit *admit, uint32_t i, uint64_t now_us)
{
	struct slot *slot = &admit->slot[i];

	slot->since_us = slot->grown_us = now_us;
	slot->grown_bytes = slot->until_us = 0;
	slot->state = ADMIT_STARTING;
	slot->settled = slot->ending = slot->outgrew = false;
	account(admit, slot, true);
	ends_insert(admit, i, end_of(slot));
	component_of(admit, slot)->started++;
	admit->started++;
	key_started(admit, i);
}

void run_end(struct admit *admit, uint32_t i)
{
	struct slot *slot = &admit->slot[i];

	need_remove(admit, i);
	if (slot->place == PLACE_ENDS)
		ends_remove(admit, i);
	else
		admit->paused--;
	account(admit, slot, false);
	component_of(admit, slot)->started--;
	admit->started--;
	key_ended(admit, i);
	slot->place = PLACE_ASIDE;
	slot->current_bytes = slot->swapped_bytes = slot->peak_bytes = 0;
}

void run_pause(struct admit *admit, uint32_t i)
{
	ends_remove(admit, i);
	admit->slot[i].place = PLACE_PAUSED;
	admit->slot[i].state = ADMIT_PAUSED;
	admit->paused++;
}

void run_resume(struct admit *admit, uint32_t i, uint64_t now_us)
{
	struct slot *slot = &admit->slot[i];

	slot->state = ADMIT_RUNNING;
	admit->paused--;
	ends_insert(admit, i, pushed_end(slot, now_us));
}

void run_reserve(struct admit *admit, uint32_t i, uint64_t bytes)
{
	struct slot *slot = &admit->slot[i];
	bool ends = slot->place == PLACE_ENDS;
	uint64_t end = ends ? tree_key(&admit->host_ends, i) : 0;

	if (ends)
		ends_remove(admit, i);
	account(admit, slot, false);
	slot->bytes = bytes;
	account(admit, slot, true);
	if (ends)
		ends_insert(admit, i, end);
}

void run_use(struct admit *admit, uint32_t i, uint64_t current_bytes)
{
	struct slot *slot = &admit->slot[i];

	admit->promised_bytes -= promised_of(slot);
	slot->current_bytes = current_bytes;
	admit->promised_bytes += promised_of(slot);
}

void run_expire(struct admit *admit, uint64_t now_us)
{
	uint32_t i;

	while ((i = tree_first(&admit->host_ends)) != TREE_NONE &&
	       tree_key(&admit->host_ends, i) <= now_us) {
		ends_remove(admit, i);
		ends_insert(admit, i, pushed_end(&admit->slot[i], now_us));
	}
}

/* When the ends have freed what is missing; *ret_free is what is free then. */
static uint64_t freed_at(const struct tree *ends, uint64_t free, uint64_t bytes, uint64_t now_us)
{
	uint32_t i;

	if (free >= bytes)
		return now_us;
	i = tree_reach(ends, bytes - free);
	return i == TREE_NONE ? UINT64_MAX : tree_key(ends, i);
}

uint64_t run_room_at(const struct admit *admit, uint32_t component, uint64_t bytes, uint64_t now_us,
		     uint64_t *ret_spare, uint64_t *ret_host_spare)
{
	const struct tree *ends = &admit->component[component].ends;
	uint64_t free = free_of_component(admit, component), host = free_of_host(admit);
	uint64_t at = max_u64(freed_at(ends, free, bytes, now_us),
			      freed_at(&admit->host_ends, host, bytes, now_us));

	*ret_spare = sub_sat(free + tree_sum_until(ends, at), bytes);
	*ret_host_spare = sub_sat(host + tree_sum_until(&admit->host_ends, at), bytes);
	return at;
}
