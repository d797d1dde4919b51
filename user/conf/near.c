// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finds what somebody may have meant: the known word with the fewest typing errors in between, if
 * they are few for its length. It serves keys and sections of the configuration and keys of task
 * files.
 */
#include "user/conf/option.h"

#include <string.h>

#define NEAR_MAX     2  /* typing errors that still look like one */
#define NEAR_LEN_MAX 31 /* longer words are not compared */

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int m = a < b ? a : b;

	return m < c ? m : c;
}

/* Levenshtein distance, one row of the table at a time. */
static unsigned int edit_distance(const char *a, const char *b)
{
	size_t a_len = strnlen(a, NEAR_LEN_MAX + 1), b_len = strnlen(b, NEAR_LEN_MAX + 1);
	unsigned int row[NEAR_LEN_MAX + 1];

	if (a_len > NEAR_LEN_MAX || b_len > NEAR_LEN_MAX)
		return NEAR_LEN_MAX;
	for (unsigned int j = 0; j <= b_len; j++)
		row[j] = j;
	for (unsigned int i = 1; i <= a_len; i++) {
		unsigned int diagonal = row[0];

		row[0] = i;
		for (unsigned int j = 1; j <= b_len; j++) {
			unsigned int changed = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = min3(changed, row[j] + 1, row[j - 1] + 1);
		}
	}
	return row[b_len];
}

/* Two errors in a word of three letters make it any other word. */
static unsigned int near_limit(const char *word)
{
	return strnlen(word, NEAR_LEN_MAX) < 5 ? 1 : NEAR_MAX;
}

const char *option_near(enum section section, const char *key, enum section *ret_section)
{
	unsigned int best = near_limit(key) + 1;
	const char *found = NULL;

	*ret_section = section;
	for (unsigned int i = 0; i < option_count; i++) {
		const struct option *option = &option_table[i];
		unsigned int distance = edit_distance(key, option->key);

		if (option->section != section) {
			if (!distance && !found)
				*ret_section = option->section;
			continue;
		}
		if (distance < best) {
			best = distance;
			found = option->key;
		}
	}
	if (found)
		*ret_section = section;
	return found ? found : *ret_section != section ? key : NULL;
}

const char *word_near(const char *word, const char *const *names, size_t count)
{
	unsigned int best = near_limit(word) + 1;
	const char *found = NULL;

	for (size_t i = 0; i < count; i++) {
		unsigned int distance = edit_distance(word, names[i]);

		if (distance < best) {
			best = distance;
			found = names[i];
		}
	}
	return found;
}

const char *section_near(const char *name)
{
	const char *names[SECTION__COUNT];

	for (unsigned int i = 0; i < SECTION__COUNT; i++)
		names[i] = section_name((enum section)i);
	return word_near(name, names, SECTION__COUNT);
}
