/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the uwd before this one left: its queue, and what still runs.
 */
#ifndef UW_JOBS_ADOPT_H
#define UW_JOBS_ADOPT_H

#include "user/jobs/jobs.h"

int adopt_load(struct jobs *jobs, struct store *store, struct uw_err *err);
void adopt_all(struct jobs *jobs);
/* Looks again at slots that were locked without a pid. */
void adopt_rest(struct jobs *jobs);

#endif
