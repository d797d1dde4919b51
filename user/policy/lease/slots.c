// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The slots that leases lie in, and the lists over them: one of the free slots, which are used in
 * turn so that an id comes again as late as can be, and one of each client's. The words of a slot
 * are stored before its state. A slot that is cleared, on the other hand, is only marked, and keeps
 * its generation, so that an id of before finds another one there.
 */
#include <string.h>

#include "user/policy/lease/inside.h"
#include "user/policy/num.h"

unsigned long lease_ledger_size(void)
{
	return sizeof(struct lease_ledger);
}

void lease_init(struct lease_ledger *ledger, struct lease_slot *slot)
{
	ledger->slot = slot;
	ledger->free_first = ledger->free_last = LEASE_NONE;
	ledger->next_wait_us = ledger->next_deadline_us = UINT64_MAX;
}

/* ---- the lists ---- */

void lease_slot_push(struct lease_ledger *ledger, uint32_t slot)
{
	ledger->node[slot].next = LEASE_NONE;
	if (ledger->free_first == LEASE_NONE)
		ledger->free_first = (uint16_t)slot;
	else
		ledger->node[ledger->free_last].next = (uint16_t)slot;
	ledger->free_last = (uint16_t)slot;
}

static uint32_t pop_free(struct lease_ledger *ledger)
{
	uint32_t slot = ledger->free_first;

	ledger->free_first = ledger->node[slot].next;
	return slot;
}

static void link_node(struct lease_ledger *ledger, uint32_t slot, uint32_t client)
{
	struct lease_client *owner = &ledger->client[client];
	struct lease_node *node = &ledger->node[slot];

	node->client = (uint16_t)client;
	node->prev = LEASE_NONE;
	node->next = owner->first;
	if (owner->first != LEASE_NONE)
		ledger->node[owner->first].prev = (uint16_t)slot;
	owner->first = (uint16_t)slot;
}

static void unlink_node(struct lease_ledger *ledger, uint32_t slot)
{
	struct lease_node *node = &ledger->node[slot];

	if (node->prev == LEASE_NONE)
		ledger->client[node->client].first = node->next;
	else
		ledger->node[node->prev].next = node->next;
	if (node->next != LEASE_NONE)
		ledger->node[node->next].prev = node->prev;
}

/* ---- a lease comes and goes ---- */

/* What of the component's leases is borrowed, and is credit; the slot's part of it comes or goes.
 */
void lease_slot_kinds(struct lease_ledger *ledger, uint32_t slot, int sign)
{
	uint32_t component = ledger->node[slot].component;
	uint64_t *firm = &ledger->client[ledger->node[slot].client].firm_bytes[component];
	struct lease_account *account = &ledger->account[component];
	const struct lease_slot *s = &ledger->slot[slot];
	uint64_t bytes = lease_slot_bytes(ledger, slot);

	if (s->flags & LEASE_REVOCABLE)
		account->borrowed_bytes += sign > 0 ? s->borrowed_bytes : -s->borrowed_bytes;
	if (s->flags & LEASE_CREDIT)
		account->credit_bytes += sign > 0 ? bytes : -bytes;
	if (!(s->flags & (LEASE_REVOCABLE | LEASE_CREDIT)))
		*firm += sign > 0 ? bytes : -bytes;
}

void lease_slot_borrow(struct lease_ledger *ledger, uint32_t slot, uint64_t bytes)
{
	lease_slot_kinds(ledger, slot, -1);
	ledger->slot[slot].borrowed_bytes = bytes;
	lease_slot_kinds(ledger, slot, 1);
}

void lease_slot_count_in(struct lease_ledger *ledger, uint32_t slot, uint32_t client,
			 uint32_t component)
{
	struct lease_client *owner = &ledger->client[client];

	link_node(ledger, slot, client);
	ledger->node[slot].component = (uint8_t)component;
	ledger->node[slot].seen = false;
	ledger->leases++;
	owner->leases++;
	ledger->user[owner->user].leases++;
	lease_slot_kinds(ledger, slot, 1);
	if (lease_slot_is_pool(ledger, slot)) {
		lease_pool_enter(ledger, slot);
	} else {
		ledger->account[component].leases++;
		if (ledger->slot[slot].flags & LEASE_CREDIT)
			owner->credit[component] = (struct lease_credit){.slot = (uint16_t)slot};
		lease_book(ledger, client, component, (int64_t)lease_slot_bytes(ledger, slot));
	}
	lease_expiry_set(ledger, slot);
}

void lease_slots_reserve(struct lease_ledger *ledger, uint32_t client, uint32_t component,
			 int32_t count)
{
	struct lease_client *owner = &ledger->client[client];

	owner->credit[component].left = (uint16_t)(owner->credit[component].left + count);
	owner->reserved += (uint32_t)count;
	ledger->user[owner->user].reserved += (uint32_t)count;
	ledger->reserved += (uint32_t)count;
}

static void forget_credit(struct lease_ledger *ledger, uint32_t client, uint32_t component)
{
	struct lease_credit *credit = &ledger->client[client].credit[component];

	lease_slots_reserve(ledger, client, component, -credit->left);
	credit->slot = LEASE_NONE;
}

static void count_out(struct lease_ledger *ledger, uint32_t slot)
{
	struct lease_node *node = &ledger->node[slot];
	struct lease_client *owner = &ledger->client[node->client];

	if (ledger->slot[slot].flags & LEASE_CREDIT)
		forget_credit(ledger, node->client, node->component);
	lease_slot_kinds(ledger, slot, -1);
	lease_expiry_clear(ledger, slot);
	if (lease_slot_is_pool(ledger, slot)) {
		lease_pool_leave(ledger, slot);
	} else {
		lease_book(ledger, node->client, node->component,
			   -(int64_t)lease_slot_bytes(ledger, slot));
		ledger->account[node->component].leases--;
	}
	ledger->leases--;
	owner->leases--;
	ledger->user[owner->user].leases--;
	ledger->stirred = UINT32_MAX; /* what is free on the host is free for all */
	unlink_node(ledger, slot);
}

/* Never 0, so that no id is. */
static uint32_t next_generation(uint32_t generation)
{
	return generation == UINT32_MAX ? 1 : generation + 1;
}

static void write_slot(struct lease_slot *slot, const struct lease_request *request,
		       const struct lease_identity *identity, uint64_t now_us)
{
	slot->generation = next_generation(slot->generation);
	slot->since_us = now_us;
	slot->key = identity->key;
	slot->start_ticks = identity->start_ticks;
	slot->pid = identity->pid;
	slot->uid = identity->uid;
	slot->priority = request->priority;
	slot->run_s = (uint32_t)((request->run_us + US_PER_SEC - 1) / US_PER_SEC);
	memcpy(slot->text, request->text, LEASE_TEXT_LEN);
	atomic_store_explicit(&slot->expires_us, request->ttl_us ? now_us + request->ttl_us : 0,
			      memory_order_relaxed);
}

/* In place of the text. */
static void write_pool(struct lease_slot *slot, uint32_t at, const struct lease_pool_words *words)
{
	slot->pool = *words;
	slot->flags |= LEASE_POOL | (words->id ? LEASE_READER : 0U);
	slot->before_bytes = UINT64_MAX; /* its leaf has nothing to do with it */
	if (!words->id)
		slot->pool.id = lease_id(slot->generation, at);
}

uint32_t lease_slot_take(struct lease_ledger *ledger, const struct lease_request *request,
			 const struct lease_pool_words *words, uint64_t bytes,
			 uint64_t borrowed_bytes, uint64_t now_us)
{
	const struct lease_client *client = &ledger->client[request->client];
	uint32_t at = pop_free(ledger);
	struct lease_slot *slot = &ledger->slot[at];

	write_slot(slot, request, &client->identity, now_us);
	slot->borrowed_bytes = borrowed_bytes;
	slot->before_bytes =
		client->leaf == LEASE_LEAVES ? 0 : lease_before(&ledger->leaf[client->leaf]);
	slot->flags = (uint8_t)((request->revocable ? LEASE_REVOCABLE : 0U) |
				(client->attends ? LEASE_ATTENDED : 0U) |
				(request->credit ? LEASE_CREDIT : 0U) |
				(request->drawn ? LEASE_DRAWN : 0U) |
				(client->is_task ? LEASE_TASK : 0U));
	if (words)
		write_pool(slot, at, words);
	memcpy(slot->component, ledger->account[request->component].name, UW_NAME_LEN);
	atomic_store_explicit(&slot->bytes, bytes, memory_order_relaxed);
	atomic_store_explicit(&slot->state, LEASE_HELD, memory_order_release);
	lease_slot_count_in(ledger, at, request->client, request->component);
	return at;
}

void lease_slot_resize(struct lease_ledger *ledger, uint32_t slot, uint64_t bytes)
{
	struct lease_node *node = &ledger->node[slot];
	uint64_t before = lease_slot_bytes(ledger, slot);

	lease_slot_kinds(ledger, slot, -1);
	atomic_store_explicit(&ledger->slot[slot].bytes, bytes, memory_order_relaxed);
	lease_slot_kinds(ledger, slot, 1);
	lease_book(ledger, node->client, node->component, (int64_t)bytes - (int64_t)before);
}

void lease_slot_shrink(struct lease_ledger *ledger, uint32_t slot, uint64_t bytes)
{
	uint64_t less = lease_slot_bytes(ledger, slot) - bytes;
	uint64_t borrowed = ledger->slot[slot].borrowed_bytes;

	lease_slot_borrow(ledger, slot, sub_sat(borrowed, less));
	lease_slot_resize(ledger, slot, bytes);
	ledger->stirred = UINT32_MAX;
}

void lease_slot_drop(struct lease_ledger *ledger, uint32_t slot)
{
	atomic_store_explicit(&ledger->slot[slot].state, LEASE_FREE, memory_order_release);
	count_out(ledger, slot);
	lease_slot_push(ledger, slot);
}

uint32_t lease_slot_of(const struct lease_ledger *ledger, uint32_t client, uint64_t id)
{
	uint64_t slot = id & UINT32_MAX;

	if (slot >= ledger->room ||
	    atomic_load_explicit(&ledger->slot[slot].state, memory_order_relaxed) != LEASE_HELD ||
	    ledger->slot[slot].generation != id >> 32)
		return LEASE_SLOTS;
	return client == LEASE_NO_CLIENT || ledger->node[slot].client == client ? (uint32_t)slot
										: LEASE_SLOTS;
}

/* ---- room ---- */

void lease_slot_start(struct lease_ledger *ledger, uint32_t slot)
{
	ledger->node[slot] =
		(struct lease_node){.next = LEASE_NONE, .prev = LEASE_NONE, .heap_at = LEASE_NONE};
}

void lease_set_room(struct lease_ledger *ledger, uint32_t count)
{
	for (; ledger->room < count && ledger->room < LEASE_SLOTS; ledger->room++) {
		lease_slot_start(ledger, ledger->room);
		atomic_store_explicit(&ledger->slot[ledger->room].state, LEASE_FREE,
				      memory_order_relaxed);
		lease_slot_push(ledger, ledger->room);
	}
}

uint32_t lease_room_left(const struct lease_ledger *ledger)
{
	uint32_t taken = ledger->leases + ledger->reserved;

	return taken < ledger->room ? ledger->room - taken : 0;
}
