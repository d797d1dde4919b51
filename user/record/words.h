/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs of words: how a record says in what a struct differs from the one before. A run is a word
 * with where it begins and how long it is, and the words themselves. Also the check of a record.
 */
#ifndef UW_RECORD_WORDS_H
#define UW_RECORD_WORDS_H

#include <stdbool.h>
#include <stdint.h>

/* A word of any struct. */
typedef uint64_t __attribute__((may_alias)) record_word;

/* A part of a struct, in words. */
struct record_area {
	uint32_t from, to;
};

/* The words that record_put_runs would write. */
uint32_t record_count_runs(const record_word *base, const record_word *now,
			   struct record_area area);

/* Writes the runs that make base equal to now within area, and makes it so. Returns their end. */
record_word *record_put_runs(record_word *to, record_word *base, const record_word *now,
			     struct record_area area);

/* The same for elements of so many words each, which fill area. */
record_word *record_put_elements(record_word *to, record_word *base, const record_word *now,
				 struct record_area area, uint32_t words);

/* Does to an image of so many words what the runs say. False when they are none, or lead out of it;
 * the image may be changed then. */
bool record_take_runs(const record_word *runs, uint32_t count, record_word *image,
		      uint32_t image_words);

/* Over the payload of a record, and what else is to be told apart. */
uint32_t record_check(uint64_t seed, const record_word *words, uint32_t count);

#endif
