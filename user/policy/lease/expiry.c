// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which lease ends next by itself: a binary heap of slots by the time at which they expire, ties
 * by slot, so that the order is total. A slot knows its place in the heap, as most leases are
 * freed or renewed before their time.
 */
#include "user/policy/lease/inside.h"

static uint64_t expires(const struct lease_ledger *ledger, uint32_t at)
{
	return atomic_load_explicit(&ledger->slot[ledger->heap[at]].expires_us,
				    memory_order_relaxed);
}

static bool is_before(const struct lease_ledger *ledger, uint32_t a, uint32_t b)
{
	uint64_t a_us = expires(ledger, a), b_us = expires(ledger, b);

	return a_us != b_us ? a_us < b_us : ledger->heap[a] < ledger->heap[b];
}

static void put(struct lease_ledger *ledger, uint32_t at, uint16_t slot)
{
	ledger->heap[at] = slot;
	ledger->node[slot].heap_at = (uint16_t)at;
}

static void swap(struct lease_ledger *ledger, uint32_t a, uint32_t b)
{
	uint16_t slot = ledger->heap[a];

	put(ledger, a, ledger->heap[b]);
	put(ledger, b, slot);
}

static void settle(struct lease_ledger *ledger, uint32_t at)
{
	while (at) {
		uint32_t parent = (at - 1) / 2;

		if (!is_before(ledger, at, parent))
			break;
		swap(ledger, at, parent);
		at = parent;
	}
	for (;;) {
		uint32_t least = at;

		for (uint32_t child = 2 * at + 1; child <= 2 * at + 2; child++)
			if (child < ledger->heap_count && is_before(ledger, child, least))
				least = child;
		if (least == at)
			return;
		swap(ledger, at, least);
		at = least;
	}
}

void lease_expiry_clear(struct lease_ledger *ledger, uint32_t slot)
{
	uint32_t at = ledger->node[slot].heap_at;
	uint32_t last;

	if (at == LEASE_NONE)
		return;
	last = --ledger->heap_count;
	ledger->node[slot].heap_at = LEASE_NONE;
	if (at == last)
		return;
	put(ledger, at, ledger->heap[last]);
	settle(ledger, at);
}

void lease_expiry_set(struct lease_ledger *ledger, uint32_t slot)
{
	struct lease_node *node = &ledger->node[slot];
	uint64_t at_us = atomic_load_explicit(&ledger->slot[slot].expires_us, memory_order_relaxed);

	if (!at_us) {
		lease_expiry_clear(ledger, slot);
		return;
	}
	if (node->heap_at == LEASE_NONE)
		put(ledger, ledger->heap_count++, (uint16_t)slot);
	settle(ledger, node->heap_at);
}

uint32_t lease_expiry_first(const struct lease_ledger *ledger, uint64_t *ret_us)
{
	if (!ledger->heap_count)
		return LEASE_SLOTS;
	*ret_us = expires(ledger, 0);
	return ledger->heap[0];
}
