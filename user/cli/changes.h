/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a command does to the system, as it does it: one line a change, "write FILE VALUE", or the
 * same collected for --json. A dry run says the same lines and does nothing.
 */
#ifndef UW_CLI_CHANGES_H
#define UW_CLI_CHANGES_H

#include <jansson.h>

#include "cgroups/cgroups.h"
#include "user/cli/cli.h"

struct changes {
	const struct cli *cli;
	const char *mount;       /* where cgroup2 is; borrowed */
	struct cg_change change; /* to hand to cgroups and act */
	json_t *list;            /* with --json */
	unsigned int count;
};

void changes_init(struct changes *changes, const struct cli *cli, const char *mount);
void changes_done(struct changes *changes);

/* For what is not done through cgroups.h. value may be NULL. */
void changes_note(struct changes *changes, const char *verb, const char *what, const char *value);

/* The list for a JSON object; empty when there is none. */
json_t *changes_json(const struct changes *changes);

#endif
