// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finds the word that was probably meant. That is one that begins with what was typed, else the
 * nearest by edit distance, when it is near enough.
 */
#include "user/cli/suggest.h"

#include <string.h>

#define WORD_MAX 31

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int least = a < b ? a : b;

	return least < c ? least : c;
}

unsigned int suggest_distance(const char *a, const char *b)
{
	unsigned int row[3][WORD_MAX + 1]; /* this one and the two before it, in turn */
	size_t rows = strnlen(a, WORD_MAX), columns = strnlen(b, WORD_MAX);

	for (unsigned int j = 0; j <= columns; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= rows; i++) {
		unsigned int *now = row[i % 3], *before = row[(i + 2) % 3];

		now[0] = (unsigned int)i;
		for (size_t j = 1; j <= columns; j++) {
			unsigned int replace = before[j - 1] + (a[i - 1] != b[j - 1]);

			now[j] = min3(before[j] + 1, now[j - 1] + 1, replace);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = min3(now[j], now[j], row[(i + 1) % 3][j - 2] + 1);
		}
	}
	return row[rows % 3][columns];
}

/* An edit in a short word, two from seven letters on: more, and it is another word. */
static unsigned int near_enough(size_t length)
{
	unsigned int edits = (unsigned int)(length + 1) / 4;

	return length > 1 && !edits ? 1 : edits;
}

const char *suggest_nearest(const char *word, const char *const *names, size_t count)
{
	unsigned int limit = near_enough(strnlen(word, WORD_MAX));
	const char *best = NULL;

	for (size_t i = 0; *word && i < count; i++) {
		if (!strncmp(names[i], word, strlen(word)))
			return names[i];
	}
	for (size_t i = 0; i < count; i++) {
		unsigned int distance = suggest_distance(word, names[i]);

		if (distance <= limit && (!best || distance < suggest_distance(word, best)))
			best = names[i];
	}
	return best;
}
