// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include "user/policy/admit/inside.h"

#define TASKS_MAX         (1U << 24)
#define KEYS_MAX          (1U << 20)
#define BYPASS_DEFAULT_US (3600 * US_PER_SEC)

static const uint64_t delay_default_us[ADMIT_CLASS__COUNT] = {
	[ADMIT_CRITICAL] = 0,
	[ADMIT_HIGH] = 2700 * US_PER_SEC,
	[ADMIT_NORMAL] = 3600 * US_PER_SEC,
	[ADMIT_LOW] = 5400 * US_PER_SEC,
	[ADMIT_DEFERRED] = 10800 * US_PER_SEC,
};

/* Half empty at least, so that a search ends soon. */
static uint32_t hash_size(uint32_t count)
{
	uint32_t size = 16;

	while (size < 2 * count)
		size *= 2;
	return size;
}

static uint32_t hash_of(uint64_t id, uint32_t mask)
{
	id *= 0x9e3779b97f4a7c15ULL;
	return (uint32_t)(id >> 32) & mask;
}

static bool limits_are_sane(const struct admit_limits *limits)
{
	return limits->tasks && limits->tasks <= TASKS_MAX && limits->keys &&
	       limits->keys <= KEYS_MAX;
}

#define LINE 64 /* bytes; of a cache */

static uint64_t rounded(uint64_t bytes)
{
	return (bytes + LINE - 1) / LINE * LINE;
}

/* In a component: turn, parked, ends; brief, and one of the host. */
static const uint32_t trees_over[] = {
	[SPACE_TURN] = 3 * UW_COMPONENTS_MAX,
	[SPACE_BRIEF] = UW_COMPONENTS_MAX + 1,
};

uint64_t admit_size(const struct admit_limits *limits)
{
	if (!limits_are_sane(limits))
		return 0;
	return rounded(sizeof(struct admit)) + sizeof(struct tree_node) +
	       tree_space_size(limits->tasks, trees_over[SPACE_TURN]) +
	       tree_space_size(limits->tasks, trees_over[SPACE_BRIEF]) +
	       rounded(limits->tasks * sizeof(struct slot)) +
	       rounded(limits->keys * sizeof(struct key_slot)) +
	       rounded(hash_size(limits->tasks) * sizeof(uint32_t)) +
	       rounded(hash_size(limits->keys) * sizeof(uint32_t));
}

static int config_check(const struct admit_config *config)
{
	if (!config->component_count || config->component_count > UW_COMPONENTS_MAX ||
	    config->order >= ADMIT_ORDER__COUNT || config->trust >= ADMIT_TRUST__COUNT ||
	    config->strategy >= ADMIT_STRATEGY__COUNT)
		return -EINVAL;
	return 0;
}

uint64_t admit_delay_us(const struct admit_config *config, enum admit_class class)
{
	for (int i = 0; i < ADMIT_CLASS__COUNT; i++)
		if (config->delay_us[i])
			return config->delay_us[class];
	return delay_default_us[class];
}

static void set_config(struct admit *admit, const struct admit_config *config)
{
	admit->config = *config;
	if (!config->bypass_us)
		admit->config.bypass_us = BYPASS_DEFAULT_US;
	if (config->strategy != ADMIT_ADAPTIVE)
		admit->strategy = config->strategy;
}

static void init_component(struct admit *admit, struct component_queue *queue)
{
	tree_init(&queue->turn, &admit->space[SPACE_TURN], TREE_SUM);
	tree_init(&queue->brief, &admit->space[SPACE_BRIEF], TREE_LEAST);
	tree_init(&queue->parked, &admit->space[SPACE_PARKED], TREE_SUM);
	tree_init(&queue->ends, &admit->space[SPACE_ENDS], TREE_SUM);
	queue->reservation.head = NONE;
}

static void lay_out(struct admit *admit)
{
	const uint64_t node = sizeof(struct tree_node);
	unsigned char *at = (unsigned char *)admit + rounded(sizeof(*admit));

	at += (node - (uintptr_t)at % node) % node;
	for (int i = 0; i < 2; i++) {
		tree_space_init(&admit->space[i], at, admit->limits.tasks, trees_over[i]);
		at += tree_space_size(admit->limits.tasks, trees_over[i]);
	}
	admit->slot = (struct slot *)(void *)at;
	at += rounded(admit->limits.tasks * sizeof(struct slot));
	admit->key = (struct key_slot *)(void *)at;
	at += rounded(admit->limits.keys * sizeof(struct key_slot));
	admit->slot_hash = (uint32_t *)(void *)at;
	admit->slot_mask = hash_size(admit->limits.tasks) - 1;
	at += rounded((admit->slot_mask + 1) * sizeof(uint32_t));
	admit->key_hash = (uint32_t *)(void *)at;
	admit->key_mask = hash_size(admit->limits.keys) - 1;
}

/* Memory that is zero already is only read: fresh from the kernel it does not become resident. */
static void clear(uint32_t *words, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		if (words[i])
			words[i] = 0;
}

int admit_init(struct admit *admit, const struct admit_limits *limits,
	       const struct admit_config *config)
{
	if (!limits_are_sane(limits) || config_check(config) < 0)
		return -EINVAL;
	memset(admit, 0, sizeof(*admit));
	admit->limits = *limits;
	lay_out(admit);
	clear(admit->slot_hash, admit->slot_mask + 1);
	clear(admit->key_hash, admit->key_mask + 1);
	set_config(admit, config);
	admit->slot_free = NONE;
	admit->dirty = admit->needs = (struct list){NONE, NONE};
	admit->key_newest = admit->key_oldest = NONE;
	tree_init(&admit->host_ends, &admit->space[SPACE_HOST_ENDS], TREE_SUM);
	admit->host.head = NONE;
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++)
		init_component(admit, &admit->component[i]);
	return 0;
}

static bool is_used_past(const struct admit *admit, uint32_t count)
{
	for (uint32_t i = 0; i < admit->slot_used; i++)
		if (admit->slot[i].place != PLACE_FREE && admit->slot[i].task.component >= count)
			return true;
	return false;
}

int admit_configure(struct admit *admit, const struct admit_config *config)
{
	if (config_check(config) < 0)
		return -EINVAL;
	if (config->component_count < admit->config.component_count &&
	    is_used_past(admit, config->component_count))
		return -EBUSY;
	set_config(admit, config);
	for (uint32_t i = 0; i < admit->slot_used; i++) {
		struct slot *slot = &admit->slot[i];

		if (slot->place != PLACE_QUEUE && slot->place != PLACE_PARKED)
			continue;
		queue_remove(admit, i);
		queue_add(admit, i);
	}
	return 0;
}

void admit_supply(struct admit *admit, const struct admit_supply *supply, uint64_t now_us)
{
	if (!admit->strategy_us)
		admit->strategy_us = now_us;
	strategy_see(admit, supply->level, now_us);
	admit->supply = *supply;
	for (uint32_t i = 0; i < admit->config.component_count; i++)
		queue_unpark(admit, i);
	key_refresh(admit, true);
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

bool decide_push(struct admit_decisions *ret, const struct admit_decision *decision)
{
	if (ret->count == ADMIT_DECISIONS_MAX) {
		ret->more = true;
		return false;
	}
	ret->decision[ret->count++] = *decision;
	return true;
}
