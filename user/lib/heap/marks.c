// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Words are cut from a range of addresses that is as large as they can ever need, and is opened
 * piece by piece. Sets that are given back wait for the next slab of the same class, so that a word
 * stays the first, second or n-th of a set for as long as there is the heap.
 */
#include "user/lib/heap/marks.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#define LINE_WORDS 16U           /* a set begins with a line of the cache */
#define OPEN_WORDS (16ULL << 10) /* 64 KiB */

int marks_init(struct marks *marks, uint64_t words)
{
	void *range;

	*marks = (struct marks){.reserved = (words + OPEN_WORDS) / OPEN_WORDS * OPEN_WORDS};
	range = mmap(NULL, marks->reserved * sizeof(mark_word), PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (range == MAP_FAILED)
		return -ENOMEM;
	marks->word = range;
	return 0;
}

void marks_done(struct marks *marks)
{
	if (marks->word)
		munmap((void *)marks->word, marks->reserved * sizeof(mark_word));
	for (uint32_t i = 0; i < CLASS_COUNT; i++)
		free(marks->spare[i].at);
	marks->word = NULL;
}

static uint64_t cut(struct marks *marks, uint32_t count)
{
	uint64_t at = marks->used, end = at + (count + LINE_WORDS - 1) / LINE_WORDS * LINE_WORDS;

	if (end > marks->reserved)
		return UINT64_MAX;
	if (end > marks->opened) {
		if (mprotect((void *)(marks->word + marks->opened), OPEN_WORDS * sizeof(mark_word),
			     PROT_READ | PROT_WRITE) < 0)
			return UINT64_MAX;
		marks->opened += OPEN_WORDS;
	}
	marks->used = end;
	return at;
}

uint64_t marks_take(struct marks *marks, uint32_t class, uint32_t count, uint32_t generation)
{
	struct marks_spare *spare = &marks->spare[class];
	uint64_t at = spare->count ? spare->at[--spare->count] : cut(marks, count);

	for (uint32_t i = 0; i < count && at != UINT64_MAX; i++)
		atomic_store_explicit(&marks->word[at + i], generation << MARK_GENERATION_SHIFT,
				      memory_order_relaxed);
	return at;
}

/* One that finds no room is not used again. */
static void keep(struct marks_spare *spare, uint64_t at)
{
	if (spare->count == spare->room) {
		uint32_t room = spare->room ? spare->room * 2 : 8;
		uint64_t *grown = realloc(spare->at, room * sizeof(*grown));

		if (!grown)
			return;
		spare->at = grown;
		spare->room = room;
	}
	spare->at[spare->count++] = at;
}

uint32_t marks_give(struct marks *marks, uint32_t class, uint32_t count, uint64_t at,
		    uint32_t generation)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t word = atomic_load_explicit(&marks->word[at + i], memory_order_relaxed);
		uint32_t later = (word >> MARK_GENERATION_SHIFT) - generation;

		later &= MARK_GENERATION_MASK;
		most = later > most ? later : most;
	}
	keep(&marks->spare[class], at);
	return (generation + most + 2) & MARK_GENERATION_MASK & ~1U;
}
