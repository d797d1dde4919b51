// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Compares a struct with what was last written of it, word by word, and elements of arrays as a
 * whole first, since most of them are as they were. Words are taken as they lie in memory: nothing
 * is known here of fields.
 */
#include "user/record/words.h"

#include <string.h>

#include "user/record/format.h"

/* The run that is being written; none: head NULL. */
struct record_run {
	record_word *head, *to;
	uint32_t from, last; /* its first word, its last one that differs */
};

static inline void end_run(struct record_run *run)
{
	if (run->head)
		*run->head = RECORD_RUN(run->from, run->last - run->from + 1);
}

/* One equal word between two that differ costs what a new run would. */
static inline void add_word(struct record_run *run, record_word *base, const record_word *now,
			    uint32_t i)
{
	if (!run->head || i - run->last > 2) {
		end_run(run);
		run->head = run->to++;
		run->from = i;
	} else if (i - run->last == 2) {
		*run->to++ = now[i - 1];
	}
	*run->to++ = base[i] = now[i];
	run->last = i;
}

uint32_t record_count_runs(const record_word *base, const record_word *now, struct record_area area)
{
	uint32_t words = 0, last = 0;
	bool any = false;

	for (uint32_t i = area.from; i < area.to; i++) {
		if (base[i] == now[i])
			continue;
		/* Its own, and the head of a run, or the equal one between. */
		words += !any || i - last > 1 ? 2 : 1;
		any = true;
		last = i;
	}
	return words;
}

record_word *record_put_runs(record_word *to, record_word *base, const record_word *now,
			     struct record_area area)
{
	struct record_run run = {.to = to};
	uint32_t i = area.from;

	while (i < area.to && base[i] == now[i])
		i++;
	if (i == area.to)
		return to;
	for (; i < area.to; i++)
		if (base[i] != now[i])
			add_word(&run, base, now, i);
	end_run(&run);
	return run.to;
}

record_word *record_put_elements(record_word *to, record_word *base, const record_word *now,
				 struct record_area area, uint32_t words)
{
	/* At rest none of them has changed. */
	if (!memcmp(base + area.from, now + area.from, (area.to - area.from) * sizeof(*now)))
		return to;
	for (uint32_t at = area.from; at < area.to; at += words)
		if (memcmp(base + at, now + at, words * sizeof(*now)))
			to = record_put_runs(to, base, now, (struct record_area){at, at + words});
	return to;
}

bool record_take_runs(const record_word *runs, uint32_t count, record_word *image,
		      uint32_t image_words)
{
	uint32_t at = 0;

	while (at < count) {
		uint64_t from = runs[at] & UINT32_MAX, words = runs[at] >> 32;

		at++;
		if (!words || words > count - at || from + words > image_words)
			return false;
		memcpy(image + from, runs + at, words * sizeof(*runs));
		at += (uint32_t)words;
	}
	return true;
}

uint32_t record_check(uint64_t seed, const record_word *words, uint32_t count)
{
	uint64_t hash = seed;

	/* The multiplier of splitmix64 (Steele and others, 2014). */
	for (uint32_t i = 0; i < count; i++) {
		hash = (hash ^ words[i]) * 0xbf58476d1ce4e5b9ULL;
		hash ^= hash >> 32;
	}
	return (uint32_t)hash ^ (uint32_t)(hash >> 32);
}
