// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Turns shares of the pool into budgets in bytes, exactly and without overflow, and finds
 * components by name. The words of the enums stand here too.
 */
#include "user/model/config.h"

#include <errno.h>
#include <string.h>

#include "user/base/units.h"

static const char *const lru_gen_rule_names[LRU_GEN__COUNT] = {
	[LRU_GEN_KEEP] = "keep",
	[LRU_GEN_ON] = "on",
};

static const char *const sense_pages_names[SENSE_PAGES__COUNT] = {
	[SENSE_PAGES_OFF] = "off",
	[SENSE_PAGES_BATCHED] = "batched",
	[SENSE_PAGES_FULL] = "full",
};

static const char *const strategy_names[STRATEGY__COUNT] = {
	[STRATEGY_BALANCED] = "balanced",
	[STRATEGY_THROUGHPUT] = "throughput",
	[STRATEGY_LATENCY] = "latency",
	[STRATEGY_ADAPTIVE] = "adaptive",
};

static const char *const footprints_names[FOOTPRINTS__COUNT] = {
	[FOOTPRINTS_ASKED] = "asked",
	[FOOTPRINTS_LEARNED] = "learned",
};

static const char *const outgrown_names[OUTGROWN__COUNT] = {
	[OUTGROWN_WAIT] = "wait",
	[OUTGROWN_FAIL] = "fail",
};

const char *strategy_name(enum strategy strategy)
{
	return (unsigned int)strategy < STRATEGY__COUNT ? strategy_names[strategy] : "?";
}

const char *footprints_name(enum footprints footprints)
{
	return (unsigned int)footprints < FOOTPRINTS__COUNT ? footprints_names[footprints] : "?";
}

const char *outgrown_name(enum outgrown outgrown)
{
	return (unsigned int)outgrown < OUTGROWN__COUNT ? outgrown_names[outgrown] : "?";
}

const char *lru_gen_rule_name(enum lru_gen_rule rule)
{
	return (unsigned int)rule < LRU_GEN__COUNT ? lru_gen_rule_names[rule] : "?";
}

const char *sense_pages_name(enum sense_pages pages)
{
	return (unsigned int)pages < SENSE_PAGES__COUNT ? sense_pages_names[pages] : "?";
}

uint64_t config_share(uint64_t bytes, uint32_t permyriad)
{
	return bytes / PERMYRIAD_ONE * permyriad +
	       bytes % PERMYRIAD_ONE * permyriad / PERMYRIAD_ONE;
}

/* part of a whole that is shared out in the ratio weight/sum. */
static uint64_t part_of(uint64_t whole, uint32_t weight, uint64_t sum)
{
	return whole / sum * weight + whole % sum * weight / sum;
}

int config_resolve(struct config *config, uint64_t usable_bytes)
{
	uint64_t usable = config->usable_conf_bytes ? config->usable_conf_bytes : usable_bytes;
	uint64_t ours = usable - config_share(usable, config->reserve_permyriad);
	uint64_t fixed = 0, shares = 0, left;

	for (uint32_t i = 0; i < config->component_count; i++) {
		const struct component *c = &config->component[i];

		if (c->share_permyriad) {
			shares += c->share_permyriad;
			continue;
		}
		if (c->budget_bytes > ours - fixed)
			return -ERANGE;
		fixed += c->budget_bytes;
	}

	/* Shares are of usable as long as they leave the reserve alone, else of what is left. */
	left = ours - fixed;
	for (uint32_t i = 0; i < config->component_count; i++) {
		struct component *c = &config->component[i];

		if (!c->share_permyriad)
			continue;
		if (shares <= PERMYRIAD_ONE && config_share(usable, (uint32_t)shares) <= left)
			c->budget_bytes = config_share(usable, c->share_permyriad);
		else
			c->budget_bytes = part_of(left, c->share_permyriad, shares);
	}
	config->usable_bytes = usable;
	return 0;
}

int config_find(const struct config *config, const char *name)
{
	for (uint32_t i = 0; i < config->component_count; i++)
		if (!strcmp(config->component[i].name, name))
			return (int)i;
	return -1;
}

bool config_refuses(const struct config *config)
{
	for (uint32_t i = 0; i < config->component_count; i++)
		if (config->component[i].refuse_bytes)
			return true;
	return false;
}
