/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inside of jobs.h: the table, what runs, what is on its way to the disk. */
#ifndef UW_JOBS_INTERNAL_H
#define UW_JOBS_INTERNAL_H

#include "user/base/clock.h"
#include "user/jobs/jobs.h"
#include "user/jobs/outputs.h"
#include "user/jobs/reader.h"
#include "user/jobs/recorder.h"
#include "user/jobs/strings.h"
#include "user/shim/slots.h"

#define JOBS_DIR_LEN    256
#define JOBS_EVENTS_MAX 2

/* ---- table.c: those that have not ended, by id ---- */

struct table {
	struct job *job;  /* JOBS_MAX places, made resident as they are used */
	uint32_t *bucket; /* index + 1; a power of two of them, linear probing */
	uint32_t *free;   /* a stack of places */
	uint32_t free_count, used, count;
};

int table_init(struct table *table);
void table_done(struct table *table);
struct job *table_add(struct table *table, uint64_t id); /* NULL: full, or there already */
struct job *table_find(const struct table *table, uint64_t id);
void table_remove(struct table *table, struct job *job);
const struct job *table_next(const struct table *table, const struct job *at);

/* ---- after.c: who waits for whom ---- */

struct edge {
	uint64_t on, job;
	uint32_t next;
};

struct after {
	struct edge *edge; /* [0] is not used */
	uint32_t *bucket;
	uint32_t count, capacity, free, buckets;
};

int after_init(struct after *after);
void after_done(struct after *after);
int after_add(struct after *after, uint64_t on, uint64_t job);
/* Calls fn for each that waits for on, and forgets that they do. */
typedef void (*after_fn)(void *data, uint64_t job);
void after_take(struct after *after, uint64_t on, after_fn fn, void *data);
bool after_waits(const struct after *after, uint64_t on);

/* ---- what runs ---- */

struct run {
	uint64_t id;
	char component[UW_NAME_LEN]; /* also when it is not configured any more */
	int pidfd;                   /* of the shim; -1 not known yet */
	struct cg_group leaf;
	bool leaf_open;
	uint64_t started_us;  /* on clock_now_us, which nobody sets */
	uint64_t first_bytes; /* what it started with */
	uint64_t limit_bytes; /* memory.high as last written; 0 = not by this uwd */
	uint64_t current_bytes, peak_bytes;
	uint64_t kill_us;    /* on clock_now_us: SIGKILL then; 0 = not to be ended */
	uint64_t grace_us;   /* for one that is to be ended before it has started */
	bool ending;         /* its end is on its way to the disk */
	bool launched;       /* a shim was made, or adopted */
	bool gone;           /* and has ended, before it was known here that it was made */
	bool paused;         /* the core wants it to stand still */
	uint64_t for_id;     /* for this one, which needs its memory; 0: for its own want of room */
	bool thawing;        /* it is to go on, and was not seen doing so */
	uint64_t thaw_us;    /* since when, on clock_now_us */
	uint64_t asked_us;   /* when it was last asked to stand still, on clock_now_us */
	uint64_t reclaim_us; /* when its memory was last asked for, on clock_now_us, */
	uint64_t reclaim_bytes; /* how much that was, */
	uint32_t barren;        /* and how often in a row hardly any of it came */
	bool unwatched;         /* the end of its shim would not be seen */
	uint64_t looked_us;     /* when current_bytes was read, on clock_now_us */
	uint64_t cramped_us; /* at its limit without room to grow since, on clock_now_us; 0 = not */
	uint64_t frozen_us;  /* how long it stood still, in all */
	uint64_t frozen_seen_us; /* when it was last seen to, on clock_now_us; 0 = it moved then */
	uint64_t outgrown_us;    /* wants more than it has reserved since; 0 = does not */
	uint64_t outgrown_seen_us; /* and was last seen to */
	int error;                 /* errno of a shim that could not be made */
	bool found;                /* of the uwd before this one */
};

struct jobs {
	struct jobs_setup setup;
	struct admit_config admit_config;
	uint32_t component_count; /* as the core knows them; the configuration may be ahead */
	char component[UW_COMPONENTS_MAX][UW_NAME_LEN];
	char dir[JOBS_DIR_LEN];
	char boot[CLOCK_BOOT_ID_LEN];
	int epoll, slots;
	uint64_t clock_offset_us;
	uint64_t last_id, promised_id;
	struct table table;
	struct after after;
	struct words *words;
	struct admit *admit;
	uint64_t admit_bytes;
	struct recorder *recorder;
	struct outputs *outputs; /* the recorder's thread's */
	struct store_reader *reader;
	struct reading *reading;
	uint64_t check_us; /* all of the database is read then, on clock_now_us ... */
	struct store_reader *_Atomic checking; /* ... with this, while it is */
	struct run *run[SLOTS_COUNT + 1];      /* by slot */
	uint32_t slot_hint;
	/* What is known of those in a list of after, by their place in it, while many lists are
	 * looked at in one go. */
	struct store_awaited awaited[JOB_AFTER_MAX];
	bool awaited_kept;
	uint32_t pending; /* jobs on their way to the disk, and from there into the table */
	struct submission *coming, **coming_last; /* on disk, and not all in the table */
	int turn_fd;              /* an eventfd: there is something to do in another turn */
	uint32_t limbo;           /* locked slots whose shim has not said its pid */
	uint64_t *loaded_waiting; /* between load and adoption: jobs that wait for others */
	uint32_t loaded_waiting_count;
	uint64_t pause_us;          /* no starts before that, on clock_now_us */
	bool decide_due;            /* at the end of this turn of the loop, or in the next */
	bool entering;              /* all of them again */
	uint32_t without_component; /* of these */
	bool closed;                /* to starts: too many run, or a pause */
	uint64_t swapped_bytes,
		swapped_us; /* what preempted jobs gave back, and how long it took */
	struct admit_supply supply;
	struct admit_decisions decisions;
	struct jobs_stats stats;
};

/* ---- state.c ---- */

/* Into the table, by what it was submitted with. NULL: full. */
struct job *jobs_insert(struct jobs *jobs, const struct job *from, const struct job_spec *spec);
void jobs_forget(struct jobs *jobs, struct job *job);
/* The index of a component as the core knows it; UINT8_MAX when there is none. */
uint8_t jobs_component_find(const struct jobs *jobs, const char *name);
/* Where it runs, or is to run; "" when that is not configured. */
const char *jobs_component(const struct jobs *jobs, const struct job *job);

/* The same, and of one that is not configured as the disk knows it. */
void jobs_component_recall(const struct jobs *jobs, const struct job *job, char buf[UW_NAME_LEN]);

/* The core is to be asked: something has changed that it decides by. Within a turn of the loop;
 * from outside of one, as in a client's call, another turn is asked for as well. */
void jobs_decide_soon(struct jobs *jobs);
void jobs_decide_next_turn(struct jobs *jobs);
void jobs_ask_turn(const struct jobs *jobs);

struct job_why jobs_why_of(const struct admit_decision *decision);
void jobs_set_why(struct job *job, const struct job_why *why);

/* Jobs that may still be added: max-queued, less those that are there or on their way. */
uint32_t jobs_most(const struct jobs *jobs); /* that may be there at all */
uint32_t jobs_room(const struct jobs *jobs);

/* ---- entry.c: one job's way to the disk ---- */

enum job_entry_kind {
	ENTRY_UPDATE,
	ENTRY_START,
	ENTRY_END, /* of an attempt: the job may have ended, or be queued again */
};

struct job_entry {
	struct entry entry;
	struct jobs *jobs;
	enum job_entry_kind kind;
	struct job job; /* as it is to be on disk */
	char component[UW_NAME_LEN], key[JOB_KEY_LEN + 48];
	char boot[CLOCK_BOOT_ID_LEN];
	uint32_t slot; /* START: its own; END: that becomes free */
	uint32_t event_count;
	struct job_event event[JOBS_EVENTS_MAX];
	struct job_result result; /* END */
	bool has_run;             /* END: it counts as a run */
	bool outgrew;             /* END: for want of memory */
	bool clean;               /* END: its leaf is to be removed */
	int ended;                /* END: the shim's pidfd, to be reaped and closed; or -1 */
	uint64_t first_bytes, predicted_us;
	struct admit_key *learned; /* END: of its key, or NULL */
	char *pack;                /* START */
	uint64_t output_bytes;     /* START */
	unsigned long pack_size;
	int launched;   /* START: the shim's pidfd or a negative errno */
	bool unwatched; /* START: see struct run */
	/* On the loop's thread, written or not (entry.rc): what follows from it for the job. NULL:
	 * nothing. */
	void (*finish)(struct job_entry *entry);
	jobs_changed_fn done; /* who asked for it is answered then */
	void *data;
};

/* A copy of job as it is now, for the disk. NULL: out of memory. */
struct job_entry *entry_new(struct jobs *jobs, const struct job *job, enum job_entry_kind kind);
void entry_event(struct job_entry *entry, enum job_step step, const struct job_why *why,
		 uint64_t before_bytes, uint64_t after_bytes);
/* Hands it over; tells setup.step of its events. */
void entry_put(struct job_entry *entry);
/* Of a shim that is gone; -1 is fine. Both cost as much as the rest of what an end takes, so what
 * the recorder's thread can do of them it does. */
void entry_reap(int pidfd);
/* An update of job with one event; must be written. */
void entry_note(struct jobs *jobs, const struct job *job, enum job_step step,
		const struct job_why *why);

/* ---- decide.c ---- */

/* At the end of each turn: where that is due, asks the core what to do now, and does it. */
void jobs_decide_if_due(struct jobs *jobs);

/* ---- supply.c ---- */

bool jobs_is_closed(const struct jobs *jobs); /* to starts */
void jobs_give_supply(struct jobs *jobs);     /* what there is, or nothing while closed */
void jobs_pause(struct jobs *jobs);           /* no starts for a while */
/* Bytes a second that preempted jobs go out of memory with, measured; call before current_bytes of
 * a run is changed. */
uint64_t jobs_swap_speed(const struct jobs *jobs);
void jobs_see_swapped(struct jobs *jobs, struct run *run, uint64_t current_bytes);

/* ---- end.c ---- */

/* What becomes of a job by the end of an attempt. */
struct verdict {
	enum job_state state; /* JOB_QUEUED: again */
	enum job_step step;
	enum admit_exit_how how;
	bool has_run;
	struct job_why why;
};

/* By what its slot says, which is_ours when it is this attempt's; counts the attempt and the retry
 * in job. error: errno of a shim that could not be made. */
struct verdict jobs_judge(const struct jobs *jobs, struct job *job, const struct slot *slot,
			  bool is_ours, const struct jobs_usage *usage, int error);
/* The shim of what runs in slot is gone: its end is read and goes to the disk. */
void jobs_exit(struct jobs *jobs, uint32_t slot);

/* ---- run.c ---- */

struct run *jobs_run_new(struct jobs *jobs, struct job *job, uint32_t slot, const char *component);
void jobs_run_free(struct jobs *jobs, uint32_t slot);
/* The end of the shim in slot is told once; to be told again, watch it again. Of any thread. */
int jobs_watch(const struct jobs *jobs, uint32_t slot, int pidfd);
/* What it may have, as far as that can be written without waiting. */
void jobs_limit(struct jobs *jobs, struct run *run, uint64_t bytes);
void jobs_open_leaf(struct jobs *jobs, struct run *run);
const char *jobs_leaf_name(uint64_t id, char buf[JOBS_LEAF_LEN]);
/* As slot_read; -ENODATA too when it is of another attempt than job's. */
int slot_read_of(int slots, uint32_t index, const struct job *job, struct slot *ret_slot);
/* There is room again: it is held back no more. */
void jobs_has_room(struct job *job, struct run *run, const struct job_why *why);

/* ---- stop.c ---- */

/* SIGTERM now, SIGKILL after grace_us; that of an earlier call stands if it is sooner. One that
 * stands still goes on to hear it, and is killed at once where its memory is needed: see jobs_wake.
 */
void jobs_terminate(struct jobs *jobs, struct job *job, uint64_t grace_us);
/* Sets a flag of a job that runs, and when that is on disk ends it. */
int jobs_wish(struct jobs *jobs, struct job *job, enum job_flag flag, const struct job_why *why,
	      uint64_t grace_us, jobs_changed_fn done, void *data);

/* ---- submit.c ---- */

struct pack {
	char *bytes; /* without the environment; the spec's strings point into it */
	unsigned long size;
	char *env; /* NULL where it is another item's */
};

/* Some hundred bytes for each item, whatever the number of its elements. */
struct submission {
	struct entry entry;
	struct jobs *jobs;
	uint64_t submit_us;
	jobs_submitted_fn done;
	void *data;
	uint32_t count;
	struct jobs_item *item;
	struct pack *pack;
	struct submission *next;    /* that enters the queue after this one */
	uint32_t at_item, at;       /* the first element that has not */
	struct jobs_later *waiting; /* for all of this one */
};

/* ---- enter.c: from the disk into the queue ---- */

/* An element of an item of it. */
void submission_job(const struct submission *submission, const struct jobs_item *item,
		    uint32_t element, struct job_spec *ret_spec, struct job *ret_job);

void submission_free(struct submission *submission);

/* It is on disk: goes into the queue behind those before it, is answered and freed. */
void jobs_enter(struct jobs *jobs, struct submission *submission);
/* In each turn: so many jobs as a turn may take, and, when it has been decided about them, an
 * answer to those who submitted them. */
void jobs_enter_some(struct jobs *jobs);
void jobs_enter_answer(struct jobs *jobs);
/* uwd ends: the next one finds them on disk. */
void jobs_enter_none(struct jobs *jobs);

/* ---- enqueue.c ---- */

/* Puts a job that is on disk into the queue of the core, or where else it waits. */
int jobs_enqueue(struct jobs *jobs, struct job *job, const struct job_spec *spec);
/* Ends one that has not run, as cancelled. -ENOMEM: nothing has changed. */
int jobs_end_unrun(struct jobs *jobs, struct job *job, const struct job_why *why,
		   jobs_changed_fn done, void *data);
/* finish of an entry for an end: it is told of, the job is forgotten, and who waited for it is
 * looked at again. */
void jobs_end_done(struct job_entry *entry);
/* on has ended, and that is on disk: who waited for it may go, or never will. */
void jobs_after_end(struct jobs *jobs, uint64_t on);
/* *ret_live is one of those in after that have not ended, untouched when all have; an array's first
 * element stands for all of it. -ESRCH: *ret_failed is not known; -ECANCELED: it ended badly, which
 * with any does not matter. */
int jobs_check_after(struct jobs *jobs, const uint64_t *after, uint32_t count, bool any,
		     uint64_t *ret_live, uint64_t *ret_failed);
/* keep: what jobs_check_after learns is true until the end of this turn of the loop, so that an
 * array after an array reads each of them once. */
void jobs_keep_awaited(struct jobs *jobs, bool keep);
/* ---- pause.c ---- */

void jobs_freeze(struct jobs *jobs, struct job *job, struct run *run,
		 const struct admit_decision *decision);
void jobs_thaw(struct jobs *jobs, struct job *job, struct run *run,
	       const struct admit_decision *decision);
/* Lets one that is to end go on. False: it is better killed, as it was stopped for another or
 * memory is short. */
bool jobs_wake(struct jobs *jobs, struct job *job, struct run *run);
/* A core that was begun anew knows no pauses: what it paused goes on. */
void jobs_unpause(struct jobs *jobs, struct job *job);
/* How long it has run, without the time that it stood still. */
uint64_t jobs_ran_us(const struct run *run, uint64_t now_us);
/* At each look: what is to stand still does, what is to go on does, and the rest shows as it is. */
void jobs_follow_freezer(struct jobs *jobs, struct job *job, struct run *run, bool frozen);
/* ---- outgrown.c: at its limit, and no room for more ---- */

void jobs_has_no_room(struct jobs *jobs, struct job *job, struct run *run,
		      const struct job_why *why);
/* At each look: whether it still wants more, and how long that may last. */
void jobs_follow_outgrown(struct jobs *jobs, struct job *job, struct run *run);

/* ---- check.c: whether the database is sound ---- */

void jobs_check_init(struct jobs *jobs, const struct store *store);
void jobs_check_tick(struct jobs *jobs);
void jobs_check_stop(struct jobs *jobs); /* as uwd ends: what is left is read by the next */

/* ---- adopt.c ---- */

int jobs_load(struct jobs *jobs, struct store *store, struct uw_err *err);
void jobs_adopt_all(struct jobs *jobs);
/* Looks again at slots that were locked without a pid. */
void jobs_adopt_rest(struct jobs *jobs);

#endif
