/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A call that names jobs by ranges, of which there may be 100,000: their rows are read in parts on
 * the thread of reader.h, and what came of each part is looked at in the turns of the clients
 * (ipc_work). The few rows of a call that names few are read at once, on the loop's thread.
 */
#ifndef UW_DAEMON_METHODS_SCAN_H
#define UW_DAEMON_METHODS_SCAN_H

#include "user/daemon/methods/select.h"
#include "user/daemon/state.h"
#include "user/ipc/server.h"
#include "user/jobs/reader.h"

#define SCAN_ROWS_LOOP 32U  /* on the loop's thread: 0.1 ms */
#define SCAN_ROWS_PART 256U /* on the other one: 1 ms */

struct scan;

/* What is made of it; all on the loop's thread. */
struct scan_use {
	/* A row that is meant, whatever has become of it since it was read. Positive: enough. */
	int (*take)(struct scan *scan, const struct job *job, const struct job_result *result);
	/* All of a part was taken. May be NULL. */
	void (*part)(struct scan *scan);
	/* There are no more: 0, or a negative errno. Fills answer (which may come later still), and
	 * has the scan. */
	void (*finish)(struct scan *scan, int rc, struct ipc_answer *answer);
	/* Nobody waits for it any more, or uwd ends. */
	void (*drop)(struct scan *scan);
};

/* The first member of the call that it is for. */
struct scan {
	struct long_read read; /* first, as the thread hands it back */
	struct ipc_work work;
	const struct scan_use *use;
	struct daemon *daemon;
	uint64_t token;
	struct job_select select; /* to be set before scan_begin */
	json_t *parameters;       /* select points into them */
	struct select_walk walk;  /* as far as was taken */
	struct select_walk ahead; /* the thread's, while it reads */
	struct scan_row *row;     /* of the part that was read */
	uint32_t count, taken;
	int rc;
};

/* answer is filled when it returns, or comes later. */
void scan_begin(struct scan *scan, const struct scan_use *use, struct daemon *daemon,
		const struct ipc_call *call, struct ipc_answer *answer);

/* What scan_begin took hold of. */
void scan_done(struct scan *scan);

#endif
