/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each user holds of the queue: jobs that have not ended or are on their way in, the bytes on
 * disk that these were submitted with, and the bytes in memory of what is on its way. For bounds by
 * user: one who is not root may hold so much of what the others leave free, so that there is always
 * room for another one, and root may have all of it. O(log users) a call; 48 bytes a user.
 */
#ifndef UW_JOBS_ACCOUNTS_H
#define UW_JOBS_ACCOUNTS_H

#include <stdint.h>

#include "user/model/job.h"

enum accounts_what {
	ACCOUNT_JOBS,
	ACCOUNT_BYTES,   /* on disk: specs, and each environment once for all jobs that share it */
	ACCOUNT_MEMORY,  /* of submissions that are not all in the queue */
	ACCOUNT_RUNNING, /* jobs that run */
	ACCOUNT__COUNT
};

struct account {
	uint32_t uid;
	uint64_t held[ACCOUNT__COUNT];
};

/* An environment that jobs of one user share. */
struct account_env {
	uint32_t uid, holders;
	uint64_t bytes;
	uint32_t next_free;
};

/* All zero is an empty one. */
struct accounts {
	struct account *account; /* by uid; those that hold something */
	uint32_t count, capacity;
	uint64_t total[ACCOUNT__COUNT];
	struct account_env *env; /* [0] is not used */
	uint32_t env_count, env_capacity, env_free;
};

void accounts_done(struct accounts *accounts);

/* -ENOMEM: nothing has changed. Taking away never fails. */
int accounts_add(struct accounts *accounts, uint32_t uid, enum accounts_what what, uint64_t count);
void accounts_take(struct accounts *accounts, uint32_t uid, enum accounts_what what,
		   uint64_t count);

/* An environment of so many bytes, held once; its number for job.env. 0: none of it, or out of
 * memory, and then it is not counted. */
uint32_t accounts_env_new(struct accounts *accounts, uint32_t uid, uint64_t bytes);
void accounts_env_hold(struct accounts *accounts, uint32_t env);
void accounts_env_drop(struct accounts *accounts, uint32_t env);

uint64_t accounts_held(const struct accounts *accounts, uint32_t uid, enum accounts_what what);

/* As much uid may still take of most: all that is free for root, for others so much of what the
 * others leave free. share_permyriad 0 or 10000: no share. */
uint64_t accounts_room(const struct accounts *accounts, uint32_t uid, enum accounts_what what,
		       uint64_t most, uint32_t share_permyriad);

/* Who holds most; NULL: nobody holds anything. */
const struct account *accounts_largest(const struct accounts *accounts, enum accounts_what what);

#endif
