// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Decides about one request: whether it may be asked at all, whether others wait before it, whether
 * it fits. What does not fit now and might later waits, where its client wants to. What is there
 * already grows as a grant would, and shrinks always.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "user/base/text.h"
#include "user/policy/lease/inside.h"
#include "user/policy/num.h"

static int check_pool(const struct lease_ledger *ledger, const struct lease_request *request)
{
	uint32_t uid = ledger->client[request->client].identity.uid;

	if (request->revocable || request->adaptive || request->ttl_us || request->timeout_us ||
	    request->task || !memchr(request->text, 0, UW_NAME_LEN) || !text_is_name(request->text))
		return -EINVAL;
	return lease_pool_name_is_free(ledger, uid, request->text) ? 0 : -EEXIST;
}

static int check(const struct lease_ledger *ledger, const struct lease_request *request)
{
	if (request->component >= ledger->component_count)
		return -ENOENT;
	if (!(ledger->client[request->client].place.may & 1U << request->component))
		return -EACCES;
	if (!request->bytes || request->bytes > LEASE_BYTES_MAX ||
	    (request->adaptive && (!request->min_bytes || request->min_bytes > request->bytes)) ||
	    request->priority < PRIORITY_MIN || request->priority > PRIORITY_MAX ||
	    request->timeout_us > LEASE_US_MAX || request->ttl_us > LEASE_US_MAX ||
	    request->run_us > LEASE_US_MAX)
		return -EINVAL;
	return request->pool ? check_pool(ledger, request) : 0;
}

static void deny(struct lease_ledger *ledger, const struct lease_request *request, uint64_t now_us,
		 enum lease_reason reason, struct lease_result *ret)
{
	bool passes = reason == LEASE_WHY_BUDGET || reason == LEASE_WHY_HOST ||
		      reason == LEASE_WHY_LEVEL || reason == LEASE_WHY_TURN;

	if (passes && (request->timeout_us || request->task) && !request->drawn &&
	    lease_wait(ledger, request, now_us, &reason)) {
		ret->outcome = LEASE_WAITS;
		return;
	}
	ret->outcome = LEASE_DENIED;
	ret->denial.reason = reason;
	ledger->account[request->component].denied++;
	lease_tell_denial(ledger, request, now_us, &ret->denial);
	lease_news_denied(ledger, request, LEASE_NEWS_DENIED, &ret->denial, now_us);
}

void lease_grant(struct lease_ledger *ledger, const struct lease_request *request, uint64_t now_us,
		 struct lease_result *ret)
{
	enum lease_reason reason = LEASE_WHY_TURN;
	int rc = check(ledger, request);

	*ret = (struct lease_result){
		.error = rc, .client = request->client, .cookie = request->cookie};
	if (rc)
		return;
	if (request->drawn
		    ? lease_draw(ledger, request, now_us, ret, &reason)
		    : !lease_is_behind(ledger, request->component, request->priority, now_us) &&
			      lease_try(ledger, request, now_us, ret, &reason))
		return;
	deny(ledger, request, now_us, reason, ret);
}

/* ---- what is there already ---- */

static void grow(struct lease_ledger *ledger, uint32_t slot, uint64_t bytes, uint64_t now_us,
		 struct lease_result *ret)
{
	const struct lease_slot *s = &ledger->slot[slot];
	struct lease_request more = {
		.client = ledger->node[slot].client,
		.component = ledger->node[slot].component,
		.priority = s->priority,
		.revocable = s->flags & LEASE_REVOCABLE,
		.bytes = bytes - lease_slot_bytes(ledger, slot),
	};
	enum lease_reason reason = LEASE_WHY_TURN;

	if (lease_is_behind(ledger, more.component, more.priority, now_us) ||
	    !lease_fits(ledger, &more, &reason)) {
		deny(ledger, &more, now_us, reason, ret);
		return;
	}
	lease_slot_borrow(ledger, slot,
			  s->borrowed_bytes +
				  lease_borrowed(ledger, more.client, more.component, more.bytes));
	lease_slot_resize(ledger, slot, bytes);
}

void lease_resize(struct lease_ledger *ledger, uint32_t client, uint64_t id, uint64_t bytes,
		  uint64_t now_us, struct lease_result *ret)
{
	uint32_t slot = lease_slot_of(ledger, client, id);

	*ret = (struct lease_result){.client = client, .id = id};
	if (!bytes || bytes > LEASE_BYTES_MAX) {
		ret->error = -EINVAL;
		return;
	}
	if (slot == LEASE_SLOTS) {
		ret->outcome = LEASE_STALE;
		return;
	}
	if (lease_slot_is_pool(ledger, slot)) {
		ret->error = -EINVAL;
		return;
	}
	if (bytes < lease_slot_bytes(ledger, slot))
		lease_slot_shrink(ledger, slot, bytes);
	else if (bytes > lease_slot_bytes(ledger, slot))
		grow(ledger, slot, bytes, now_us, ret);
	ret->bytes = lease_slot_bytes(ledger, slot);
	ret->borrowed_bytes = ledger->slot[slot].borrowed_bytes;
	ret->inside =
		lease_is_inside(ledger, ledger->node[slot].client, ledger->node[slot].component);
}

int lease_renew(struct lease_ledger *ledger, uint32_t client, uint64_t id, uint64_t ttl_us,
		uint64_t now_us)
{
	uint32_t slot = lease_slot_of(ledger, client, id);

	if (ttl_us > LEASE_US_MAX)
		return -EINVAL;
	if (slot == LEASE_SLOTS)
		return LEASE_STALE;
	if (lease_slot_is_pool(ledger, slot))
		return -EINVAL;
	atomic_store_explicit(&ledger->slot[slot].expires_us, ttl_us ? now_us + ttl_us : 0,
			      memory_order_relaxed);
	lease_expiry_set(ledger, slot);
	return 0;
}

int lease_free(struct lease_ledger *ledger, uint32_t client, uint64_t id)
{
	uint32_t slot = lease_slot_of(ledger, client, id);

	if (slot == LEASE_SLOTS)
		return LEASE_STALE;
	lease_slot_drop(ledger, slot);
	return 0;
}

int lease_take(struct lease_ledger *ledger, uint64_t id, uint64_t now_us)
{
	uint32_t slot = lease_slot_of(ledger, LEASE_NO_CLIENT, id);

	if (slot == LEASE_SLOTS)
		return LEASE_STALE;
	lease_news_lost(ledger, slot, LEASE_NEWS_TAKEN, LEASE_ASKED__COUNT,
			lease_slot_bytes(ledger, slot), now_us);
	ledger->revoked++;
	lease_slot_drop(ledger, slot);
	return 0;
}
