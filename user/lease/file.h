/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file that leases lie in, so that they outlive an uwd that is killed. Mapped whole and given
 * memory as it is needed, so that no store ever finds none. One owner, who holds the pool's lock. A
 * file of another version or of an earlier boot is replaced.
 */
#ifndef UW_LEASE_FILE_H
#define UW_LEASE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "user/base/err.h"
#include "user/policy/lease/lease.h"

#define LEASE_FILE_PATH "/run/uw/leases"

struct lease_file;

/* -errno of open, fallocate, mmap. *ret_file is the caller's, to be closed. */
int lease_file_open(const char *path, struct lease_file **ret_file, struct uw_err *err);
void lease_file_close(struct lease_file *file); /* NULL is fine; the file stays */

struct lease_slot *lease_file_slots(struct lease_file *file);

/* Of them so many have memory. */
uint32_t lease_file_room(const struct lease_file *file);

/* Some more. -ENOSPC when that is all, or of fallocate. */
int lease_file_grow(struct lease_file *file);

/* When it was removed or replaced, another one with the same content takes its name; the slots
 * stay where they are. 1 when that was done, 0 when it is there, or a negative errno. */
int lease_file_mend(struct lease_file *file);

#endif
