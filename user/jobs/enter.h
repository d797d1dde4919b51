/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the disk into the queue: submissions that are written, a part in each turn of the loop.
 */
#ifndef UW_JOBS_ENTER_H
#define UW_JOBS_ENTER_H

#include "user/jobs/accounts.h"
#include "user/jobs/jobs.h"
#include "user/jobs/recorder.h"

struct pack {
	char *bytes; /* without the environment; the spec's strings point into it */
	unsigned long size;
	char *env;            /* NULL where it is another item's */
	uint32_t account_env; /* its number in the accounts, held by the submission */
};

/* Some hundred bytes for each item, whatever the number of its elements. */
struct submission {
	struct entry entry;
	struct jobs *jobs;
	uint64_t submit_us, submit_wall_us; /* the same, by jobs_now_us and on disk */
	uint64_t promised_id;               /* to be on disk before its ids are */
	jobs_submitted_fn done;
	void *data;
	uint32_t count;
	struct jobs_item *item;
	struct pack *pack;
	struct submission *next; /* that enters the queue after this one */
	uint32_t at_item, at;    /* the first element that has not */
	uint32_t uid;
	struct jobs_item *from; /* the caller's, until they are copied; at counts them, too */
	uint64_t demand[ACCOUNT__COUNT];
	bool checked, reserved;
	uint64_t memory_bytes;      /* that it takes here, in the accounts */
	struct jobs_later *waiting; /* for all of this one */
};

/* An element of an item of it. */
void submission_job(const struct submission *submission, const struct jobs_item *item,
		    uint32_t element, struct job_spec *ret_spec, struct job *ret_job);

/* count jobs of the item at place are on their way no more. */
void submission_unpromise(const struct submission *submission, uint32_t place, uint32_t count);

void submission_free(struct submission *submission);

/* It is on disk: goes into the queue behind those before it, is answered and freed. */
void enter_add(struct jobs *jobs, struct submission *submission);
/* In each turn: as many jobs as there is time for, and, when it has been decided about them, an
 * answer to those who submitted them. */
void enter_some(struct jobs *jobs);
void enter_answer(struct jobs *jobs);
/* uwd ends: the next one finds them on disk. */
void enter_none(struct jobs *jobs);

#endif
