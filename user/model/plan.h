/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What policy decided in one tick, and what became of it. Every action carries its reason with the
 * value that was observed and the threshold it was held against; logs, status and `uwctl why` print
 * that.
 */
#ifndef UW_MODEL_PLAN_H
#define UW_MODEL_PLAN_H

#include <stdint.h>

#include "user/model/component.h"

#define PLAN_ACTIONS_MAX 64
#define COMPONENT_NONE   UINT32_MAX
#define BYTES_MAX        UINT64_MAX /* "max" in a limit file */

enum action_kind {
	ACTION_SET_MIN,  /* memory.min = amount */
	ACTION_SET_LOW,  /* memory.low = amount */
	ACTION_SET_HIGH, /* memory.high = amount; a lowering blocks and runs in a worker */
	ACTION_RECLAIM,  /* memory.reclaim of amount bytes in chunks until deadline_us */
	ACTION_FREEZE,   /* one leaf; deadline_us is when guard thaws it if nobody else did */
	ACTION_THAW,     /* one leaf */
	ACTION_PAGE_IN,  /* what a frozen leaf has in swap, as a whole, until deadline_us */
	ACTION_KILL,     /* one leaf, cgroup.kill */
	ACTION_ARM_MARK, /* kernel wakes us when usage reaches amount; 0 disarms */
	ACTION_NOTICE,   /* nothing is done; the reason is said loudly (out of tiers) */
	ACTION_SET_MAX,  /* memory.max of the pool = amount, for what component owes */
	ACTION__COUNT
};

/* Why. The unit of observed and threshold is in the table of user/model/plan.c. */
enum reason {
	REASON_NONE,
	REASON_USAGE,           /* usage over a level's edge: permyriad of the budget in force */
	REASON_USAGE_MARK,      /* the kernel saw usage reach the mark: bytes */
	REASON_FORECAST,        /* the limit will be reached in observed us, horizon in threshold */
	REASON_PSI_SOME,        /* permyriad of time */
	REASON_PSI_FULL,        /* permyriad of time */
	REASON_PROTECTED_STALL, /* a protected component stalled: us */
	REASON_THRASH,          /* refaults a second against the limit */
	REASON_OVER_BUDGET,     /* donor: bytes over its budget */
	REASON_HOST_AVAILABLE,  /* MemAvailable: bytes */
	REASON_NO_SWAP,         /* nothing anonymous can be reclaimed */
	REASON_WORKING_SET,     /* protection follows the working set: bytes */
	REASON_BUDGET,          /* limits follow the configuration: bytes */
	REASON_LOAN,            /* limits follow a loan: bytes */
	REASON_LEASE,           /* memory.low follows what is leased for good: bytes */
	REASON_CONTENTION,      /* somebody lacks what is free for nobody: bytes lacking, free */
	REASON_TURN,            /* another one waited for its turn: us, the quantum */
	REASON_OWNER_PAYBACK,   /* an owner takes its budget back: bytes */
	REASON_RECOVERED,       /* pressure is gone: permyriad of the budget */
	REASON_ROOM,            /* there is room to thaw: bytes available, bytes needed */
	REASON_DEADLINE,        /* a squeeze or freeze reached its deadline: us */
	REASON_LIVELOCK,        /* memory.high events rise while use stands still: events/s */
	REASON_SIDE_EFFECT,     /* another component stalled after a freeze: permyriad */
	REASON_LOCK,            /* processes wait for a lock of what is frozen: how many, none */
	REASON_DEPENDENCE,      /* another's CPU time: frozen, in breaths; permyriad of one CPU */
	REASON_SPARED,          /* others depend on what grows: bytes held, in force */
	REASON_BREATH,          /* it stood still for so long, and may for so long: us */
	REASON_OUT_OF_TIERS,    /* nothing that the configuration allows is left */
	REASON_LAST_RESORT,     /* emergency for so long: us */
	REASON_REQUEST,         /* a client asked */
	REASON_STARTUP,         /* adoption: undo what an earlier instance left */
	REASON_CLEANUP,         /* calm for an interval: permyriad of it stalled, target */
	REASON_FILES,           /* what is read once fills it up: bytes of room, wanted */
	REASON__COUNT
};

enum reason_unit {
	REASON_UNIT_NONE,
	REASON_UNIT_BYTES,
	REASON_UNIT_US,
	REASON_UNIT_PERMYRIAD,
	REASON_UNIT_COUNT,
	REASON_UNIT_PER_S,
};

struct why {
	enum reason reason;
	uint64_t observed;
	uint64_t threshold;
};

struct action {
	uint32_t id; /* unique for the life of the daemon, in its outcome too */
	enum action_kind kind;
	enum tier tier;
	uint32_t component;
	uint64_t leaf;        /* cgid; 0 = the component's own group */
	uint64_t amount;      /* bytes; see kind */
	int32_t swappiness;   /* RECLAIM: 0 = file only, 1..200, -1 = the kernel's own */
	uint64_t deadline_us; /* absolute CLOCK_MONOTONIC; 0 = none */
	struct why why;
};

enum outcome_result {
	OUTCOME_DONE,
	OUTCOME_SHORT,    /* reclaim freed less than asked */
	OUTCOME_DEADLINE, /* stopped at its deadline */
	OUTCOME_GONE,     /* the group or leaf is not there any more */
	OUTCOME_FAILED,   /* error holds the errno */
	OUTCOME__COUNT
};

struct outcome {
	uint32_t id; /* of the action */
	enum action_kind kind;
	enum tier tier;
	uint32_t component;
	uint64_t leaf;
	enum outcome_result result;
	int error;
	uint64_t asked, done; /* bytes */
	uint64_t began_us, ended_us;
};

/* What the next full frame should bring beside the usual. */
enum plan_look {
	PLAN_LOOK_CPU = 1U << 0,   /* CPU time of each leaf */
	PLAN_LOOK_LOCKS = 1U << 1, /* who waits for locks of frozen leaves */
};

enum plan_pace {
	PACE_OWN,     /* as fast as it can */
	PACE_POLITE,  /* for no service, so that it is not in their way */
	PACE_PATIENT, /* nobody needs it as much as who grows needs the processor */
};

struct plan {
	uint32_t action_count;
	struct action action[PLAN_ACTIONS_MAX];
	uint32_t ages_wanted; /* bit i: the next frames are to have the ages of component i, and of
				 its leaves what is spare */
	uint32_t actions_dropped; /* did not fit; counted and logged, never silent */
	uint64_t next_us;         /* absolute time at which policy wants the next full frame */
	uint32_t looks;           /* enum plan_look */
	enum plan_pace pace[UW_COMPONENTS_MAX]; /* of a component's reclaim */
};

const char *action_name(enum action_kind kind);
const char *outcome_name(enum outcome_result result);

/* "usage", "protected-stall": the word in logs, JSON and `uwctl why`. */
const char *reason_name(enum reason reason);
enum reason_unit reason_unit(enum reason reason);

/* "bytes", "us", ... */
const char *reason_unit_name(enum reason_unit unit);

/* "1.2G", "max", "35%", "never", "" without a unit. Returns buf. */
const char *reason_value_text(enum reason_unit unit, uint64_t value, char *buf, unsigned long size);

/*
 * One clause a person reads, with both numbers in their unit: "usage 96.1% reached the edge 95%".
 * Writes at most size bytes, terminated; returns buf.
 */
const char *reason_text(const struct why *why, char *buf, unsigned long size);

#endif
