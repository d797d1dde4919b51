/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The queue in figures: a QueueState of the interface, for status. */
#ifndef UW_CLI_JOBS_TOTALS_H
#define UW_CLI_JOBS_TOTALS_H

#include <jansson.h>

#include "user/cli/screen.h"

/* "3 running (2.1G reserved), 12 queued, 1 held, next in 2min; 5.1G free; strategy balanced",
 * wrapped; indent is where the line began. */
void totals_line(const struct screen *screen, const json_t *queue, int indent);

/* The strategy with its reason, and tables by class and by component. */
void totals_print(const struct screen *screen, const json_t *queue);

#endif
