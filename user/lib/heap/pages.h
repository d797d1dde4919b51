/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which pages of a segment are there: a bit for each. Commits what is missing below an allocation,
 * and gives back what is below none. A page costs a bit; a look at 256 KiB one word.
 */
#ifndef UW_LIB_HEAP_PAGES_H
#define UW_LIB_HEAP_PAGES_H

#include <stdbool.h>
#include <stdint.h>

struct segment;

/* Pages are committed up to a multiple of this, so that a heap that grows by little allocations
 * does not make a system call for each. */
#define PAGES_STEP_BYTES (16ULL << 10)

struct heap_pages {
	struct segment *segment;
	uint64_t *there;
	uint64_t page_bytes, count; /* of the segment */
	uint64_t committed_bytes;
};

/* -ENOMEM. What is there of the segment already is not known here, and never given back. */
int pages_init(struct heap_pages *pages, struct segment *segment);
void pages_done(struct heap_pages *pages);

/* Has all of [offset, offset + bytes) there. A negative errno of segment_commit: then it is as
 * before, but for pages that may be there already. */
int pages_commit(struct heap_pages *pages, uint64_t offset, uint64_t bytes);

/* Whether they are. */
bool pages_are_there(const struct heap_pages *pages, uint64_t offset, uint64_t bytes);

/* Gives back those that lie within, but no more than most_bytes. Returns how many bytes that was.
 */
uint64_t pages_punch(struct heap_pages *pages, uint64_t offset, uint64_t bytes,
		     uint64_t most_bytes);

#endif
