/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who waits for whom: for each job that others wait for, which ones they are.
 */
#ifndef UW_JOBS_AFTER_H
#define UW_JOBS_AFTER_H

#include <stdbool.h>
#include <stdint.h>

struct edge {
	uint64_t on, job;
	uint32_t next;
};

struct after_list {
	struct edge *edge; /* [0] is not used */
	uint32_t *bucket;
	uint32_t count, capacity, free, buckets;
	uint64_t *ended; /* whose waiting ones are to be told of */
	uint32_t ended_count, ended_size;
	uint32_t due; /* edges that are out of the table, and not told of yet */
};

int after_init(struct after_list *after);
void after_done(struct after_list *after);
int after_add(struct after_list *after, uint64_t on, uint64_t job);

/* All that wait for on are to be told of, as it has ended. There may be 100,000. -ENOMEM. */
int after_end(struct after_list *after, uint64_t on);

bool after_has_due(const struct after_list *after);

/* Tells fn of some of them, ten at the most, and forgets that they wait; fn may add to the list.
 * True when there are more. */
typedef void (*after_fn)(void *data, uint64_t job);
bool after_tell_some(struct after_list *after, after_fn fn, void *data);

bool after_waits(const struct after_list *after, uint64_t on);

#endif
