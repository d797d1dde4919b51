/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What there is to give out, as the core is told of it.
 */
#ifndef UW_JOBS_SUPPLY_H
#define UW_JOBS_SUPPLY_H

#include "user/jobs/jobs.h"
#include "user/jobs/run.h"

bool supply_is_closed(const struct jobs *jobs); /* to starts */
void supply_give(struct jobs *jobs);            /* what there is, or nothing while closed */
void supply_hold_back(struct jobs *jobs);       /* no starts for a while */
/* Bytes a second that preempted jobs go out of memory with, measured; call before current_bytes of
 * a run is changed. */
uint64_t supply_swap_speed(const struct jobs *jobs);
void supply_see_swapped(struct jobs *jobs, struct run *run, uint64_t current_bytes);

#endif
