/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uwd's own memory: locked, so that it can act when there is none, and little, as all of it is
 * taken from those whom it serves. What is touched stays until it is said here that it was for the
 * start.
 */
#ifndef UW_DAEMON_MEMORY_H
#define UW_DAEMON_MEMORY_H

/* Before the first allocation: large blocks come as untouched zeros, and go back when they are
 * freed; none of it is made into huge pages. What uwd starts inherits the latter, prctl(2). */
void memory_begin(void);

/* All memory there is and will be, page by page as it is touched. A failure is logged. */
void memory_lock(void);

/* What was allocated for the start and freed goes back. The heap is gone through: not for a turn of
 * the loop. */
void memory_trim(void);

/* The start is over. Code and constants of libraries that it alone needed are let go; what the loop
 * needs is read anew, from the page cache as a rule, and stays. uwd's own are all there from now
 * on. Some 100 system calls. */
void memory_settle(void);

#endif
