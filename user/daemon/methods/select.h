/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which jobs a call is about, and which of them its caller may see: a JobSelect of the interface.
 */
#ifndef UW_DAEMON_METHODS_SELECT_H
#define UW_DAEMON_METHODS_SELECT_H

#include "user/daemon/state.h"
#include "user/ipc/server.h"
#include "user/jobs/jobs.h"

#define SELECT_RANGES_MAX 256U
#define SELECT_IDS_MAX    (1U << 20) /* that the ranges of a call cover */

struct job_range {
	uint64_t first, last;
	uint64_t index_first, index_last; /* of an array; index_first UINT64_MAX: all */
};

struct job_select {
	uint32_t range_count; /* 0: all */
	struct job_range range[SELECT_RANGES_MAX];
	const char *component, *key, *tag; /* NULL: any; live as long as the call's parameters */
	uint32_t states;                   /* bits of enum job_state; 0: any */
	bool one_user;
	uint32_t uid;
};

/* From the parameters called select, or of those that name jobs alone. False with the answer set.
 */
bool select_read(const struct ipc_call *call, struct ipc_answer *answer, const char *name,
		 struct job_select *ret_select);
bool select_read_ranges(const struct ipc_call *call, struct ipc_answer *answer, const json_t *jobs,
			struct job_select *ret_select);

/* Answers that none of these is there, or none of the caller's. */
void select_answer_none(const struct job_select *select, struct ipc_answer *answer);

/* By user, state and ranges alone. */
bool select_has_plain(const struct job_select *select, const struct job *job);

bool select_has(const struct job_select *select, const struct jobs *jobs, const struct job *job);
bool select_has_row(const struct job_select *select, const struct store_row *row);

/*
 * A walk through the rows that the ranges name, in parts of which each costs the same. Each row
 * comes once, whatever the ranges are; of one that has not ended only its number and its user are
 * held against the selection, as the rest is known in memory. No range: none. Ids of an array
 * follow each other (jobs_submit), so that all of a range, and of an array that begins in it, is
 * one run of rows.
 */
struct id_span {
	uint64_t first, last;
};

struct select_walk {
	const struct job_select *select;
	struct id_span span[SELECT_RANGES_MAX]; /* in their order, none touches another */
	uint32_t count, at;
	uint64_t next; /* id to go on with; 0: the first of the span */
};
void select_walk_begin(struct select_walk *walk, const struct job_select *select);

/* Looks at max rows or begins of spans at the most. 1: there is more. 0: it is through, or fn said
 * with a positive value that it has had enough. Negative: an errno, or what fn returned. */
int select_walk_part(struct select_walk *walk, struct store_reader *reader, uint32_t max,
		     store_row_fn fn, void *data);

/* Whether the walk has come by job already. */
bool select_walk_has_passed(const struct select_walk *walk, const struct job *job);

#endif
