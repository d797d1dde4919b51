/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The three ways of a cluster side by side: each is replayed, and their figures are a table or
 * JSON.
 */
#ifndef UW_CLI_SIMULATE_NODES_TABLE_H
#define UW_CLI_SIMULATE_NODES_TABLE_H

#include "user/cli/command.h"
#include "user/cli/simulate/figures.h"
#include "user/cli/simulate/nodes.h"

/* Of one way; means over the runs, but for what is most: that is of any of them. */
struct nodes_row {
	struct figures figures;
	double used_of_pct, learned_requests;
	uint64_t most_given_bytes, most_kept_bytes;
};

struct nodes_table {
	/* What is asked for; the caller's. */
	const char *path;
	const struct trace *trace;
	struct replay_options *replay; /* its seed is set */
	const struct placement_options *placement;
	uint64_t seed;
	uint32_t runs;
	uint32_t *run; /* of those so far; for who tells the progress */
	/* What came of it. */
	uint32_t never;
	struct nodes_row row[NODES_WAY__COUNT];
};

/* Errors as of nodes_run(). */
int nodes_table_fill(struct nodes_table *table, struct uw_err *err);

/* A status of the command. */
int nodes_table_print(const struct cli *cli, const struct nodes_table *table);

#endif
