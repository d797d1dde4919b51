/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is counted of jobs since uwd started, for jobs_meters. */
#ifndef UW_JOBS_METERS_H
#define UW_JOBS_METERS_H

#include "user/jobs/state.h"

/* It runs: how long it had waited. */
void meters_see_start(struct jobs *jobs, const struct job *job);

/* An attempt of it is over: how long that ran. */
void meters_see_end(struct jobs *jobs, const struct job_result *result);

/* Once a second: a part of the table is searched for who waits longest. */
void meters_look(struct jobs *jobs);

#endif
