// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How much of what is free one request gets. A plain one gets all that it asks for or nothing, an
 * adaptive one what leaves a third of the free to others, but no less than it needs.
 */
#include <stddef.h>

#include "user/base/text.h"
#include "user/policy/lease/inside.h"
#include "user/policy/num.h"

static uint64_t least_of(const struct lease_request *request)
{
	return request->adaptive ? request->min_bytes : request->bytes;
}

static uint32_t left_of(uint32_t most, uint32_t taken)
{
	return taken < most ? most - taken : 0;
}

uint32_t lease_slots_left(const struct lease_ledger *ledger, uint32_t client,
			  enum lease_reason *ret_reason)
{
	const struct lease_client *c = &ledger->client[client];
	const struct lease_user *user = &ledger->user[c->user];
	uint32_t all = lease_room_left(ledger);
	uint32_t own = left_of(ledger->client_max, c->leases + c->reserved);
	uint32_t of_user = c->identity.uid
				   ? left_of(LEASE_SLOTS_USER, user->leases + user->reserved)
				   : LEASE_SLOTS;

	*ret_reason =
		!own ? LEASE_WHY_QUOTA_CLIENT : (!of_user ? LEASE_WHY_QUOTA_USER : LEASE_WHY_QUOTA);
	return (uint32_t)min_u64(all, min_u64(own, of_user));
}

/* A pool has a quota of its own beside the lease's. */
static bool pools_are_many(const struct lease_ledger *ledger, const struct lease_request *request,
			   enum lease_reason *ret_reason)
{
	enum lease_reason reason = LEASE_WHY_NONE;

	if (request->pool)
		reason = lease_pool_quota(ledger, ledger->client[request->client].identity.uid);
	if (reason != LEASE_WHY_NONE)
		*ret_reason = reason;
	return reason != LEASE_WHY_NONE;
}

static uint64_t adapted(const struct lease_request *request, uint64_t free)
{
	return max_u64(request->min_bytes, min_u64(request->bytes, free / 3 * 2));
}

uint64_t lease_fits(const struct lease_ledger *ledger, const struct lease_request *request,
		    enum lease_reason *ret_reason)
{
	uint64_t free, bytes;

	if (least_of(request) > lease_most(ledger, request->component, request->revocable)) {
		*ret_reason = LEASE_WHY_NEVER;
		return 0;
	}
	if (!lease_level_lets(ledger, request->component, request->priority)) {
		*ret_reason = LEASE_WHY_LEVEL;
		return 0;
	}
	free = lease_free_bytes(ledger, lease_uses_own(request), request->component,
				request->revocable, ret_reason);
	bytes = request->adaptive ? adapted(request, free) : request->bytes;
	return bytes <= free ? bytes : 0;
}

static struct lease_pool_words words_of(const struct lease_ledger *ledger,
					const struct lease_request *request)
{
	struct lease_pool_words words = {
		.owner_uid = ledger->client[request->client].identity.uid,
		.uid = LEASE_NOBODY,
		.gid = LEASE_NOBODY,
	};

	text_copy(words.name, sizeof(words.name), request->text);
	return words;
}

bool lease_is_inside(const struct lease_ledger *ledger, uint32_t client, uint32_t component)
{
	return ledger->client[client].leaf != LEASE_LEAVES &&
	       ledger->client[client].place.component == component;
}

void lease_tell_grant(const struct lease_ledger *ledger, uint32_t slot, struct lease_result *ret)
{
	const struct lease_node *node = &ledger->node[slot];

	ret->outcome = LEASE_GRANTED;
	ret->id = lease_id(ledger->slot[slot].generation, slot);
	ret->bytes = lease_slot_bytes(ledger, slot);
	ret->borrowed_bytes = ledger->slot[slot].borrowed_bytes;
	ret->inside = lease_is_inside(ledger, node->client, node->component);
}

bool lease_try(struct lease_ledger *ledger, const struct lease_request *request, uint64_t now_us,
	       struct lease_result *ret, enum lease_reason *ret_reason)
{
	struct lease_pool_words words;
	uint64_t bytes, borrowed;
	uint32_t slot;

	*ret = (struct lease_result){.client = request->client, .cookie = request->cookie};
	if (!lease_slots_left(ledger, request->client, ret_reason) ||
	    pools_are_many(ledger, request, ret_reason))
		return false;
	bytes = lease_fits(ledger, request, ret_reason);
	if (!bytes)
		return false;
	borrowed = lease_borrowed(ledger, lease_uses_own(request), request->component, bytes);
	words = words_of(ledger, request);
	slot = lease_slot_take(ledger, request, request->pool ? &words : NULL, bytes, borrowed,
			       now_us);
	ledger->account[request->component].granted++;
	lease_tell_grant(ledger, slot, ret);
	return true;
}
