/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a thread comes before those it has to act upon when all of them want a processor, and how it
 * is kept from taking that from everybody else.
 */
#ifndef UW_BASE_URGENCY_H
#define UW_BASE_URGENCY_H

#include <stdbool.h>
#include <stdint.h>

#define URGENCY_UWD   1
#define URGENCY_GUARD 2 /* it acts when uwd hangs, and that may be on its processor */

struct urgency {
	bool wanted; /* nobody gave this thread a niceness or a policy of its own, */
	bool stands; /* and it comes first now */
	int priority;
	uint64_t judged_us, used_us; /* CPU time of the thread at that time */
	uint64_t waited_us;          /* for a processor, when that was looked at last */
	uint64_t rationed_until_us;  /* those who ask have a part of the time until then */
};

/*
 * Gives the calling thread a real-time policy, SCHED_FIFO of that priority, and a niceness of -20
 * for where the kernel refuses that; what it starts from now on, processes and threads, inherits
 * neither. Left alone is a thread that has another policy or niceness, and one without the right
 * (CAP_SYS_NICE).
 */
void urgency_begin(struct urgency *urgency, int priority, uint64_t now_us);

/*
 * To be called at least about once a second: a thread that has used more than a quarter of a
 * processor since, for a second or longer, is as nice as anybody until it has not. If it then waits
 * for a processor for a twentieth of the time or more, it comes first again, and for the next
 * minute whoever makes it work is to leave it pauses.
 */
void urgency_judge(struct urgency *urgency, uint64_t now_us);

/* CPU time of the calling thread. */
uint64_t urgency_used_us(void);

/* How long nothing more is to be done for those who have just had spent_us of CPU time, so that
 * they use an eighth of a processor at most; 0 when nobody else wants it. */
uint64_t urgency_pause_us(const struct urgency *urgency, uint64_t now_us, uint64_t spent_us);

#endif
