// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The jobs that have not ended, in an open hash table of their ids. All places are one mapping of
 * JOBS_MAX, of which only what is used becomes resident: a job never moves, and nothing is copied
 * to grow. A removal closes the gap that it leaves, so no tombstones collect.
 */
#include "user/jobs/job_table.h"

#include <errno.h>
#include <string.h>

#include "user/base/sparse.h"

#define BUCKETS (JOBS_MAX * 2U)

int job_table_init(struct job_table *table)
{
	*table = (struct job_table){
		.job = sparse_map(JOBS_MAX * sizeof(*table->job)),
		.bucket = sparse_map(BUCKETS * sizeof(*table->bucket)),
		.free = sparse_map(JOBS_MAX * sizeof(*table->free)),
	};
	if (table->job && table->bucket && table->free)
		return 0;
	job_table_done(table);
	return -ENOMEM;
}

void job_table_done(struct job_table *table)
{
	sparse_unmap(table->job, JOBS_MAX * sizeof(*table->job));
	sparse_unmap(table->bucket, BUCKETS * sizeof(*table->bucket));
	sparse_unmap(table->free, JOBS_MAX * sizeof(*table->free));
	*table = (struct job_table){0};
}

/* Ids follow each other: multiplied by an odd constant they spread over all buckets. */
static uint32_t home_of(uint64_t id)
{
	return (uint32_t)((id * 0x9e3779b97f4a7c15ULL) >> 32) & (BUCKETS - 1);
}

static uint32_t find_bucket(const struct job_table *table, uint64_t id)
{
	uint32_t at = home_of(id);

	while (table->bucket[at] && table->job[table->bucket[at] - 1].id != id)
		at = (at + 1) & (BUCKETS - 1);
	return at;
}

struct job *job_table_find(const struct job_table *table, uint64_t id)
{
	uint32_t place = id ? table->bucket[find_bucket(table, id)] : 0;

	return place ? &table->job[place - 1] : NULL;
}

struct job *job_table_add(struct job_table *table, uint64_t id)
{
	uint32_t bucket = find_bucket(table, id), place;

	if (table->bucket[bucket] || table->count == JOBS_MAX)
		return NULL;
	place = table->free_count ? table->free[--table->free_count] : table->used++;
	table->bucket[bucket] = place + 1;
	table->count++;
	table->job[place] = (struct job){.id = id};
	return &table->job[place];
}

/* Closes the gap: whoever was pushed past it moves back. */
static void close_gap(struct job_table *table, uint32_t gap)
{
	for (uint32_t at = (gap + 1) & (BUCKETS - 1); table->bucket[at];
	     at = (at + 1) & (BUCKETS - 1)) {
		uint32_t home = home_of(table->job[table->bucket[at] - 1].id);

		if (((at - home) & (BUCKETS - 1)) < ((at - gap) & (BUCKETS - 1)))
			continue;
		table->bucket[gap] = table->bucket[at];
		table->bucket[at] = 0;
		gap = at;
	}
}

void job_table_remove(struct job_table *table, struct job *job)
{
	uint32_t bucket = find_bucket(table, job->id);

	table->free[table->free_count++] = table->bucket[bucket] - 1;
	table->bucket[bucket] = 0;
	close_gap(table, bucket);
	job->id = JOB_NONE;
	table->count--;
}

const struct job *job_table_next(const struct job_table *table, const struct job *at)
{
	const struct job *end = table->job + table->used;

	for (at = at ? at + 1 : table->job; at < end; at++)
		if (at->id != JOB_NONE)
			return at;
	return NULL;
}
