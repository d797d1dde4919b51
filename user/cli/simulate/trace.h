/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traces of jobs, for replay. Two formats, told apart by the count of their columns:
 *
 *  columns  submit_s run_s declared_s asked_mb peak_mb key class memory_priority [input_mb]
 *           one job a line; times in seconds and memory in MiB, fractions allowed; class 0 critical
 *           to 4 deferred; memory priority 1 to 10. A line of "#" is a comment.
 *  SWF      the 18 fields of the Parallel Workloads Archive's Standard Workload Format 2.2, ";"
 *           before comments, -1 for what is not known. Where all jobs tell their memory it is that,
 *           else a processor stands for 1 MiB. The key is user and program. Jobs that never ran
 *           are left out and counted, and so are lines that are not as the format has it: the
 *           archive's logs have some.
 *
 * Everything is integers; a number that does not fit its field is a fault of the line, and but for
 * SWF of the trace.
 */
#ifndef UW_CLI_SIMULATE_TRACE_H
#define UW_CLI_SIMULATE_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "user/base/err.h"

#define TRACE_JOBS_MAX (1U << 23)

struct trace_job {
	uint64_t submit_us, run_us, declared_us; /* declared 0: unknown */
	uint64_t asked_bytes, peak_bytes, input_bytes;
	uint64_t key;  /* 0: none */
	uint8_t class; /* enum admit_class */
	uint8_t memory_priority;
};

struct trace {
	struct trace_job *job; /* in the order of the file */
	uint32_t count;
	uint32_t left_out;   /* never ran, or asked for nothing */
	bool processors;     /* of SWF: memory is processors */
	uint32_t faulty;     /* lines of SWF that were left out, */
	struct uw_err fault; /* and what is wrong with the first */
};

/*
 * Reads to the end of file. -EINVAL with "NAME:LINE: FIELD: what is wrong", of SWF where no line is
 * in order, -ENODATA for a trace without jobs, -ENOMEM, or -EIO. trace_done frees, also what was
 * read before a failure.
 */
int trace_read(FILE *file, const char *name, struct trace *ret, struct uw_err *err);
int trace_open(const char *path, struct trace *ret, struct uw_err *err);
void trace_done(struct trace *trace);

#endif
