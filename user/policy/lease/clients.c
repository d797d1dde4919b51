// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who holds leases and who waits. A client is a connection of a process, known by a key that only
 * it was told; it is gone with its connection or its process, and then all that it had is free. One
 * whose leases were found in the file is awaited for a while. One that comes back says what it has:
 * what only the ledger knows of is freed, what only the client knows of is stale.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "user/base/text.h"
#include "user/policy/lease/inside.h"
#include "user/policy/num.h"

/* ---- users ---- */

static uint32_t find_user(const struct lease_ledger *ledger, uint32_t uid)
{
	for (uint32_t i = 0; i < LEASE_CLIENTS; i++)
		if (ledger->user[i].clients && ledger->user[i].uid == uid)
			return i;
	return LEASE_CLIENTS;
}

/* There are as many places as clients. */
static uint32_t enter_user(struct lease_ledger *ledger, uint32_t uid)
{
	uint32_t at = find_user(ledger, uid);

	for (uint32_t i = 0; at == LEASE_CLIENTS && i < LEASE_CLIENTS; i++)
		if (!ledger->user[i].clients) {
			ledger->user[i] = (struct lease_user){.uid = uid};
			at = i;
		}
	ledger->user[at].clients++;
	return at;
}

int lease_client_may_join(const struct lease_ledger *ledger, uint32_t uid)
{
	uint32_t user = find_user(ledger, uid);

	if (ledger->clients >= (uid ? LEASE_CLIENTS - LEASE_CLIENTS_ROOT : LEASE_CLIENTS))
		return -ENFILE;
	return uid && user < LEASE_CLIENTS && ledger->user[user].clients >= LEASE_CLIENTS_USER
		       ? -EMFILE
		       : 0;
}

/* ---- they come and go ---- */

uint32_t lease_client_add(struct lease_ledger *ledger, const struct lease_identity *identity)
{
	for (uint32_t i = 0; i < LEASE_CLIENTS; i++) {
		if (ledger->client[i].used)
			continue;
		ledger->client[i] = (struct lease_client){
			.used = true,
			.identity = *identity,
			.place.component = COMPONENT_NONE,
			.user = enter_user(ledger, identity->uid),
			.leaf = LEASE_LEAVES,
			.first = LEASE_NONE,
		};
		for (uint32_t k = 0; k < UW_COMPONENTS_MAX; k++)
			ledger->client[i].credit[k].slot = LEASE_NONE;
		ledger->clients++;
		return i;
	}
	return LEASE_NO_CLIENT;
}

int lease_client_join(struct lease_ledger *ledger, const struct lease_identity *identity,
		      const struct lease_place *place, uint32_t *ret_client)
{
	int rc = lease_client_may_join(ledger, identity->uid);

	if (rc)
		return rc;
	*ret_client = lease_client_add(ledger, identity);
	lease_client_move(ledger, *ret_client, place);
	return 0;
}

void lease_client_move(struct lease_ledger *ledger, uint32_t client,
		       const struct lease_place *place)
{
	lease_leaf_leave(ledger, client);
	ledger->client[client].place = *place;
	lease_leaf_enter(ledger, client);
}

void lease_client_attend(struct lease_ledger *ledger, uint32_t client)
{
	struct lease_client *c = &ledger->client[client];

	c->attends = true;
	for (uint16_t at = c->first; at != LEASE_NONE; at = ledger->node[at].next)
		ledger->slot[at].flags |= LEASE_ATTENDED;
}

static bool is_same(const struct lease_identity *a, const struct lease_identity *b)
{
	return a->key == b->key && a->pid == b->pid && a->start_ticks == b->start_ticks &&
	       a->uid == b->uid;
}

uint32_t lease_client_find(const struct lease_ledger *ledger, const struct lease_identity *identity)
{
	for (uint32_t i = 0; i < LEASE_CLIENTS; i++)
		if (ledger->client[i].used && ledger->client[i].awaited_until_us &&
		    is_same(&ledger->client[i].identity, identity))
			return i;
	return LEASE_NO_CLIENT;
}

void lease_client_return(struct lease_ledger *ledger, uint32_t client)
{
	ledger->client[client].awaited_until_us = 0;
}

bool lease_client_is_awaited(const struct lease_ledger *ledger, uint32_t client,
			     uint64_t *ret_until_us)
{
	*ret_until_us = ledger->client[client].awaited_until_us;
	return ledger->client[client].used && *ret_until_us;
}

bool lease_client_read(const struct lease_ledger *ledger, uint32_t client,
		       struct lease_identity *ret_identity)
{
	if (client >= LEASE_CLIENTS || !ledger->client[client].used)
		return false;
	*ret_identity = ledger->client[client].identity;
	return true;
}

static uint32_t drop_leases(struct lease_ledger *ledger, uint32_t client, bool unseen_only)
{
	uint16_t at = ledger->client[client].first;
	uint32_t count = 0;

	while (at != LEASE_NONE) {
		uint16_t next = ledger->node[at].next;
		bool keep = unseen_only && ledger->node[at].seen;

		ledger->node[at].seen = false;
		if (!keep && !(unseen_only && lease_credit_fold(ledger, at))) {
			lease_slot_drop(ledger, at);
			count++;
		}
		at = next;
	}
	return count;
}

static void drop_waiters(struct lease_ledger *ledger, uint32_t client)
{
	for (uint32_t i = 0; ledger->client[client].waiters && i < LEASE_WAITERS; i++)
		if (ledger->waiter[i].used && ledger->waiter[i].request.client == client)
			lease_waiter_drop(ledger, &ledger->waiter[i]);
}

uint32_t lease_client_leave(struct lease_ledger *ledger, uint32_t client)
{
	struct lease_client *c = &ledger->client[client];
	uint32_t count;

	if (!c->used)
		return 0;
	drop_waiters(ledger, client);
	count = drop_leases(ledger, client, false);
	lease_leaf_leave(ledger, client);
	ledger->user[c->user].clients--;
	ledger->clients--;
	c->used = false;
	return count;
}

/* ---- both lists compared ---- */

int lease_list_see(struct lease_ledger *ledger, uint32_t client, uint64_t id)
{
	uint32_t slot = lease_slot_of(ledger, client, id);

	if (slot == LEASE_SLOTS)
		return LEASE_STALE;
	ledger->node[slot].seen = true;
	return 0;
}

uint32_t lease_list_end(struct lease_ledger *ledger, uint32_t client)
{
	return drop_leases(ledger, client, true);
}

/* ---- another configuration ---- */

static void renumber_credits(struct lease_client *client,
			     const uint8_t to[static UW_COMPONENTS_MAX])
{
	struct lease_credit before[UW_COMPONENTS_MAX];

	memcpy(before, client->credit, sizeof(before));
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++)
		client->credit[i] = (struct lease_credit){.slot = LEASE_NONE};
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++)
		if (before[i].slot != LEASE_NONE)
			client->credit[to[i]] = before[i];
}

/* What was booked under old indices is booked off, and anew under the new ones. */
static void renumber_leases(struct lease_ledger *ledger, uint32_t client,
			    const uint8_t to[static UW_COMPONENTS_MAX])
{
	struct lease_client *c = &ledger->client[client];

	memset(c->held_bytes, 0, sizeof(c->held_bytes));
	memset(c->firm_bytes, 0, sizeof(c->firm_bytes));
	renumber_credits(c, to);
	for (uint16_t at = c->first; at != LEASE_NONE; at = ledger->node[at].next) {
		struct lease_node *node = &ledger->node[at];

		node->component = to[node->component];
		if (lease_slot_is_pool(ledger, at))
			continue;
		ledger->account[node->component].leases++;
		lease_slot_kinds(ledger, at, 1);
		lease_book(ledger, client, node->component, (int64_t)lease_slot_bytes(ledger, at));
	}
}

static void drop_gone(struct lease_ledger *ledger, const uint8_t to[static UW_COMPONENTS_MAX])
{
	for (uint32_t i = 0; i < ledger->room; i++)
		if (atomic_load_explicit(&ledger->slot[i].state, memory_order_relaxed) ==
			    LEASE_HELD &&
		    to[ledger->node[i].component] == UINT8_MAX) {
			lease_slot_drop(ledger, i);
			ledger->revoked++;
		}
}

static void renumber_waiters(struct lease_ledger *ledger,
			     const uint8_t to[static UW_COMPONENTS_MAX])
{
	for (uint32_t i = 0; i < LEASE_WAITERS; i++) {
		struct lease_waiter *waiter = &ledger->waiter[i];

		if (!waiter->used || waiter->gone)
			continue;
		if (to[waiter->request.component] == UINT8_MAX) {
			waiter->gone = true;
			waiter->until_us = ledger->next_wait_us = 0;
			continue;
		}
		waiter->request.component = to[waiter->request.component];
		ledger->account[waiter->request.component].waiting++;
	}
}

/* Accounts of the new components, with the counters of those that stay; where each goes. */
static void renumber_accounts(struct lease_ledger *ledger, const struct config *config,
			      uint8_t to[static UW_COMPONENTS_MAX])
{
	struct lease_account before[UW_COMPONENTS_MAX];
	uint32_t count = ledger->component_count;

	memcpy(before, ledger->account, sizeof(before));
	memset(ledger->account, 0, sizeof(ledger->account));
	for (uint32_t i = 0; i < config->component_count; i++) {
		struct lease_account *account = &ledger->account[i];

		memcpy(account->name, config->component[i].name, UW_NAME_LEN);
		for (uint32_t k = 0; k < count; k++) {
			if (strcmp(before[k].name, account->name) != 0)
				continue;
			to[k] = (uint8_t)i;
			account->granted = before[k].granted;
			account->denied = before[k].denied;
			account->timed_out = before[k].timed_out;
			account->revoked = before[k].revoked;
			account->revoked_bytes = before[k].revoked_bytes;
			account->news_count = before[k].news_count;
			memcpy(account->news, before[k].news, sizeof(account->news));
			lease_news_renumber(account, to);
		}
	}
	ledger->component_count = config->component_count;
}

void lease_configure(struct lease_ledger *ledger, const struct config *config)
{
	uint8_t to[UW_COMPONENTS_MAX];

	memset(to, UINT8_MAX, sizeof(to));
	for (uint32_t i = 0; i < ledger->component_count; i++) {
		int index = config_find(config, ledger->account[i].name);

		to[i] = index < 0 ? UINT8_MAX : (uint8_t)index;
	}
	ledger->client_max = (uint32_t)min_u64(config->lease_max, LEASE_SLOTS_CLIENT);
	drop_gone(ledger, to);
	for (uint32_t i = 0; i < LEASE_CLIENTS; i++)
		if (ledger->client[i].used) {
			lease_leaf_leave(ledger, i);
			ledger->client[i].place = (struct lease_place){.component = COMPONENT_NONE};
		}
	renumber_accounts(ledger, config, to);
	for (uint32_t i = 0; i < LEASE_CLIENTS; i++)
		if (ledger->client[i].used)
			renumber_leases(ledger, i, to);
	renumber_waiters(ledger, to);
	lease_pools_renumber(ledger, to);
	memset(&ledger->headroom, 0, sizeof(ledger->headroom));
}
