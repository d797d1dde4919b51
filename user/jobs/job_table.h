/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The jobs that have not ended, by id. A job never moves while it is in the table.
 */
#ifndef UW_JOBS_JOB_TABLE_H
#define UW_JOBS_JOB_TABLE_H

#include "user/jobs/jobs.h"

struct job_table {
	struct job *job;  /* JOBS_MAX places, made resident as they are used */
	uint32_t *bucket; /* index + 1; a power of two of them, linear probing */
	uint32_t *free;   /* a stack of places */
	uint32_t free_count, used, count;
};

int job_table_init(struct job_table *table);
void job_table_done(struct job_table *table);
struct job *job_table_add(struct job_table *table, uint64_t id); /* NULL: full, or there already */
struct job *job_table_find(const struct job_table *table, uint64_t id);
void job_table_remove(struct job_table *table, struct job *job);
const struct job *job_table_next(const struct job_table *table, const struct job *at);

#endif
