/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bringing back what a process has in swap, without its help: it may stand still in the freezer. */
#ifndef UW_ACT_PAGE_IN_H
#define UW_ACT_PAGE_IN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Returns true when the page-in is to end. */
typedef bool (*page_in_over)(void *data);

/*
 * Asks for the private anonymous memory of process pid, piece by piece, until all was asked for or
 * over says so. Where swap is more than half full a byte of each page that was there is read, and
 * not looked at, so that its slot goes. Shared memory and files are left to their faults. 0, -ESRCH
 * when it has ended, -ECANCELED when over said so, -EPERM, -ENOSYS and what else process_madvise(2)
 * may say.
 */
int page_in_process(pid_t pid, page_in_over over, void *data);

/*
 * The next line of a text of /proc/PID/maps: where it lies, and whether it is private anonymous
 * memory that can be in swap. False when the line is none.
 */
bool page_in_parse(const char *line, uint64_t *ret_start, uint64_t *ret_end, bool *ret_anonymous);

#endif
