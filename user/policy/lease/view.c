// SPDX-License-Identifier: GPL-2.0-or-later
/* The ledger for those who show it, and its words. */
#include "user/policy/lease/inside.h"

static const char *const reason_names[LEASE_REASON__COUNT] = {
	[LEASE_WHY_NONE] = "none",
	[LEASE_WHY_BUDGET] = "budget",
	[LEASE_WHY_HOST] = "host",
	[LEASE_WHY_LEVEL] = "level",
	[LEASE_WHY_TURN] = "turn",
	[LEASE_WHY_NEVER] = "never",
	[LEASE_WHY_QUOTA_CLIENT] = "quota-client",
	[LEASE_WHY_QUOTA_USER] = "quota-user",
	[LEASE_WHY_QUOTA] = "quota",
};

const char *lease_reason_name(enum lease_reason reason)
{
	return (unsigned int)reason < LEASE_REASON__COUNT ? reason_names[reason] : "?";
}

static const char *const why_names[LEASE_ASKED__COUNT] = {
	[LEASE_ASKED_PAYBACK] = "payback",
	[LEASE_ASKED_LEVEL] = "level",
	[LEASE_ASKED_WAITS] = "waits",
};

const char *lease_why_name(enum lease_why why)
{
	return (unsigned int)why < LEASE_ASKED__COUNT ? why_names[why] : "?";
}

void lease_totals(const struct lease_ledger *ledger, struct lease_totals *ret_totals)
{
	*ret_totals = (struct lease_totals){
		.leases = ledger->leases,
		.clients = ledger->clients,
		.waiting = ledger->waiting,
		.expired = ledger->expired,
		.revoked = ledger->revoked,
	};
	for (uint32_t i = 0; ledger->clients && i < LEASE_CLIENTS; i++)
		ret_totals->awaited += ledger->client[i].used && !ledger->client[i].is_task &&
				       ledger->client[i].awaited_until_us;
	for (uint32_t i = 0; i < ledger->component_count; i++)
		ret_totals->pools += ledger->account[i].pools;
}

bool lease_has_pools(const struct lease_ledger *ledger, uint32_t component)
{
	return ledger->account[component].pools;
}

bool lease_read(const struct lease_ledger *ledger, uint32_t slot, struct lease_view *ret_view)
{
	const struct lease_slot *s = &ledger->slot[slot];
	const struct lease_node *node = &ledger->node[slot];
	const struct lease_client *client;

	if (slot >= ledger->room ||
	    atomic_load_explicit(&s->state, memory_order_relaxed) != LEASE_HELD)
		return false;
	client = &ledger->client[node->client];
	*ret_view = (struct lease_view){
		.id = lease_id(s->generation, slot),
		.bytes = lease_slot_bytes(ledger, slot),
		.borrowed_bytes = s->borrowed_bytes,
		.since_us = s->since_us,
		.expires_us = atomic_load_explicit(&s->expires_us, memory_order_relaxed),
		.component = node->component,
		.uid = s->uid,
		.pid = s->pid,
		.priority = s->priority,
		.revocable = s->flags & LEASE_REVOCABLE,
		.credit = s->flags & LEASE_CREDIT,
		.inside =
			client->leaf != LEASE_LEAVES && client->place.component == node->component,
		.awaited = client->awaited_until_us && !(s->flags & LEASE_TASK),
		.pool = lease_slot_is_pool(ledger, slot),
		.task = s->flags & LEASE_TASK,
		.text = s->text,
	};
	return true;
}
