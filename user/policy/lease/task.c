// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tasks wait in the line that all who wait stand in, and hold leases as all do. What is their own:
 * they may be withdrawn, they are told when their turn is likely to come, and the lease of one that
 * a process of its own does becomes that process's. The new lease is there before the old one goes,
 * so that whoever finds the slots after a crash finds one of them at least.
 */
#include <errno.h>
#include <string.h>

#include "user/policy/lease/inside.h"
#include "user/policy/num.h"

int lease_withdraw(struct lease_ledger *ledger, uint32_t client, uint32_t cookie)
{
	struct lease_waiter *waiter = lease_waiter_find(ledger, client, cookie);

	if (!waiter)
		return LEASE_STALE;
	lease_waiter_drop(ledger, waiter);
	return 0;
}

/* ---- when its turn comes ---- */

static uint64_t least_of(const struct lease_waiter *waiter)
{
	return waiter->request.adaptive ? waiter->request.min_bytes : waiter->request.bytes;
}

/* What is given out before it; how many get that. */
static uint64_t count_ahead(const struct lease_ledger *ledger, const struct lease_waiter *waiter,
			    uint64_t now_us, uint32_t *ret_ahead)
{
	uint64_t bytes = 0;

	*ret_ahead = 0;
	for (uint32_t i = 0; i < LEASE_WAITERS; i++) {
		const struct lease_waiter *other = &ledger->waiter[i];

		if (other == waiter || !other->used || other->gone ||
		    other->request.component != waiter->request.component ||
		    !lease_waiter_precedes(other, waiter, now_us))
			continue;
		bytes = add_sat(bytes, least_of(other));
		++*ret_ahead;
	}
	return bytes;
}

/* When the lease is thought to end; UINT64_MAX when nobody knows. */
static uint64_t end_of(const struct lease_slot *slot)
{
	uint64_t ttl_us = atomic_load_explicit(&slot->expires_us, memory_order_relaxed);
	uint64_t run_us = slot->run_s ? slot->since_us + slot->run_s * US_PER_SEC : UINT64_MAX;

	return ttl_us ? min_u64(ttl_us, run_us) : run_us;
}

struct lease_end {
	uint64_t at_us, bytes;
};

#define ENDS 64U /* that are looked at: after so many nothing is foretold */

/* The first ends in the component, in their order. */
static uint32_t first_ends(const struct lease_ledger *ledger, uint32_t component,
			   struct lease_end ends[static ENDS])
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < ledger->room; i++) {
		struct lease_end end = {.bytes = lease_slot_bytes(ledger, i)};
		uint32_t at;

		if (atomic_load_explicit(&ledger->slot[i].state, memory_order_relaxed) !=
			    LEASE_HELD ||
		    ledger->node[i].component != component)
			continue;
		end.at_us = end_of(&ledger->slot[i]);
		if (end.at_us == UINT64_MAX || (count == ENDS && end.at_us >= ends[ENDS - 1].at_us))
			continue;
		for (at = count < ENDS ? count++ : ENDS - 1; at && ends[at - 1].at_us > end.at_us;
		     at--)
			ends[at] = ends[at - 1];
		ends[at] = end;
	}
	return count;
}

static uint64_t free_in(const struct lease_ledger *ledger, uint32_t component, uint64_t lacking,
			uint64_t now_us)
{
	struct lease_end ends[ENDS];
	uint32_t count;

	if (!lacking)
		return 0;
	count = first_ends(ledger, component, ends);
	for (uint32_t i = 0; i < count; i++) {
		if (ends[i].bytes >= lacking)
			return sub_sat(ends[i].at_us, now_us);
		lacking -= ends[i].bytes;
	}
	return UINT64_MAX;
}

int lease_look_at(struct lease_ledger *ledger, uint32_t client, uint32_t cookie, uint64_t now_us,
		  struct lease_line *ret_line)
{
	const struct lease_waiter *waiter = lease_waiter_find(ledger, client, cookie);
	const struct lease_request *request;
	uint64_t before, free;

	if (!waiter || waiter->gone)
		return LEASE_STALE;
	request = &waiter->request;
	before = count_ahead(ledger, waiter, now_us, &ret_line->ahead);
	free = lease_free_bytes(ledger, client, request->component, request->revocable,
				&ret_line->reason);
	ret_line->bytes = request->bytes;
	ret_line->start_in_us = free_in(ledger, request->component,
					sub_sat(add_sat(before, least_of(waiter)), free), now_us);
	if (!lease_level_lets(ledger, request->component, request->priority)) {
		ret_line->reason = LEASE_WHY_LEVEL;
		ret_line->start_in_us = UINT64_MAX;
	} else if (ret_line->ahead) {
		ret_line->reason = LEASE_WHY_TURN;
	}
	return 0;
}

/* ---- a process of its own ---- */

bool lease_client_is_task(const struct lease_ledger *ledger, uint32_t client, uint64_t *ret_id)
{
	const struct lease_client *c = &ledger->client[client];

	if (!c->used || !c->is_task)
		return false;
	if (c->first != LEASE_NONE)
		*ret_id = lease_id(ledger->slot[c->first].generation, c->first);
	return true;
}

uint32_t lease_holder_of(const struct lease_ledger *ledger, uint64_t id)
{
	uint32_t slot = lease_slot_of(ledger, LEASE_NO_CLIENT, id);

	return slot == LEASE_SLOTS ? LEASE_NO_CLIENT : ledger->node[slot].client;
}

static void request_of(const struct lease_ledger *ledger, uint32_t slot, uint32_t client,
		       struct lease_request *ret_request)
{
	const struct lease_slot *from = &ledger->slot[slot];

	*ret_request = (struct lease_request){
		.client = client,
		.component = ledger->node[slot].component,
		.priority = from->priority,
		.revocable = from->flags & LEASE_REVOCABLE,
		.run_us = from->run_s * US_PER_SEC,
	};
	memcpy(ret_request->text, from->text, LEASE_TEXT_LEN);
}

int lease_hand_over(struct lease_ledger *ledger, uint32_t client, uint64_t id,
		    const struct lease_identity *to, uint64_t now_us, uint32_t *ret_client,
		    uint64_t *ret_id)
{
	uint32_t from = lease_slot_of(ledger, client, id), slot;
	int rc = lease_client_may_join(ledger, to->uid);
	struct lease_request request;

	if (from == LEASE_SLOTS)
		return LEASE_STALE;
	if (ledger->slot[from].flags & (LEASE_POOL | LEASE_CREDIT))
		return -EINVAL;
	if (!rc && !lease_room_left(ledger))
		rc = -ENFILE;
	if (rc)
		return rc;
	*ret_client = lease_client_add(ledger, to);
	ledger->client[*ret_client].awaited_until_us = UINT64_MAX;
	ledger->client[*ret_client].is_task = true;
	request_of(ledger, from, *ret_client, &request);
	slot = lease_slot_take(ledger, &request, NULL, lease_slot_bytes(ledger, from),
			       ledger->slot[from].borrowed_bytes, now_us);
	lease_slot_drop(ledger, from);
	*ret_id = lease_id(ledger->slot[slot].generation, slot);
	return 0;
}
