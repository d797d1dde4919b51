/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pictures of a report, all over the same time axis: of each component what it used, what was
 * in force, its level, stalls, leaves and the actions on it; of the host; of jobs. */
#ifndef UW_CLI_REPORT_PICTURES_H
#define UW_CLI_REPORT_PICTURES_H

#include <stdio.h>

#include "user/cli/report/incident.h"

/* What the colours and shapes mean. */
void pictures_key(FILE *out);

void pictures_component(FILE *out, const struct incident *incident, uint32_t component);
void pictures_host(FILE *out, const struct incident *incident);

/* Nothing where there were neither jobs nor leases. */
void pictures_jobs(FILE *out, const struct incident *incident);

/* Whether action i is marked in the picture of its component, and by which number: those close to
 * each other have one mark, with the number of the first. 0: it has none. */
uint32_t pictures_mark_of(const struct incident *incident, uint32_t i);

#endif
