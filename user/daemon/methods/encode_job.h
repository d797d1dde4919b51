/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Jobs as JSON, in the types of the control interface (user/ipc/interface_jobs.c). Reads only. */
#ifndef UW_DAEMON_METHODS_ENCODE_JOB_H
#define UW_DAEMON_METHODS_ENCODE_JOB_H

#include <jansson.h>

#include "user/daemon/state.h"
#include "user/jobs/jobs.h"

json_t *encode_queue_entry(const struct jobs *jobs, const struct job *job);
json_t *encode_history_entry(const struct store_row *row);
json_t *encode_job_end(const struct job *job, const struct job_result *result);
json_t *encode_job_why(const struct job_why *why);
json_t *encode_admit_why(const struct jobs *jobs, const struct admit_why *why);
json_t *encode_told(const struct admit_told *told);
/* Null of one that is not in the core: NULL, ended, or it waits for others. */
json_t *encode_predicted_by(const struct jobs *jobs, const struct job *job);
json_t *encode_job_step(const struct job_event *event);

/* array and index, which many types have: null outside of an array. */
void encode_job_place(json_t *object, const struct job *job);

#endif
