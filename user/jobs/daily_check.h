/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether the database is sound, once a day.
 */
#ifndef UW_JOBS_DAILY_CHECK_H
#define UW_JOBS_DAILY_CHECK_H

#include "user/jobs/jobs.h"

void daily_check_init(struct jobs *jobs, const struct store *store);
void daily_check_tick(struct jobs *jobs);
void daily_check_stop(struct jobs *jobs); /* as uwd ends: what is left is read by the next */

#endif
