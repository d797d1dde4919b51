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
	bool stands;                 /* it comes first */
	const char *pressure;        /* where the kernel tells who waits for a processor */
	bool over;                   /* it had used much when it was judged last, */
	uint64_t judged_us, used_us; /* CPU time of the thread at that time, */
	uint64_t waited_us;          /* and how long somebody had waited by then */
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
 * To be called at least about once a second: when the thread has used more than a quarter of a
 * processor, twice in a row, and somebody has waited for one for a twentieth of the time or more,
 * then for the next minute whoever makes it work is to leave it pauses.
 */
void urgency_judge(struct urgency *urgency, uint64_t now_us);

/* CPU time of the calling thread. */
uint64_t urgency_used_us(void);

/* How long nothing more is to be done for those who have just had spent_us of CPU time, so that
 * they use an eighth of a processor at most; 0 when nobody else wants it. */
uint64_t urgency_pause_us(const struct urgency *urgency, uint64_t now_us, uint64_t spent_us);

#endif
