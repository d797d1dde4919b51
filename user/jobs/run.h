/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is known of each job that runs beyond the job itself: its shim, its leaf, its limit. Made
 * when a start is on its way, freed when the end is on disk.
 */
#ifndef UW_JOBS_RUN_H
#define UW_JOBS_RUN_H

#include "user/jobs/jobs.h"
#include "user/shim/slots.h"

struct jobs;

/* Standing still: see pause.c. Times are on clock_now_us. */
struct freeze_run {
	bool paused;         /* The core wants it to stand still. */
	uint64_t for_id;     /* It does so for this job, which needs its memory; 0: for its own want
			      * of room. */
	uint64_t asked_us;   /* When policy was last asked to let it stand still. */
	uint64_t reclaim_us; /* When its memory was last asked for. */
	uint64_t reclaim_bytes;  /* How much was asked for then. */
	uint32_t empty_reclaims; /* How often in a row hardly any of it came. */
	bool thawing;            /* It is to go on, and was not seen doing so. */
	uint64_t thaw_us;        /* Since when it is thawing. */
	uint64_t seen_us;        /* When it was last seen to stand still; 0: it moved then. */
	uint64_t sum_us;         /* How long it stood still, in all. */
};

/* At its limit, and no room for more: see outgrown.c. Times are on clock_now_us. */
struct outgrown_run {
	uint64_t since_us;   /* It wants more than it has reserved since then; 0: it does not. */
	uint64_t seen_us;    /* When it was last seen to want more. */
	uint64_t cramped_us; /* It has been at its limit without room to grow since then; 0: it is
			      * not. */
};

/* Being ended: see stop.c. */
struct stop_run {
	uint64_t kill_us;  /* It gets SIGKILL then, on clock_now_us; 0: it is not to be ended. */
	uint64_t grace_us; /* The grace of one that is to be ended before it has started. */
};

/* Of a job from its start until its end is on disk; its place is its slot. */
struct run {
	uint64_t id;                 /* The job's. */
	uint32_t attempt;            /* Of the job. */
	uint32_t uid;                /* Of the job: in whose account it is. */
	char component[UW_NAME_LEN]; /* Where it runs, also when that is not configured any more. */
	bool found;                  /* The uwd before this one started it. */

	int pidfd;       /* Of its shim; -1: not known yet. */
	bool shim_kills; /* The shim kills when it is told to; one of an older uwd does not. */
	bool launched;   /* Its shim was made, or adopted. */
	bool gone;       /* Its shim has ended before it was known here that it was made. */
	bool unwatched;  /* The end of its shim would not be seen: it is to be watched again. */
	bool ending;     /* Its end is on its way to the disk. */
	int error;       /* The errno of a shim that could not be made. */

	struct cg_group leaf; /* Its cgroup, while leaf_open. */
	bool leaf_open;
	uint64_t started_us;    /* When it was started, on clock_now_us, which nobody sets. */
	uint64_t first_bytes;   /* What it had reserved when it started. */
	uint64_t limit_bytes;   /* Its memory.high as last written; 0: not by this uwd. */
	uint64_t current_bytes; /* How large it was when it was last looked at. */
	uint64_t peak_bytes;    /* How large it has been at most. */
	uint64_t empty_us;      /* Since when its leaf is empty, on clock_now_us; 0: it is not. */
	bool has_left;          /* And it runs all the same, elsewhere. */
	uint64_t looked_us;     /* When current_bytes was read, on clock_now_us. */

	struct freeze_run freeze;
	struct outgrown_run outgrown;
	struct stop_run stop;
};

struct run *run_new(struct jobs *jobs, struct job *job, uint32_t slot, const char *component);
void run_free(struct jobs *jobs, uint32_t slot);
/* The end of the shim in slot is told once; to be told again, watch it again. Of any thread. */
int run_watch(const struct jobs *jobs, uint32_t slot, int pidfd);
/* What it may have, as far as that can be written without waiting. */
void run_limit(struct jobs *jobs, struct run *run, uint64_t bytes);
void run_open_leaf(struct jobs *jobs, struct run *run);
/* job-ID; job-ID-ATTEMPT where that was still taken; attempt 0: the first of them. */
const char *run_leaf_name(uint64_t id, uint32_t attempt, char buf[JOBS_LEAF_LEN]);
/* As slot_read; -ENODATA too when it is of another attempt than job's. */
int run_read_slot(int slots, uint32_t index, const struct job *job, struct slot_record *ret_slot);
/* There is room again: it is held back no more. */
void run_has_room(struct job *job, struct run *run, const struct job_why *why);

#endif
