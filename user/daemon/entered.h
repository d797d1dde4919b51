/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Leaves that were entered by processes which somebody else starts and waits for: a service's
 * manager, or Slurm. Each stands in a list until nothing runs in it any more, and is removed then.
 * Of some a size is reserved, which the queue and leases do not give away.
 */
#ifndef UW_DAEMON_ENTERED_H
#define UW_DAEMON_ENTERED_H

#include "user/daemon/state.h"

#define ENTERED_MAX       1024U             /* at once, of FRAME_LEAVES_MAX */
#define ENTERED_MAX_USERS (ENTERED_MAX / 2) /* where no user goes beyond: the rest is root's */
#define ENTERED_MAX_USER  32U               /* of one user that is not root, by itself */

/* Names of the leaves of Slurm's jobs, which root alone enters. */
#define ENTERED_SLURM_PREFIX "slurm-"

struct entered {
	char component[UW_NAME_LEN], leaf[JOBS_LEAF_LEN];
	uid_t uid;
	uint64_t cgid;   /* 0: nobody has come yet */
	uint64_t bytes;  /* that are reserved; 0 = none are */
	bool by_root;    /* who entered it for uid, or itself: not one of the user's */
	uint32_t coming; /* on their way */
	uid_t comer;     /* whose leaf it is once one of them is there */
	bool comer_by_root;
	struct cg_said said;
	char key[JOB_KEY_LEN]; /* what it uses is learned of; "" = of none */
	uint64_t began_us;
	uint64_t left_us;             /* since when nobody has been seen there; 0 = somebody was */
	uint32_t unheard;             /* who came there, and has not been said to have ended */
	bool ended_well, ended_badly; /* one who ran there did, as was said */
};

/* NULL: not in the list. Valid until the list changes. */
struct entered *entered_find(struct daemon *daemon, const char *component, const char *leaf);

/* How many there are, and of them the user's by itself, or on the way to being. */
uint32_t entered_count(const struct daemon *daemon, uid_t uid, uint32_t *ret_all);

/* A copy of place, added; NULL: no memory, or ENTERED_MAX are there. */
struct entered *entered_add(struct daemon *daemon, const struct entered *place);
void entered_forget(struct daemon *daemon, struct entered *entered);

/* At the start, with the pool: what was entered by way of an earlier uwd, or without one. */
void entered_find_again(struct daemon *daemon);

/* Removes what was entered and left, and learns of it; once a second. How the last of those who are
 * learned of has ended is waited for: it is said a moment after they are gone. */
void entered_keep_house(struct daemon *daemon, uint64_t now_us);

/*
 * Gives back what is reserved in the leaves of this name that root has entered, removes those that
 * nobody is in, as above, and has end, which is mover_clean, called for the others: how many those
 * are.
 */
typedef void (*entered_end_fn)(struct daemon *daemon, const char *component, const char *leaf);
uint32_t entered_vacate(struct daemon *daemon, const char *leaf, entered_end_fn end);

/* Reserved in this leaf. */
uint64_t entered_reserved_in(const struct daemon *daemon, uint64_t cgid);

/* Says so in the leaves of the frame that is being filled, and what is said of them. */
void entered_tell_leaves(struct daemon *daemon);

/* Of each component what is reserved so and was not in use in the last frame: pages of files that
 * reclaim finds are not, as spoken_by_others leaves them out too. */
void entered_promised(const struct daemon *daemon, uint64_t ret_bytes[static UW_COMPONENTS_MAX]);

#endif
