/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One job at length, for the commands that list jobs and were given the id of one. */
#ifndef UW_CLI_JOBS_SHOW_H
#define UW_CLI_JOBS_SHOW_H

#include "user/cli/cli.h"

/* Prints all that is known of the job that word names, and what happened to it. An exit status. */
int show_job(const struct cli *cli, const char *word);

/* The same out of uwd's answer to Job. */
void show_print(const struct screen *screen, const json_t *answer);

#endif
