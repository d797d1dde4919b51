// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps each key and tag that jobs share once, under a number. A hash table finds the number of a
 * text, an array the text of a number; freed numbers form a list in that array. A string goes with
 * its last holder.
 */
#include "user/jobs/strings.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "user/base/hash.h"

#define BUCKETS_MIN 1024U

struct shared_string {
	char *text; /* NULL: free */
	uint32_t hash;
	uint32_t next; /* in its bucket, or among the free ones */
	uint32_t holders;
};

struct strings {
	struct shared_string *string; /* [0] is not used */
	uint32_t count, capacity, free, held;
	uint32_t *bucket;
	uint32_t buckets;                /* a power of two */
	uint8_t secret[HASH_SECRET_LEN]; /* users choose the texts: not which share a bucket */
};

static uint32_t hash_of(const struct strings *strings, const char *text)
{
	return (uint32_t)hash_keyed(strings->secret, text, strlen(text));
}

struct strings *strings_new(void)
{
	struct strings *strings = calloc(1, sizeof(*strings));

	if (!strings)
		return NULL;
	if (getrandom(strings->secret, sizeof(strings->secret), GRND_NONBLOCK) < 0)
		memset(strings->secret, 0, sizeof(strings->secret)); /* too early in a boot */
	strings->buckets = BUCKETS_MIN;
	strings->capacity = BUCKETS_MIN;
	strings->count = 1;
	strings->bucket = calloc(strings->buckets, sizeof(*strings->bucket));
	strings->string = calloc(strings->capacity, sizeof(*strings->string));
	if (strings->bucket && strings->string)
		return strings;
	strings_free(strings);
	return NULL;
}

void strings_free(struct strings *strings)
{
	if (!strings)
		return;
	for (uint32_t i = 1; strings->string && i < strings->count; i++)
		free(strings->string[i].text);
	free(strings->string);
	free(strings->bucket);
	free(strings);
}

static uint32_t find(const struct strings *strings, const char *text, uint32_t hash)
{
	uint32_t at = strings->bucket[hash & (strings->buckets - 1)];

	while (at &&
	       (strings->string[at].hash != hash || strcmp(strings->string[at].text, text) != 0))
		at = strings->string[at].next;
	return at;
}

/* Failing to grow makes it slower, not wrong. */
static void grow_buckets(struct strings *strings)
{
	uint32_t buckets = strings->buckets * 2;
	uint32_t *bucket = calloc(buckets, sizeof(*bucket));

	if (!bucket)
		return;
	for (uint32_t i = 1; i < strings->count; i++) {
		struct shared_string *string = &strings->string[i];

		if (!string->text)
			continue;
		string->next = bucket[string->hash & (buckets - 1)];
		bucket[string->hash & (buckets - 1)] = i;
	}
	free(strings->bucket);
	strings->bucket = bucket;
	strings->buckets = buckets;
}

static uint32_t take_free(struct strings *strings)
{
	uint32_t at = strings->free;
	struct shared_string *more;

	if (at) {
		strings->free = strings->string[at].next;
		return at;
	}
	if (strings->count == strings->capacity) {
		more = reallocarray(strings->string, strings->capacity * 2UL, sizeof(*more));
		if (!more)
			return 0;
		strings->string = more;
		strings->capacity *= 2;
	}
	return strings->count++;
}

uint32_t strings_hold(struct strings *strings, const char *text)
{
	uint32_t hash = hash_of(strings, text), at;
	char *copy;

	if (!*text)
		return 0;
	at = find(strings, text, hash);
	if (at) {
		strings->string[at].holders++;
		return at;
	}
	if (strings->held >= strings->buckets)
		grow_buckets(strings);
	copy = strdup(text);
	at = copy ? take_free(strings) : 0;
	if (!at) {
		free(copy);
		return 0;
	}
	strings->string[at] = (struct shared_string){
		.text = copy,
		.hash = hash,
		.next = strings->bucket[hash & (strings->buckets - 1)],
		.holders = 1,
	};
	strings->bucket[hash & (strings->buckets - 1)] = at;
	strings->held++;
	return at;
}

void strings_drop(struct strings *strings, uint32_t at)
{
	struct shared_string *string = &strings->string[at];
	uint32_t *link;

	if (!at || --string->holders)
		return;
	link = &strings->bucket[string->hash & (strings->buckets - 1)];
	while (*link != at)
		link = &strings->string[*link].next;
	*link = string->next;
	free(string->text);
	*string = (struct shared_string){.next = strings->free};
	strings->free = at;
	strings->held--;
}

uint32_t strings_find(const struct strings *strings, const char *text)
{
	return *text ? find(strings, text, hash_of(strings, text)) : 0;
}

const char *strings_text(const struct strings *strings, uint32_t at)
{
	return at ? strings->string[at].text : "";
}
