/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of act: the loop thread's tables, a component's worker, the ring of outcomes. */
#ifndef UW_ACT_INTERNAL_H
#define UW_ACT_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "user/act/act.h"
#include "user/model/frame.h"
#include "user/model/leaf_index.h"

#define ACT_OUTCOMES  256 /* a power of two; four full plans */
#define ACT_LIMITS    3   /* LEDGER_HIGH, LEDGER_MIN, LEDGER_LOW */
#define ACT_VALUE_LEN 24

/* ---- outcomes (outcomes.c): one ring, any thread puts, the loop takes ---- */

struct act_outcomes {
	pthread_mutex_t lock; /* held for one copy */
	int eventfd;
	uint32_t head, count;
	uint64_t dropped;
	struct outcome ring[ACT_OUTCOMES];
};

int act_outcomes_init(struct act_outcomes *outcomes);
void act_outcomes_done(struct act_outcomes *outcomes);
void act_outcomes_put(struct act_outcomes *outcomes, const struct outcome *outcome, bool wake);

/* The outcome of action, begun now; result and error as for a negative errno (0 = DONE). */
struct outcome act_outcome_of(const struct action *action, uint64_t began_us, int error);

/* ---- a worker (worker.c) ---- */

/* In the order in which they run at the same tier: memory.high waits for what reclaim can bring. */
enum act_work_kind {
	WORK_RECLAIM,
	WORK_HIGH,
	WORK_PAGE_IN,
	WORK__COUNT
};

struct act_work {
	bool waiting;
	struct action action;
	char leaf[CG_NAME_LEN]; /* RECLAIM or PAGE_IN of one leaf; "" = the component */
};

struct act_worker {
	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct cg_group group; /* its own fds: a write that blocks holds the file it came by */
	timer_t timer;         /* interrupts its write: at the deadline, or now */

	/* under lock */
	bool ready, stop, busy;
	pid_t tid;    /* 0: it may not go back to the niceness it has, and keeps that */
	int niceness; /* of its own */
	enum plan_pace asked_pace, pace; /* of its reclaim; that it has */
	bool moved; /* next_group is to be its group before it does anything else */
	struct cg_group next_group;
	int ready_error;
	struct act_work now, next[WORK__COUNT];
	bool raise_after; /* a raise overtook the lowering under way: write it again */
	uint64_t raise_bytes;

	atomic_bool interrupted; /* set under lock, read between chunks */
	struct act *act;
};

/* Starts the thread. group is moved in. 0 or a negative errno. */
int act_worker_start(struct act_worker *worker, struct act *act, struct cg_group *group);

/* Gives it another cgroup, moved in, without waiting: what is at work is interrupted and ends on
 * the old one, what waits is told as cancelled. */
void act_worker_move(struct act_worker *worker, struct cg_group *group);

/* Interrupts and tells it to end, without waiting. */
void act_worker_end(struct act_worker *worker);

/* After act_worker_end: true once it has ended, and then everything of it is closed; what waited is
 * told as cancelled. True for one that was never started. */
bool act_worker_reap(struct act_worker *worker);

/* Both, waiting for as long as a write in the kernel takes to be interrupted. */
void act_worker_stop(struct act_worker *worker);

/* Hands over as act.h says; whatever is pushed out or refused gets its outcome here. */
void act_worker_submit(struct act_worker *worker, enum act_work_kind kind,
		       const struct action *action, const char *leaf);

/* Whether what it reclaims, now and later, has only what nobody else wants of the processors. */
void act_worker_keep_pace(struct act_worker *worker, enum plan_pace pace);

/* Ends a reclaim that is aimed at the leaf, "" at the component at large; one that waits is told as
 * cancelled. */
void act_worker_end_reclaim(struct act_worker *worker, const char *leaf);

/*
 * The loop is about to write bytes, a raise, to memory.high: no lowering may land after it. True
 * when one is under way; then the worker writes the raise once more after it.
 */
bool act_worker_overtake_high(struct act_worker *worker, uint64_t bytes);
bool act_worker_is_lowering(struct act_worker *worker); /* at work on, or waiting with, one */
bool act_worker_is_busy(struct act_worker *worker);

/* What a worker does (work.c): fills result, error, done. */
void act_run_reclaim(struct act_worker *worker, const struct act_work *work, uint64_t until_us,
		     struct outcome *outcome);
void act_run_high(struct act_worker *worker, const struct action *action, struct outcome *outcome);
void act_run_page_in(struct act_worker *worker, const struct act_work *work, uint64_t until_us,
		     struct outcome *outcome);

/* ---- the whole ---- */

/* Those in force, and as many whose workers are still ending. */
#define ACT_SLOTS (2 * UW_COMPONENTS_MAX)

struct act_component {
	bool used;
	bool ending; /* dropped: what is undone of it is undone once more when its worker has ended
		      */
	char name[UW_NAME_LEN];
	struct cg_group group;
	uint64_t home[ACT_LIMITS]; /* what is restored, by enum ledger_kind */
	uint64_t min_bytes;        /* memory.min as last read or written; see bounds.c */
	bool high_settling; /* its entry goes when no lowering is under way and high is home */
	struct act_worker worker;
};

struct act_leaf {
	bool used;
	const struct act_component *component;
	struct cg_group group;
};

/* The groups above the components that have their sum of memory.min. */
struct act_bounds {
	struct cg_group group[CG_BOUNDS_MAX]; /* innermost first */
	uint32_t count;
	uint64_t others_bytes; /* of groups in the pool that are not tracked */
	uint64_t counted_us;   /* when others_bytes was last summed up on the tick */
	uint64_t kept_us;      /* when last compared with what is in force; 0 = never */
};

struct act {
	const struct act_ops *ops;
	void *ops_data;
	struct ledger *ledger;
	int pool_dirfd;
	int (*arm_mark)(void *data, uint32_t component, uint64_t bytes);
	void *arm_data;

	_Atomic uint64_t chunk_bytes, reclaim_deadline_us;
	atomic_bool swappiness;
	_Atomic uint64_t superseded, writes_failed, freed_bytes;
	uint64_t actions;

	struct act_bounds bounds;
	struct act_outcomes outcomes;
	struct act_component slot[ACT_SLOTS];
	struct act_component *component[UW_COMPONENTS_MAX]; /* by index; NULL: not there */
	uint32_t leaf_end, leaf_hole; /* all slots from here on are free; none before here is */
	struct act_leaf leaf[FRAME_LEAVES_MAX];
	struct leaf_index leaf_index;
};

struct act_leaf *act_find_leaf(struct act *act, uint64_t cgid);
int act_write_u64(struct act *act, const struct cg_group *group, enum cg_knob knob, uint64_t value);
const char *act_print_u64(uint64_t value, char buf[static ACT_VALUE_LEN]);

/* ---- the pool's own memory.min (bounds.c) ---- */

void act_bounds_open(struct act *act);
void act_bounds_close(struct act *act);

/* After a component came or went: reads what each has. On the tick only while there are others. */
void act_bounds_count(struct act *act);

/* Around a write of bytes to component's memory.min. */
void act_bounds_before(struct act *act, const struct act_component *component, uint64_t bytes);
void act_bounds_after(struct act *act, struct act_component *component, uint64_t bytes);

/* Once a second while it is wanted, else now and then, and after act_bounds_count: mends what
 * another has written. */
void act_bounds_keep(struct act *act, uint64_t now_us);

/* Of the components that were dropped, closes those whose workers have ended (components.c). */
void act_reap(struct act *act);

#endif
