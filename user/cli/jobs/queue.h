/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The jobs that have not ended, as a table. */
#ifndef UW_CLI_JOBS_QUEUE_H
#define UW_CLI_JOBS_QUEUE_H

#include <jansson.h>
#include <stdint.h>

#include "user/cli/screen.h"

/* Prints a page of jobs; now_us is the time of day. Begins table where it is not. */
void queue_print(struct table *table, const struct screen *screen, const json_t *jobs,
		 uint64_t now_us);

#endif
