/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a thread comes before those it has to act upon when all of them want a processor, and how it
 * is kept from taking that from everybody else.
 */
#ifndef UW_BASE_URGENCY_H
#define UW_BASE_URGENCY_H

#include <stdbool.h>
#include <stdint.h>

struct urgency {
	bool wanted;                 /* nobody gave this thread a niceness of its own, */
	bool stands;                 /* and it has the highest now */
	uint64_t judged_us, used_us; /* CPU time of the thread at that time */
};

/*
 * Gives the calling thread a niceness of -20, which what it starts from now on, processes and
 * threads, does not inherit. Left alone is a thread that has another niceness than 0, and one
 * without the right (CAP_SYS_NICE).
 */
void urgency_begin(struct urgency *urgency, uint64_t now_us);

/*
 * To be called at least about once a second: a thread that has used more than a quarter of a
 * processor since, for a second or longer, is as nice as anybody until it has not.
 */
void urgency_judge(struct urgency *urgency, uint64_t now_us);

#endif
