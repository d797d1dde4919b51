/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The output of jobs that have ended, and which of it goes when it comes to more than a total. As
 * long as it does, the user who has most of it loses that of his job that ended longest ago: so
 * whoever has no more than an even share loses nothing. Jobs that have not ended are neither
 * counted nor touched.
 *
 * Counted are blocks, as outputs have holes. Nothing of it is on disk: a scan at start, a few files
 * at a time, finds what there is, also of jobs that nobody knows any more; until it is through
 * nothing is removed. From then on it is a sum. 24 bytes of memory a job.
 *
 * All of it is for the recorder's thread, but for outputs_limit.
 */
#ifndef UW_JOBS_OUTPUTS_H
#define UW_JOBS_OUTPUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/jobs/output_file.h"
#include "user/store/store.h"

struct outputs;

/* dir is there. A negative errno. */
int outputs_new(const char *dir, uint64_t total_bytes, struct outputs **ret_outputs);
void outputs_free(struct outputs *outputs); /* NULL is fine */

/* What is kept from now on. Any thread. */
void outputs_limit(struct outputs *outputs, uint64_t total_bytes);

/* A job has ended, and that is on disk. */
void outputs_ended(struct outputs *outputs, uint64_t id, uint32_t uid, uint64_t end_us);

/* One that had ended is started again: it is not touched until it ends. */
void outputs_again(struct outputs *outputs, uint64_t id);

/* A job is forgotten, and its output goes. */
void outputs_forget(struct outputs *outputs, uint64_t id);

/* The highest id of a job that has output in dir; 0: none. As of opendir(3) and readdir(3). */
int outputs_highest_id(const char *dir, uint64_t *ret_id);

/* A little of what is to be done: of the scan, or of what is too much. True: there is more. */
bool outputs_tidy(struct outputs *outputs, struct store *store);

struct outputs_stats {
	uint64_t bytes, removed; /* kept, and jobs whose output went */
	bool scanned;
};
void outputs_stats(const struct outputs *outputs, struct outputs_stats *ret_stats);

#endif
