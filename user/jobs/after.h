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
};

int after_init(struct after_list *after);
void after_done(struct after_list *after);
int after_add(struct after_list *after, uint64_t on, uint64_t job);
/* Calls fn for each that waits for on, and forgets that they do. */
typedef void (*after_fn)(void *data, uint64_t job);
void after_take(struct after_list *after, uint64_t on, after_fn fn, void *data);
bool after_waits(const struct after_list *after, uint64_t on);

#endif
