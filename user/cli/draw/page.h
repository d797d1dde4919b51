/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every HTML page of uwctl begins and ends with: one file that fetches nothing and may not, by
 * its own Content-Security-Policy, which names its style and its script by their hashes. Text goes
 * in by page_text alone, whatever bytes it has.
 */
#ifndef UW_CLI_DRAW_PAGE_H
#define UW_CLI_DRAW_PAGE_H

#include <stdio.h>

#include "user/cli/draw/times.h"

/* Title is escaped, and is the heading too. times is the axis of all pictures where it is of wall
 * times, for the line at the pointer. */
void page_begin(FILE *out, const char *title, const struct times *times);
void page_end(FILE *out);

/* As HTML has it, in an element or a quoted attribute. What is no printable UTF-8, and what turns
 * the direction of writing, becomes U+FFFD. */
void page_text(FILE *out, const char *text);

/* An entry of a list of what a picture shows: a swatch of this class, and its words. */
void page_key(FILE *out, const char *class, const char *words);

/* A figure with its name, one of a <dl>. */
void page_tile(FILE *out, const char *name, const char *figure);

#endif
