// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What an earlier ledger left in the slots is taken over. Nothing but the slots is believed: who
 * has what, the sums and the order of expiry are made anew from them, and a slot with words that no
 * ledger writes is freed. Each client that is found so is awaited.
 */
#include <string.h>

#include "user/policy/lease/inside.h"

static uint32_t component_of(const struct lease_ledger *ledger, const struct lease_slot *slot)
{
	for (uint32_t i = 0; i < ledger->component_count; i++)
		if (!strncmp(ledger->account[i].name, slot->component, UW_NAME_LEN))
			return i;
	return COMPONENT_NONE;
}

static bool is_plausible(const struct lease_slot *slot)
{
	uint64_t bytes = atomic_load_explicit(&slot->bytes, memory_order_relaxed);

	return slot->generation && slot->key && slot->pid > 0 &&
	       (bytes || slot->flags & LEASE_CREDIT) && bytes <= LEASE_BYTES_MAX &&
	       slot->priority >= PRIORITY_MIN && slot->priority <= PRIORITY_MAX &&
	       memchr(slot->component, 0, UW_NAME_LEN) && !slot->text[LEASE_TEXT_LEN - 1];
}

/* Its client, which is awaited; LEASE_NO_CLIENT when there are too many. */
static uint32_t client_of(struct lease_ledger *ledger, const struct lease_slot *slot,
			  uint64_t now_us)
{
	struct lease_identity identity = {
		.key = slot->key,
		.pid = slot->pid,
		.start_ticks = slot->start_ticks,
		.uid = slot->uid,
	};
	uint32_t client = lease_client_find(ledger, &identity);

	if (client == LEASE_NO_CLIENT) {
		client = lease_client_add(ledger, &identity);
		if (client == LEASE_NO_CLIENT)
			return client;
		ledger->client[client].awaited_until_us = UINT64_MAX;
	}
	ledger->client[client].is_task = slot->flags & LEASE_TASK;
	if (slot->flags & LEASE_ATTENDED) {
		ledger->client[client].attends = true;
		ledger->client[client].awaited_until_us = now_us + LEASE_AWAIT_US;
	}
	return client;
}

static bool adopt_slot(struct lease_ledger *ledger, uint32_t at, uint64_t now_us)
{
	struct lease_slot *slot = &ledger->slot[at];
	uint32_t component, client;

	if (!is_plausible(slot))
		return false;
	component = component_of(ledger, slot);
	if (component == COMPONENT_NONE ||
	    (slot->flags & LEASE_POOL && !lease_pool_takes(ledger, at, component)))
		return false;
	client = client_of(ledger, slot, now_us);
	if (client == LEASE_NO_CLIENT || ledger->client[client].leases == LEASE_SLOTS_CLIENT)
		return false;
	if (slot->flags & LEASE_CREDIT &&
	    ledger->client[client].credit[component].slot != LEASE_NONE)
		return false;
	lease_slot_count_in(ledger, at, client, component);
	return true;
}

/* What was taken from credits and not told yet comes as soon as its client does. */
static void reserve_all(struct lease_ledger *ledger)
{
	for (uint32_t i = 0; i < LEASE_CLIENTS; i++)
		for (uint32_t k = 0; ledger->client[i].used && k < ledger->component_count; k++)
			if (ledger->client[i].credit[k].slot != LEASE_NONE)
				lease_credit_reserve(ledger, i, k);
}

void lease_adopt(struct lease_ledger *ledger, uint32_t count, uint64_t now_us, uint32_t *ret_freed)
{
	*ret_freed = 0;
	for (; ledger->room < count && ledger->room < LEASE_SLOTS; ledger->room++) {
		uint32_t at = ledger->room;
		struct lease_slot *slot = &ledger->slot[at];
		bool held = atomic_load_explicit(&slot->state, memory_order_acquire) != LEASE_FREE;

		lease_slot_start(ledger, at);
		if (held && adopt_slot(ledger, at, now_us))
			continue;
		*ret_freed += held;
		atomic_store_explicit(&slot->state, LEASE_FREE, memory_order_release);
		lease_slot_push(ledger, at);
	}
	reserve_all(ledger);
}
