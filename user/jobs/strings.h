/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Strings that many jobs share (keys, tags), each kept once and named by a number. 0 is
 * the empty string. Counted: a number is free for another string once nobody holds it. O(1).
 */
#ifndef UW_JOBS_STRINGS_H
#define UW_JOBS_STRINGS_H

#include <stdint.h>

struct words;

struct words *words_new(void); /* NULL: out of memory */
void words_free(struct words *words);

/* Takes a reference on text's number. 0 also when memory is short: what is shown is then "". */
uint32_t words_hold(struct words *words, const char *text);
void words_drop(struct words *words, uint32_t word);

/* Its number without a reference; 0 when nobody holds it. */
uint32_t words_find(const struct words *words, const char *text);

/* Lives until it is dropped. */
const char *words_text(const struct words *words, uint32_t word);

#endif
