/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Near misses: what somebody who typed this probably meant. */
#ifndef UW_CLI_SUGGEST_H
#define UW_CLI_SUGGEST_H

#include <stddef.h>

/*
 * Edits (insert, delete, replace, swap of neighbours) from a to b, up to 31 characters of each: the
 * optimal string alignment distance.
 */
unsigned int suggest_distance(const char *a, const char *b);

/*
 * The best of count names for word: one that it begins, or the nearest within a quarter of its
 * length (an edit, from two letters on). NULL when nothing is near; of equals the first.
 */
const char *suggest_nearest(const char *word, const char *const *names, size_t count);

#endif
