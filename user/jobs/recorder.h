/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The thread that writes to the store, so that the loop never waits for a disk. What is handed over
 * is written in that order, all that waits at a time in one transaction (group commit: one
 * fdatasync for many), then its after() runs on this thread, and then its done() on the loop's.
 *
 * When a transaction fails, each of its entries is tried alone. What `must` be written is kept and
 * tried again each second, for as long as it takes: ends of jobs are never given up. Everything
 * else is answered with the error, and so is all behind what is kept: nothing overtakes it. -ENOENT
 * is an answer for everyone, as a row that is gone does not come back. While the disk is full what
 * is `new` is refused at once.
 */
#ifndef UW_JOBS_RECORDER_H
#define UW_JOBS_RECORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "user/store/store.h"

struct entry {
	struct entry *next;
	bool must, new;
	int rc; /* 0 when it is on disk, when done() is called */
	/* In the transaction; may be called again after a failure. NULL: nothing to write. */
	int (*write)(struct store *store, struct entry *entry);
	/* On the recorder's thread when it is on disk. May be NULL. */
	void (*after)(void *data, struct entry *entry);
	/* On the loop's thread; frees the entry. */
	void (*done)(void *data, struct entry *entry);
};

struct recorder;

/* On the recorder's thread, after each transaction and when nothing waits: a little of what is to
 * be tidied up, in no transaction. True: there is more, and soon. */
typedef bool (*recorder_tidy_fn)(void *data, struct store *store);

/* Takes the store over; recorder_free closes it. data is for after, done and tidy, which may be
 * NULL; they share nothing. */
int recorder_new(struct store *store, const struct store_keep *keep, recorder_tidy_fn tidy,
		 void *data, struct recorder **ret_recorder, struct uw_err *err);

/* What is kept from now on; it is looked at when nothing waits. oldest_us here is an age, and
 * forget is called when it is on disk. */
void recorder_configure(struct recorder *recorder, const struct store_keep *keep);

/* Writes what waits, for at most some seconds, and ends the thread; calls done for all of it. */
void recorder_free(struct recorder *recorder);

/* Hands entry over. O(1), never blocks but for the time of a pointer's exchange. */
void recorder_put(struct recorder *recorder, struct entry *entry);

/* An eventfd, written to when something is done and never read: to be watched by edge. */
int recorder_fd(const struct recorder *recorder);

/* Calls done of what is done, of so much of it as one turn of the loop may take; the fd says that
 * there is more. */
void recorder_dispatch(struct recorder *recorder);

struct recorder_stats {
	uint64_t entries, commits, failures;
	uint64_t commit_max_us;
	uint32_t waiting;
	bool full;  /* the disk: what is new is refused */
	bool stuck; /* something that must be written cannot be */
	int error;  /* the last, negative errno */
};

void recorder_stats(struct recorder *recorder, struct recorder_stats *ret_stats);

#endif
