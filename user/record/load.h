/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Recordings as files, for who reads them: one file into memory, and the two files of a uwd, which
 * may run, into one export. Allocates; not for uwd.
 */
#ifndef UW_RECORD_LOAD_H
#define UW_RECORD_LOAD_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "user/base/err.h"

/* Reads all of path, at most 1.1 GiB. *ret_bytes is to be freed. 0 or a negative errno. */
int record_read_file(const char *path, void **ret_bytes, size_t *ret_size, struct uw_err *err);

struct record_export {
	uint32_t slots;
	uint64_t bytes;
	uint64_t first_wall_us; /* 0: there is nothing */
};

/*
 * Writes what is on the disk and what is in memory still, one of which may be missing, to out:
 * whole slots from the one on that holds since_wall_us. -ENOENT when neither is there, or another
 * negative errno; nothing has been written then unless it is -EIO.
 */
int record_export(const char *path, const char *stage, uint64_t since_wall_us, FILE *out,
		  struct record_export *ret_export, struct uw_err *err);

#endif
