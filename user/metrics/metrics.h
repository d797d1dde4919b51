/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What uwd answers to Metrics as text for Prometheus: the one list of names. A name, once it is
 * here, is what rules and dashboards of others are made with. No label stands for a leaf, a job, a
 * key or a user, so there are about as many series as the components ask for.
 */
#ifndef UW_METRICS_METRICS_H
#define UW_METRICS_METRICS_H

#include <jansson.h>

#include "user/metrics/text.h"

/* All of it, from the answer; what that lacks has no sample. */
void metrics_print(const struct metrics_text *text, const json_t *answer);

/* What is left to say while uwd does not answer. */
void metrics_print_down(const struct metrics_text *text);

#endif
