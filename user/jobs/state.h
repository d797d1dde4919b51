/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All that the queue knows, and what all its parts ask of that or note in it. The parts know this;
 * this knows none of them but the containers that it is made of.
 */
#ifndef UW_JOBS_STATE_H
#define UW_JOBS_STATE_H

#include "user/base/clock.h"
#include "user/base/file_id.h"
#include "user/base/hash.h"
#include "user/jobs/accounts.h"
#include "user/jobs/after.h"
#include "user/jobs/failed_starts.h"
#include "user/jobs/jobs.h"
#include "user/jobs/outputs.h"
#include "user/jobs/reader.h"
#include "user/jobs/recorder.h"
#include "user/jobs/run.h"
#include "user/jobs/strings.h"
#include "user/jobs/job_table.h"
#include "user/shim/slots.h"

#define JOBS_DIR_LEN 256

/* For the job that has waited longest; UINT64_MAX: none. */
struct oldest_search {
	uint32_t place;    /* of the table, to look at next */
	uint64_t least_us; /* found so far, when it was queued */
	uint64_t found_us; /* by the last search that was through */
};

struct jobs {
	struct jobs_setup setup;
	struct admit_config admit_config;
	uint32_t component_count; /* as the core knows them; the configuration may be ahead */
	char component[UW_COMPONENTS_MAX][UW_NAME_LEN];
	char dir[JOBS_DIR_LEN];
	struct file_id database;
	char boot[CLOCK_BOOT_ID_LEN];
	uint8_t secret[HASH_SECRET_LEN]; /* of the store */
	int epoll, slots;
	uint64_t clock_offset_us;
	uint64_t last_id, promised_id;
	uint64_t synced_id; /* the recorder's thread's: promised, and on disk */
	struct job_table table;
	struct after_list after;
	struct strings *strings;
	struct accounts accounts;
	struct admit *admit;
	uint64_t admit_bytes;
	struct recorder *recorder;
	struct outputs *outputs; /* the recorder's thread's */
	struct store_reader *reader;
	struct reader_thread *reader_thread;
	uint64_t check_us; /* all of the database is read then, on clock_now_us ... */
	struct store_reader *_Atomic checking; /* ... with this, while it is */
	struct run *run[SLOTS_COUNT + 1];      /* by slot */
	uint32_t slot_hint;
	/* What is known of those in a list of after, by their place in it, while many lists are
	 * looked at in one go. */
	struct store_awaited awaited[JOB_AFTER_MAX];
	bool awaited_kept;
	struct submission *coming, **coming_last; /* on disk, and not all in the table */
	uint64_t part_us;                         /* of a turn: for starts, and as much for ends */
	int turn_fd;              /* an eventfd: there is something to do in another turn */
	uint32_t unresolved;      /* locked slots whose shim has not said its pid */
	uint64_t *loaded_waiting; /* between load and adoption: jobs that wait for others */
	uint32_t loaded_waiting_count;
	struct slot_wait *slot_wait; /* users whose jobs wait for a slot of their share */
	struct failed_starts failed_starts;
	uint64_t held_back_until_us; /* no starts before that, on clock_now_us */
	bool decide_due;             /* at the end of this turn of the loop, or in the next */
	bool entering;               /* all of them again */
	uint32_t without_component;  /* of these */
	bool closed;                 /* to starts: too many run, or a pause */
	uint64_t swapped_bytes,
		swapped_us; /* what preempted jobs gave back, and how long it took */
	struct admit_supply supply;
	struct admit_decisions decisions;
	struct jobs_stats stats;
	struct jobs_meters meters; /* but for what is now */
	struct oldest_search oldest;
	struct jobs_tally tally; /* of all in the table; ended ones too, until they are forgotten */
};

/* Into the table, by what it was submitted with, and into its user's account. NULL: full. */
struct job *state_insert_job(struct jobs *jobs, const struct job *from,
			     const struct job_spec *spec);
void state_forget_job(struct jobs *jobs, struct job *job);

/* Nothing else changes the state or the component of a job in the table. */
void state_set(struct jobs *jobs, struct job *job, enum job_state state);
void state_move(struct jobs *jobs, struct job *job, uint8_t component);

/* The index of a component as the core knows it; UINT8_MAX when there is none. */
uint8_t state_find_component(const struct jobs *jobs, const char *name);
/* Where it runs, or is to run; "" when that is not configured. */
const char *state_component_of(const struct jobs *jobs, const struct job *job);

/* The same, and of one that is not configured as the disk knows it. */
void state_recall_component(const struct jobs *jobs, const struct job *job, char buf[UW_NAME_LEN]);

/* The core is to be asked: something has changed that it decides by. Within a turn of the loop;
 * from outside of one, as in a client's call, another turn is asked for as well. */
void state_decide_soon(struct jobs *jobs);
void state_decide_next_turn(struct jobs *jobs);
void state_ask_turn(const struct jobs *jobs);

struct job_why state_why_of(const struct admit_decision *decision);
void state_set_why(struct job *job, const struct job_why *why);

/* Jobs that may be there at all: max-queued; bytes of all, queue-size. */
uint32_t state_most_jobs(const struct jobs *jobs);
uint64_t state_most_bytes(const struct jobs *jobs);
uint64_t state_most_running(const struct jobs *jobs);

/* Of what may still be added by uid: what there is room for, and -EDQUOT with who holds what when
 * count is more. */
int state_check_room(const struct jobs *jobs, uint32_t uid, enum accounts_what what, uint64_t count,
		     struct uw_err *err);

#endif
