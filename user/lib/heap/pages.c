// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Walks the bits in runs of equal ones, a word at a time. Almost always all of what an allocation
 * needs is there, so that is found out first.
 */
#include "user/lib/heap/pages.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "user/lib/segment/segment.h"

int pages_init(struct heap_pages *pages, struct segment *segment)
{
	*pages = (struct heap_pages){.segment = segment,
				     .page_bytes = (uint64_t)sysconf(_SC_PAGESIZE)};
	pages->count = segment_bytes(segment) / pages->page_bytes;
	pages->there = calloc(pages->count / 64 + 1, sizeof(*pages->there));
	return pages->there ? 0 : -ENOMEM;
}

void pages_done(struct heap_pages *pages)
{
	free(pages->there);
	pages->there = NULL;
}

/* The first page of [at, end) that is there, or is not; end if none. */
static uint64_t find(const struct heap_pages *pages, uint64_t at, uint64_t end, bool there)
{
	while (at < end) {
		uint64_t word = pages->there[at / 64];

		word = (there ? word : ~word) >> at % 64;
		if (word) {
			at += (uint64_t)__builtin_ctzll(word);
			return at < end ? at : end;
		}
		at = (at / 64 + 1) * 64;
	}
	return end;
}

static void mark(struct heap_pages *pages, uint64_t at, uint64_t end, bool there)
{
	while (at < end) {
		uint64_t last = (at / 64 + 1) * 64 < end ? (at / 64 + 1) * 64 : end;
		uint64_t bits = (last - at == 64 ? 0 : 1ULL << (last - at)) - 1;

		if (there)
			pages->there[at / 64] |= bits << at % 64;
		else
			pages->there[at / 64] &= ~(bits << at % 64);
		at = last;
	}
}

/* Beyond end as far as the step goes and nothing is there yet. */
static uint64_t round_up(const struct heap_pages *pages, uint64_t end)
{
	uint64_t step = PAGES_STEP_BYTES / pages->page_bytes, last;

	if (step < 2)
		return end;
	last = (end + step - 1) / step * step;
	return find(pages, end, last < pages->count ? last : pages->count, true);
}

int pages_commit(struct heap_pages *pages, uint64_t offset, uint64_t bytes)
{
	uint64_t size = pages->page_bytes, end = (offset + bytes + size - 1) / size;
	uint64_t at = find(pages, offset / size, end, false);

	while (at < end) {
		uint64_t last = find(pages, at, end, true);
		int rc;

		if (last == end)
			last = round_up(pages, end);
		rc = segment_commit(pages->segment, at * size, (last - at) * size);
		if (rc)
			return rc;
		mark(pages, at, last, true);
		pages->committed_bytes += (last - at) * size;
		at = find(pages, last, end, false);
	}
	return 0;
}

bool pages_are_there(const struct heap_pages *pages, uint64_t offset, uint64_t bytes)
{
	uint64_t end = (offset + bytes + pages->page_bytes - 1) / pages->page_bytes;

	return find(pages, offset / pages->page_bytes, end, false) == end;
}

uint64_t pages_punch(struct heap_pages *pages, uint64_t offset, uint64_t bytes, uint64_t most_bytes)
{
	uint64_t size = pages->page_bytes, end = (offset + bytes) / size, punched = 0;
	uint64_t at = find(pages, (offset + size - 1) / size, end, true);

	while (at < end && punched + size <= most_bytes) {
		uint64_t last = find(pages, at, end, false);

		if (last - at > (most_bytes - punched) / size)
			last = at + (most_bytes - punched) / size;
		if (!segment_punch(pages->segment, at * size, (last - at) * size)) {
			mark(pages, at, last, false);
			punched += (last - at) * size;
		}
		at = find(pages, last, end, true);
	}
	pages->committed_bytes -= punched;
	return punched;
}
