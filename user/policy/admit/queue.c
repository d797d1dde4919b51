// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where a queued task stands: its turn is its submission plus a delay by class, running time and
 * memory priority, and a second tree orders the same tasks by running time for backfill. What is
 * wider than its component can ever be is parked. Estimates that became stale are brought up to
 * date here, a few at a time.
 */
#include "user/policy/admit/inside.h"

#define BRIEF_US         (3600 * US_PER_SEC)
#define LONG_PART        4
#define MEMORY_WEIGHT_US (60 * US_PER_SEC)
#define MEMORY_DEFAULT   5
/* Stale estimates of queued tasks that a round of decisions brings up to date, and one of supply,
 * once a second: what keeps an event O(log n). */
#define REFRESH_TASKS  1
#define REFRESH_SECOND 512
/* So many a round become overdue in each component, for the same reason. */
#define AGE_TASKS 16
/* With so many of a key that say nothing for each other yet, one is a scout. */
#define SCOUT_OF 2

/*
 * What a second of running puts a turn back by. Brief ones first keeps the mean wait low; that the
 * weights differ keeps the classes apart by as much as the queue is long, where the delays below
 * are soon nothing. By 5 for all, three or four seeds, with scouts: nfmix x5 1601 s, eager 16290;
 * by 20 for all 1213 and 9825.
 */
static const uint32_t run_weight[ADMIT_CLASS__COUNT] = {
	[ADMIT_CRITICAL] = 14, [ADMIT_HIGH] = 17,     [ADMIT_NORMAL] = 20,
	[ADMIT_LOW] = 24,      [ADMIT_DEFERRED] = 29,
};

static const uint64_t delay_default_us[ADMIT_CLASS__COUNT] = {
	[ADMIT_CRITICAL] = 0,
	[ADMIT_HIGH] = 2700 * US_PER_SEC,
	[ADMIT_NORMAL] = 3600 * US_PER_SEC,
	[ADMIT_LOW] = 5400 * US_PER_SEC,
	[ADMIT_DEFERRED] = 10800 * US_PER_SEC,
};

uint64_t admit_delay_us(const struct admit_config *config, enum admit_class class)
{
	for (int i = 0; i < ADMIT_CLASS__COUNT; i++)
		if (config->delay_us[i])
			return config->delay_us[class];
	return delay_default_us[class];
}

enum admit_class admit_class_of(uint32_t priority)
{
	static const enum admit_class by_priority[PRIORITY_MAX + 1] = {
		[10] = ADMIT_CRITICAL, [9] = ADMIT_CRITICAL, [8] = ADMIT_HIGH,     [7] = ADMIT_HIGH,
		[6] = ADMIT_NORMAL,    [5] = ADMIT_NORMAL,   [4] = ADMIT_LOW,      [3] = ADMIT_LOW,
		[2] = ADMIT_DEFERRED,  [1] = ADMIT_DEFERRED, [0] = ADMIT_DEFERRED,
	};

	return by_priority[priority > PRIORITY_MAX ? PRIORITY_MAX : priority];
}

/* Long ones keep more of the order they came in: theirs are the longest waits. */
static uint64_t run_delay_us(uint64_t run_us, enum admit_class class)
{
	uint64_t brief = min_u64(run_us, BRIEF_US);
	uint64_t rest = min_u64(run_us, RUN_UNKNOWN_US) - min_u64(brief, RUN_UNKNOWN_US);

	return run_weight[class] * (brief + rest / LONG_PART);
}

bool queue_is_scout(const struct admit *admit, const struct ticket *ticket)
{
	return ticket->key != NONE &&
	       admit->key[ticket->key].scout == (uint32_t)(ticket - admit->ticket);
}

static void drop_scout(struct admit *admit, const struct ticket *ticket)
{
	if (queue_is_scout(admit, ticket))
		admit->key[ticket->key].scout = NONE;
}

static uint64_t turn_of(const struct admit *admit, const struct ticket *ticket)
{
	const struct admit_task *task = &ticket->task;
	enum admit_class class = admit_class_of(task->priority);
	uint32_t memory = task->memory_priority ?: MEMORY_DEFAULT;

	if (admit->config.order != ADMIT_ORDER_TURN)
		return task->submit_us;
	if (ticket->overdue)
		return sub_sat(task->submit_us, ADMIT_SCOUT_US);
	return add_sat(sub_sat(task->submit_us, queue_is_scout(admit, ticket) ? ADMIT_SCOUT_US : 0),
		       run_delay_us(run_of(ticket), class) + admit_delay_us(&admit->config, class) +
			       (PRIORITY_MAX - memory) * MEMORY_WEIGHT_US);
}

uint64_t admit_turn_span(const struct admit_config *config, uint64_t declared_us)
{
	uint64_t run_us = declared_us ?: RUN_UNKNOWN_US;
	uint64_t span = 0;

	for (int i = 0; i < ADMIT_CLASS__COUNT; i++)
		span = max_u64(span, run_delay_us(run_us, (enum admit_class)i) +
					     admit_delay_us(config, (enum admit_class)i));
	return span + (PRIORITY_MAX - PRIORITY_MIN) * MEMORY_WEIGHT_US;
}

/* Work: MiB * ms. Where nobody knows it, so much that nobody knows the sum with it either. */
static uint64_t work_of(const struct ticket *ticket)
{
	uint64_t ms = max_u64(ticket->run_us / US_PER_MS, 1);
	uint64_t mib = max_u64(ticket->bytes / MIB, 1);

	return !ticket->run_us || mib > UINT64_MAX / ms ? UINT64_MAX : mib * ms;
}

static uint64_t room_ever(const struct admit *admit, uint32_t component)
{
	return sub_sat(admit->supply.component[component].budget_bytes,
		       admit->supply.component[component].other_bytes);
}

void queue_add(struct admit *admit, uint32_t i)
{
	struct ticket *ticket = &admit->ticket[i];
	struct component_queue *queue = component_of(admit, ticket);
	uint64_t id = ticket->task.id, turn;

	ticket_estimate(admit, i);
	key_enqueue(admit, i);
	if (ticket->bytes > room_ever(admit, ticket->task.component)) {
		ticket->place = PLACE_PARKED;
		drop_scout(admit, ticket);
		btree_insert(&queue->parked, i, ticket->bytes, id, 0);
		return;
	}
	turn = turn_of(admit, ticket);
	ticket->place = PLACE_QUEUE;
	btree_insert(&queue->turn, i, turn, id, work_of(ticket));
	if (!ticket->overdue)
		btree_insert(&queue->by_submit, i, ticket->task.submit_us, id, 0);
	btree_insert(&queue->by_runtime, i,
		     admit->config.order == ADMIT_ORDER_TURN ? run_of(ticket) : turn, id,
		     ticket->bytes);
}

void queue_remove(struct admit *admit, uint32_t i)
{
	struct ticket *ticket = &admit->ticket[i];
	struct component_queue *queue = component_of(admit, ticket);

	key_dequeue(admit, i);
	drop_scout(admit, ticket);
	if (ticket->place == PLACE_PARKED) {
		btree_remove(&queue->parked, i);
	} else {
		ticket->overtaken += btree_marks(&queue->turn, i);
		btree_remove(&queue->turn, i);
		btree_remove(&queue->by_runtime, i);
		if (!ticket->overdue)
			btree_remove(&queue->by_submit, i);
	}
	ticket->place = PLACE_ASIDE;
}

/*
 * Until one of an unknown key has run, all of them hold their whole requests, and the queue waits
 * for memory that nobody uses. Without this a seed in ten of eager had three times the mean wait of
 * the others: 900 tasks of some MiB each stood 13 hours behind wide ones.
 */
void queue_next_scout(struct admit *admit, uint32_t k)
{
	struct key_state *key = k == NONE ? NULL : &admit->key[k];
	bool wanted = key && key->waiting >= SCOUT_OF;
	uint32_t i;

	if (!key || wanted == (key->scout != NONE) || (wanted && key->running))
		return;
	i = wanted ? key->first : key->scout;
	if (i == NONE || !admit->ticket[i].canary || admit->ticket[i].place != PLACE_QUEUE)
		return;
	queue_remove(admit, i);
	if (wanted)
		key->scout = i;
	queue_add(admit, i);
}

void queue_unpark(struct admit *admit, uint32_t component)
{
	struct btree *parked = &admit->component[component].parked;
	uint32_t i;

	for (int n = 0; n < ADMIT_PARK_MAX && (i = btree_first(parked)) != BTREE_NONE &&
			btree_key(parked, i) <= room_ever(admit, component);
	     n++) {
		queue_remove(admit, i);
		queue_add(admit, i);
		queue_next_scout(admit, admit->ticket[i].key);
	}
}

static void next_dirty(struct admit *admit)
{
	uint32_t k = admit->dirty.first;

	admit->dirty.first = admit->key[k].dirty_next;
	if (admit->dirty.first == NONE)
		admit->dirty.last = NONE;
	admit->key[k].dirty_next = k;
}

/* One whose estimate hardly changed stays where it stands in the trees, with the old one. */
static void refresh_ticket(struct admit *admit, uint32_t i)
{
	struct ticket *ticket = &admit->ticket[i];
	struct ticket before = *ticket;

	ticket_estimate(admit, i);
	if (ticket->canary == before.canary && is_near(ticket->bytes, before.bytes) &&
	    is_near(ticket->run_us, before.run_us)) {
		ticket->bytes = before.bytes;
		ticket->run_us = before.run_us;
		key_dequeue(admit, i);
		key_enqueue(admit, i);
		return;
	}
	*ticket = before;
	queue_remove(admit, i);
	queue_add(admit, i);
}

static void age_component(struct admit *admit, const struct btree *by_submit, uint64_t now_us)
{
	uint32_t i;

	for (int n = 0; n < AGE_TASKS && (i = btree_first(by_submit)) != BTREE_NONE &&
			add_sat(btree_key(by_submit, i), ADMIT_OVERDUE_US) <= now_us;
	     n++) {
		queue_remove(admit, i);
		admit->ticket[i].overdue = true;
		queue_add(admit, i);
		queue_next_scout(admit, admit->ticket[i].key);
	}
}

/*
 * The longest waits are those of long ones of low classes, which all that is brief goes before.
 * Days of overload leave as much to do for any order: where those whose time has come go first,
 * few waits become longer and the longest much shorter.
 */
void queue_age(struct admit *admit, uint64_t now_us)
{
	for (uint32_t c = 0; c < admit->config.component_count; c++)
		age_component(admit, &admit->component[c].by_submit, now_us);
}

void queue_refresh(struct admit *admit, bool second)
{
	int most = second ? REFRESH_SECOND : REFRESH_TASKS;

	for (int n = 0; n < most && admit->dirty.first != NONE; n++) {
		const struct key_state *key = &admit->key[admit->dirty.first];

		if (key->first == NONE || admit->ticket[key->first].version == key->version)
			next_dirty(admit);
		else
			refresh_ticket(admit, key->first);
	}
}
