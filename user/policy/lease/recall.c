// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which leases are asked back, and what becomes of those that do not come. When an owner calls its
 * loans back, more is spoken for in who borrowed than it has: then the leases that borrow are
 * asked, by the least that is missing. What is asked of a lease stands in a table until it was
 * answered, so that it is asked once, and again only for more. A lease is looked for among all
 * slots, but only while something is missing that nobody was asked for.
 */
#include "user/policy/lease/inside.h"
#include "user/policy/num.h"

/* ---- the table ---- */

static bool is_there(const struct lease_ledger *ledger, uint32_t slot, uint32_t generation)
{
	return atomic_load_explicit(&ledger->slot[slot].state, memory_order_relaxed) ==
		       LEASE_HELD &&
	       ledger->slot[slot].generation == generation;
}

static struct lease_asked *asked_of(struct lease_ledger *ledger, uint32_t slot)
{
	for (uint32_t i = 0; ledger->asked_count && i < LEASE_RECALLS; i++)
		if (ledger->asked[i].used && ledger->asked[i].slot == slot &&
		    ledger->asked[i].generation == ledger->slot[slot].generation)
			return &ledger->asked[i];
	return NULL;
}

static struct lease_asked *free_place(struct lease_ledger *ledger)
{
	for (uint32_t i = 0; i < LEASE_RECALLS; i++)
		if (!ledger->asked[i].used)
			return &ledger->asked[i];
	return NULL;
}

static void forget(struct lease_ledger *ledger, struct lease_asked *asked)
{
	ledger->untold_count -= !asked->told;
	ledger->asked_count--;
	asked->used = false;
}

/* False when the table is full. Who was asked before has the time that it was given. */
static bool ask(struct lease_ledger *ledger, uint32_t slot, uint64_t target_bytes,
		enum lease_why why, uint64_t now_us)
{
	struct lease_asked *asked = asked_of(ledger, slot);

	if (asked) {
		ledger->untold_count += asked->told;
		asked->told = false;
		asked->target_bytes = target_bytes;
		return true;
	}
	asked = free_place(ledger);
	if (!asked)
		return false;
	*asked = (struct lease_asked){
		.used = true,
		.slot = (uint16_t)slot,
		.generation = ledger->slot[slot].generation,
		.target_bytes = target_bytes,
		.deadline_us = now_us + LEASE_RECALL_US,
		.why = why,
	};
	ledger->asked_count++;
	ledger->untold_count++;
	ledger->next_deadline_us = min_u64(ledger->next_deadline_us, asked->deadline_us);
	return true;
}

/* ---- those that do not come ---- */

static void revoke(struct lease_ledger *ledger, const struct lease_asked *asked, uint64_t now_us)
{
	struct lease_account *account = &ledger->account[ledger->node[asked->slot].component];
	uint64_t bytes = lease_slot_bytes(ledger, asked->slot);

	account->revoked++;
	account->revoked_bytes += bytes - asked->target_bytes;
	lease_news_lost(ledger, asked->slot, LEASE_NEWS_REVOKED, asked->why,
			bytes - asked->target_bytes, now_us);
	ledger->revoked++;
	if (asked->target_bytes)
		lease_slot_shrink(ledger, asked->slot, asked->target_bytes);
	else
		lease_slot_drop(ledger, asked->slot);
}

static void look_after(struct lease_ledger *ledger, struct lease_asked *asked, uint64_t now_us)
{
	if (!is_there(ledger, asked->slot, asked->generation) ||
	    lease_slot_bytes(ledger, asked->slot) <= asked->target_bytes) {
		forget(ledger, asked);
	} else if (asked->deadline_us <= now_us) {
		revoke(ledger, asked, now_us);
		forget(ledger, asked);
	} else {
		ledger->next_deadline_us = min_u64(ledger->next_deadline_us, asked->deadline_us);
	}
}

/* ---- what is borrowed ---- */

static uint64_t asked_in(const struct lease_ledger *ledger, uint32_t component)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; ledger->asked_count && i < LEASE_RECALLS; i++) {
		const struct lease_asked *asked = &ledger->asked[i];

		if (asked->used && asked->why == LEASE_ASKED_PAYBACK &&
		    ledger->node[asked->slot].component == component)
			sum += lease_slot_bytes(ledger, asked->slot) - asked->target_bytes;
	}
	return sum;
}

/* What the lease could give up and was not asked for. */
static uint64_t gives(struct lease_ledger *ledger, uint32_t slot)
{
	const struct lease_slot *s = &ledger->slot[slot];
	const struct lease_asked *asked = asked_of(ledger, slot);
	uint64_t bytes = lease_slot_bytes(ledger, slot);

	return sub_sat(s->borrowed_bytes, asked ? bytes - asked->target_bytes : 0);
}

static bool is_before(const struct lease_slot *a, const struct lease_slot *b)
{
	return a->priority != b->priority ? a->priority < b->priority : a->since_us > b->since_us;
}

static uint32_t next_borrower(struct lease_ledger *ledger, uint32_t component)
{
	uint32_t best = LEASE_SLOTS;

	for (uint32_t i = 0; i < ledger->room; i++) {
		const struct lease_slot *s = &ledger->slot[i];

		if (atomic_load_explicit(&s->state, memory_order_relaxed) != LEASE_HELD ||
		    ledger->node[i].component != component || !(s->flags & LEASE_REVOCABLE) ||
		    !gives(ledger, i))
			continue;
		if (best == LEASE_SLOTS || is_before(s, &ledger->slot[best]))
			best = i;
	}
	return best;
}

static uint64_t missing(const struct lease_ledger *ledger, uint32_t component)
{
	uint64_t spoken = add_sat(ledger->headroom.component[component].used_bytes,
				  lease_promised(ledger, component));

	return sub_sat(spoken, ledger->headroom.component[component].limit_bytes);
}

static void ask_borrowers(struct lease_ledger *ledger, uint32_t component, uint64_t now_us)
{
	uint64_t asked = asked_in(ledger, component), want;

	if (ledger->account[component].borrowed_bytes <= asked)
		return;
	want = sub_sat(missing(ledger, component), asked);
	while (want >= LEASE_RECALL_MIN) {
		uint32_t slot = next_borrower(ledger, component);
		const struct lease_asked *before;
		uint64_t part, target;

		if (slot == LEASE_SLOTS)
			return;
		before = asked_of(ledger, slot);
		part = min_u64(gives(ledger, slot), want);
		target = (before ? before->target_bytes : lease_slot_bytes(ledger, slot)) - part;
		if (!ask(ledger, slot, target, LEASE_ASKED_PAYBACK, now_us))
			return;
		want -= part;
	}
}

/* ---- credit ---- */

static void ask_credits(struct lease_ledger *ledger, uint32_t component, uint64_t now_us)
{
	bool critical = ledger->headroom.component[component].level >= LEVEL_CRITICAL;

	if (!ledger->account[component].credit_bytes ||
	    (!critical && !ledger->account[component].waiting))
		return;
	for (uint32_t i = 0; i < LEASE_CLIENTS; i++) {
		uint32_t slot = ledger->client[i].used ? ledger->client[i].credit[component].slot
						       : LEASE_NONE;

		if (slot != LEASE_NONE && lease_slot_bytes(ledger, slot) && !asked_of(ledger, slot))
			ask(ledger, slot, 0, critical ? LEASE_ASKED_LEVEL : LEASE_ASKED_WAITS,
			    now_us);
	}
}

void lease_recall_step(struct lease_ledger *ledger, uint64_t now_us)
{
	ledger->next_deadline_us = UINT64_MAX;
	for (uint32_t i = 0; ledger->asked_count && i < LEASE_RECALLS; i++)
		if (ledger->asked[i].used)
			look_after(ledger, &ledger->asked[i], now_us);
	for (uint32_t i = 0; i < ledger->component_count; i++) {
		ask_borrowers(ledger, i, now_us);
		ask_credits(ledger, i, now_us);
	}
}

/* ---- telling ---- */

uint32_t lease_recalls_untold(const struct lease_ledger *ledger)
{
	return ledger->untold_count;
}

static bool is_untold(const struct lease_ledger *ledger, const struct lease_asked *asked,
		      uint32_t client)
{
	return asked->used && !asked->told && is_there(ledger, asked->slot, asked->generation) &&
	       ledger->node[asked->slot].client == client;
}

uint32_t lease_recalls_of(const struct lease_ledger *ledger, uint32_t client, uint32_t most,
			  struct lease_recall *ret_recalls)
{
	uint32_t count = 0;

	for (uint32_t i = 0; ledger->untold_count && i < LEASE_RECALLS && count < most; i++) {
		const struct lease_asked *asked = &ledger->asked[i];

		if (!is_untold(ledger, asked, client))
			continue;
		ret_recalls[count++] = (struct lease_recall){
			.id = lease_id(asked->generation, asked->slot),
			.client = client,
			.component = ledger->node[asked->slot].component,
			.target_bytes = asked->target_bytes,
			.deadline_us = asked->deadline_us,
			.why = asked->why,
		};
	}
	return count;
}

void lease_recalls_told(struct lease_ledger *ledger, uint32_t client)
{
	for (uint32_t i = 0; ledger->untold_count && i < LEASE_RECALLS; i++)
		if (is_untold(ledger, &ledger->asked[i], client)) {
			ledger->asked[i].told = true;
			ledger->untold_count--;
		}
}

/* ---- emergencies ---- */

void lease_emergency_step(struct lease_emergency *emergency, enum level level, uint64_t now_us)
{
	bool calm = emergency->calm_us && now_us - emergency->calm_us >= LEASE_CALM_US;

	if (level == LEVEL_EMERGENCY && (!emergency->entered_us || calm))
		emergency->entered_us = now_us;
	if (level >= LEVEL_CRITICAL)
		emergency->calm_us = 0;
	else if (!emergency->calm_us)
		emergency->calm_us = now_us;
}
