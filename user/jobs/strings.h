/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Strings that many jobs share (keys, tags), each kept once and named by a number. 0 is
 * the empty string. Counted: a number is free for another string once nobody holds it. O(1).
 */
#ifndef UW_JOBS_STRINGS_H
#define UW_JOBS_STRINGS_H

#include <stdint.h>

struct strings;

struct strings *strings_new(void); /* NULL: out of memory */
void strings_free(struct strings *strings);

/* Takes a reference on text's number. 0 also when memory is short: what is shown is then "". */
uint32_t strings_hold(struct strings *strings, const char *text);
void strings_drop(struct strings *strings, uint32_t at);

/* Its number without a reference; 0 when nobody holds it. */
uint32_t strings_find(const struct strings *strings, const char *text);

/* Lives until it is dropped. */
const char *strings_text(const struct strings *strings, uint32_t at);

#endif
