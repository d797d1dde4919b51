/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One job's way to the disk and back: a copy of it as it is to be, with the events of its record.
 * Whoever makes an entry hands in what is to follow when it is on disk.
 */
#ifndef UW_JOBS_ENTRY_H
#define UW_JOBS_ENTRY_H

#include "user/base/clock.h"
#include "user/jobs/jobs.h"
#include "user/jobs/recorder.h"

#define JOBS_EVENTS_MAX 2

enum job_entry_kind {
	ENTRY_UPDATE,
	ENTRY_START,
	ENTRY_END, /* of an attempt: the job may have ended, or be queued again */
};

struct job_entry {
	struct entry entry;
	struct jobs *jobs;
	enum job_entry_kind kind;
	struct job job; /* as it is to be on disk, with its times of the wall clock */
	char component[UW_NAME_LEN], key[JOB_KEY_LEN + 48];
	char boot[CLOCK_BOOT_ID_LEN];
	uint32_t slot;    /* START: its own; END: that becomes free */
	uint32_t attempt; /* START, END: the one that begins or is over */
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
	char submit[SUBMIT_LEN];   /* START: as in struct jobs_launch */
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
/* It has changed since. */
void entry_set_job(struct job_entry *entry, const struct job *job);
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

#endif
