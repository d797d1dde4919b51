// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sets the core up: all that it will ever need is laid out in one piece of memory that the caller
 * gives. A new configuration or supply is taken in here, and brings back into order what stands by
 * it.
 */
#include <errno.h>
#include <string.h>

#include "user/policy/admit/inside.h"

#define TASKS_MAX         (1U << 24)
#define KEYS_MAX          (1U << 20)
#define BYPASS_DEFAULT_US (3600 * US_PER_SEC) /* as that of uw.conf */

/* Half empty at least, so that a search ends soon. */
static uint32_t hash_size(uint32_t count)
{
	uint32_t size = 16;

	while (size < 2 * count)
		size *= 2;
	return size;
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

/* In a component: turn, parked, ends; by_runtime, and one of the host; by_submit, limits. */
static const uint32_t trees_over[] = {
	[SPACE_FIRST] = 3 * UW_COMPONENTS_MAX,
	[SPACE_SECOND] = UW_COMPONENTS_MAX + 1,
	[SPACE_THIRD] = 2 * UW_COMPONENTS_MAX,
	[SPACE_FOURTH] = 1,
};

static uint64_t spaces_size(const struct admit_limits *limits)
{
	uint64_t size = 0;

	for (int i = 0; i < SPACE__COUNT; i++)
		size += btree_space_size(limits->tasks, trees_over[i]);
	return size;
}

uint64_t admit_size(const struct admit_limits *limits)
{
	if (!limits_are_sane(limits))
		return 0;
	return rounded(sizeof(struct admit)) + sizeof(struct btree_node) + spaces_size(limits) +
	       rounded(limits->tasks * sizeof(struct ticket)) +
	       rounded(limits->keys * sizeof(struct key_state)) +
	       rounded(hash_size(limits->tasks) * sizeof(uint32_t)) +
	       rounded(hash_size(limits->keys) * sizeof(uint32_t));
}

static int config_check(const struct admit_config *config)
{
	if (!config->component_count || config->component_count > UW_COMPONENTS_MAX ||
	    config->order >= ADMIT_ORDER__COUNT || config->trust >= ADMIT_TRUST__COUNT ||
	    config->strategy >= ADMIT_STRATEGY__COUNT || config->answer_max > ADMIT_DECISIONS_MAX)
		return -EINVAL;
	return 0;
}

static void set_config(struct admit *admit, const struct admit_config *config)
{
	admit->config = *config;
	if (!config->bypass_us)
		admit->config.bypass_us = BYPASS_DEFAULT_US;
	if (!config->answer_max)
		admit->config.answer_max = ADMIT_DECISIONS_MAX;
	if (config->strategy != ADMIT_ADAPTIVE)
		admit->strategy = config->strategy;
}

static void init_component(struct admit *admit, struct component_queue *queue)
{
	btree_init(&queue->turn, &admit->space[SPACE_FIRST], BTREE_SUM);
	btree_init(&queue->by_runtime, &admit->space[SPACE_SECOND], BTREE_LEAST);
	btree_init(&queue->by_submit, &admit->space[SPACE_THIRD], BTREE_SUM);
	btree_init(&queue->parked, &admit->space[SPACE_FIRST], BTREE_SUM);
	btree_init(&queue->ends, &admit->space[SPACE_FIRST], BTREE_SUM);
	btree_init(&queue->limits, &admit->space[SPACE_THIRD], BTREE_SUM);
	queue->reservation.head = NONE;
}

static void lay_out(struct admit *admit)
{
	const uint64_t node = sizeof(struct btree_node);
	unsigned char *at = (unsigned char *)admit + rounded(sizeof(*admit));

	at += (node - (uintptr_t)at % node) % node;
	for (int i = 0; i < SPACE__COUNT; i++) {
		btree_space_init(&admit->space[i], at, admit->limits.tasks, trees_over[i]);
		at += btree_space_size(admit->limits.tasks, trees_over[i]);
	}
	admit->ticket = (struct ticket *)(void *)at;
	at += rounded(admit->limits.tasks * sizeof(struct ticket));
	admit->key = (struct key_state *)(void *)at;
	at += rounded(admit->limits.keys * sizeof(struct key_state));
	admit->ticket_hash = (uint32_t *)(void *)at;
	admit->ticket_mask = hash_size(admit->limits.tasks) - 1;
	at += rounded((admit->ticket_mask + 1) * sizeof(uint32_t));
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
	clear(admit->ticket_hash, admit->ticket_mask + 1);
	clear(admit->key_hash, admit->key_mask + 1);
	set_config(admit, config);
	admit->ticket_free = NONE;
	admit->dirty = admit->needs = (struct index_list){NONE, NONE};
	admit->key_newest = admit->key_oldest = NONE;
	btree_init(&admit->host_ends, &admit->space[SPACE_SECOND], BTREE_SUM);
	btree_init(&admit->host_limits, &admit->space[SPACE_FOURTH], BTREE_SUM);
	admit->host.head = NONE;
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++)
		init_component(admit, &admit->component[i]);
	return 0;
}

static bool is_used_past(const struct admit *admit, uint32_t count)
{
	for (uint32_t i = 0; i < admit->ticket_used; i++)
		if (admit->ticket[i].place != PLACE_FREE &&
		    admit->ticket[i].task.component >= count)
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
	for (uint32_t i = 0; i < admit->ticket_used; i++) {
		struct ticket *ticket = &admit->ticket[i];

		if (ticket->place != PLACE_QUEUE && ticket->place != PLACE_PARKED)
			continue;
		queue_remove(admit, i);
		queue_add(admit, i);
	}
	for (uint32_t k = 0; k < admit->keys; k++)
		queue_next_scout(admit, k);
	return 0;
}

/* The first of a component's queue waits though its component has the memory free. */
static uint64_t waits_by_right(const struct admit *admit, uint32_t component)
{
	uint32_t head = admit->component[component].reservation.head;
	const struct ticket *ticket;

	if (head == NONE)
		return 0;
	ticket = &admit->ticket[head];
	if (ticket->place != PLACE_QUEUE || ticket->bytes > free_of_component(admit, component))
		return 0;
	return ticket->bytes;
}

uint64_t admit_wanted(const struct admit *admit, uint32_t component)
{
	uint64_t bytes = waits_by_right(admit, component);
	uint32_t before = 0;

	while (before < component && !waits_by_right(admit, before))
		before++;
	if (!bytes || before < component)
		return bytes;
	return add_sat(bytes, add_sat(admit->supply.host_reserve_bytes, admit->promised_bytes));
}

void admit_supply(struct admit *admit, const struct admit_supply *supply, uint64_t now_us)
{
	if (!admit->strategy_us)
		admit->strategy_us = now_us;
	strategy_see(admit, supply->level, now_us);
	admit->supply = *supply;
	for (uint32_t i = 0; i < admit->config.component_count; i++)
		queue_unpark(admit, i);
	queue_refresh(admit, true);
}
