/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Queued tasks, from Submit to the last line of their record: events go into the admission core
 * (policy/admit), what it decides is carried out, and nothing is said to have happened before it is
 * on disk (recorder.h, store/). All functions are for the loop's thread; none of them waits.
 *
 * A job never runs twice unless it said it may, and is never lost. What holds that, instant by
 * instant, and what the next uwd finds when this one dies there:
 *
 *  1 decided, not on disk	the database says queued: it waits on
 *  2 STARTING, attempt and slot on disk; the slot not written
 *				the slot is not this attempt's: nothing ran, queued again
 *  3 slot locked and TAKEN, no shim
 *				unlocked and TAKEN: nothing ran, queued again
 *  4 shim made			locked: it lives, and is adopted; so too when not uwd died but
 *				uw-launcher, and uwd was not told of it
 *  5 shim killed before RUN	unlocked, SHIM: nothing ran, queued again
 *  6 RUN on disk, command not begun, or running and shim killed
 *				unlocked, RUN: it may have run; what is in its leaf is killed; lost,
 *				or queued again if it said so
 *  7 command ended, ENDED not on disk, shim killed: as 6
 *  8 ENDED on disk, uwd away	the end is taken from the slot
 *  9 the end in the database	the slot is free; its leaf is removed, or was
 * A reboot finds no locks: 2, 3, 5, 6, 8 and 9 as above, 4 as what the slot says; RUN is on disk
 * before the command's first instruction, so TAKEN and SHIM can be believed.
 */
#ifndef UW_JOBS_JOBS_H
#define UW_JOBS_JOBS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cgroups/cgroups.h"
#include "user/base/err.h"
#include "user/model/config.h"
#include "user/model/histogram.h"
#include "user/model/job.h"
#include "user/policy/admit/admit.h"
#include "user/store/history.h"
#include "user/store/store.h"

#define JOBS_MAX         (1U << 17) /* that have not ended; max-queued goes no further */
#define JOBS_KEYS_MAX    2048U      /* of which something learned is kept in memory */
#define JOBS_LEAF_LEN    32
#define JOBS_LEAF_PREFIX "job-" /* of the leaves of queued jobs */
#define JOBS_RUNS_KEPT   65536U /* the last ones, whatever their key: who ran beside whom */
#define JOBS_LOG_DIR     "log"

struct jobs;

/* What a job's leaf says. */
struct jobs_usage {
	uint64_t current_bytes, peak_bytes;
	uint64_t swapped_bytes; /* in swap, and not in memory as well */
	uint64_t cpu_us;
	uint64_t oom_kills;
	bool frozen; /* it, or a group above it */
	bool empty;  /* nothing runs in it */
};

struct jobs_launch {
	uint64_t id;
	uint32_t attempt, slot;
	uint32_t uid, gid;
	uint64_t limit_bytes;  /* memory.high of the leaf */
	uint64_t output_bytes; /* kept of each of its outputs */
	/* own_leaf: of this attempt alone, where leaf is still taken. */
	char component[UW_NAME_LEN], leaf[JOBS_LEAF_LEN], own_leaf[JOBS_LEAF_LEN];
	char submit[SUBMIT_LEN]; /* who may submit to the component now, in the words of uw.conf */
	const char *pack;        /* job_pack with the environment */
	unsigned long pack_size;
};

/* How the machine is touched; a bench and tests have their own. launch and clean are called on the
 * recorder's thread, all else on the loop's. */
struct jobs_ops {
	/* Starts a shim for it: its pidfd, or a negative errno; then nothing has run, but for
	 * -EINPROGRESS: its slot says whether it does. */
	int (*launch)(void *data, const struct jobs_launch *launch, struct uw_err *err);
	/* Ends what is left in the leaf and removes it, soon. */
	void (*clean)(void *data, const char *component, const char *leaf);
	int (*open)(void *data, const char *component, const char *leaf, struct cg_group *ret_leaf);
	/* at_end: all of it; else what is looked at each second, sizes and whether it is frozen. */
	int (*usage)(void *data, const struct cg_group *leaf, bool at_end,
		     struct jobs_usage *ret_usage);
	/* memory.high; raised: from a value that is no higher. Takes no time: a lower one comes
	 * into force in the background. */
	int (*limit)(void *data, const struct cg_group *leaf, uint64_t bytes, bool raised);
	int (*kill)(void *data, const struct cg_group *leaf);
	/* on: for as long as the configuration lets anything stand still, unless asked again. */
	int (*freeze)(void *data, uint32_t component, const struct cg_group *leaf, bool on);
	/* Out of memory with so much of it, while it stands still. Done in the background. */
	int (*reclaim)(void *data, uint32_t component, const struct cg_group *leaf, uint64_t bytes);
};

struct jobs_setup {
	const char *dir; /* state directory; made when it is missing */
	const struct jobs_ops *ops;
	void *ops_data;
	const struct config *config;      /* borrowed, read at each use */
	const struct admit_config *admit; /* copied */
	/* A job has ended, and that is on disk. */
	void (*ended)(void *data, const struct job *job, const struct job_result *result);
	/* One line for the log: "job=17 step=started ...". */
	void (*step)(void *data, const struct job *job, const struct job_event *event);
	void *data;
};

/*
 * Opens the store, reads the queue back, adopts what runs. JOBS_SET_ASIDE: the database that was
 * there is damaged; err says where it is now. One of a newer uwd is refused with
 * -EPROTONOSUPPORT.
 */
#define JOBS_SET_ASIDE 1
int jobs_open(const struct jobs_setup *setup, struct jobs **ret_jobs, struct uw_err *err);

/* Writes what waits and closes; what runs goes on. NULL is fine. */
void jobs_close(struct jobs *jobs);

/* Whether the state directory still has what is open: it may have been removed, or replaced. */
bool jobs_are_there(const struct jobs *jobs);

/* Readable when there is something to do; then jobs_dispatch. It takes up all that has happened,
 * and then decides once what follows from it, as jobs_tick does. */
int jobs_fd(const struct jobs *jobs);
void jobs_dispatch(struct jobs *jobs);

/* Once a second: how large jobs are, what is over its time, what is still in doubt. Then what there
 * is to give out, read right after it, as both change together. */
void jobs_look(struct jobs *jobs);
void jobs_tick(struct jobs *jobs, const struct admit_supply *supply);

/* Components were added, removed or given another place: the queue is sorted anew. */
int jobs_configure(struct jobs *jobs, const struct admit_config *admit, struct uw_err *err);

/*
 * The clock of the queue and the core: CLOCK_MONOTONIC, counted from what the wall clock said when
 * uwd started. Nobody sets it, and it stands still while the machine sleeps, as jobs do: turns,
 * waits, run times and limits go by it. jobs_wall_us is such a time as the wall clock now has it,
 * for the disk and for people; 0 stays 0.
 */
uint64_t jobs_now_us(const struct jobs *jobs);
uint64_t jobs_wall_us(const struct jobs *jobs, uint64_t at_us);

/* ---- changing ---- */

/* Elements first to last of an array; one element of index JOB_NO_INDEX is no array. */
struct jobs_range {
	uint32_t first, last;
};

struct jobs_item {
	struct job_spec spec;
	const struct jobs_item *same_env; /* one before it in the call with the same environment,
					   * which is then kept once; NULL: its own */
	uint32_t range_count;             /* 0: no array */
	struct jobs_range *range;
	uint32_t after_item_count; /* other items of the call, by their place */
	uint32_t after_item[JOB_AFTER_MAX];
	uint64_t first_id; /* set by jobs_submit */
	uint32_t count;
};

/*
 * All items or none. Checks them, gives ids, and calls done when they are on disk and in the queue
 * (rc 0) or not (rc < 0, err says why). The items are copied. -EINVAL, -ENOSPC (too many, or the
 * disk is full), -ESRCH (after names none that is known): said at once, and done is not called.
 */
typedef void (*jobs_submitted_fn)(void *data, int rc, const struct uw_err *err,
				  const struct jobs_item *items, uint32_t count);
int jobs_submit(struct jobs *jobs, struct jobs_item *items, uint32_t count, jobs_submitted_fn done,
		void *data, struct uw_err *err);

/*
 * The same in parts, for calls of thousands of items, which have to live until it is through. done
 * NULL: it is checked only, and count of each item set. NULL: out of memory.
 */
struct submission;
struct submission *jobs_submit_begin(struct jobs *jobs, struct jobs_item *items, uint32_t count,
				     jobs_submitted_fn done, void *data);

/* Until until_us of clock_now_us. 1: there is more to do; 0: it is on its way; or an error of
 * jobs_submit. But for 1 it is through, and no more the caller's. */
int jobs_submit_some(struct submission *submission, uint64_t until_us, struct uw_err *err);

/* Gives up one of which there is more to do. */
void jobs_submit_drop(struct submission *submission);

/* What its first element would have reserved and when it would start, if it came now and alone; for
 * the elements after it, and other items, the queue is longer. As of admit_preview; -ENOENT. */
int jobs_preview(struct jobs *jobs, const struct job_spec *spec, struct admit_view *ret_view);

/* The checks of jobs_submit and nothing else; sets count of each item. */
int jobs_check(struct jobs *jobs, struct jobs_item *items, uint32_t count, struct uw_err *err);

/* The memory for a spec that gives none: what was learned of the component, user and key in it;
 * what its input tells, where that is more than any run of the key had. -ENOENT when that is
 * nothing. */
int jobs_learned_memory(const struct jobs *jobs, const struct job_spec *spec, uint64_t *ret_bytes);

/* The same for who reserves as much and does not ask for more than that: what its input tells,
 * where it told most so far, also when that is less. And how long it will take, by what told that
 * best so far. */
int jobs_learned_task(const struct jobs *jobs, const struct job_spec *spec, uint64_t *ret_bytes,
		      uint64_t *ret_run_us);

struct jobs_run {
	uint64_t asked_bytes, peak_bytes;
	uint64_t input_bytes; /* 0: unknown */
	uint64_t run_us;      /* 0: it did not end well, and the peak is a lower bound */
	uint64_t ran_us;      /* whatever its end; with it the run stands in the history of runs */
	bool was_held;        /* to what it had, and might have been larger */
};

/*
 * A run of a user's key that was no job's teaches what one of a job does: how large it was, and how
 * long it took where it ended well, with an input of that size. With ran_us Recommend counts it
 * too, as one that ended well or was held. -EINVAL: no key, or nothing to learn; -ENOSPC, -ENOMEM.
 */
int jobs_learn(struct jobs *jobs, const char *component, uint32_t uid, const char *key,
	       const struct jobs_run *run);

/* Called when a change is on disk; rc 0 or a negative errno. */
typedef void (*jobs_changed_fn)(void *data, int rc);

/*
 * A large submission goes into the queue over many turns of the loop, and its first jobs may start
 * and end meanwhile. What changes jobs waits for the rest, or it would miss them. False: there is
 * nothing to wait for. Else fn is called once, when all is in that was on its way now (rc 0), or as
 * uwd ends (-ECANCELED); it may change what it likes, and later is its own again.
 */
struct jobs_later {
	struct jobs_later *next;
	void (*fn)(struct jobs_later *later, int rc);
};
bool jobs_wait_coming(struct jobs *jobs, struct jobs_later *later);

/*
 * One job. 0: on its way, done will be called. -ESRCH: no such job that has not ended; -EALREADY:
 * it is so already (a job that is being cancelled may be cancelled again to end it sooner); -EBUSY:
 * it has started (hold), or is about to be changed otherwise.
 */
int jobs_cancel(struct jobs *jobs, uint64_t id, uint32_t uid, uint64_t grace_us,
		jobs_changed_fn done, void *data);
int jobs_hold(struct jobs *jobs, uint64_t id, uint32_t uid, jobs_changed_fn done, void *data);
int jobs_release(struct jobs *jobs, uint64_t id, uint32_t uid, jobs_changed_fn done, void *data);

/* Also one that has ended. */
int jobs_requeue(struct jobs *jobs, uint64_t id, uint32_t uid, jobs_changed_fn done, void *data);

/* ---- looking ---- */

/* Lives until the next call that changes anything; NULL when there is none that has not ended. */
const struct job *jobs_find(const struct jobs *jobs, uint64_t id);

/* Its end has not been told to setup.ended yet, though it may be on disk already. */
bool jobs_is_unannounced(const struct jobs *jobs, uint64_t id);

/* In no order that lasts; NULL at begins, NULL is the end. */
const struct job *jobs_next(const struct jobs *jobs, const struct job *at);
uint32_t jobs_count(const struct jobs *jobs);

/* As many run as may (max-running): nothing starts, however much memory there is. */
bool jobs_is_full(const struct jobs *jobs, uint64_t *ret_running, uint64_t *ret_most);

/* How many there are that have not ended, by component (the last one: of a component that is not
 * configured), class and state. */
struct jobs_tally {
	uint32_t count[UW_COMPONENTS_MAX + 1][JOB_CLASS__COUNT][JOB_STATE__COUNT];
};
const struct jobs_tally *jobs_tally(const struct jobs *jobs);

/* Of those that start or run, without a look at the others; *slot 0 begins, NULL is the end. */
const struct job *jobs_next_active(const struct jobs *jobs, uint32_t *slot);

/* Where it stands in the table, below JOBS_MAX: a number of its own while it has not ended. */
uint32_t jobs_place(const struct jobs *jobs, const struct job *job);

const char *jobs_component_name(const struct jobs *jobs, const struct job *job);
const char *jobs_key(const struct jobs *jobs, const struct job *job);
const char *jobs_tags(const struct jobs *jobs, const struct job *job); /* "a,b" */

/* Of one that runs; false when it does not. */
bool jobs_usage_of(const struct jobs *jobs, const struct job *job, uint64_t *ret_current_bytes,
		   uint64_t *ret_peak_bytes);

/* The cgroup id of its leaf while it runs, 0 when it does not. */
uint64_t jobs_leaf_of(const struct jobs *jobs, const struct job *job);

/* How long it has been at its limit with no room to grow; 0: it is not. */
uint64_t jobs_cramped_us(const struct jobs *jobs, const struct job *job);

/* The core, to be asked with admit_view, admit_queue and admit_summary. */
const struct admit *jobs_admit(const struct jobs *jobs);

/* What is on disk, to be read on the loop's thread. */
struct store_reader *jobs_reader(const struct jobs *jobs);

/* The same, for reads that take long. */
struct reader_thread;
struct reader_thread *jobs_reader_thread(const struct jobs *jobs);

/* The id by which the core and the store know what was learned of a user's key; nobody can find
 * another key that has the same one. 0: there is no key. */
uint64_t jobs_learn_key(const struct jobs *jobs, const char *component, uint32_t uid,
			const char *key);

/* The same for other threads, which take the secret with them: HASH_SECRET_LEN bytes. */
const uint8_t *jobs_secret(const struct jobs *jobs);
uint64_t jobs_hash_key(const uint8_t *secret, const char *component, uint32_t uid, const char *key);

/* What was learned of a key, from memory or from the disk. -ENOENT. */
int jobs_recall(const struct jobs *jobs, uint64_t key, struct admit_key *ret_key);

/* A reason of the core in the words of job.h. */
enum job_reason jobs_reason_of(enum admit_reason reason);

/* Files of a job's output. err_file false: standard output. Returns buf. */
const char *jobs_log_path(const struct jobs *jobs, uint64_t id, bool err_file, char *buf,
			  size_t size);

struct jobs_stats {
	uint32_t count[JOB_STATE__COUNT]; /* those that have not ended */
	uint64_t submitted, started, ended, adopted, lost, restarted;
	uint64_t slots_used;
	uint64_t queue_waiting; /* for the disk */
	bool disk_full, disk_stuck;
};
void jobs_stats(const struct jobs *jobs, struct jobs_stats *ret_stats);

/* Counted since uwd started, in HISTOGRAM_JOB; and as it is now. */
struct jobs_meters {
	struct histogram wait[JOB_CLASS__COUNT]; /* of those that started */
	struct histogram run;                    /* attempts that are over */
	uint64_t oldest_wait_us;                 /* of those that are queued; 0: none */
	uint32_t at_limit;                       /* of jobs_cramped_us */
};
void jobs_meters(const struct jobs *jobs, struct jobs_meters *ret_meters);

#endif
