/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Admission: which task starts when, with how much memory. Pure: no clock, file, malloc, global or
 * float; equal calls give equal decisions, to the byte. Time is the caller's now_us, of any clock
 * that never goes back and is the same for submit_us. The caller owns the memory (admit_size) and
 * carries decisions out; what it was told it reports back as events. An event costs O(log n) of
 * what is queued, admit_decide() O(components * log n) a decision.
 *
 * Events in:  admit_supply, admit_submit, admit_started, admit_usage, admit_exit, admit_hold,
 *             admit_release, admit_cancel, admit_frozen, admit_thawed. After any of them, and once
 *             a second, call admit_decide() until it leaves `more` unset.
 * Not inside: dependencies (--after): submit a task when it may run, with its true submit_us.
 *             Names: tasks, keys and components are numbers here. Storage.
 *
 * Order. A task's turn is K = submit + weight[class] * r + delay[class]
 *        + 60 s * (10 - memory_priority), ties by id; smallest first. r is the predicted run up to
 *        an hour and a quarter of what is over that, up to 24 h and as if of 24 h where nothing is
 *        known. Weights are 14, 17, 20, 24 and 29. The predicted run is never more than the
 *        declared one. While nothing is known of a key and two of it are here, its first is its
 *        scout: its turn comes ADMIT_SCOUT_US earlier, and where its request has no room, a
 *        quarter of it will do for a start, if it may run twice and a third of all runs
 *        take no more. One that is alone of its key begins so though there is room, where two
 *        thirds of the first runs of others took no more.
 * Age.   Who has waited ADMIT_OVERDUE_US stands before all that have not, in the order of submits.
 * Classes. Of two tasks that are the same but for their class, the lower one goes first in turn
 *        only if it was submitted earlier by the difference of the delays and of the weights times
 *        r: 3 h and 15 r between deferred and critical; or is overdue. Scouts are the exception.
 *
 * Bounded bypass, two parts:
 *  1. In turn: a turn lies at most admit_turn_span() after the submit - by default 29 times r of
 *     the declared time, and 3 h 9 min - and at most ADMIT_SCOUT_US before it: no task that is
 *     submitted later than both together ever stands before it. And none that is submitted later
 *     at all once it is overdue, which it is seen to be in the next round, of at most 16 more.
 *  2. Backfill: out of turn the briefest goes first, ties by id, whatever its class; such a start
 *     must not delay the head's reservation as predicted. A prediction that has passed is replaced
 *     by what was declared. A head is no longer passed on predictions once it is later than the
 *     start that was promised when it became the head of its component by bypass_us or by half of
 *     the wait that this promised it, whichever is longer (THROUGHPUT: twice that, LATENCY: half);
 *     of what is overdue by bypass_us.
 *     Let D be when it has room by the limits of what runs at that moment: only what is over
 *     before, by its own limit, or fits beside it then still passes. So nothing that passes moves
 *     D, and the head starts by D, while no task with an earlier turn comes in, limits are kept,
 *     and for what is paused and for growth beside. Where what runs has no limits, D is never: then
 *     nothing passes, and it starts at the latest when the last of it has ended.
 */
#ifndef UW_POLICY_ADMIT_ADMIT_H
#define UW_POLICY_ADMIT_ADMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "user/model/component.h"
#include "user/policy/admit/estimate.h"

enum admit_class {
	ADMIT_CRITICAL, /* priority 9, 10 */
	ADMIT_HIGH,     /* 7, 8 */
	ADMIT_NORMAL,   /* 5, 6 */
	ADMIT_LOW,      /* 3, 4 */
	ADMIT_DEFERRED, /* 1, 2 */
	ADMIT_CLASS__COUNT
};

/* How wide backfill reaches and how much is kept free; ADAPTIVE picks one by pressure level. */
enum admit_strategy {
	ADMIT_BALANCED,   /* the default: policy.md section 4 */
	ADMIT_THROUGHPUT, /* low pressure: nothing kept back */
	ADMIT_LATENCY,    /* high pressure: 10 % kept free, out of turn only what ends in time */
	ADMIT_ADAPTIVE,   /* normal, low: throughput; medium: balanced; from high on: latency.
			     To a stricter one after 2 s, back after 60 s at the lower level */
	ADMIT_STRATEGY__COUNT
};

enum admit_order {
	ADMIT_ORDER_TURN, /* K, backfill */
	ADMIT_ORDER_FCFS, /* submit, nothing out of turn */
	ADMIT_ORDER_EASY, /* submit, backfill in that order */
	ADMIT_ORDER__COUNT
};

enum admit_trust {
	ADMIT_TRUST_LEARNED, /* footprint and runtime by the estimator */
	ADMIT_TRUST_REQUEST, /* what was asked and declared */
	ADMIT_TRUST__COUNT
};

struct admit_config {
	enum admit_order order;
	enum admit_trust trust;
	enum admit_strategy strategy;
	bool preempt;       /* freeze running tasks for queued ones; off by default */
	uint64_t bypass_us; /* a head may be so much later than promised; 0: 60 min */
	/* Critical 0, high 45 min, normal 60 min, low 90 min, deferred 3 h. All 0: these. */
	uint64_t delay_us[ADMIT_CLASS__COUNT];
	uint32_t component_count; /* 1 to UW_COMPONENTS_MAX */
	uint32_t answer_max;      /* decisions of one answer, which change with it in nothing else;
				     0: ADMIT_DECISIONS_MAX */
};

/* How many there may be at once. Keys over the limit push out the least recently used one. */
struct admit_limits {
	uint32_t tasks; /* queued and running together */
	uint32_t keys;
};

/* What there is to give out. Bytes; refresh at least once a second. */
struct admit_supply {
	bool host_valid;               /* without it only budgets count */
	uint64_t host_available_bytes; /* MemAvailable */
	uint64_t host_reserve_bytes;   /* R: never given out */
	uint64_t swap_free_bytes;      /* for preemption */
	uint64_t swap_bytes_per_s;     /* measured; 0 = unknown, then no preemption */
	enum level level;              /* the highest of all components, for ADAPTIVE */
	struct {
		uint64_t budget_bytes; /* its right and its loans; what it lent counts too, as it
					  comes back on demand and the host's figure holds till then
					*/
		uint64_t other_bytes;  /* of it: leases, and what runs there and is no task */
	} component[UW_COMPONENTS_MAX];
};

enum admit_flag {
	ADMIT_HELD = 1U << 0,        /* does not start until released; keeps its turn */
	ADMIT_FREEZABLE = 1U << 1,   /* may be paused */
	ADMIT_RESTARTABLE = 1U << 2, /* may run twice; without it the full request is reserved
					and nothing ever restarts it */
};

struct admit_task {
	uint64_t id;             /* unique, not 0; the last tie break */
	uint64_t key;            /* what it learns from; 0: nothing */
	uint64_t submit_us;      /* <= now: it may have waited elsewhere */
	uint64_t request_bytes;  /* > 0 */
	uint64_t declared_us;    /* longest runtime, up to 100 years; 0: unknown */
	uint64_t limit_us;       /* the caller ends it after so long; 0: never */
	uint64_t input_bytes;    /* size of the input, if the caller knows; 0: unknown */
	uint64_t least_bytes;    /* reserve no less (an earlier attempt outgrew it); 0: none */
	uint32_t component;      /* index below component_count */
	uint8_t priority;        /* 1..10, gives the class */
	uint8_t memory_priority; /* 1..10; 0 is 5 */
	uint8_t flags;           /* enum admit_flag */
	uint8_t attempts;        /* that were restarted for memory; later ones reserve more */
};

enum admit_state {
	ADMIT_QUEUED,
	ADMIT_ONHOLD,
	ADMIT_STARTING, /* START was decided: its memory is reserved */
	ADMIT_RUNNING,
	ADMIT_PAUSED, /* FREEZE was decided */
	ADMIT_STATE__COUNT
};

enum admit_verdict {
	ADMIT_START,    /* start with amount as its memory limit; runs out about until_us */
	ADMIT_WAIT,     /* the head of its component is blocked: why; starts about until_us */
	ADMIT_GROW,     /* raise its limit to amount; done at once */
	ADMIT_SHRINK,   /* lower its limit to amount: it is through with growing */
	ADMIT_THROTTLE, /* keep it at amount until until_us: no room to grow yet */
	ADMIT_FREEZE,   /* pause it; for is whom it makes room for, 0: itself has none to grow */
	ADMIT_THAW,     /* raise its limit to amount, then let it go on */
	ADMIT_RESTART,  /* end it and report ADMIT_EXIT_RESTART: queues again with amount */
	ADMIT_SWITCH,   /* strategy is now amount (enum admit_strategy), why says from what */
	ADMIT_VERDICT__COUNT
};

/* Why. The unit of observed and threshold is bytes unless said otherwise. */
enum admit_reason {
	ADMIT_WHY_NONE,
	ADMIT_WHY_FITS,           /* in turn: footprint, free */
	ADMIT_WHY_ENDS_BEFORE,    /* out of turn: predicted end, reservation of the head; us */
	ADMIT_WHY_BESIDE,         /* out of turn: footprint, spare beside the head */
	ADMIT_WHY_CANARY,         /* nothing is known of its key: footprint, free */
	ADMIT_WHY_NO_ROOM_HOST,   /* footprint, free on the host */
	ADMIT_WHY_NO_ROOM_BUDGET, /* footprint, free in its component */
	ADMIT_WHY_NEVER_FITS,     /* footprint, budget of its component */
	ADMIT_WHY_TURN,           /* tasks before it; of its component */
	ADMIT_WHY_HEAD_FIRST,     /* first of its component, but not on the host: footprint, spare
				     beside the head there */
	ADMIT_WHY_HELD,
	ADMIT_WHY_GROWTH_FIRST,    /* a running task waits to grow: by bytes, free */
	ADMIT_WHY_OUTGREW,         /* current, reserved */
	ADMIT_WHY_PLATEAU,         /* peak, reserved */
	ADMIT_WHY_NO_ROOM_TO_GROW, /* wanted, free, for so long */
	ADMIT_WHY_ROOM,            /* free, wanted */
	ADMIT_WHY_DEADLOCK,        /* only paused tasks are left: current, wanted */
	ADMIT_WHY_PREEMPTED,       /* saved by the one that starts, cost of the pause; us of wait
				      weighed by class */
	ADMIT_WHY_PRESSURE,        /* level now, level that the strategy was chosen by */
	ADMIT_REASON__COUNT
};

struct admit_why {
	enum admit_reason reason;
	uint64_t observed, threshold;
};

struct admit_decision {
	enum admit_verdict verdict;
	uint64_t id;     /* of the task; 0 with SWITCH */
	uint64_t for_id; /* FREEZE: who starts instead, or 0 */
	uint64_t amount;
	uint64_t until_us;          /* predicted end, start, or deadline; 0: unknown */
	enum admit_strategy before; /* SWITCH: what it was */
	struct admit_why why;
};

#define ADMIT_DECISIONS_MAX 64

struct admit_decisions {
	uint32_t count, room;
	bool more; /* ask again */
	struct admit_decision decision[ADMIT_DECISIONS_MAX];
};

enum admit_exit_how {
	ADMIT_EXIT_DONE,    /* status 0: teaches peak and runtime */
	ADMIT_EXIT_FAILED,  /* another status, or killed by somebody: teaches a peak above what is
			       known, nothing else */
	ADMIT_EXIT_MEMORY,  /* killed at its limit: queues again with more if restartable */
	ADMIT_EXIT_RESTART, /* as RESTART asked */
	ADMIT_EXIT_NOT_RUN, /* could not be started, or lost: teaches nothing */
	ADMIT_EXIT_AGAIN,   /* the same, and queue it again as it was */
	ADMIT_EXIT_HOW__COUNT
};

/* What told a task's footprint and its time, and how far off it was for its key so far: predict.h.
 */
struct admit_told {
	enum admit_peak_by peak_by;
	enum admit_run_by run_by;
	uint32_t peak_error, run_error; /* permille; of what has no score 0 */
	uint32_t runs;                  /* that it was tried on; 0: it was not */
};

/* What is known of a task, for `queue` and `status`. */
struct admit_view {
	enum admit_state state;
	enum admit_class class;
	struct admit_task task;   /* as submitted; attempts and least_bytes as they are now */
	uint32_t position;        /* 1 = next; 0 when not queued */
	uint64_t footprint_bytes; /* queued: what it will reserve; else what it reserves */
	uint64_t current_bytes, peak_bytes; /* as reported */
	uint64_t run_us;                    /* predicted runtime */
	uint64_t start_us, end_us;          /* predicted, or as they happened; 0: unknown */
	struct admit_why why;               /* why it waits, or why it was started */
	uint32_t overtaken;                 /* starts before it, in its component, of later turns */
	bool outgrown;                      /* started, and wants more than it has reserved */
	bool canary; /* nothing is known: the footprint is the request, or a part of it */
	struct admit_told told;
};

struct admit_summary {
	uint32_t queued, on_hold, starting, running, paused;
	uint32_t never_fit;           /* of queued: wider than their component can ever be */
	uint64_t reserved_bytes;      /* all that started */
	uint64_t free_bytes;          /* for a start now, host-wide */
	uint64_t head_id;             /* first blocked one, or one that waits to grow; 0: none */
	uint64_t head_start_us;       /* its reservation; 0: unknown */
	enum admit_strategy strategy; /* in force, never ADAPTIVE */
	uint64_t strategy_since_us;
	struct admit_why strategy_why;
	struct {
		uint64_t reserved_bytes, free_bytes;
		uint32_t queued, running;
	} component[UW_COMPONENTS_MAX];
};

struct admit; /* the caller owns the memory: admit_size() bytes, aligned for uint64_t, never moved
	       */

/* Bytes for these limits: about 760 a task, of which much stays untouched, and 1.4 KiB a key. */
uint64_t admit_size(const struct admit_limits *limits);

/* Starts empty. -EINVAL: component_count or limits are 0 or too large. */
int admit_init(struct admit *admit, const struct admit_limits *limits,
	       const struct admit_config *config);

/*
 * New rules for what is decided from now on; O(n log n) when the order or the bonuses change.
 * component_count may grow; tasks of components past it must be gone (-EBUSY).
 */
int admit_configure(struct admit *admit, const struct admit_config *config);

void admit_supply(struct admit *admit, const struct admit_supply *supply, uint64_t now_us);

/*
 * Bytes that must be free on the host for the first of a component's queue, which waits though its
 * component has the memory free: others hold what is its right. What the host keeps in reserve and
 * what was promised to those who run is in it too, of one component: less would be called back from
 * who borrows and the job still wait. 0 when none waits so.
 */
uint64_t admit_wanted(const struct admit *admit, uint32_t component);

/* -EINVAL: a value out of range; -EEXIST: the id is known; -ENOSPC: limits.tasks. */
int admit_submit(struct admit *admit, const struct admit_task *task, uint64_t now_us);

/*
 * What admit_submit() of task would lead to: its footprint, its place, when it would start. Queues
 * nothing; its key counts as used. What is returned for a head says whether it fits. Errors as of
 * admit_submit().
 */
int admit_preview(struct admit *admit, const struct admit_task *task, uint64_t now_us,
		  struct admit_view *ret);

/*
 * START was carried out at now_us. Also adopts a task that ran already when the caller started:
 * submit it and report it started, without a START in between; its reservation is then
 * reserved_bytes (0: what the core would give it) even where it does not fit. -ENOENT.
 */
int admit_started(struct admit *admit, uint64_t id, uint64_t reserved_bytes, uint64_t now_us);

/*
 * memory.current and memory.peak of its leaf, and what of it is in swap and not in memory, whenever
 * they were read. -ENOENT. A task outgrows its reservation when both together are within 1/64 of
 * one that is less than its request, or past one that is not. memory.high = the reservation: where
 * there is swap, current stays below it and what it lacks is swapped; where there is none, current
 * gets past it, slowly.
 */
int admit_usage(struct admit *admit, uint64_t id, uint64_t current_bytes, uint64_t swapped_bytes,
		uint64_t peak_bytes, uint64_t now_us);

/*
 * FREEZE or THAW was carried out (or a person did the same). -ENOENT; -EINVAL: it does not run. One
 * that is thawed without a THAW has its reservation of before again, even where it does not fit,
 * and is not paused for another for ten minutes.
 */
int admit_frozen(struct admit *admit, uint64_t id, uint64_t now_us);
int admit_thawed(struct admit *admit, uint64_t id, uint64_t now_us);

enum admit_exit_outcome {
	ADMIT_GONE,     /* forgotten */
	ADMIT_REQUEUED, /* queued again; admit_view() tells with how much */
};

/* An admit_exit_outcome, or -ENOENT. peak_bytes 0: unknown. */
int admit_exit(struct admit *admit, uint64_t id, enum admit_exit_how how, uint64_t peak_bytes,
	       uint64_t now_us);

/* A held task keeps its turn. -ENOENT; -EBUSY: it has started. */
int admit_hold(struct admit *admit, uint64_t id);
int admit_release(struct admit *admit, uint64_t id);

/* Forgets a task that has not started. -ENOENT; -EBUSY: it has started: end it, then admit_exit. */
int admit_cancel(struct admit *admit, uint64_t id);

/*
 * What to do now. Decisions count as carried out as soon as they are returned: memory is reserved
 * by them. What could not be done is reported by admit_exit(ADMIT_EXIT_AGAIN or NOT_RUN).
 */
void admit_decide(struct admit *admit, uint64_t now_us, struct admit_decisions *ret);

/* When admit_decide() may have something to say without an event: UINT64_MAX for never. */
uint64_t admit_next_us(const struct admit *admit, uint64_t now_us);

/* O(log n). -ENOENT. */
int admit_view(const struct admit *admit, uint64_t id, uint64_t now_us, struct admit_view *ret);
void admit_summary(const struct admit *admit, uint64_t now_us, struct admit_summary *ret);

/*
 * Ids of up to count queued tasks in the order of their turns, from position `from` (0 = first).
 * Held ones, and those wider than their component, are not among them. Returns how many were
 * written. O(from + count).
 */
uint32_t admit_queue(const struct admit *admit, uint32_t from, uint64_t *ret_ids, uint32_t count);

/*
 * The same in parts: all zero begins, and each call goes on behind what the last one wrote. What
 * comes, goes or moves in between may be left out, or come twice. O(components * log n + count).
 */
struct admit_place {
	uint32_t passed[UW_COMPONENTS_MAX]; /* by component */
};
uint32_t admit_queue_next(const struct admit *admit, struct admit_place *place, uint64_t *ret_ids,
			  uint32_t count);

/* The same of those that started, in no order that lasts. */
uint32_t admit_running(const struct admit *admit, uint32_t from, uint64_t *ret_ids, uint32_t count);

/*
 * The estimator's memory of a key, for storage. Import before the first submit of the key; it
 * replaces what is known. Export after admit_exit() of one of its tasks; ret NULL asks only whether
 * it is held. -ENOENT: not held.
 */
int admit_key_export(const struct admit *admit, uint64_t key, struct admit_key *ret);
int admit_key_import(struct admit *admit, const struct admit_key *key);

/* Bytes from a disk, before anything is asked of them. */
bool admit_key_is_sane(const struct admit_key *key);

/*
 * A run of the key that was none of the core's tasks. Import what is known of the key before.
 * -ENOSPC: no room for another key.
 */
int admit_key_teach(struct admit *admit, uint64_t key, const struct admit_run *run);

/* How much earlier the turn of a scout comes. As long as queues get on the traces of the bench;
 * with half of it waits on nfmix x5 were 13 % longer (by a run weight of 5). */
#define ADMIT_SCOUT_US (12 * 3600 * 1000000ULL)

/* Who has waited for so long goes before all who have not. */
#define ADMIT_OVERDUE_US (98 * 3600 * 1000000ULL)

/* How long after its submit a task's turn comes at the latest; 199 h with declared_us 0. Or it is
 * overdue before. */
uint64_t admit_turn_span(const struct admit_config *config, uint64_t declared_us);

enum admit_class admit_class_of(uint32_t priority);

/* The words of logs, JSON and `queue`; "?" out of range. */
const char *admit_class_name(enum admit_class class);
const char *admit_strategy_name(enum admit_strategy strategy);
const char *admit_state_name(enum admit_state state);
const char *admit_verdict_name(enum admit_verdict verdict);
const char *admit_reason_name(enum admit_reason reason);
const char *admit_peak_by_name(enum admit_peak_by by);
const char *admit_run_by_name(enum admit_run_by by);

/* Of a key as it was stored: what it goes by, where a task names its input. */
void admit_key_told(const struct admit_key *key, struct admit_told *ret);

/* One clause a person reads, with both numbers in their unit: "needs 800M, free 512M". Times are
 * told relative to now_us. Writes at most size bytes, terminated; returns buf. */
const char *admit_why_text(const struct admit_why *why, uint64_t now_us, char *buf,
			   unsigned long size);

#endif
