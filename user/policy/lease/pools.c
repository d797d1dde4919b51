// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pools, each of which stands as long as a lease is of it: its owner's, or that of one who
 * attached it. All that is known of a pool is in the slots of these leases, so that the table comes
 * back with them. Its bytes count once, for its component, whoever has it; of what has ended the
 * place in the table is kept until that was told, as the caller keeps something by it too.
 */
#include <stddef.h>
#include <string.h>

#include "user/base/text.h"
#include "user/policy/lease/inside.h"
#include "user/policy/num.h"

uint32_t lease_pool_find(const struct lease_ledger *ledger, uint64_t id)
{
	for (uint32_t i = 0; i < LEASE_POOLS; i++)
		if (ledger->pool[i].state == LEASE_POOL_LIVE && ledger->pool[i].words.id == id)
			return i;
	return LEASE_NO_POOL;
}

static uint32_t free_place(const struct lease_ledger *ledger)
{
	for (uint32_t i = 0; i < LEASE_POOLS; i++)
		if (ledger->pool[i].state == LEASE_POOL_NONE)
			return i;
	return LEASE_NO_POOL;
}

enum lease_reason lease_pool_quota(const struct lease_ledger *ledger, uint32_t uid)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < LEASE_POOLS; i++)
		count += ledger->pool[i].state == LEASE_POOL_LIVE &&
			 ledger->pool[i].words.owner_uid == uid;
	if (uid && count >= LEASE_POOLS_USER)
		return LEASE_WHY_QUOTA_USER;
	return free_place(ledger) == LEASE_NO_POOL ? LEASE_WHY_QUOTA : LEASE_WHY_NONE;
}

/* An orphan's name is nobody's. */
bool lease_pool_name_is_free(const struct lease_ledger *ledger, uint32_t uid, const char *name)
{
	for (uint32_t i = 0; i < LEASE_POOLS; i++) {
		const struct lease_pool *pool = &ledger->pool[i];

		if (pool->state == LEASE_POOL_LIVE && pool->owner != LEASE_SLOTS &&
		    pool->words.owner_uid == uid && !strcmp(pool->words.name, name))
			return false;
	}
	return true;
}

/* ---- they come and go ---- */

static void count(struct lease_ledger *ledger, const struct lease_pool *pool, int by)
{
	struct lease_account *account = &ledger->account[pool->component];

	account->pools += (uint32_t)by;
	account->pool_bytes += (uint64_t)((int64_t)pool->bytes * by);
}

static struct lease_pool *start(struct lease_ledger *ledger, uint32_t slot)
{
	struct lease_pool *pool = &ledger->pool[free_place(ledger)];

	*pool = (struct lease_pool){
		.state = LEASE_POOL_LIVE,
		.component = ledger->node[slot].component,
		.owner = LEASE_SLOTS,
		.bytes = lease_slot_bytes(ledger, slot),
		.since_us = ledger->slot[slot].since_us,
		.words = ledger->slot[slot].pool,
	};
	count(ledger, pool, 1);
	return pool;
}

void lease_pool_enter(struct lease_ledger *ledger, uint32_t slot)
{
	const struct lease_slot *s = &ledger->slot[slot];
	uint32_t index = lease_pool_find(ledger, s->pool.id);
	struct lease_pool *pool =
		index == LEASE_NO_POOL ? start(ledger, slot) : &ledger->pool[index];

	if (s->flags & LEASE_READER) {
		pool->readers++;
		return;
	}
	pool->owner = slot;
	pool->pid = s->pid;
	pool->since_us = s->since_us;
	pool->words = s->pool;
}

void lease_pool_leave(struct lease_ledger *ledger, uint32_t slot)
{
	const struct lease_slot *s = &ledger->slot[slot];
	struct lease_pool *pool = &ledger->pool[lease_pool_find(ledger, s->pool.id)];

	if (s->flags & LEASE_READER) {
		pool->readers--;
	} else {
		pool->owner = LEASE_SLOTS;
		pool->orphaned = pool->readers;
	}
	ledger->pool_news = true;
	if (pool->owner != LEASE_SLOTS || pool->readers)
		return;
	count(ledger, pool, -1);
	pool->state = LEASE_POOL_ENDED;
}

/* ---- what was found ---- */

static bool words_are_good(const struct lease_pool_words *words)
{
	return words->id && memchr(words->name, 0, UW_NAME_LEN) && text_is_name(words->name) &&
	       !(words->mode & ~0666U);
}

bool lease_pool_takes(const struct lease_ledger *ledger, uint32_t slot, uint32_t component)
{
	const struct lease_slot *s = &ledger->slot[slot];
	bool reads = s->flags & LEASE_READER;
	const struct lease_pool *pool;
	uint32_t index;

	if (!words_are_good(&s->pool) || reads == (s->pool.id == lease_id(s->generation, slot)))
		return false;
	index = lease_pool_find(ledger, s->pool.id);
	if (index == LEASE_NO_POOL)
		return free_place(ledger) != LEASE_NO_POOL;
	pool = &ledger->pool[index];
	return pool->component == component && pool->bytes == lease_slot_bytes(ledger, slot) &&
	       (reads || pool->owner == LEASE_SLOTS);
}

void lease_pools_renumber(struct lease_ledger *ledger, const uint8_t to[static UW_COMPONENTS_MAX])
{
	for (uint32_t i = 0; i < LEASE_POOLS; i++) {
		struct lease_pool *pool = &ledger->pool[i];

		if (pool->state == LEASE_POOL_NONE)
			continue;
		if (pool->component < UW_COMPONENTS_MAX)
			pool->component = to[pool->component] == UINT8_MAX ? COMPONENT_NONE
									   : to[pool->component];
		if (pool->state == LEASE_POOL_LIVE)
			count(ledger, pool, 1);
	}
}

/* ---- what is to be told ---- */

void lease_pools_use(struct lease_ledger *ledger, uint32_t component, uint64_t use_bytes)
{
	ledger->account[component].pool_use_bytes = use_bytes;
}

void lease_pool_made(struct lease_ledger *ledger, uint32_t index, uint64_t inode)
{
	struct lease_pool *pool = &ledger->pool[index];

	pool->words.inode = inode;
	if (pool->owner != LEASE_SLOTS)
		ledger->slot[pool->owner].pool.inode = inode;
}

bool lease_pool_next(struct lease_ledger *ledger, struct lease_pool_news *ret_news)
{
	for (uint32_t i = 0; ledger->pool_news && i < LEASE_POOLS; i++) {
		struct lease_pool *pool = &ledger->pool[i];

		if (pool->state != LEASE_POOL_ENDED && !pool->orphaned)
			continue;
		*ret_news = (struct lease_pool_news){
			.ended = pool->state == LEASE_POOL_ENDED,
			.index = i,
			.component = pool->component,
			.id = pool->words.id,
		};
		pool->orphaned = false;
		if (ret_news->ended)
			pool->state = LEASE_POOL_NONE;
		return true;
	}
	ledger->pool_news = false;
	return false;
}

bool lease_pool_read(const struct lease_ledger *ledger, uint32_t index,
		     struct lease_pool_view *ret_view)
{
	uint32_t owner = LEASE_NO_CLIENT;
	const struct lease_pool *pool;

	if (index >= LEASE_POOLS || ledger->pool[index].state != LEASE_POOL_LIVE)
		return false;
	pool = &ledger->pool[index];
	if (pool->owner != LEASE_SLOTS)
		owner = ledger->node[pool->owner].client;
	*ret_view = (struct lease_pool_view){
		.id = pool->words.id,
		.bytes = pool->bytes,
		.inode = pool->words.inode,
		.since_us = pool->since_us,
		.component = pool->component,
		.uid = pool->words.owner_uid,
		.pid = pool->pid,
		.owner = owner,
		.readers = pool->readers,
		.share_uid = pool->words.uid,
		.share_gid = pool->words.gid,
		.share_mode = pool->words.mode,
		.awaited = owner != LEASE_NO_CLIENT && ledger->client[owner].awaited_until_us,
		.name = pool->words.name,
	};
	return true;
}
