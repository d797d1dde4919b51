// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps the books of what runs: how much is reserved in each component, how much of it has yet to
 * be used, and when each task is expected to end. From that it answers what is free now, and when
 * a given size will be.
 */
#include "user/policy/admit/inside.h"

/* One that is past all that was declared for it is expected so long after that, */
static const uint64_t push_us[] = {
	60 * US_PER_SEC,   300 * US_PER_SEC,  900 * US_PER_SEC,
	1800 * US_PER_SEC, 3600 * US_PER_SEC, 7200 * US_PER_SEC,
};
#define LEAST_PUSH_US (60 * US_PER_SEC)

uint64_t free_of_component(const struct admit *admit, uint32_t component)
{
	return sub_sat(sub_sat(admit->supply.component[component].budget_bytes,
			       admit->supply.component[component].other_bytes),
		       admit->component[component].reserved_bytes);
}

uint64_t free_of_host(const struct admit *admit)
{
	const struct admit_supply *supply = &admit->supply;

	if (!supply->host_valid)
		return BYTES_SANE;
	return sub_sat(supply->host_available_bytes,
		       add_sat(supply->host_reserve_bytes, admit->promised_bytes));
}

static uint64_t promised_of(const struct ticket *ticket)
{
	return sub_sat(ticket->bytes, ticket->current_bytes);
}

static void ends_insert(struct admit *admit, uint32_t i, uint64_t end_us)
{
	struct ticket *ticket = &admit->ticket[i];

	ticket->place = PLACE_ENDS;
	btree_insert(&component_of(admit, ticket)->ends, i, end_us, ticket->task.id, ticket->bytes);
	btree_insert(&admit->host_ends, i, end_us, ticket->task.id, ticket->bytes);
}

static void limits_insert(struct admit *admit, uint32_t i)
{
	struct ticket *ticket = &admit->ticket[i];
	uint64_t limit_us = add_sat(ticket->since_us, ticket->task.limit_us);

	if (!ticket->task.limit_us)
		return;
	btree_insert(&component_of(admit, ticket)->limits, i, limit_us, ticket->task.id,
		     ticket->bytes);
	btree_insert(&admit->host_limits, i, limit_us, ticket->task.id, ticket->bytes);
}

static void limits_remove(struct admit *admit, uint32_t i)
{
	if (!admit->ticket[i].task.limit_us)
		return;
	btree_remove(&component_of(admit, &admit->ticket[i])->limits, i);
	btree_remove(&admit->host_limits, i);
}

static void ends_remove(struct admit *admit, uint32_t i)
{
	btree_remove(&component_of(admit, &admit->ticket[i])->ends, i);
	btree_remove(&admit->host_ends, i);
	admit->ticket[i].place = PLACE_ASIDE;
}

static void account(struct admit *admit, const struct ticket *ticket, bool add)
{
	struct component_queue *queue = component_of(admit, ticket);

	if (add) {
		queue->reserved_bytes += ticket->bytes;
		admit->reserved_bytes += ticket->bytes;
		admit->promised_bytes += promised_of(ticket);
	} else {
		queue->reserved_bytes -= ticket->bytes;
		admit->reserved_bytes -= ticket->bytes;
		admit->promised_bytes -= promised_of(ticket);
	}
}

static uint64_t end_of(const struct ticket *ticket)
{
	return add_sat(ticket->since_us, run_of(ticket));
}

static uint64_t past_limit(uint64_t limit_us, uint64_t now_us)
{
	for (size_t i = 0; i < sizeof(push_us) / sizeof(push_us[0]); i++)
		if (limit_us + push_us[i] > now_us)
			return limit_us + push_us[i];
	return now_us + push_us[5];
}

/*
 * A prediction that has passed says nothing any more: what is left is the word of whoever submitted
 * it. Without one it is taken to be half through.
 */
static uint64_t pushed_end(const struct ticket *ticket, uint64_t now_us)
{
	uint64_t end = end_of(ticket), declared = ticket->task.declared_us;
	uint64_t ran = sub_sat(now_us, ticket->since_us);

	if (end <= now_us && declared)
		end = add_sat(ticket->since_us, max_u64(declared, ticket->task.limit_us));
	if (end > now_us)
		return end;
	return declared ? past_limit(end, now_us) : now_us + max_u64(ran, LEAST_PUSH_US);
}

void run_begin(struct admit *admit, uint32_t i, uint64_t now_us)
{
	struct ticket *ticket = &admit->ticket[i];

	ticket->since_us = ticket->grown_us = now_us;
	ticket->grown_bytes = ticket->throttled_until_us = 0;
	ticket->state = ADMIT_STARTING;
	ticket->settled = ticket->ending = ticket->outgrew = false;
	account(admit, ticket, true);
	ends_insert(admit, i, end_of(ticket));
	limits_insert(admit, i);
	component_of(admit, ticket)->started++;
	admit->started++;
	key_started(admit, i);
}

void run_end(struct admit *admit, uint32_t i)
{
	struct ticket *ticket = &admit->ticket[i];

	need_remove(admit, i);
	if (ticket->place == PLACE_ENDS) {
		ends_remove(admit, i);
		limits_remove(admit, i);
	} else {
		admit->paused--;
	}
	account(admit, ticket, false);
	component_of(admit, ticket)->started--;
	admit->started--;
	key_ended(admit, i);
	ticket->place = PLACE_ASIDE;
	ticket->current_bytes = ticket->swapped_bytes = ticket->peak_bytes = 0;
}

void run_pause(struct admit *admit, uint32_t i)
{
	ends_remove(admit, i);
	limits_remove(admit, i);
	admit->ticket[i].place = PLACE_PAUSED;
	admit->ticket[i].state = ADMIT_PAUSED;
	admit->paused++;
}

void run_resume(struct admit *admit, uint32_t i, uint64_t now_us)
{
	struct ticket *ticket = &admit->ticket[i];

	ticket->state = ADMIT_RUNNING;
	admit->paused--;
	ends_insert(admit, i, pushed_end(ticket, now_us));
	limits_insert(admit, i);
}

void run_reserve(struct admit *admit, uint32_t i, uint64_t bytes)
{
	struct ticket *ticket = &admit->ticket[i];
	bool ends = ticket->place == PLACE_ENDS;
	uint64_t end = ends ? btree_key(&admit->host_ends, i) : 0;

	if (ends) {
		ends_remove(admit, i);
		limits_remove(admit, i);
	}
	account(admit, ticket, false);
	ticket->bytes = bytes;
	account(admit, ticket, true);
	if (!ends)
		return;
	ends_insert(admit, i, end);
	limits_insert(admit, i);
}

void run_use(struct admit *admit, uint32_t i, uint64_t current_bytes)
{
	struct ticket *ticket = &admit->ticket[i];

	admit->promised_bytes -= promised_of(ticket);
	ticket->current_bytes = current_bytes;
	admit->promised_bytes += promised_of(ticket);
}

void run_expire(struct admit *admit, uint64_t now_us)
{
	uint32_t i;

	while ((i = btree_first(&admit->host_ends)) != BTREE_NONE &&
	       btree_key(&admit->host_ends, i) <= now_us) {
		ends_remove(admit, i);
		ends_insert(admit, i, pushed_end(&admit->ticket[i], now_us));
	}
}

/* When the ends have freed what is missing; *ret_free is what is free then. */
static uint64_t freed_at(const struct btree *ends, uint64_t free, uint64_t bytes, uint64_t now_us)
{
	uint32_t i;

	if (free >= bytes)
		return now_us;
	i = btree_reach(ends, bytes - free);
	return i == BTREE_NONE ? UINT64_MAX : max_u64(btree_key(ends, i), now_us);
}

uint64_t run_room_at(const struct admit *admit, uint32_t component, uint64_t bytes, enum ends_by by,
		     uint64_t now_us, uint64_t *ret_spare, uint64_t *ret_host_spare)
{
	const struct component_queue *queue = &admit->component[component];
	const struct btree *ends = by == ENDS_LIMIT ? &queue->limits : &queue->ends;
	const struct btree *host_ends = by == ENDS_LIMIT ? &admit->host_limits : &admit->host_ends;
	uint64_t free = free_of_component(admit, component), host = free_of_host(admit);
	uint64_t at = max_u64(freed_at(ends, free, bytes, now_us),
			      freed_at(host_ends, host, bytes, now_us));

	*ret_spare = sub_sat(free + btree_sum_until(ends, at), bytes);
	*ret_host_spare = sub_sat(host + btree_sum_until(host_ends, at), bytes);
	return at;
}

/* Any end that it takes is one that nobody knows: it may come before the others or after them. */
static bool frees_by_guess(const struct admit *admit, const struct btree *ends, uint64_t free,
			   uint64_t bytes)
{
	uint32_t last = free < bytes ? btree_reach(ends, bytes - free) : BTREE_NONE;

	if (last == BTREE_NONE)
		return false;
	for (uint32_t i = btree_first(ends); i != BTREE_NONE; i = btree_next(ends, i)) {
		if (!admit->ticket[i].run_us)
			return true;
		if (i == last)
			break;
	}
	return false;
}

bool run_room_is_guessed(const struct admit *admit, uint32_t component, uint64_t bytes)
{
	return frees_by_guess(admit, &admit->component[component].ends,
			      free_of_component(admit, component), bytes) ||
	       frees_by_guess(admit, &admit->host_ends, free_of_host(admit), bytes);
}
