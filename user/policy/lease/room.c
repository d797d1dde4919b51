// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is free for a lease. The last frame says what components use; what was promised since, and
 * what was promised before and is not in use yet, is kept here as sums that each change of a lease
 * or of a leaf's use moves, so that no request adds anything up.
 */
#include "user/policy/lease/inside.h"
#include "user/policy/num.h"

#define DENIED_US (2 * US_PER_SEC) /* a denial is demand for so long: until a frame has seen it */

/* ---- leaves ---- */

uint64_t lease_before(const struct lease_leaf *leaf)
{
	return leaf->held_bytes ? leaf->before_bytes : leaf->use_bytes;
}

/* What it may use by right before its leases are used up: its use of before, and them. */
static uint64_t leaf_right(const struct lease_leaf *leaf)
{
	return add_sat(lease_before(leaf), leaf->held_bytes);
}

static uint64_t leaf_takes(const struct lease_leaf *leaf)
{
	return max_u64(leaf->use_bytes, leaf->reserved_bytes);
}

static uint64_t leaf_beyond(const struct lease_leaf *leaf)
{
	return leaf->held_bytes ? sub_sat(leaf_right(leaf), leaf_takes(leaf)) : 0;
}

static void leaf_hold(struct lease_ledger *ledger, struct lease_leaf *leaf, int64_t bytes)
{
	struct lease_account *account = &ledger->account[leaf->component];

	account->beyond_bytes -= leaf_beyond(leaf);
	leaf->before_bytes = lease_before(leaf);
	leaf->held_bytes += (uint64_t)bytes;
	account->beyond_bytes += leaf_beyond(leaf);
}

uint32_t lease_leaves(const struct lease_ledger *ledger, uint64_t ret_leaf[LEASE_CLIENTS])
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < LEASE_LEAVES; i++)
		if (ledger->leaf[i].clients)
			ret_leaf[count++] = ledger->leaf[i].cgid;
	return count;
}

void lease_leaf_use(struct lease_ledger *ledger, uint64_t cgid, uint64_t use_bytes,
		    uint64_t reserved_bytes)
{
	for (uint32_t i = 0; i < LEASE_LEAVES; i++) {
		struct lease_leaf *leaf = &ledger->leaf[i];
		struct lease_account *account = &ledger->account[leaf->component];

		if (leaf->cgid != cgid || !leaf->clients)
			continue;
		account->beyond_bytes -= leaf_beyond(leaf);
		leaf->use_bytes = use_bytes;
		leaf->reserved_bytes = reserved_bytes;
		leaf->before_bytes = min_u64(leaf->before_bytes, use_bytes);
		account->beyond_bytes += leaf_beyond(leaf);
		return;
	}
}

uint64_t lease_leaf_firm(const struct lease_ledger *ledger, uint64_t cgid)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < LEASE_CLIENTS; i++) {
		const struct lease_client *c = &ledger->client[i];

		if (c->used && c->leaf != LEASE_LEAVES && ledger->leaf[c->leaf].cgid == cgid)
			sum = add_sat(sum, c->firm_bytes[c->place.component]);
	}
	return sum;
}

static uint32_t leaf_find(const struct lease_ledger *ledger, uint64_t cgid)
{
	for (uint32_t i = 0; i < LEASE_LEAVES; i++)
		if (ledger->leaf[i].clients && ledger->leaf[i].cgid == cgid)
			return i;
	return LEASE_LEAVES;
}

/* There are as many places as clients. */
static uint32_t leaf_make(struct lease_ledger *ledger, const struct lease_place *place)
{
	for (uint32_t i = 0; i < LEASE_LEAVES; i++)
		if (!ledger->leaf[i].clients) {
			ledger->leaf[i] = (struct lease_leaf){
				.cgid = place->leaf,
				.component = place->component,
				.use_bytes = place->use_bytes,
				.reserved_bytes = place->reserved_bytes,
			};
			return i;
		}
	return LEASE_LEAVES;
}

/* The least that its leases in the leaf's component were given beside. */
static uint64_t least_before(const struct lease_ledger *ledger, const struct lease_client *client)
{
	uint64_t least = UINT64_MAX;

	for (uint16_t at = client->first; at != LEASE_NONE; at = ledger->node[at].next)
		if (ledger->node[at].component == client->place.component)
			least = min_u64(least, ledger->slot[at].before_bytes);
	return least;
}

void lease_leaf_enter(struct lease_ledger *ledger, uint32_t client)
{
	struct lease_client *c = &ledger->client[client];
	struct lease_leaf *leaf;
	uint64_t held;

	if (c->place.component == COMPONENT_NONE || !c->place.leaf)
		return;
	c->leaf = leaf_find(ledger, c->place.leaf);
	if (c->leaf == LEASE_LEAVES)
		c->leaf = leaf_make(ledger, &c->place);
	leaf = &ledger->leaf[c->leaf];
	leaf->clients++;
	held = c->held_bytes[c->place.component];
	if (!held)
		return;
	ledger->account[c->place.component].outside_bytes -= held;
	leaf_hold(ledger, leaf, (int64_t)held);
	ledger->account[c->place.component].beyond_bytes -= leaf_beyond(leaf);
	leaf->before_bytes = min_u64(leaf->before_bytes, least_before(ledger, c));
	ledger->account[c->place.component].beyond_bytes += leaf_beyond(leaf);
}

void lease_leaf_leave(struct lease_ledger *ledger, uint32_t client)
{
	struct lease_client *c = &ledger->client[client];
	uint64_t held;

	if (c->leaf == LEASE_LEAVES)
		return;
	held = c->held_bytes[c->place.component];
	leaf_hold(ledger, &ledger->leaf[c->leaf], -(int64_t)held);
	ledger->account[c->place.component].outside_bytes += held;
	ledger->leaf[c->leaf].clients--;
	c->leaf = LEASE_LEAVES;
}

void lease_book(struct lease_ledger *ledger, uint32_t client, uint32_t component, int64_t bytes)
{
	struct lease_client *c = &ledger->client[client];
	struct lease_account *account = &ledger->account[component];

	c->held_bytes[component] += (uint64_t)bytes;
	account->leased_bytes += (uint64_t)bytes;
	if (c->leaf != LEASE_LEAVES && c->place.component == component)
		leaf_hold(ledger, &ledger->leaf[c->leaf], bytes);
	else
		account->outside_bytes += (uint64_t)bytes;
}

/* ---- what is free ---- */

void lease_look(struct lease_ledger *ledger, const struct lease_headroom *headroom)
{
	ledger->headroom = *headroom;
	ledger->stirred = UINT32_MAX;
}

uint64_t lease_promised(const struct lease_ledger *ledger, uint32_t component)
{
	const struct lease_account *account = &ledger->account[component];

	return account->outside_bytes + account->beyond_bytes +
	       sub_sat(account->pool_bytes, account->pool_use_bytes);
}

static uint64_t promised_sum(const struct lease_ledger *ledger)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < ledger->component_count; i++)
		sum += lease_promised(ledger, i);
	return sum;
}

static uint64_t spoken_for(const struct lease_ledger *ledger, uint32_t component)
{
	return add_sat(ledger->headroom.component[component].used_bytes,
		       lease_promised(ledger, component));
}

/* What its leaf has already, so that a lease of so much takes nothing from anybody. */
static uint64_t slack(const struct lease_ledger *ledger, uint32_t client, uint32_t component)
{
	const struct lease_client *c;
	const struct lease_leaf *leaf;

	if (client == LEASE_NO_CLIENT)
		return 0;
	c = &ledger->client[client];
	if (c->leaf == LEASE_LEAVES || c->place.component != component)
		return 0;
	leaf = &ledger->leaf[c->leaf];
	return sub_sat(leaf_takes(leaf), leaf_right(leaf));
}

uint64_t lease_free_bytes(const struct lease_ledger *ledger, uint32_t client, uint32_t component,
			  bool revocable, enum lease_reason *ret_reason)
{
	const struct lease_headroom *h = &ledger->headroom;
	uint64_t limit = revocable ? h->component[component].limit_bytes
				   : h->component[component].budget_bytes;
	uint64_t room = sub_sat(limit, spoken_for(ledger, component));
	uint64_t host =
		h->host_valid ? sub_sat(h->host_free_bytes, promised_sum(ledger)) : UINT64_MAX;

	*ret_reason = host < room ? LEASE_WHY_HOST : LEASE_WHY_BUDGET;
	return add_sat(min_u64(room, host), slack(ledger, client, component));
}

uint64_t lease_borrowed(const struct lease_ledger *ledger, uint32_t client, uint32_t component,
			uint64_t bytes)
{
	uint64_t more = sub_sat(bytes, slack(ledger, client, component));
	uint64_t after = add_sat(spoken_for(ledger, component), more);

	return min_u64(more, sub_sat(after, ledger->headroom.component[component].budget_bytes));
}

uint64_t lease_most(const struct lease_ledger *ledger, uint32_t component, bool revocable)
{
	const struct lease_headroom *h = &ledger->headroom;

	return revocable && h->component[component].borrows ? h->usable_bytes
							    : h->component[component].budget_bytes;
}

bool lease_level_lets(const struct lease_ledger *ledger, uint32_t component, uint32_t priority)
{
	enum level level = ledger->headroom.component[component].level;

	return level < LEVEL_CRITICAL || (level == LEVEL_CRITICAL && priority >= 9);
}

/* ---- who has it ---- */

static void add_holder(struct lease_denial *denial, const struct lease_holder *holder)
{
	uint32_t at = denial->holder_count;

	while (at && denial->holder[at - 1].bytes < holder->bytes)
		at--;
	if (at == LEASE_HOLDERS)
		return;
	if (denial->holder_count < LEASE_HOLDERS)
		denial->holder_count++;
	for (uint32_t i = denial->holder_count - 1; i > at; i--)
		denial->holder[i] = denial->holder[i - 1];
	denial->holder[at] = *holder;
}

/* Each by itself, with the process that made it. */
static void find_pools(const struct lease_ledger *ledger, uint32_t component,
		       struct lease_denial *denial)
{
	for (uint32_t i = 0; i < LEASE_POOLS; i++) {
		const struct lease_pool *pool = &ledger->pool[i];
		struct lease_holder holder = {
			.bytes = pool->bytes,
			.uid = pool->words.owner_uid,
			.pid = pool->pid,
			.component = component,
		};

		if (pool->state == LEASE_POOL_LIVE && pool->component == component)
			add_holder(denial, &holder);
	}
}

static void find_holders(const struct lease_ledger *ledger, uint32_t component,
			 struct lease_denial *denial)
{
	for (uint32_t i = 0; i < LEASE_CLIENTS; i++) {
		const struct lease_client *client = &ledger->client[i];
		struct lease_holder holder = {
			.bytes = client->held_bytes[component],
			.uid = client->identity.uid,
			.pid = client->identity.pid,
			.component = component,
		};

		if (client->used && holder.bytes)
			add_holder(denial, &holder);
	}
	find_pools(ledger, component, denial);
}

static uint64_t retry_after(const struct lease_ledger *ledger, uint64_t now_us)
{
	uint64_t expires_us = UINT64_MAX;

	lease_expiry_first(ledger, &expires_us);
	return max_u64(min_u64(sub_sat(expires_us, now_us), LEASE_LOOK_US), US_PER_MS);
}

void lease_tell_denial(struct lease_ledger *ledger, const struct lease_request *request,
		       uint64_t now_us, struct lease_denial *denial)
{
	struct lease_account *account = &ledger->account[request->component];
	enum lease_reason reason;

	denial->level = ledger->headroom.component[request->component].level;
	denial->asked_bytes = request->adaptive ? request->min_bytes : request->bytes;
	denial->available_bytes = lease_free_bytes(ledger, lease_uses_own(request),
						   request->component, request->revocable, &reason);
	denial->retry_after_us =
		denial->reason == LEASE_WHY_NEVER ? 0 : retry_after(ledger, now_us);
	for (uint32_t i = 0; i < ledger->component_count; i++) {
		if (denial->reason != LEASE_WHY_HOST && i != request->component)
			continue;
		denial->held_bytes = add_sat(denial->held_bytes, spoken_for(ledger, i));
		find_holders(ledger, i, denial);
	}
	if (denial->reason == LEASE_WHY_NEVER)
		return;
	if (now_us - account->denied_at_us >= DENIED_US)
		account->denied_bytes = 0;
	account->denied_bytes = max_u64(account->denied_bytes, denial->asked_bytes);
	account->denied_at_us = now_us;
}

static uint64_t waited_for(const struct lease_ledger *ledger, uint32_t component)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; ledger->account[component].waiting && i < LEASE_WAITERS; i++) {
		const struct lease_request *request = &ledger->waiter[i].request;

		if (ledger->waiter[i].used && !ledger->waiter[i].gone &&
		    request->component == component)
			sum = add_sat(sum, request->adaptive ? request->min_bytes : request->bytes);
	}
	return sum;
}

static uint64_t wanted(const struct lease_ledger *ledger, uint32_t component, uint64_t now_us)
{
	const struct lease_account *account = &ledger->account[component];
	uint64_t right = sub_sat(ledger->headroom.component[component].budget_bytes,
				 spoken_for(ledger, component));
	uint64_t denied = now_us - account->denied_at_us < DENIED_US ? account->denied_bytes : 0;

	return min_u64(right, max_u64(waited_for(ledger, component), denied));
}

void lease_component_view(const struct lease_ledger *ledger, uint32_t component, uint64_t now_us,
			  struct lease_component_view *ret_view)
{
	const struct lease_account *account = &ledger->account[component];

	*ret_view = (struct lease_component_view){
		.leases = account->leases,
		.waiting = account->waiting,
		.leased_bytes = account->leased_bytes,
		.pools = account->pools,
		.pool_bytes = account->pool_bytes,
		.promised_bytes = lease_promised(ledger, component),
		.spoken_bytes = spoken_for(ledger, component),
		.wanted_bytes = wanted(ledger, component, now_us),
		.granted = account->granted,
		.denied = account->denied,
		.timed_out = account->timed_out,
		.revoked = account->revoked,
		.revoked_bytes = account->revoked_bytes,
	};
}
