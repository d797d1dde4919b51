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

static enum lease_reason over_quota(const struct lease_ledger *ledger,
				    const struct lease_request *request)
{
	const struct lease_client *c = &ledger->client[request->client];

	if (c->leases >= LEASE_SLOTS_CLIENT)
		return LEASE_WHY_QUOTA_CLIENT;
	if (c->identity.uid && ledger->user[c->user].leases >= LEASE_SLOTS_USER)
		return LEASE_WHY_QUOTA_USER;
	if (!lease_room_left(ledger))
		return LEASE_WHY_QUOTA;
	return request->pool ? lease_pool_quota(ledger, c->identity.uid) : LEASE_WHY_NONE;
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

bool lease_try(struct lease_ledger *ledger, const struct lease_request *request, uint64_t now_us,
	       struct lease_result *ret, enum lease_reason *ret_reason)
{
	struct lease_pool_words words;
	uint64_t bytes, borrowed;
	uint32_t slot;

	*ret = (struct lease_result){.client = request->client, .cookie = request->cookie};
	*ret_reason = over_quota(ledger, request);
	if (*ret_reason != LEASE_WHY_NONE)
		return false;
	bytes = lease_fits(ledger, request, ret_reason);
	if (!bytes)
		return false;
	borrowed = lease_borrowed(ledger, lease_uses_own(request), request->component, bytes);
	words = words_of(ledger, request);
	slot = lease_slot_take(ledger, request, request->pool ? &words : NULL, bytes, borrowed,
			       now_us);
	ledger->account[request->component].granted++;
	ret->outcome = LEASE_GRANTED;
	ret->id = lease_id(ledger->slot[slot].generation, slot);
	ret->bytes = bytes;
	ret->borrowed_bytes = borrowed;
	ret->inside = lease_is_inside(ledger, request->client, request->component);
	return true;
}
