// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The words for actions, outcomes and reasons. A reason is printed as a clause with what was
 * observed and the threshold it was compared with, each in its own unit.
 */
#include "user/model/plan.h"

#include <inttypes.h>
#include <stdio.h>

#include "user/base/units.h"

static const char *const action_names[ACTION__COUNT] = {
	[ACTION_SET_MIN] = "set-min",   [ACTION_SET_LOW] = "set-low",
	[ACTION_SET_HIGH] = "set-high", [ACTION_SET_MAX] = "set-max",
	[ACTION_RECLAIM] = "reclaim",   [ACTION_FREEZE] = "freeze",
	[ACTION_THAW] = "thaw",         [ACTION_PAGE_IN] = "page-in",
	[ACTION_KILL] = "kill",         [ACTION_ARM_MARK] = "arm-mark",
	[ACTION_NOTICE] = "notice",
};

static const char *const outcome_names[OUTCOME__COUNT] = {
	[OUTCOME_DONE] = "done", [OUTCOME_SHORT] = "short",   [OUTCOME_DEADLINE] = "deadline",
	[OUTCOME_GONE] = "gone", [OUTCOME_FAILED] = "failed",
};

/* A clause is BEFORE observed BETWEEN threshold; without a unit BEFORE stands alone. */
struct plan_reason_row {
	const char *name;
	enum reason_unit unit;
	const char *before, *between;
};

static const struct plan_reason_row reasons[REASON__COUNT] = {
	[REASON_NONE] = {"none", REASON_UNIT_NONE, "no reason", NULL},
	[REASON_USAGE] = {"usage", REASON_UNIT_PERMYRIAD, "usage ", " reached the edge "},
	[REASON_USAGE_MARK] = {"usage-mark", REASON_UNIT_BYTES, "the kernel saw usage ",
			       " pass the mark "},
	[REASON_FORECAST] = {"forecast", REASON_UNIT_US, "limit forecast in ", ", horizon "},
	[REASON_PSI_SOME] = {"psi-some", REASON_UNIT_PERMYRIAD, "some task stalled ",
			     " of the time, threshold "},
	[REASON_PSI_FULL] = {"psi-full", REASON_UNIT_PERMYRIAD, "all tasks stalled ",
			     " of the time, threshold "},
	[REASON_PROTECTED_STALL] = {"protected-stall", REASON_UNIT_US,
				    "a protected component stalled ", ", threshold "},
	[REASON_THRASH] = {"thrash", REASON_UNIT_PER_S, "refaults ", ", limit "},
	[REASON_OVER_BUDGET] = {"over-budget", REASON_UNIT_BYTES, "holds ", " over its budget of "},
	[REASON_HOST_AVAILABLE] = {"host-available", REASON_UNIT_BYTES, "the host has ",
				   " available, needs "},
	[REASON_NO_SWAP] = {"no-swap", REASON_UNIT_BYTES, "swap has ", " free, needs "},
	[REASON_WORKING_SET] = {"working-set", REASON_UNIT_BYTES, "working set ",
				", protected so far "},
	[REASON_BUDGET] = {"budget", REASON_UNIT_BYTES, "limit was ", ", configured "},
	[REASON_LOAN] = {"loan", REASON_UNIT_BYTES, "limit was ", ", with loans "},
	[REASON_LEASE] = {"lease", REASON_UNIT_BYTES, "leased ", ", protected so far "},
	[REASON_CONTENTION] = {"contention", REASON_UNIT_BYTES, "another lacks ", ", free are "},
	[REASON_TURN] = {"turn", REASON_UNIT_US, "another one waited ", ", its turn comes after "},
	[REASON_OWNER_PAYBACK] = {"owner-payback", REASON_UNIT_BYTES, "an owner needs ",
				  " back, limit in force "},
	[REASON_RECOVERED] = {"recovered", REASON_UNIT_PERMYRIAD, "usage ", " is back under "},
	[REASON_ROOM] = {"room", REASON_UNIT_BYTES, "room for ", ", needs "},
	[REASON_DEADLINE] = {"deadline", REASON_UNIT_US, "lasted ", ", limit "},
	[REASON_LIVELOCK] = {"livelock", REASON_UNIT_PER_S, "memory.high events ",
			     " without progress, limit "},
	[REASON_SIDE_EFFECT] = {"side-effect", REASON_UNIT_PERMYRIAD, "another component stalled ",
				" after the freeze, threshold "},
	[REASON_LOCK] = {"lock", REASON_UNIT_COUNT,
			 "processes that wait for a lock it holds: ", ", may be "},
	[REASON_DEPENDENCE] = {"dependence", REASON_UNIT_PERMYRIAD,
			       "another leaf's CPU time fell to ",
			       " with the freeze, and in its breaths was "},
	[REASON_SPARED] = {"spared", REASON_UNIT_BYTES,
			   "others depend on what grows here, so it is paged out: holds ",
			   ", in force "},
	[REASON_BREATH] = {"breath", REASON_UNIT_US, "stood still for ", ", at most "},
	[REASON_OUT_OF_TIERS] = {"out-of-tiers", REASON_UNIT_PERMYRIAD, "usage ",
				 " and nothing is left that the configuration allows, edge "},
	[REASON_LAST_RESORT] = {"last-resort", REASON_UNIT_US, "emergency for ", ", limit "},
	[REASON_REQUEST] = {"request", REASON_UNIT_NONE, "a client asked", NULL},
	[REASON_STARTUP] = {"startup", REASON_UNIT_NONE, "left by an earlier instance", NULL},
	[REASON_CLEANUP] = {"cleanup", REASON_UNIT_PERMYRIAD, "calm: some task stalled ",
			    " of the interval, target "},
	[REASON_FILES] = {"files", REASON_UNIT_BYTES, "files that are read once leave room for ",
			  ", wanted "},
};

const char *action_name(enum action_kind kind)
{
	return (unsigned int)kind < ACTION__COUNT ? action_names[kind] : "?";
}

const char *outcome_name(enum outcome_result result)
{
	return (unsigned int)result < OUTCOME__COUNT ? outcome_names[result] : "?";
}

const char *reason_name(enum reason reason)
{
	return (unsigned int)reason < REASON__COUNT ? reasons[reason].name : "?";
}

enum reason_unit reason_unit(enum reason reason)
{
	return (unsigned int)reason < REASON__COUNT ? reasons[reason].unit : REASON_UNIT_NONE;
}

const char *reason_unit_name(enum reason_unit unit)
{
	static const char *const names[] = {
		[REASON_UNIT_NONE] = "none",   [REASON_UNIT_BYTES] = "bytes",
		[REASON_UNIT_US] = "us",       [REASON_UNIT_PERMYRIAD] = "permyriad",
		[REASON_UNIT_COUNT] = "count", [REASON_UNIT_PER_S] = "per_s",
	};

	return names[unit];
}

const char *reason_value_text(enum reason_unit unit, uint64_t value, char *buf, unsigned long size)
{
	char text[UNITS_TEXT_LEN] = "";

	switch (unit) {
	case REASON_UNIT_BYTES:
		snprintf(buf, size, "%s",
			 value == BYTES_MAX ? "max" : units_print_bytes(value, text));
		break;
	case REASON_UNIT_US:
		snprintf(buf, size, "%s",
			 value == UINT64_MAX ? "never" : units_print_us(value, text));
		break;
	case REASON_UNIT_PERMYRIAD:
		snprintf(buf, size, "%s", units_print_permyriad(value, text));
		break;
	case REASON_UNIT_PER_S:
		snprintf(buf, size, "%" PRIu64 "/s", value);
		break;
	case REASON_UNIT_COUNT:
		snprintf(buf, size, "%" PRIu64, value);
		break;
	case REASON_UNIT_NONE:
		snprintf(buf, size, "%s", "");
		break;
	}
	return buf;
}

/* Two numbers of bytes are printed apart from each other. */
static void put_values(const struct why *why, enum reason_unit unit,
		       char observed[static UNITS_TEXT_LEN], char threshold[static UNITS_TEXT_LEN])
{
	if (unit == REASON_UNIT_BYTES)
		units_print_bytes_apart(why->observed, why->threshold, observed, threshold);
	if (unit != REASON_UNIT_BYTES || why->observed == BYTES_MAX)
		reason_value_text(unit, why->observed, observed, UNITS_TEXT_LEN);
	if (unit != REASON_UNIT_BYTES || why->threshold == BYTES_MAX)
		reason_value_text(unit, why->threshold, threshold, UNITS_TEXT_LEN);
}

const char *reason_text(const struct why *why, char *buf, unsigned long size)
{
	const struct plan_reason_row *row;
	char observed[UNITS_TEXT_LEN], threshold[UNITS_TEXT_LEN];

	if (!size)
		return buf;
	if ((unsigned int)why->reason >= REASON__COUNT) {
		snprintf(buf, size, "?");
		return buf;
	}
	row = &reasons[why->reason];
	if (row->unit == REASON_UNIT_NONE) {
		snprintf(buf, size, "%s", row->before);
		return buf;
	}
	put_values(why, row->unit, observed, threshold);
	snprintf(buf, size, "%s%s%s%s", row->before, observed, row->between, threshold);
	return buf;
}
