/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of an answer, each with the table of its names. */
#ifndef UW_METRICS_PARTS_H
#define UW_METRICS_PARTS_H

#include <jansson.h>

#include "user/base/cleanup.h"
#include "user/metrics/families.h"

#define PRINT(text, rows, object) families_print(text, rows, ARRAY_SIZE(rows), object)
#define PRINT_LIST(text, rows, own, list) \
	families_print_list(text, rows, ARRAY_SIZE(rows), own, list)

/* uwd itself, the host and the pool. */
void metrics_print_daemon(const struct metrics_text *text, const json_t *answer);
void metrics_print_components(const struct metrics_text *text, const json_t *components);
void metrics_print_jobs(const struct metrics_text *text, const json_t *queue, const json_t *jobs);

#endif
