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

bool select_has(const struct job_select *select, const struct jobs *jobs, const struct job *job);
/* Each row that the ranges name, as select_has_row, once, whatever they are; no range: none. */
int select_each_row(const struct job_select *select, struct store_reader *reader, store_row_fn fn,
		    void *data);

bool select_has_row(const struct job_select *select, const struct store_row *row);

#endif
