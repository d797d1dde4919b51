/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the runs of a user's key used, put together from several nodes: of what uwctl recommend and
 * uwctl history say there in JSON, and of what sacct -P says of all of them.
 */
#ifndef UW_CLI_JOBS_FOOTPRINTS_H
#define UW_CLI_JOBS_FOOTPRINTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "user/base/err.h"
#include "user/model/job.h"

struct footprint {
	char key[JOB_KEY_LEN];
	uint32_t uid;
	uint64_t runs;           /* whose peak says something */
	double asked_bytes;      /* of all of them together */
	uint64_t max_bytes;      /* the largest peak */
	uint64_t max_held_bytes; /* of those that had no more */
};

struct footprints {
	uint32_t count, room;
	struct footprint *at; /* ours */
};

void footprints_done(struct footprints *list);

/* A copy; what has no key, or no run with a peak, is left out. -ENOMEM. */
int footprints_add(struct footprints *list, const struct footprint *footprint);

/* An answer of Recommend or of History. -EINVAL: it is neither; -ENOMEM. */
int footprints_add_answer(struct footprints *list, const json_t *answer, struct uw_err *err);

/*
 * What sacct -P printed, of its heading on: JobID, State, MaxRSS, JobName or Comment, and UID or
 * User it has to have; ReqMem, NTasks and NNodes it may. The key is what uw-key= says in the
 * comment, else the job's name. -EINVAL with the line; -ENOMEM.
 */
int footprints_add_sacct(struct footprints *list, FILE *in, struct uw_err *err);

/* One of each user's key, by both. */
void footprints_fold(struct footprints *list);

/* Fewer runs are not enough for advice. */
#define FOOTPRINTS_RUNS_SURE 3U

/* The largest one might have been larger. */
bool footprint_is_at_least(const struct footprint *footprint);

/* What to ask for: the largest peak and 5 %, in MiB; 0 where that is not known. */
uint64_t footprint_mib(const struct footprint *footprint);

#endif
