/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Long reads of the history, on a thread of their own with a connection of its own: uwd's loop
 * hands a read over and hears when it is done. One after the other, in their order; the thread is
 * made when the first one comes. It yields to everything else (nice 10).
 */
#ifndef UW_JOBS_READER_H
#define UW_JOBS_READER_H

#include <stdbool.h>

#include "user/store/history.h"

#define READS_MAX                                                                          \
	64U /* that wait; of one user half of what the others leave. More are refused, but \
	     * to root */

struct long_read {
	struct long_read *next;
	uint32_t uid; /* who asked */
	bool goes_on; /* a part of one that was taken on before: is not refused */
	/* On the thread; reader NULL: the database cannot be opened. Shares nothing with the loop.
	 */
	void (*read)(struct long_read *read, struct store_reader *reader);
	/* On the loop's thread; frees the read. */
	void (*done)(struct long_read *read);
};

struct reader_thread;

/* options.dir is borrowed. */
int reader_thread_new(const struct store_options *options, struct reader_thread **ret_reading);

/* Ends the one that is being read, leaves out the others, calls done for all. NULL is fine. */
void reader_thread_free(struct reader_thread *reading);

/* -EBUSY: so many wait already; -EAGAIN: no thread to be had. Then done is not called. */
int reader_thread_put(struct reader_thread *reading, struct long_read *read);

/* An eventfd, readable when something is done; then reader_thread_dispatch. */
int reader_thread_fd(const struct reader_thread *reading);
void reader_thread_dispatch(struct reader_thread *reading);

#endif
