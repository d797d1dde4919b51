/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pools that a keeper holds, and the limit of its leaf that follows from them. Internal to
 * keep. */
#ifndef UW_KEEP_POOLS_H
#define UW_KEEP_POOLS_H

#include <stdint.h>

#include "user/keep/keep.h"

struct keep_pool {
	uint64_t id, bytes;
	int fd;
};

struct keep_pools {
	int group; /* directory of the leaf, or -1 */
	uint32_t count;
	struct keep_pool pool[KEEP_POOLS];
};

/* NULL when there is none. */
struct keep_pool *keep_pools_find(struct keep_pools *pools, uint64_t id);

/* A memfd of so many bytes, without memory yet: it can neither shrink nor grow nor be sealed, and
 * nobody but root can open it anew. -EEXIST, -ENFILE, or of memfd_create. */
int keep_pools_make(struct keep_pools *pools, uint64_t id, uint64_t bytes, int *ret_fd);

/* Takes fd, also when it fails. Of one that is there already the fd is closed, and that is all. */
int keep_pools_take(struct keep_pools *pools, uint64_t id, uint64_t bytes, int fd);
void keep_pools_drop(struct keep_pools *pools, uint64_t id);

/* Gives memory to [at, end) as far as the end of its piece: where that is, or -ENOMEM. */
int keep_pools_commit(const struct keep_pool *pool, uint64_t at, uint64_t end, uint64_t *ret_at);

#endif
