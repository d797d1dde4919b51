// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names the values of the core's enums, and puts each reason into the clause that is printed for
 * it with its two numbers. It is text for people only: no decision reads it.
 */
#include <stdio.h>

#include "user/policy/admit/inside.h"

#define NAME(table, i) ((size_t)(i) < sizeof(table) / sizeof((table)[0]) ? (table)[i] : "?")

static const char *const classes[] = {
	[ADMIT_CRITICAL] = "critical", [ADMIT_HIGH] = "high",         [ADMIT_NORMAL] = "normal",
	[ADMIT_LOW] = "low",           [ADMIT_DEFERRED] = "deferred",
};

static const char *const strategies[] = {
	[ADMIT_BALANCED] = "balanced",
	[ADMIT_THROUGHPUT] = "throughput",
	[ADMIT_LATENCY] = "latency",
	[ADMIT_ADAPTIVE] = "adaptive",
};

static const char *const states[] = {
	[ADMIT_QUEUED] = "queued",   [ADMIT_ONHOLD] = "held",   [ADMIT_STARTING] = "starting",
	[ADMIT_RUNNING] = "running", [ADMIT_PAUSED] = "paused",
};

static const char *const verdicts[] = {
	[ADMIT_START] = "start",   [ADMIT_WAIT] = "wait",         [ADMIT_GROW] = "grow",
	[ADMIT_SHRINK] = "shrink", [ADMIT_THROTTLE] = "throttle", [ADMIT_FREEZE] = "freeze",
	[ADMIT_THAW] = "thaw",     [ADMIT_RESTART] = "restart",   [ADMIT_SWITCH] = "switch",
};

static const char *const peaks_by[] = {
	[ADMIT_PEAK_QUANTILE] = "peaks",  [ADMIT_PEAK_INPUT] = "input",
	[ADMIT_PEAK_NEAR] = "near",       [ADMIT_PEAK_LAST] = "last",
	[ADMIT_PEAK_REQUEST] = "request", [ADMIT_PEAK_RUNNING] = "running",
};

static const char *const runs_by[] = {
	[ADMIT_RUN_RECENT] = "recent",
	[ADMIT_RUN_INPUT] = "input",
	[ADMIT_RUN_SHARE] = "share",
	[ADMIT_RUN_DECLARED] = "declared",
};

enum why_unit {
	UNIT_NONE,
	UNIT_BYTES,
	UNIT_TIMES, /* points in time, told from now */
	UNIT_SPANS,
	UNIT_COUNT,
	UNIT_LEVEL,
};

/* The clause: before, observed, between, threshold, after. */
static const struct why_row {
	const char *name, *before, *between, *after;
	enum why_unit unit;
} reasons[] = {
	[ADMIT_WHY_NONE] = {"none", "", "", "", UNIT_NONE},
	[ADMIT_WHY_FITS] = {"fits", "needs ", ", free ", "", UNIT_BYTES},
	[ADMIT_WHY_ENDS_BEFORE] = {"ends-before", "ends in ", ", before the head starts in ", "",
				   UNIT_TIMES},
	[ADMIT_WHY_BESIDE] = {"beside", "needs ", ", spare beside the head ", "", UNIT_BYTES},
	[ADMIT_WHY_CANARY] = {"canary", "the first of its key, begins with ", ", free ", "",
			      UNIT_BYTES},
	[ADMIT_WHY_NO_ROOM_HOST] = {"no-room-host", "needs ", ", free on the host ", "",
				    UNIT_BYTES},
	[ADMIT_WHY_NO_ROOM_BUDGET] = {"no-room-budget", "needs ", ", free in its component ", "",
				      UNIT_BYTES},
	[ADMIT_WHY_NEVER_FITS] = {"never-fits", "needs ", ", more than the budget ", "",
				  UNIT_BYTES},
	[ADMIT_WHY_TURN] = {"turn", "", " before it", "", UNIT_COUNT},
	[ADMIT_WHY_HEAD_FIRST] = {"head-first", "needs ",
				  ", and another head has the next room; spare beside it ", "",
				  UNIT_BYTES},
	[ADMIT_WHY_HELD] = {"held", "held until released", "", "", UNIT_NONE},
	[ADMIT_WHY_GROWTH_FIRST] = {"growth-first", "needs ",
				    ", and a running task has the next room; free ", "",
				    UNIT_BYTES},
	[ADMIT_WHY_OUTGREW] = {"outgrew", "uses ", " of ", " reserved", UNIT_BYTES},
	[ADMIT_WHY_PLATEAU] = {"plateau", "settled at ", " of ", " reserved", UNIT_BYTES},
	[ADMIT_WHY_NO_ROOM_TO_GROW] = {"no-room-to-grow", "wants ", " more, free ", "", UNIT_BYTES},
	[ADMIT_WHY_ROOM] = {"room", "free ", ", wants ", "", UNIT_BYTES},
	[ADMIT_WHY_DEADLOCK] = {"deadlock", "all that run are paused; uses ", ", wants ", "",
				UNIT_BYTES},
	[ADMIT_WHY_PREEMPTED] = {"preempted", "weighed wait saved ", ", cost ", "", UNIT_SPANS},
	[ADMIT_WHY_PRESSURE] = {"pressure", "pressure is ", ", was ", "", UNIT_LEVEL},
};

const char *admit_class_name(enum admit_class class)
{
	return NAME(classes, class);
}

const char *admit_strategy_name(enum admit_strategy strategy)
{
	return NAME(strategies, strategy);
}

const char *admit_state_name(enum admit_state state)
{
	return NAME(states, state);
}

const char *admit_verdict_name(enum admit_verdict verdict)
{
	return NAME(verdicts, verdict);
}

const char *admit_reason_name(enum admit_reason reason)
{
	return (unsigned int)reason < ADMIT_REASON__COUNT ? reasons[reason].name : "?";
}

const char *admit_peak_by_name(enum admit_peak_by by)
{
	return NAME(peaks_by, by);
}

const char *admit_run_by_name(enum admit_run_by by)
{
	return NAME(runs_by, by);
}

static const char *number(enum why_unit unit, uint64_t value, uint64_t now_us,
			  char buf[static UNITS_TEXT_LEN])
{
	switch (unit) {
	case UNIT_BYTES:
		return buf; /* printed with the other one, apart from it */
	case UNIT_TIMES:
		return units_print_us(sub_sat(value, now_us), buf);
	case UNIT_SPANS:
		return units_print_us(value, buf);
	case UNIT_LEVEL:
		return level_name((enum level)value);
	case UNIT_COUNT:
		snprintf(buf, UNITS_TEXT_LEN, "%llu", (unsigned long long)value);
		return buf;
	default:
		return "";
	}
}

const char *admit_why_text(const struct admit_why *why, uint64_t now_us, char *buf,
			   unsigned long size)
{
	char observed[UNITS_TEXT_LEN], threshold[UNITS_TEXT_LEN];
	const struct why_row *row;

	if ((unsigned int)why->reason >= ADMIT_REASON__COUNT) {
		snprintf(buf, size, "?");
		return buf;
	}
	row = &reasons[why->reason];
	if (row->unit == UNIT_BYTES)
		units_print_bytes_apart(why->observed, why->threshold, observed, threshold);
	snprintf(buf, size, "%s%s%s%s%s", row->before,
		 number(row->unit, why->observed, now_us, observed), row->between,
		 row->unit == UNIT_COUNT ? ""
					 : number(row->unit, why->threshold, now_us, threshold),
		 row->after);
	return buf;
}
