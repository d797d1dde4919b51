/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One file of a job's output. It is root's, so that the submitter can neither write to it past its
 * limit nor hold root up at it (a lease, fcntl(2), is for owners), and an access list lets the
 * submitter read it. Where a file system has no access lists it is the submitter's own.
 */
#ifndef UW_JOBS_OUTPUT_FILE_H
#define UW_JOBS_OUTPUT_FILE_H

#include <stdbool.h>
#include <stdint.h>

#define OUTPUTS_NAME_LEN 32

/* The name of one of a job's two outputs. */
const char *outputs_name(uint64_t id, bool err_file, char buf[OUTPUTS_NAME_LEN]);

/*
 * Opens dir/name for appending, for a job of uid and gid, without ever waiting for anybody. again:
 * the attempt is not its job's first, and adds to what is there; else, and where that is somebody
 * else's or cannot be had at once, there is a new one in its place. An fd or a negative errno.
 */
int output_open(const char *dir, const char *name, uint32_t uid, uint32_t gid, bool again);

/* Whose job wrote it. -ENOENT. */
int output_owner(const char *dir, const char *name, uint32_t *ret_uid);

#endif
