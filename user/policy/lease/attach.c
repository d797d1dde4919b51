// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is done with a pool that is there: its owner says who else may have it, and who does has a
 * lease of it, which keeps the pool when its owner goes, and counts nothing.
 */
#include <errno.h>
#include <stddef.h>

#include "user/policy/lease/inside.h"

uint32_t lease_pool_of(const struct lease_ledger *ledger, uint32_t client, uint64_t lease)
{
	uint32_t slot = lease_slot_of(ledger, client, lease);

	if (slot == LEASE_SLOTS || !lease_slot_is_pool(ledger, slot))
		return LEASE_NO_POOL;
	return lease_pool_find(ledger, ledger->slot[slot].pool.id);
}

int lease_pool_share(struct lease_ledger *ledger, uint32_t client, uint64_t id, uint32_t uid,
		     uint32_t gid, uint32_t mode)
{
	uint32_t slot = lease_slot_of(ledger, client, id), index;
	struct lease_pool_words *words;

	if (mode & ~0666U)
		return -EINVAL;
	if (slot == LEASE_SLOTS || !lease_slot_is_pool(ledger, slot) ||
	    ledger->slot[slot].flags & LEASE_READER)
		return LEASE_STALE;
	words = &ledger->slot[slot].pool;
	/* Torn by a kill it must not be open to more than either: closed first. */
	words->mode = 0;
	atomic_signal_fence(memory_order_seq_cst);
	words->uid = uid;
	words->gid = gid;
	atomic_signal_fence(memory_order_seq_cst);
	words->mode = mode;
	index = lease_pool_find(ledger, id);
	ledger->pool[index].words = *words;
	return 0;
}

static uint32_t reader_slot(const struct lease_ledger *ledger, uint32_t client, uint64_t pool)
{
	for (uint16_t at = ledger->client[client].first; at != LEASE_NONE;
	     at = ledger->node[at].next)
		if (lease_slot_is_pool(ledger, at) && ledger->slot[at].pool.id == pool)
			return at;
	return LEASE_SLOTS;
}

bool lease_pool_reader(const struct lease_ledger *ledger, uint32_t index, uint32_t client,
		       uint64_t *ret_lease)
{
	const struct lease_pool *pool = &ledger->pool[index];
	uint32_t slot;

	if (!ledger->client[client].used)
		return false;
	slot = reader_slot(ledger, client, pool->words.id);
	if (slot == LEASE_SLOTS || !(ledger->slot[slot].flags & LEASE_READER))
		return false;
	*ret_lease = lease_id(ledger->slot[slot].generation, slot);
	return true;
}

static int may_attach(const struct lease_ledger *ledger, uint32_t client, uint32_t index)
{
	const struct lease_pool *pool = &ledger->pool[index];
	const struct lease_client *c = &ledger->client[client];

	if (pool->owner == LEASE_SLOTS)
		return -ESTALE;
	if (reader_slot(ledger, client, pool->words.id) != LEASE_SLOTS)
		return -EEXIST;
	if (c->leases >= LEASE_SLOTS_CLIENT || !lease_room_left(ledger) ||
	    (c->identity.uid && ledger->user[c->user].leases >= LEASE_SLOTS_USER))
		return -EDQUOT;
	return 0;
}

void lease_pool_attach(struct lease_ledger *ledger, uint32_t client, uint32_t index,
		       uint64_t now_us, struct lease_result *ret)
{
	const struct lease_pool *pool = &ledger->pool[index];
	struct lease_request request = {
		.client = client,
		.component = pool->component,
		.priority = PRIORITY_MIN,
	};
	int rc = may_attach(ledger, client, index);
	uint32_t slot;

	*ret = (struct lease_result){.error = rc, .client = client};
	if (rc)
		return;
	slot = lease_slot_take(ledger, &request, &pool->words, pool->bytes, 0, now_us);
	ret->id = lease_id(ledger->slot[slot].generation, slot);
	ret->bytes = pool->bytes;
}
