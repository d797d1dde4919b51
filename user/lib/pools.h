/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pools as uwd knows them: files whose memory stands on a component, whoever uses it. What is done
 * with that memory is another matter. Functions return 0, a negative errno or an enum uw_outcome;
 * they take the handle's lock, and block until uwd has answered. Internal to the library.
 */
#ifndef UW_LIB_POOLS_H
#define UW_LIB_POOLS_H

#include <stdbool.h>
#include <stdint.h>

#include "user/lib/uw.h"

struct lib_pool {
	struct lib_pool *next; /* of the handle's */
	struct uw *uw;
	uint64_t id; /* of its lease */
	uint64_t bytes;
	char name[UW_NAME_MAX + 11]; /* that it was made or attached by: "UID/NAME" at most */
	int fd;                      /* -1 in a child of fork */
	bool attached;
	_Atomic bool gone; /* who owned it has ended, or uwd does not know it any more */
};

/* From now on fork takes the locks of all handles. Whoever calls with a lock of its own held that
 * fork takes as well calls this first. */
void lib_watch_forks(void);

/* A pool of bytes, without memory. UW_DENIED as for a lease; -EEXIST: the user has one of that
 * name; -EINVAL: a name is 1 to 31 of a-z 0-9 _ -. */
int lib_pool_create(struct uw *uw, const char *component, const char *name, uint64_t bytes,
		    struct lib_pool **ret_pool, struct uw_denial *denial);

/* One that is shared with the caller; name is NAME or UID/NAME. -ENOENT, -EACCES; -ENOTUNIQ: more
 * than one user shares a pool of that name; -EEXIST: this handle has it. */
int lib_pool_attach(struct uw *uw, const char *name, bool write, struct lib_pool **ret_pool);

/* Gives memory to a part. -ENOMEM: there is none for it in the component; what was given of it
 * stays. -ERANGE; UW_STALE. */
int lib_pool_commit(const struct lib_pool *pool, uint64_t offset, uint64_t bytes);

/* Who else may have it: bits 0400 and 0200 of mode for uid, 040 and 020 for gid, 04 and 02 for all;
 * UINT32_MAX is nobody. Who has it keeps it. */
int lib_pool_share(const struct lib_pool *pool, uint32_t uid, uint32_t gid, uint32_t mode);

/* Frees it; who attached it keeps it. NULL is fine. */
void lib_pool_close(struct lib_pool *pool);

#endif
