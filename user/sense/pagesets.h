/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Free memory that no counter of free memory has: a page that is freed goes to a list of the
 * processor that frees it, a page set of /proc/zoneinfo. Since Linux 6.7 these grow to an eighth of
 * a zone while much is freed at once (mm/page_alloc.c, high_max), and shrink again over seconds, or
 * at once where the zone runs short. On 6.12 with 1.2 GB and one processor 50 MB that had been
 * paged out were seen in MemAvailable by none of them.
 */
#ifndef UW_SENSE_PAGESETS_H
#define UW_SENSE_PAGESETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGESETS_LINE_LEN 64 /* what counts of a line is shorter */

/* Adds up the lines "count: PAGES". Zeroed at first. */
struct pagesets_reader {
	char line[PAGESETS_LINE_LEN]; /* so far */
	size_t used;
	uint64_t pages;
};

/* The next part of the file, cut anywhere. */
void pagesets_feed(struct pagesets_reader *reader, const char *text, size_t len);

struct pagesets {
	int fd; /* of /proc/zoneinfo; -1 = not there */
	uint64_t page_bytes;
	uint64_t read_us, bytes; /* as last read */
};

void pagesets_open(struct pagesets *pagesets);
void pagesets_close(struct pagesets *pagesets);

/* Bytes in all of them, no older than fresh_us. 0 where nobody tells. */
uint64_t pagesets_bytes(struct pagesets *pagesets, uint64_t now_us, uint64_t fresh_us);

#endif
