// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The slots that tasks are kept in, found by id, and what any file may do to one without knowing
 * the queue: put it into the list of those in need, say why it stands where it stands. Decisions
 * are handed out from here too.
 */
#include "user/policy/admit/inside.h"

static uint32_t hash_of(uint64_t id, uint32_t mask)
{
	id *= 0x9e3779b97f4a7c15ULL;
	return (uint32_t)(id >> 32) & mask;
}

uint32_t slot_find(const struct admit *admit, uint64_t id)
{
	uint32_t at = hash_of(id, admit->slot_mask);

	for (; admit->slot_hash[at]; at = (at + 1) & admit->slot_mask)
		if (admit->slot[admit->slot_hash[at] - 1].task.id == id)
			return admit->slot_hash[at] - 1;
	return NONE;
}

uint32_t slot_take(struct admit *admit, uint64_t id)
{
	uint32_t i = admit->slot_free, at = hash_of(id, admit->slot_mask);

	if (i != NONE)
		admit->slot_free = admit->slot[i].next;
	else if (admit->slot_used < admit->limits.tasks)
		i = admit->slot_used++;
	else
		return NONE;
	while (admit->slot_hash[at])
		at = (at + 1) & admit->slot_mask;
	admit->slot_hash[at] = i + 1;
	admit->slot[i] = (struct slot){.key = NONE, .next = NONE, .prev = NONE};
	admit->slot[i].task.id = id;
	return i;
}

/* Closes the gap, so that no search ends before what stood behind it. */
static void hash_remove(struct admit *admit, uint32_t at)
{
	uint32_t mask = admit->slot_mask;

	for (uint32_t next = (at + 1) & mask; admit->slot_hash[next]; next = (next + 1) & mask) {
		uint32_t home = hash_of(admit->slot[admit->slot_hash[next] - 1].task.id, mask);

		if (((next - home) & mask) < ((next - at) & mask))
			continue;
		admit->slot_hash[at] = admit->slot_hash[next];
		at = next;
	}
	admit->slot_hash[at] = 0;
}

void slot_give(struct admit *admit, uint32_t i)
{
	uint32_t at = hash_of(admit->slot[i].task.id, admit->slot_mask);

	while (admit->slot_hash[at] != i + 1)
		at = (at + 1) & admit->slot_mask;
	hash_remove(admit, at);
	admit->slot[i] = (struct slot){.next = admit->slot_free};
	admit->slot_free = i;
}

struct component_queue *component_of(struct admit *admit, const struct slot *slot)
{
	return &admit->component[slot->task.component];
}

void slot_set_why(struct slot *slot, struct admit_why why)
{
	slot->why = (uint8_t)why.reason;
	slot->why_observed = why.observed;
	slot->why_threshold = why.threshold;
}

void need_add(struct admit *admit, uint32_t i, enum need need)
{
	struct slot *slot = &admit->slot[i];

	if (slot->need == NEED_NOTHING) {
		slot->prev = admit->needs.last;
		slot->next = NONE;
		if (slot->prev != NONE)
			admit->slot[slot->prev].next = i;
		else
			admit->needs.first = i;
		admit->needs.last = i;
	}
	slot->need = (uint8_t)need;
}

void need_remove(struct admit *admit, uint32_t i)
{
	struct slot *slot = &admit->slot[i];

	if (slot->need == NEED_NOTHING)
		return;
	if (slot->prev != NONE)
		admit->slot[slot->prev].next = slot->next;
	else
		admit->needs.first = slot->next;
	if (slot->next != NONE)
		admit->slot[slot->next].prev = slot->prev;
	else
		admit->needs.last = slot->prev;
	slot->next = slot->prev = NONE;
	slot->need = NEED_NOTHING;
}

bool decide_push(struct admit_decisions *ret, const struct admit_decision *decision)
{
	if (ret->count == ADMIT_DECISIONS_MAX) {
		ret->more = true;
		return false;
	}
	ret->decision[ret->count++] = *decision;
	return true;
}
