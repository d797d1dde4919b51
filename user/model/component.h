/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a component is: a named share of the budget with a priority and rules for what may be done
 * to it. Plain values, filled by conf, read by everybody, owned by struct config.
 */
#ifndef UW_MODEL_COMPONENT_H
#define UW_MODEL_COMPONENT_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/types.h>

#include "bpf/uw_abi.h"

/* Pressure levels, by percent of the budget in force; edges are in struct config. */
/* The emergency of the host: each stage adds a step to those before it. */
enum host_stage {
	HOST_CALM,
	HOST_CALLS, /* loans are called in, levels are high, so that programs are told */
	HOST_STOPS, /* the lowest priority is frozen and paged out, over budget or not */
	HOST_KILLS, /* where that is allowed */
	HOST_STAGE__COUNT
};

enum level {
	LEVEL_NORMAL,
	LEVEL_LOW,
	LEVEL_MEDIUM,
	LEVEL_HIGH,
	LEVEL_CRITICAL,
	LEVEL_EMERGENCY,
	LEVEL__COUNT
};

/* What is done about pressure, mildest first. */
enum tier {
	TIER_NONE,
	TIER_LIGHT,
	TIER_MODERATE,
	TIER_AGGRESSIVE,
	TIER_EMERGENCY,
	TIER_FREEZE,
	TIER_KILL,
	TIER__COUNT
};

enum protect {
	PROTECT_NONE,        /* memory.low = 0, memory.min = 0 */
	PROTECT_BUDGET,      /* memory.low = budget: kept while others have more to give */
	PROTECT_WORKING_SET, /* and memory.min follows the measured working set, up to the budget */
	PROTECT__COUNT
};

enum kill_rule {
	KILL_NO,
	KILL_LAST_RESORT,
	KILL__COUNT
};

/* What a component mostly holds: which of its pages are taken first. */
enum component_type {
	TYPE_OTHER,    /* nothing is known of it: files of who runs, all of who stands still */
	TYPE_FEED,     /* what is read or written once: file pages first */
	TYPE_MODELS,   /* large and seldom used: anonymous pages first */
	TYPE_DATABASE, /* a cache of its own: never below what it works on */
	TYPE_CACHE,    /* least recently used first, files or not */
	TYPE__COUNT
};

/* Whether it is cleaned while nobody lacks memory. */
enum clean_rule {
	CLEAN_AUTO, /* feeds, models and caches, when the pool is filling */
	CLEAN_NO,
	CLEAN_YES,
	CLEAN__COUNT
};

#define SUBMIT_LEN      128 /* of a list of users and groups, with its terminator */
#define SUBMIT_WORD_LEN 33

#define PRIORITY_MIN 1
#define PRIORITY_MAX 10

struct component {
	char name[UW_NAME_LEN];
	uint32_t share_permyriad; /* of usable; 0 when budget_bytes is given */
	uint64_t budget_bytes;    /* resolved: share of usable, or as configured */
	uint32_t priority; /* 1 to 10; 9-10 critical, 7-8 high, 5-6 normal, 3-4 low, 1-2 deferred */
	enum protect protect;
	enum kill_rule kill;
	enum component_type type;
	enum clean_rule clean;
	bool freeze;             /* its leaves may be frozen by policy */
	bool lend;               /* its idle budget may be lent */
	bool borrow;             /* it may use what others lend */
	char submit[SUBMIT_LEN]; /* who beside root may queue jobs: "alice, @trading", "*", "root"
				  */
	char lease[SUBMIT_LEN];  /* who beside root and those in it may have leases; as submit */
	uint64_t refuse_bytes;   /* mappings of so much that do not fit fail; 0 = none does */
};

/*
 * The next entry of such a list: a user's name, "@" and a group's, or "*" for everybody. Returns
 * where to go on, NULL when there was none left.
 */
const char *submit_next(const char *at, char buf[static SUBMIT_WORD_LEN]);

/* Nothing is taken from it for others: by its working set, or by its budget from priority 7 on. */
bool component_is_protected(const struct component *c);

/* It is cleaned while nobody lacks memory, at any time or when the pool is filling. */
bool component_is_cleaned(const struct component *c);

/* Names as they stand in configuration, status and logs; "?" out of range. */
const char *level_name(enum level level);
const char *host_stage_name(enum host_stage stage);
const char *tier_name(enum tier tier);
const char *protect_name(enum protect protect);
const char *kill_rule_name(enum kill_rule kill);
const char *component_type_name(enum component_type type);
const char *clean_rule_name(enum clean_rule clean);

#endif
