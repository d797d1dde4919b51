/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The numbers that one rung of the ladder from reclaim to kill shares with the next, side by side.
 * Where no other source is named they are judgement, held by the episodes of tests/sim.
 */
#ifndef UW_POLICY_LADDER_H
#define UW_POLICY_LADDER_H

#include "user/base/clock.h"

/* An owner is owed memory. It is reclaimed at once, and after so long: */
#define PAYBACK_HARD_US   (3 * US_PER_SEC)  /* harder, with swap (reclaim.c) */
#define PAYBACK_FREEZE_US (8 * US_PER_SEC)  /* the borrower is frozen (brake.c) */
#define PAYBACK_KILL_US   (60 * US_PER_SEC) /* and killed, if that is allowed (last_resort.c) */

/* Some task of a component stalls, in permyriad of 2 s. */
#define STALL_SOME_IDLE    100 /* below: nobody waits */
#define STALL_SOME_LASTING 200 /* below: calm enough to go back; from it on the stall lasts */
#define STALL_SOME_HARD                                                          \
	1000 /* from it on an emergency without an answer is said aloud; level.c \
		begins medium at the same share */

/* All its tasks stall, in permyriad of 5 s. */
#define STALL_FULL_PRESSING \
	2000 /* it needs an answer though it does not grow; critical in level.c */

#endif
