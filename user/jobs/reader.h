/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Long reads of the history, on a thread of their own with a connection of its own: uwd's loop
 * hands a read over and hears when it is done. One after the other, in their order; the thread is
 * made when the first one comes. It yields to everything else (nice 10).
 */
#ifndef UW_JOBS_READER_H
#define UW_JOBS_READER_H

#include "user/store/history.h"

#define READS_MAX 64U /* that wait; more are refused */

struct read {
	struct read *next;
	/* On the thread; reader NULL: the database cannot be opened. Shares nothing with the loop.
	 */
	void (*read)(struct read *read, struct store_reader *reader);
	/* On the loop's thread; frees the read. */
	void (*done)(struct read *read);
};

struct reading;

/* options.dir is borrowed. */
int reading_new(const struct store_options *options, struct reading **ret_reading);

/* Ends the one that is being read, leaves out the others, calls done for all. NULL is fine. */
void reading_free(struct reading *reading);

/* -EBUSY: so many wait already; -EAGAIN: no thread to be had. Then done is not called. */
int reading_put(struct reading *reading, struct read *read);

/* An eventfd, readable when something is done; then reading_dispatch. */
int reading_fd(const struct reading *reading);
void reading_dispatch(struct reading *reading);

#endif
