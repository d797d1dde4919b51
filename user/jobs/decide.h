/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is to be done now: asked of the core, and carried out.
 */
#ifndef UW_JOBS_DECIDE_H
#define UW_JOBS_DECIDE_H

#include "user/jobs/jobs.h"

/* At the end of each turn: where that is due, asks the core what to do now, and does it. */
void decide_if_due(struct jobs *jobs);

#endif
