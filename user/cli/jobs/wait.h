/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waiting for jobs, across restarts of uwd. */
#ifndef UW_CLI_JOBS_WAIT_H
#define UW_CLI_JOBS_WAIT_H

#include <stdbool.h>

#include "user/cli/cli.h"

/*
 * Waits until all jobs of the ranges (--any: one of them) have ended and says so, each in a line or
 * with --json all in an object. Returns the highest of their codes, CLI_TIMED_OUT, or as of
 * cli_fail. known: uwd has these jobs, so that one that is away comes back with them; else it has
 * to be there at first.
 */
int wait_for_jobs(const struct cli *cli, const json_t *ranges, bool known);

#endif
