/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uwd's own memory: locked, so that it can act when there is none, and little, as all of it is
 * taken from those whom it serves. What is touched stays until it is said here that it was for the
 * start.
 */
#ifndef UW_DAEMON_MEMORY_H
#define UW_DAEMON_MEMORY_H

/* Before the first allocation: large blocks come as untouched zeros, and go back when they are
 * freed. */
void memory_begin(void);

/* All memory there is and will be, page by page as it is touched. A failure is logged. */
void memory_lock(void);

/* The start is over. Code and constants of libraries that it alone needed are let go; what the loop
 * needs is read anew, from the page cache as a rule, and stays. */
void memory_settle(void);

#endif
