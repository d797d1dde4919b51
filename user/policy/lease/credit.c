// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What clients give out to themselves. A credit is a lease like others, so that it is spoken for
 * from when it is there; what is taken from it moves into leases of their own when the client tells
 * of them. Slots are kept for these too, so that no quota can refuse what a program has been given.
 * A credit that finds no room costs nobody a denial: its client asks for each lease then.
 */
#include <errno.h>

#include "user/policy/lease/inside.h"
#include "user/policy/num.h"

static struct lease_credit *credit_of(struct lease_ledger *ledger, uint32_t client,
				      uint32_t component)
{
	return &ledger->client[client].credit[component];
}

void lease_credit_reserve(struct lease_ledger *ledger, uint32_t client, uint32_t component)
{
	enum lease_reason reason;
	uint32_t most = LEASE_CREDIT_LEASES - credit_of(ledger, client, component)->left;
	uint32_t left = lease_slots_left(ledger, client, &reason);

	lease_slots_reserve(ledger, client, component, (int32_t)min_u64(most, left));
}

/* What it may grow by. Nobody who waits has to wait for it, and most of what is free stays so. */
static uint64_t growth(const struct lease_ledger *ledger, uint32_t client, uint32_t component,
		       uint64_t bytes, uint64_t now_us)
{
	enum lease_reason reason;

	if (ledger->headroom.component[component].level >= LEVEL_CRITICAL ||
	    lease_is_behind(ledger, component, PRIORITY_MIN, now_us))
		return 0;
	return min_u64(sub_sat(LEASE_CREDIT_BYTES, bytes),
		       lease_free_bytes(ledger, client, component, false, &reason) /
			       LEASE_CREDIT_SHARE);
}

static void make(struct lease_ledger *ledger, uint32_t client, uint32_t component, uint64_t now_us)
{
	const struct lease_request request = {
		.client = client,
		.component = component,
		.priority = PRIORITY_MIN,
		.credit = true,
	};
	uint64_t bytes = growth(ledger, client, component, 0, now_us);
	enum lease_reason reason;

	/* One slot is its own. */
	if (bytes >= LEASE_CREDIT_MIN && lease_slots_left(ledger, client, &reason) >= 2)
		lease_slot_take(ledger, &request, NULL, bytes, 0, now_us);
}

static void make_up(struct lease_ledger *ledger, uint32_t client, uint32_t component,
		    uint64_t has_bytes, uint64_t now_us)
{
	uint32_t slot = credit_of(ledger, client, component)->slot;

	if (lease_slot_bytes(ledger, slot) > has_bytes) {
		lease_slot_resize(ledger, slot, has_bytes);
		ledger->stirred = UINT32_MAX;
	}
	lease_slot_resize(ledger, slot,
			  lease_slot_bytes(ledger, slot) + growth(ledger, client, component,
								  lease_slot_bytes(ledger, slot),
								  now_us));
}

void lease_credit(struct lease_ledger *ledger, uint32_t client, uint32_t component,
		  uint64_t has_bytes, uint64_t now_us, struct lease_result *ret)
{
	struct lease_credit *credit;

	*ret = (struct lease_result){.client = client};
	if (component >= ledger->component_count)
		ret->error = -ENOENT;
	else if (!(ledger->client[client].place.may & 1U << component))
		ret->error = -EACCES;
	if (ret->error)
		return;
	credit = credit_of(ledger, client, component);
	if (credit->slot == LEASE_NONE)
		make(ledger, client, component, now_us);
	else
		make_up(ledger, client, component, has_bytes, now_us);
	if (credit->slot == LEASE_NONE)
		return;
	lease_credit_reserve(ledger, client, component);
	lease_tell_grant(ledger, credit->slot, ret);
	ret->drawable = credit->left;
}

/* ---- what is taken from it ---- */

static bool has_slot(const struct lease_ledger *ledger, const struct lease_request *request,
		     enum lease_reason *ret_reason)
{
	return ledger->client[request->client].credit[request->component].left ||
	       lease_slots_left(ledger, request->client, ret_reason);
}

/* What the credit is short of is asked for as by anybody else. */
static bool rest_fits(const struct lease_ledger *ledger, const struct lease_request *request,
		      uint64_t rest, uint64_t now_us, enum lease_reason *ret_reason)
{
	struct lease_request more = *request;

	more.bytes = rest;
	*ret_reason = LEASE_WHY_TURN;
	return !rest || (!lease_is_behind(ledger, more.component, more.priority, now_us) &&
			 lease_fits(ledger, &more, ret_reason));
}

bool lease_draw(struct lease_ledger *ledger, const struct lease_request *request, uint64_t now_us,
		struct lease_result *ret, enum lease_reason *ret_reason)
{
	struct lease_credit *credit = credit_of(ledger, request->client, request->component);
	uint64_t there = credit->slot == LEASE_NONE ? 0 : lease_slot_bytes(ledger, credit->slot);
	uint64_t taken = min_u64(there, request->bytes), rest = request->bytes - taken;
	uint64_t borrowed;
	uint32_t slot;

	*ret = (struct lease_result){.client = request->client, .cookie = request->cookie};
	if (!has_slot(ledger, request, ret_reason) ||
	    !rest_fits(ledger, request, rest, now_us, ret_reason))
		return false;
	borrowed = lease_borrowed(ledger, request->client, request->component, rest);
	slot = lease_slot_take(ledger, request, NULL, request->bytes, borrowed, now_us);
	if (taken)
		lease_slot_resize(ledger, credit->slot, there - taken);
	if (credit->left)
		lease_slots_reserve(ledger, request->client, request->component, -1);
	ledger->account[request->component].granted++;
	lease_tell_grant(ledger, slot, ret);
	return true;
}

bool lease_credit_fold(struct lease_ledger *ledger, uint32_t slot)
{
	const struct lease_node *node = &ledger->node[slot];
	uint32_t credit = credit_of(ledger, node->client, node->component)->slot;
	uint64_t bytes = lease_slot_bytes(ledger, slot);

	if (!(ledger->slot[slot].flags & LEASE_DRAWN) || credit == LEASE_NONE)
		return false;
	lease_slot_resize(ledger, credit, lease_slot_bytes(ledger, credit) + bytes);
	lease_slot_drop(ledger, slot);
	return true;
}
