// SPDX-License-Identifier: GPL-2.0-or-later
#include "user/policy/admit/inside.h"

#define RUN_WEIGHT       5
#define MEMORY_WEIGHT_US (60 * US_PER_SEC)
#define MEMORY_DEFAULT   5
/* Stale estimates of queued tasks that a round of decisions brings up to date, and one of supply,
 * once a second: what keeps an event O(log n). */
#define REFRESH_TASKS  1
#define REFRESH_SECOND 512
#define UNNOTICED_PART 50 /* an estimate that changed by less does not move its task */

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

static uint64_t turn_of(const struct admit *admit, const struct slot *slot)
{
	const struct admit_task *task = &slot->task;
	uint32_t memory = task->memory_priority ?: MEMORY_DEFAULT;

	if (admit->config.order != ADMIT_ORDER_TURN)
		return task->submit_us;
	return add_sat(task->submit_us,
		       RUN_WEIGHT * min_u64(run_of(slot), RUN_UNKNOWN_US) +
			       admit_delay_us(&admit->config, admit_class_of(task->priority)) +
			       (PRIORITY_MAX - memory) * MEMORY_WEIGHT_US);
}

uint64_t admit_turn_span(const struct admit_config *config, uint64_t declared_us)
{
	uint64_t run = declared_us ? min_u64(declared_us, RUN_UNKNOWN_US) : RUN_UNKNOWN_US,
		 delay = 0;

	for (int i = 0; i < ADMIT_CLASS__COUNT; i++)
		delay = max_u64(delay, admit_delay_us(config, (enum admit_class)i));
	return RUN_WEIGHT * run + delay + (PRIORITY_MAX - PRIORITY_MIN) * MEMORY_WEIGHT_US;
}

/* Work: MiB * ms. */
static uint64_t work_of(const struct slot *slot)
{
	uint64_t ms = max_u64(run_of(slot) / US_PER_MS, 1);
	uint64_t mib = max_u64(slot->bytes / MIB, 1);

	return mib > UINT64_MAX / ms ? UINT64_MAX : mib * ms;
}

static uint64_t room_ever(const struct admit *admit, uint32_t component)
{
	return sub_sat(admit->supply.component[component].budget_bytes,
		       admit->supply.component[component].other_bytes);
}

void queue_add(struct admit *admit, uint32_t i)
{
	struct slot *slot = &admit->slot[i];
	struct component_queue *queue = component_of(admit, slot);
	uint64_t id = slot->task.id, turn;

	slot_estimate(admit, i);
	key_enqueue(admit, i);
	if (slot->bytes > room_ever(admit, slot->task.component)) {
		slot->place = PLACE_PARKED;
		tree_insert(&queue->parked, i, slot->bytes, id, 0);
		return;
	}
	turn = turn_of(admit, slot);
	slot->place = PLACE_QUEUE;
	tree_insert(&queue->turn, i, turn, id, work_of(slot));
	tree_insert(&queue->brief, i, admit->config.order == ADMIT_ORDER_TURN ? run_of(slot) : turn,
		    id, slot->bytes);
}

void queue_remove(struct admit *admit, uint32_t i)
{
	struct slot *slot = &admit->slot[i];
	struct component_queue *queue = component_of(admit, slot);

	key_dequeue(admit, i);
	if (slot->place == PLACE_PARKED) {
		tree_remove(&queue->parked, i);
	} else {
		slot->overtaken += tree_marks(&queue->turn, i);
		tree_remove(&queue->turn, i);
		tree_remove(&queue->brief, i);
	}
	slot->place = PLACE_ASIDE;
}

void queue_unpark(struct admit *admit, uint32_t component)
{
	struct tree *parked = &admit->component[component].parked;
	uint32_t i;

	for (int n = 0; n < ADMIT_PARK_MAX && (i = tree_first(parked)) != TREE_NONE &&
			tree_key(parked, i) <= room_ever(admit, component);
	     n++) {
		queue_remove(admit, i);
		queue_add(admit, i);
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

static bool is_near(uint64_t a, uint64_t b)
{
	return max_u64(a, b) - min_u64(a, b) <= max_u64(a, b) / UNNOTICED_PART;
}

/* One whose estimate hardly changed stays where it stands in the trees, with the old one. */
static void refresh_slot(struct admit *admit, uint32_t i)
{
	struct slot *slot = &admit->slot[i];
	struct slot before = *slot;

	slot_estimate(admit, i);
	if (slot->canary == before.canary && is_near(slot->bytes, before.bytes) &&
	    is_near(slot->run_us, before.run_us)) {
		slot->bytes = before.bytes;
		slot->run_us = before.run_us;
		key_dequeue(admit, i);
		key_enqueue(admit, i);
		return;
	}
	*slot = before;
	queue_remove(admit, i);
	queue_add(admit, i);
}

void queue_refresh(struct admit *admit, bool second)
{
	int most = second ? REFRESH_SECOND : REFRESH_TASKS;

	for (int n = 0; n < most && admit->dirty.first != NONE; n++) {
		const struct key_slot *key = &admit->key[admit->dirty.first];

		if (key->first == NONE || admit->slot[key->first].version == key->version)
			next_dirty(admit);
		else
			refresh_slot(admit, key->first);
	}
}
