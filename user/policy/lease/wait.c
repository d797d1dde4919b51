// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Those who would rather wait than be denied. In each component they stand by priority, which
 * waiting raises, and then by age; only the first is looked at when there may be room, so that what
 * comes free goes to it and not to whoever asks for less. Whom the level of the component keeps out
 * does not stand in the way of others.
 */
#include <errno.h>
#include <stddef.h>

#include "user/policy/lease/inside.h"
#include "user/policy/num.h"

static uint32_t rank(const struct lease_waiter *waiter, uint64_t now_us)
{
	uint64_t steps = sub_sat(now_us, waiter->since_us) / LEASE_AGE_STEP_US;

	return (uint32_t)min_u64(waiter->request.priority + steps, PRIORITY_MAX);
}

static bool stands_in(const struct lease_ledger *ledger, const struct lease_waiter *waiter,
		      uint32_t component)
{
	return waiter->used && !waiter->gone && waiter->request.component == component &&
	       lease_level_lets(ledger, component, waiter->request.priority);
}

bool lease_waiter_precedes(const struct lease_waiter *waiter, const struct lease_waiter *other,
			   uint64_t now_us)
{
	uint32_t a = rank(waiter, now_us), b = rank(other, now_us);

	return a > b || (a == b && waiter->sequence < other->sequence);
}

static struct lease_waiter *first_of(struct lease_ledger *ledger, uint32_t component,
				     uint64_t now_us)
{
	struct lease_waiter *first = NULL;

	for (uint32_t i = 0; i < LEASE_WAITERS; i++) {
		struct lease_waiter *waiter = &ledger->waiter[i];

		if (stands_in(ledger, waiter, component) &&
		    (!first || lease_waiter_precedes(waiter, first, now_us)))
			first = waiter;
	}
	return first;
}

bool lease_is_behind(const struct lease_ledger *ledger, uint32_t component, uint32_t priority,
		     uint64_t now_us)
{
	for (uint32_t i = 0; ledger->account[component].waiting && i < LEASE_WAITERS; i++)
		if (stands_in(ledger, &ledger->waiter[i], component) &&
		    rank(&ledger->waiter[i], now_us) >= priority)
			return true;
	return false;
}

static struct lease_waiter *free_place(struct lease_ledger *ledger)
{
	for (uint32_t i = 0; i < LEASE_WAITERS; i++)
		if (!ledger->waiter[i].used)
			return &ledger->waiter[i];
	return NULL;
}

static enum lease_reason over_quota(const struct lease_ledger *ledger,
				    const struct lease_request *request)
{
	const struct lease_client *client = &ledger->client[request->client];
	uint32_t plain = client->waiters - client->tasks;

	if (request->task ? client->tasks == LEASE_TASKS_CLIENT : plain == LEASE_WAITERS_CLIENT)
		return LEASE_WHY_QUOTA_CLIENT;
	if (client->identity.uid && ledger->user[client->user].waiters == LEASE_WAITERS_USER)
		return LEASE_WHY_QUOTA_USER;
	return ledger->waiting < LEASE_WAITERS ? LEASE_WHY_NONE : LEASE_WHY_QUOTA;
}

static void count_waiter(struct lease_ledger *ledger, const struct lease_request *request,
			 uint32_t by)
{
	struct lease_client *client = &ledger->client[request->client];

	client->waiters += by;
	client->tasks += request->task ? by : 0;
	ledger->user[client->user].waiters += by;
	ledger->waiting += by;
}

bool lease_wait(struct lease_ledger *ledger, const struct lease_request *request, uint64_t now_us,
		enum lease_reason *ret_reason)
{
	enum lease_reason over = over_quota(ledger, request);
	struct lease_waiter *waiter;

	if (over != LEASE_WHY_NONE) {
		*ret_reason = over;
		return false;
	}
	waiter = free_place(ledger);
	*waiter = (struct lease_waiter){
		.used = true,
		.sequence = ++ledger->sequence,
		.since_us = now_us,
		.until_us = request->task ? UINT64_MAX : now_us + request->timeout_us,
		.request = *request,
	};
	count_waiter(ledger, request, 1);
	ledger->account[request->component].waiting++;
	ledger->next_wait_us = min_u64(ledger->next_wait_us, waiter->until_us);
	return true;
}

void lease_waiter_drop(struct lease_ledger *ledger, struct lease_waiter *waiter)
{
	count_waiter(ledger, &waiter->request, -1U);
	if (!waiter->gone)
		ledger->account[waiter->request.component].waiting--;
	waiter->used = false;
	ledger->stirred = UINT32_MAX; /* who stood behind it may be the first now */
}

struct lease_waiter *lease_waiter_find(struct lease_ledger *ledger, uint32_t client,
				       uint32_t cookie)
{
	for (uint32_t i = 0; ledger->client[client].waiters && i < LEASE_WAITERS; i++) {
		struct lease_waiter *waiter = &ledger->waiter[i];

		if (waiter->used && waiter->request.client == client &&
		    waiter->request.cookie == cookie)
			return waiter;
	}
	return NULL;
}

/* ---- what happens to them ---- */

static void expire_leases(struct lease_ledger *ledger, uint64_t now_us)
{
	uint64_t at_us;
	uint32_t slot;

	while ((slot = lease_expiry_first(ledger, &at_us)) != LEASE_SLOTS && at_us <= now_us) {
		lease_slot_drop(ledger, slot);
		ledger->expired++;
	}
}

static void tell_end(struct lease_ledger *ledger, struct lease_waiter *waiter, uint64_t now_us,
		     struct lease_result *ret)
{
	struct lease_account *account = &ledger->account[waiter->request.component];

	*ret = (struct lease_result){
		.outcome = LEASE_TIMED_OUT,
		.client = waiter->request.client,
		.cookie = waiter->request.cookie,
	};
	if (waiter->gone) {
		ret->error = -ENOENT;
	} else {
		enum lease_reason reason;

		account->timed_out++;
		lease_free_bytes(ledger, waiter->request.client, waiter->request.component,
				 waiter->request.revocable, &reason);
		ret->denial.reason = lease_level_lets(ledger, waiter->request.component,
						      waiter->request.priority)
					     ? reason
					     : LEASE_WHY_LEVEL;
		lease_tell_denial(ledger, &waiter->request, now_us, &ret->denial);
		lease_news_denied(ledger, &waiter->request, LEASE_NEWS_TIMED_OUT, &ret->denial,
				  now_us);
	}
	lease_waiter_drop(ledger, waiter);
}

/* One whose time is over, if next_wait_us says that there may be any. */
static bool next_end(struct lease_ledger *ledger, uint64_t now_us, struct lease_result *ret)
{
	uint64_t next_us = UINT64_MAX;

	if (now_us < ledger->next_wait_us)
		return false;
	for (uint32_t i = 0; i < LEASE_WAITERS; i++) {
		struct lease_waiter *waiter = &ledger->waiter[i];

		if (!waiter->used)
			continue;
		if (waiter->until_us <= now_us) {
			tell_end(ledger, waiter, now_us, ret);
			return true;
		}
		next_us = min_u64(next_us, waiter->until_us);
	}
	ledger->next_wait_us = next_us;
	return false;
}

/* The first of the component, if there is room for it. One that a quota keeps out is denied. */
static bool serve(struct lease_ledger *ledger, uint32_t component, uint64_t now_us,
		  struct lease_result *ret)
{
	struct lease_waiter *waiter = first_of(ledger, component, now_us);
	enum lease_reason reason;

	if (!waiter)
		return false;
	if (!lease_try(ledger, &waiter->request, now_us, ret, &reason)) {
		if (reason < LEASE_WHY_QUOTA_CLIENT && reason != LEASE_WHY_NEVER)
			return false;
		ret->outcome = LEASE_DENIED;
		ret->denial.reason = reason;
		ledger->account[component].denied++;
		lease_tell_denial(ledger, &waiter->request, now_us, &ret->denial);
		lease_news_denied(ledger, &waiter->request, LEASE_NEWS_DENIED, &ret->denial,
				  now_us);
	}
	lease_waiter_drop(ledger, waiter);
	return true;
}

bool lease_next(struct lease_ledger *ledger, uint64_t now_us, struct lease_result *ret)
{
	expire_leases(ledger, now_us);
	if (!ledger->waiting)
		return false;
	if (next_end(ledger, now_us, ret))
		return true;
	for (uint32_t i = 0; i < ledger->component_count; i++) {
		if (!(ledger->stirred & 1U << i) || !ledger->account[i].waiting)
			continue;
		if (serve(ledger, i, now_us, ret))
			return true;
		ledger->stirred &= ~(1U << i);
	}
	return false;
}

uint64_t lease_next_us(const struct lease_ledger *ledger)
{
	uint64_t expires_us = UINT64_MAX;

	lease_expiry_first(ledger, &expires_us);
	expires_us = min_u64(expires_us, ledger->next_deadline_us);
	return ledger->waiting ? min_u64(expires_us, ledger->next_wait_us) : expires_us;
}
