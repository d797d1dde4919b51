// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each task that the core knows holds a ticket, which is found by the task's id. Here is what any
 * file may do to one without knowing the queue: hand it out and take it back, put it into the list
 * of those that need something, and note why it stands where it stands.
 */
#include "user/policy/admit/inside.h"

static uint32_t hash_of(uint64_t id, uint32_t mask)
{
	id *= 0x9e3779b97f4a7c15ULL;
	return (uint32_t)(id >> 32) & mask;
}

uint32_t ticket_find(const struct admit *admit, uint64_t id)
{
	uint32_t at = hash_of(id, admit->ticket_mask);

	for (; admit->ticket_hash[at]; at = (at + 1) & admit->ticket_mask)
		if (admit->ticket[admit->ticket_hash[at] - 1].task.id == id)
			return admit->ticket_hash[at] - 1;
	return NONE;
}

uint32_t ticket_take(struct admit *admit, uint64_t id)
{
	uint32_t i = admit->ticket_free, at = hash_of(id, admit->ticket_mask);

	if (i != NONE)
		admit->ticket_free = admit->ticket[i].next;
	else if (admit->ticket_used < admit->limits.tasks)
		i = admit->ticket_used++;
	else
		return NONE;
	while (admit->ticket_hash[at])
		at = (at + 1) & admit->ticket_mask;
	admit->ticket_hash[at] = i + 1;
	admit->ticket[i] = (struct ticket){.key = NONE, .next = NONE, .prev = NONE};
	admit->ticket[i].task.id = id;
	return i;
}

/* Closes the gap, so that no search ends before what stood behind it. */
static void hash_remove(struct admit *admit, uint32_t at)
{
	uint32_t mask = admit->ticket_mask;

	for (uint32_t next = (at + 1) & mask; admit->ticket_hash[next]; next = (next + 1) & mask) {
		uint32_t home = hash_of(admit->ticket[admit->ticket_hash[next] - 1].task.id, mask);

		if (((next - home) & mask) < ((next - at) & mask))
			continue;
		admit->ticket_hash[at] = admit->ticket_hash[next];
		at = next;
	}
	admit->ticket_hash[at] = 0;
}

void ticket_give(struct admit *admit, uint32_t i)
{
	uint32_t at = hash_of(admit->ticket[i].task.id, admit->ticket_mask);

	while (admit->ticket_hash[at] != i + 1)
		at = (at + 1) & admit->ticket_mask;
	hash_remove(admit, at);
	admit->ticket[i] = (struct ticket){.next = admit->ticket_free};
	admit->ticket_free = i;
}

struct component_queue *component_of(struct admit *admit, const struct ticket *ticket)
{
	return &admit->component[ticket->task.component];
}

void ticket_set_why(struct ticket *ticket, struct admit_why why)
{
	ticket->why = (uint8_t)why.reason;
	ticket->why_observed = why.observed;
	ticket->why_threshold = why.threshold;
}

void need_add(struct admit *admit, uint32_t i, enum need need)
{
	struct ticket *ticket = &admit->ticket[i];

	if (admit->part == ROUND_STARTS)
		admit->part = ROUND_GROWTH;
	if (ticket->need == NEED_NOTHING) {
		ticket->prev = admit->needs.last;
		ticket->next = NONE;
		if (ticket->prev != NONE)
			admit->ticket[ticket->prev].next = i;
		else
			admit->needs.first = i;
		admit->needs.last = i;
	}
	ticket->need = (uint8_t)need;
}

void need_remove(struct admit *admit, uint32_t i)
{
	struct ticket *ticket = &admit->ticket[i];

	if (ticket->need == NEED_NOTHING)
		return;
	if (ticket->prev != NONE)
		admit->ticket[ticket->prev].next = ticket->next;
	else
		admit->needs.first = ticket->next;
	if (ticket->next != NONE)
		admit->ticket[ticket->next].prev = ticket->prev;
	else
		admit->needs.last = ticket->prev;
	ticket->next = ticket->prev = NONE;
	ticket->need = NEED_NOTHING;
}

bool decide_push(struct admit_decisions *ret, const struct admit_decision *decision)
{
	if (ret->count == ret->room) {
		ret->more = true;
		return false;
	}
	ret->decision[ret->count++] = *decision;
	return true;
}
