// SPDX-License-Identifier: GPL-2.0-or-later
#include "user/jobs/strings.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 1024U

struct word {
	char *text; /* NULL: free */
	uint32_t hash;
	uint32_t next; /* in its bucket, or among the free ones */
	uint32_t holders;
};

struct words {
	struct word *word; /* [0] is not used */
	uint32_t count, capacity, free, held;
	uint32_t *bucket;
	uint32_t buckets; /* a power of two */
};

static uint32_t hash_of(const char *text)
{
	uint32_t hash = 0x811c9dc5U;

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * 0x01000193U;
	return hash;
}

struct words *words_new(void)
{
	struct words *words = calloc(1, sizeof(*words));

	if (!words)
		return NULL;
	words->buckets = BUCKETS_MIN;
	words->capacity = BUCKETS_MIN;
	words->count = 1;
	words->bucket = calloc(words->buckets, sizeof(*words->bucket));
	words->word = calloc(words->capacity, sizeof(*words->word));
	if (words->bucket && words->word)
		return words;
	words_free(words);
	return NULL;
}

void words_free(struct words *words)
{
	if (!words)
		return;
	for (uint32_t i = 1; words->word && i < words->count; i++)
		free(words->word[i].text);
	free(words->word);
	free(words->bucket);
	free(words);
}

static uint32_t find(const struct words *words, const char *text, uint32_t hash)
{
	uint32_t at = words->bucket[hash & (words->buckets - 1)];

	while (at && (words->word[at].hash != hash || strcmp(words->word[at].text, text) != 0))
		at = words->word[at].next;
	return at;
}

/* Failing to grow makes it slower, not wrong. */
static void grow_buckets(struct words *words)
{
	uint32_t buckets = words->buckets * 2;
	uint32_t *bucket = calloc(buckets, sizeof(*bucket));

	if (!bucket)
		return;
	for (uint32_t i = 1; i < words->count; i++) {
		struct word *word = &words->word[i];

		if (!word->text)
			continue;
		word->next = bucket[word->hash & (buckets - 1)];
		bucket[word->hash & (buckets - 1)] = i;
	}
	free(words->bucket);
	words->bucket = bucket;
	words->buckets = buckets;
}

static uint32_t take_free(struct words *words)
{
	uint32_t at = words->free;
	struct word *more;

	if (at) {
		words->free = words->word[at].next;
		return at;
	}
	if (words->count == words->capacity) {
		more = reallocarray(words->word, words->capacity * 2UL, sizeof(*more));
		if (!more)
			return 0;
		words->word = more;
		words->capacity *= 2;
	}
	return words->count++;
}

uint32_t words_hold(struct words *words, const char *text)
{
	uint32_t hash = hash_of(text), at;
	char *copy;

	if (!*text)
		return 0;
	at = find(words, text, hash);
	if (at) {
		words->word[at].holders++;
		return at;
	}
	if (words->held >= words->buckets)
		grow_buckets(words);
	copy = strdup(text);
	at = copy ? take_free(words) : 0;
	if (!at) {
		free(copy);
		return 0;
	}
	words->word[at] = (struct word){
		.text = copy,
		.hash = hash,
		.next = words->bucket[hash & (words->buckets - 1)],
		.holders = 1,
	};
	words->bucket[hash & (words->buckets - 1)] = at;
	words->held++;
	return at;
}

void words_drop(struct words *words, uint32_t at)
{
	struct word *word = &words->word[at];
	uint32_t *link;

	if (!at || --word->holders)
		return;
	link = &words->bucket[word->hash & (words->buckets - 1)];
	while (*link != at)
		link = &words->word[*link].next;
	*link = word->next;
	free(word->text);
	*word = (struct word){.next = words->free};
	words->free = at;
	words->held--;
}

uint32_t words_find(const struct words *words, const char *text)
{
	return *text ? find(words, text, hash_of(text)) : 0;
}

const char *words_text(const struct words *words, uint32_t at)
{
	return at ? words->word[at].text : "";
}
