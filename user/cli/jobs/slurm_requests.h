/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uwctl recommend --slurm: what jobs of Slurm should ask for, by what all nodes have seen. */
#ifndef UW_CLI_JOBS_SLURM_REQUESTS_H
#define UW_CLI_JOBS_SLURM_REQUESTS_H

#include "user/cli/command.h"

/* Reads the files that the words name, and needs no uwd. Returns the exit status. */
int slurm_requests_print(struct cli *cli);

#endif
