/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Executes plans. What cannot wait and does not block is written at once by the calling (loop)
 * thread: freeze, thaw, kill, protections, a raised memory.high. What blocks for seconds runs in a
 * worker thread of its component: memory.reclaim, and a lowered memory.high. act decides nothing;
 * what became of each action comes back as an outcome. It allocates and starts threads only in
 * act_open, act_sync and act_track_leaf.
 *
 * All functions are for one thread, the one that took the ledger.
 */
#ifndef UW_ACT_ACT_H
#define UW_ACT_ACT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cgroups/cgroups.h"
#include "user/base/err.h"
#include "user/ledger/ledger.h"
#include "user/model/config.h"
#include "user/model/plan.h"

/* How the world is touched. write and read are called from workers too. */
struct act_ops {
	bool dry; /* nothing is changed, so nothing is entered in the ledger */
	int (*write)(void *data, const struct cg_group *group, enum cg_knob knob,
		     const char *value);
	int (*read)(void *data, const struct cg_group *group, enum cg_knob knob,
		    uint64_t *ret_value);
	int (*populated)(void *data, const struct cg_group *group, bool *ret_populated);
	uint64_t (*now_us)(void *data);
	int (*set_niceness)(void *data, pid_t tid, int niceness);
};

/* Writes through the kept fds of cgroups.h; data is not used. */
extern const struct act_ops act_ops_real;

/* Reads for real; tells writes to a cg_note_fn as "write", NAME/FILE, VALUE. */
extern const struct act_ops act_ops_dry_run;

struct act_dry { /* the data of act_ops_dry_run */
	cg_note_fn note;
	void *data;
};

struct act_setup {
	const struct act_ops *ops;
	void *ops_data;
	struct ledger *ledger;          /* borrowed, taken by this thread; NULL only for dry ops */
	int pool_dirfd;                 /* borrowed */
	const struct policy_conf *conf; /* copied; see act_configure */
	/* ACTION_ARM_MARK: 0 or a negative errno. NULL: such actions fail with ENOSYS. */
	int (*arm_mark)(void *data, uint32_t component, uint64_t bytes);
	void *arm_data;
};

struct act_stats {
	uint64_t actions;          /* executed or handed to a worker */
	uint64_t superseded;       /* taken back from a worker for a more urgent one */
	uint64_t outcomes_dropped; /* the ring was full */
	uint64_t writes_failed;
	uint64_t freed_bytes; /* by reclaim, counted as outcomes count it */
	uint32_t workers_busy;
	bool swappiness; /* memory.reclaim takes swappiness= (6.12 on; assumed until refused) */
};

struct act;

/*
 * Installs a do-nothing handler for SIGUSR1, by which workers are interrupted, and undoes what the
 * ledger still holds of an earlier uwd, but for freezes that were handed over. -EPERM when the
 * ledger is not taken.
 */
int act_open(const struct act_setup *setup, struct act **ret_act, struct uw_err *err);

/* Stops the workers and closes; undoes nothing. NULL is fine. */
void act_close(struct act *act);

/* Chunk size and deadline of reclaim, after a reload. */
void act_configure(struct act *act, const struct policy_conf *conf);

/*
 * Makes the components be those of config, by its indices, for the pool as it stands now:
 * - one that is known keeps its fds, its worker and what that has at work;
 * - one whose cgroup was made anew under its name is opened again, the old one's entries cleared;
 * - a new one is opened and gets a worker, with a stack of 64 KiB: call it after
 *   mlockall(MCL_FUTURE). One whose cgroup is not there is passed over until the next call;
 * - of one that config does not name everything is undone first (its leaves are thawed, memory.high
 *   goes back, memory.min and low are 0), and its worker is told to end, which nobody waits for.
 * What config says of memory.high and low, and a memory.min of 0, is what is restored in the end.
 * -EAGAIN of pthread_create, -EMFILE. Not for the tick: it opens and starts. It waits only for the
 * worker of a component that was dropped a moment ago, and keeps up uwd's heartbeat meanwhile.
 */
int act_sync(struct act *act, const struct config *config, struct uw_err *err);

/* The pool was made anew, borrowed as at the start; act_sync comes next. */
void act_set_pool(struct act *act, int pool_dirfd);

/* The cgroup that component index is acted upon by; 0 for none. */
uint64_t act_component_cgid(const struct act *act, uint32_t component);

/* Keeps three fds, and makes room in the ledger. 0 also when it is tracked already. -ENOENT,
 * -ENOSPC beyond FRAME_LEAVES_MAX, or what ledger_reserve says. */
int act_track_leaf(struct act *act, uint32_t component, const char *name, uint64_t *ret_cgid);

/* The leaf is gone: its entry is cleared. */
void act_untrack_leaf(struct act *act, uint64_t cgid);

/*
 * First closes dropped components whose workers have ended, and clears the entries of limits that
 * a worker has brought home meanwhile. Then executes in the order of the plan. Each action but
 * NOTICE yields exactly one outcome, unless outcomes_dropped counts it.
 *
 * FREEZE is entered with its deadline, then written. DONE when written: whether it holds is for
 * sense to judge. Freezing what is frozen moves the deadline.
 *
 * THAW is written before anything else is asked of the leaf's worker, and ends a reclaim that is
 * aimed at the leaf: its pages are in use again.
 *
 * SET_MAX is of the pool, and fails with EBUSY where that is less than its use and a little. It has
 * no entry: what is raised squeezes nobody, and setup_pool puts it back.
 *
 * SET_HIGH below what the component's own value is: it is entered as a squeeze with the deadline,
 * and written by the worker, which gives the kernel 2 s to reclaim; the value stands even when use
 * has not come down (SHORT). done = by how much use fell. A raise is written at once, wins over a
 * lowering under way, and ends the squeeze.
 *
 * RECLAIM runs chunks until what was asked is freed, the deadline has come (its own, or that of the
 * configuration when it is 0), two chunks in a row freed nothing, or a more urgent action comes.
 *
 * A worker holds one action at work, and one reclaim and one lowered limit waiting. A new one of a
 * higher tier interrupts the one at work (which ends SHORT or FAILED with ECANCELED). A waiting
 * limit is replaced by a newer one, a waiting reclaim by one of at least its tier; what is pushed
 * out is FAILED with ECANCELED, what is not let in FAILED with EBUSY. RECLAIM takes a leaf or, with
 * 0, the component; limits are the component's only (EINVAL).
 *
 * What workers reclaim, by this plan or before it, they do at the plan's pace from now on: with
 * their own niceness, one of 5 or one of 19.
 */
void act_plan(struct act *act, const struct plan *plan);

/* Readable (an eventfd) while a worker's outcome, or a failure, waits to be taken. */
int act_outcomes_fd(const struct act *act);

/* Takes the oldest outcomes, at most max. Never blocks. */
uint32_t act_outcomes_take(struct act *act, struct outcome *ret_outcome, uint32_t max);

/*
 * For a clean end: stops the workers, restores, thaws, clears the ledger but for loans. The number
 * of entries that could not be undone (they stay entered; guard tries again).
 */
uint32_t act_release_all(struct act *act);

/* The same for the end of a uwd that another one follows within for_us: freezes stand. */
uint32_t act_hand_over(struct act *act, uint64_t for_us);

void act_read_stats(const struct act *act, struct act_stats *ret_stats);

/* A pidfd of uw-guard, readable when it is dead. -ESRCH when there is none: start one. */
int act_guard_watch(const struct act *act, int *ret_pidfd);

#endif
