// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The words for levels, tiers and rules of a component, and two small readings of its
 * configuration: whether it counts as protected, and the entries of its list of submitters.
 */
#include "user/model/component.h"

#include <string.h>

static const char *const level_names[LEVEL__COUNT] = {
	[LEVEL_NORMAL] = "normal", [LEVEL_LOW] = "low",           [LEVEL_MEDIUM] = "medium",
	[LEVEL_HIGH] = "high",     [LEVEL_CRITICAL] = "critical", [LEVEL_EMERGENCY] = "emergency",
};

static const char *const host_stage_names[HOST_STAGE__COUNT] = {
	[HOST_CALM] = "calm",
	[HOST_CALLS] = "calls",
	[HOST_STOPS] = "stops",
	[HOST_KILLS] = "kills",
};

static const char *const tier_names[TIER__COUNT] = {
	[TIER_NONE] = "none",           [TIER_LIGHT] = "light",
	[TIER_MODERATE] = "moderate",   [TIER_AGGRESSIVE] = "aggressive",
	[TIER_EMERGENCY] = "emergency", [TIER_FREEZE] = "freeze",
	[TIER_KILL] = "kill",
};

static const char *const protect_names[PROTECT__COUNT] = {
	[PROTECT_NONE] = "none",
	[PROTECT_BUDGET] = "budget",
	[PROTECT_WORKING_SET] = "working-set",
};

static const char *const kill_rule_names[KILL__COUNT] = {
	[KILL_NO] = "no",
	[KILL_LAST_RESORT] = "last-resort",
};

static const char *const type_names[TYPE__COUNT] = {
	[TYPE_OTHER] = "other",       [TYPE_FEED] = "feed",   [TYPE_MODELS] = "models",
	[TYPE_DATABASE] = "database", [TYPE_CACHE] = "cache",
};

static const char *const clean_rule_names[CLEAN__COUNT] = {
	[CLEAN_AUTO] = "auto",
	[CLEAN_NO] = "no",
	[CLEAN_YES] = "yes",
};

const char *level_name(enum level level)
{
	return (unsigned int)level < LEVEL__COUNT ? level_names[level] : "?";
}

const char *host_stage_name(enum host_stage stage)
{
	return (unsigned int)stage < HOST_STAGE__COUNT ? host_stage_names[stage] : "?";
}

const char *tier_name(enum tier tier)
{
	return (unsigned int)tier < TIER__COUNT ? tier_names[tier] : "?";
}

const char *protect_name(enum protect protect)
{
	return (unsigned int)protect < PROTECT__COUNT ? protect_names[protect] : "?";
}

const char *kill_rule_name(enum kill_rule kill)
{
	return (unsigned int)kill < KILL__COUNT ? kill_rule_names[kill] : "?";
}

const char *component_type_name(enum component_type type)
{
	return (unsigned int)type < TYPE__COUNT ? type_names[type] : "?";
}

const char *clean_rule_name(enum clean_rule clean)
{
	return (unsigned int)clean < CLEAN__COUNT ? clean_rule_names[clean] : "?";
}

const char *submit_next(const char *at, char buf[static SUBMIT_WORD_LEN])
{
	size_t len;

	at += strspn(at, " \t,");
	len = strcspn(at, " \t,");
	if (!len || len >= SUBMIT_WORD_LEN)
		return NULL;
	memcpy(buf, at, len);
	buf[len] = '\0';
	return at + len;
}

bool component_is_protected(const struct component *c)
{
	return c->protect == PROTECT_WORKING_SET ||
	       (c->protect == PROTECT_BUDGET && c->priority >= 7);
}

bool component_is_cleaned(const struct component *c)
{
	bool by_type = c->type == TYPE_FEED || c->type == TYPE_MODELS || c->type == TYPE_CACHE;

	return !component_is_protected(c) &&
	       (c->clean == CLEAN_YES || (c->clean == CLEAN_AUTO && by_type));
}
