/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Long lists of jobs, which uwd hands out a page at a time. */
#ifndef UW_CLI_JOBS_PAGES_H
#define UW_CLI_JOBS_PAGES_H

#include "user/cli/remote.h"

struct pages {
	const struct cli *cli;
	enum ipc_method method;
	int (*prepare)(struct pages *pages,
		       struct uw_err *err); /* the table; NULL: not before print */
	int (*sort)(const struct pages *pages, json_t *list,
		    struct uw_err *err);                          /* NULL: as they come */
	void (*print)(struct pages *pages, const json_t *answer); /* a page, for a person */
	uint64_t most;                                            /* entries; 0 is all */
	struct table table; /* the printer's, begun when it is first needed */
	uint64_t count;     /* entries so far */
	uint64_t total;     /* as far as the printer was told */
};

/*
 * Calls the method with parameters (stolen), "from" and "count" until most or all were read, and
 * prints each page; with --json all in one object, which is the answer of the first page with the
 * lists of the others. An exit status.
 */
int pages_read(struct pages *pages, json_t *parameters);

/*
 * Whether one job was named, to be shown at length: a word alone, which is no array of several
 * jobs that method knows. Where uwd cannot be asked it is, so that the next call tells why.
 */
bool pages_is_one(const struct cli *cli, enum ipc_method method, const json_t *select);

#endif
