// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who waits for whom, found by the one that is waited for: a hash table with chains of edges in one
 * array. It grows by doubling and reuses the places of edges that were taken out. A job that waits
 * for several stands here under one of them at a time. When one has ended, those that wait for it
 * are moved to a list of their own, and told of from there, both as the caller has time.
 */
#include "user/jobs/after.h"

#include <errno.h>
#include <stdlib.h>

#define BUCKETS_MIN  256U
#define MOVED_A_TIME 500U
#define TOLD_A_TIME  10U

int after_init(struct after_list *after)
{
	*after = (struct after_list){.buckets = BUCKETS_MIN, .capacity = BUCKETS_MIN, .count = 1};
	after->bucket = calloc(after->buckets, sizeof(*after->bucket));
	after->edge = calloc(after->capacity, sizeof(*after->edge));
	if (after->bucket && after->edge)
		return 0;
	after_done(after);
	return -ENOMEM;
}

void after_done(struct after_list *after)
{
	free(after->bucket);
	free(after->edge);
	free(after->ended);
	*after = (struct after_list){0};
}

static uint32_t *bucket_of(const struct after_list *after, uint64_t on)
{
	return &after->bucket[(on * 0x9e3779b97f4a7c15ULL >> 32) & (after->buckets - 1)];
}

/* As many buckets as edges; failing to grow makes it slower, not wrong. */
static void spread(struct after_list *after)
{
	uint32_t *old = after->bucket, buckets = after->buckets;
	uint32_t *more = calloc((size_t)buckets * 2, sizeof(*more));

	if (!more)
		return;
	after->bucket = more;
	after->buckets *= 2;
	for (uint32_t i = 0; i < buckets; i++)
		for (uint32_t at = old[i], next; at; at = next) {
			uint32_t *bucket = bucket_of(after, after->edge[at].on);

			next = after->edge[at].next;
			after->edge[at].next = *bucket;
			*bucket = at;
		}
	free(old);
}

static uint32_t take_edge(struct after_list *after)
{
	uint32_t at = after->free;
	struct edge *more;

	if (at) {
		after->free = after->edge[at].next;
		return at;
	}
	if (after->count == after->capacity) {
		more = reallocarray(after->edge, after->capacity * 2UL, sizeof(*more));
		if (!more)
			return 0;
		after->edge = more;
		after->capacity *= 2;
		spread(after);
	}
	return after->count++;
}

int after_add(struct after_list *after, uint64_t on, uint64_t job)
{
	uint32_t at = take_edge(after);
	uint32_t *bucket;

	if (!at)
		return -ENOMEM;
	bucket = bucket_of(after, on);
	after->edge[at] = (struct edge){.on = on, .job = job, .next = *bucket};
	*bucket = at;
	return 0;
}

bool after_waits(const struct after_list *after, uint64_t on)
{
	uint32_t at = *bucket_of(after, on);

	while (at && after->edge[at].on != on)
		at = after->edge[at].next;
	return at;
}

int after_end(struct after_list *after, uint64_t on)
{
	uint32_t size = after->ended_size ? after->ended_size * 2 : 64;
	uint64_t *more = after->ended;

	if (after->ended_count == after->ended_size) {
		more = reallocarray(more, size, sizeof(*more));
		if (!more)
			return -ENOMEM;
		after->ended = more;
		after->ended_size = size;
	}
	after->ended[after->ended_count++] = on;
	return 0;
}

/* Out of the table first, or who waits again for the same one would be told of without end. False:
 * there are more. */
static bool move_some(struct after_list *after, uint64_t on)
{
	uint32_t *link = bucket_of(after, on);

	for (uint32_t moved = 0; *link && moved < MOVED_A_TIME;) {
		struct edge *edge = &after->edge[*link];
		uint32_t at = *link;

		if (edge->on != on) {
			link = &edge->next;
			continue;
		}
		*link = edge->next;
		edge->next = after->due;
		after->due = at;
		moved++;
	}
	return !*link;
}

bool after_has_due(const struct after_list *after)
{
	return after->ended_count || after->due;
}

static void tell_one(struct after_list *after, after_fn fn, void *data)
{
	uint32_t at = after->due;
	uint64_t job = after->edge[at].job;

	after->due = after->edge[at].next;
	after->edge[at] = (struct edge){.next = after->free};
	after->free = at;
	fn(data, job);
}

bool after_tell_some(struct after_list *after, after_fn fn, void *data)
{
	if (after->ended_count) {
		after->ended_count -= move_some(after, after->ended[after->ended_count - 1]);
		return true;
	}
	for (uint32_t i = 0; after->due && i < TOLD_A_TIME; i++)
		tell_one(after, fn, data);
	return after->due;
}
